/* Fresh entries go out at once, gathered for a moment.
 *
 * Up to DIRECT_MEMBERS a writer tells every live member itself and repeats what was not answered.
 * In larger clusters they go along a tree (tree.h), and who receives a record tells its writer
 * directly, because somebody may wait for others to have it; rows nobody waits for.  Beyond
 * ANSWER_MEMBERS only a sample does so, and the writer asks the rest when more are waited for. */
#ifndef GOSSIP_SPREAD_PUSH_H
#define GOSSIP_SPREAD_PUSH_H

#include "gossip/machine/stream.h"

void push_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t push_deadline_ms(const struct gossip *g);
/* A push came, as a datagram (`s` NULL) or on a stream. */
void push_hear(struct gossip *g, uint64_t now_ms, struct endpoint from, struct stream *s,
               const struct message *m, struct gossip_effects *fx);
/* SEEN, as a datagram. */
void push_hear_answer(struct gossip *g, uint64_t now_ms, const struct message *m);
/* Somebody has lost what it said it has: it is told or asked again if anybody may wait for that. */
void push_ask_again(struct gossip *g, uint64_t now_ms);
/* More are waited for than answer by themselves: for the next seconds all are asked. */
void push_ask_all(struct gossip *g, uint64_t now_ms);
/* HAVE, GRAFT or PRUNE. */
void push_hear_tree(struct gossip *g, uint64_t now_ms, const struct message *m,
                    struct gossip_effects *fx);

#endif

/* How a comparison begins: both sides learn what the other has seen, at the cost of what differs.
 *
 *     SYNC        lines of all writers up to GREET_WHOLE, else one hash for each of 1,024 parts
 *     SYNC_REPLY  the parts that differ, and the lines of their writers
 *     GREET       after hashes: the same parts, and the lines of the other side
 *
 * A writer belongs to the part of its id's first ten bits.  What is not said is the same on both sides:
 * each keeps the other's lines beside the stream, as they were when it spoke.  Lines that find no room
 * in a frame leave their part unsaid, and the comparison passes over its writers. */
#ifndef GOSSIP_SPREAD_GREET_H
#define GOSSIP_SPREAD_GREET_H

#include "gossip/machine/stream.h"

enum { GREET_WHOLE = 200 };

/* Ours: SYNC. */
void greet_ask(struct gossip *g, uint64_t now_ms, struct stream *s,
               struct gossip_effects *fx);
/* Theirs: SYNC came; it is answered.  ERR_BOUND, -ENOMEM: not. */
int greet_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                 const struct message *m, struct gossip_effects *fx);
/* Ours: SYNC_REPLY came. */
int greet_hear_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx);
/* Theirs: GREET came. */
int greet_hear_lines(struct gossip *g, struct stream *s, const struct message *m);

#endif

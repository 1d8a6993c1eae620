/* Fresh entries in large clusters: Plumtree (Leitao, Pereira, Rodrigues 2007).
 *
 *     payload  PUSH   at once, along eager links: together they are a tree
 *     ids      HAVE   a little later, on the others: "of this writer I have up to n"
 *     repair   GRAFT  who still lacks it asks for it, and the link is eager from then on
 *              PRUNE  who is told what it had already makes the link lazy
 *
 * The overlay needs no messages: members stand on a ring by their ids, and everyone has links to
 * those 1, 3, 9, 27 ... places away on both sides.  So links are mutual, a thousand nodes are seven
 * hops across, and a change of members moves few links.  What overload or loss keeps from arriving
 * even so, the comparison of digests finds. */
#ifndef GOSSIP_SPREAD_TREE_H
#define GOSSIP_SPREAD_TREE_H

#include "gossip/spread/tell.h"

/* A range is to be passed on along the tree. */
void tree_add(struct gossip *g, uint64_t now_ms, const struct push_range *range);
/* Send what waits. */
void tree_flush(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* A push came: was any of it news?  True when it was answered with a PRUNE.  And is something
 * missing before it? */
bool tree_hear_push(struct gossip *g, uint64_t now_ms, struct peer *from, uint32_t sequence,
                    bool was_news, struct gossip_effects *fx);
void tree_miss(struct gossip *g, uint64_t now_ms, struct node_id from, struct node_id writer,
               uint64_t epoch, uint64_t number);
void tree_hear(struct gossip *g, uint64_t now_ms, struct peer *from, const struct message *m,
               struct gossip_effects *fx); /* HAVE, GRAFT, PRUNE */
void tree_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t tree_deadline_ms(const struct gossip *g);

#endif

/* Getting in: seeds and remembered peers are asked until one answers, then the first comparison
 * with a member makes this node ready. */
#ifndef GOSSIP_JOIN_H
#define GOSSIP_JOIN_H

#include "gossip/machine.h"

void join_begin(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds, size_t n,
                struct gossip_effects *fx);
void join_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t join_deadline_ms(const struct gossip *g);
/* A comparison of ours has ended well. */
void join_synced(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* A comparison of ours was turned away. */
void join_busy(struct gossip *g, uint64_t now_ms);

#endif

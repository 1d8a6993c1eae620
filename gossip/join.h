/* Getting in: seeds and remembered peers are asked until one answers, then the first comparison
 * with a member makes this node ready. */
#ifndef GOSSIP_JOIN_H
#define GOSSIP_JOIN_H

#include "gossip/machine/machine.h"

/* Who knows nobody waits so long to be met. */
void join_listen(struct gossip *g, uint32_t listen_ms);
void join_begin(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds, size_t n,
                struct gossip_effects *fx);
/* We have an address again, or for the first time.  A node that `was_ready` may be alone after a while,
 * whoever it was told to join. */
void join_again(struct gossip *g, uint64_t now_ms, bool was_ready, struct gossip_effects *fx);
/* See gossip_expect. */
void join_expect(struct gossip *g, bool is_expecting);
/* Our host has lost its address: we are not ready any more. */
void join_undo(struct gossip *g);
/* Somebody has spoken to us.  An answer to a joining node's question is followed by the comparison that
 * makes it ready. */
void join_answered(struct gossip *g, uint64_t now_ms);
/* One address more; of too many the last one goes. */
void join_keep(struct gossip *g, struct endpoint at);
void join_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t join_deadline_ms(const struct gossip *g);
/* See gossip_hold. */
void join_hold(struct gossip *g, uint64_t now_ms, bool is_held, struct gossip_effects *fx);
/* A comparison of ours has ended well. */
void join_synced(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* A comparison of ours was turned away. */
void join_busy(struct gossip *g, uint64_t now_ms);

#endif

/* Sending a ping: what a probe of ours, one for others and one of a dead member have in common. */
#ifndef GOSSIP_DETECT_PING_H
#define GOSSIP_DETECT_PING_H

#include "gossip/machine/machine.h"

/* A ping whose answer bears `sequence`; 0: nobody waits for it. */
void ping_send(struct gossip *g, uint64_t now_ms, struct peer *to, uint32_t sequence,
               struct gossip_effects *fx);
/* The way by its other family may be open where this one is not. */
void ping_other_way(struct gossip *g, uint64_t now_ms, struct peer *to,
                    uint32_t sequence, struct gossip_effects *fx);

#endif

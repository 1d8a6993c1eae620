/* Probes made for others (SWIM, section 3.1): ask, pass the answer on, say when none came
 * in time.  A refused datagram says so at once. */
#ifndef GOSSIP_DETECT_RELAY_H
#define GOSSIP_DETECT_RELAY_H

#include "gossip/machine/machine.h"

void relay_hear_request(struct gossip *g, uint64_t now_ms, struct endpoint from,
                        const struct message *m, struct gossip_effects *fx);
/* `who` has answered a probe of ours with `sequence`; it may be one that we made for
 * others. */
void relay_hear_ack(struct gossip *g, uint64_t now_ms, struct node_id who,
                    uint32_t sequence, struct gossip_effects *fx);
void relay_refused(struct gossip *g, uint64_t now_ms, const struct endpoint *at);
/* Forget all: the answers go to where we are no more. */
void relay_clear(struct gossip *g);
/* We did not run for `late_ms`. */
void relay_forgive(struct gossip *g, uint64_t late_ms);
void relay_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t relay_deadline_ms(const struct gossip *g); /* 0: none */

#endif

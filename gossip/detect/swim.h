/* Who is alive: answers to pings, suspects that are asked again, the dead that are asked for ever, and
 * the telling of rumors between probes (probe.h). */
#ifndef GOSSIP_DETECT_SWIM_H
#define GOSSIP_DETECT_SWIM_H

#include "gossip/machine/stream.h"

void swim_start(struct gossip *g, uint64_t now_ms);
/* What was asked from another address proves nothing, and neither do `mute_ms` in which we had none. */
void swim_resume(struct gossip *g, uint64_t now_ms, uint64_t mute_ms);
void swim_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t swim_deadline_ms(const struct gossip *g);

void swim_ping(struct gossip *g, uint64_t now_ms, struct peer *to, struct gossip_effects *fx);
/* Ask whoever is at an address. */
void swim_ping_address(struct gossip *g, uint64_t now_ms, struct endpoint at,
                       struct gossip_effects *fx);
void swim_hear_ping(struct gossip *g, uint64_t now_ms, struct endpoint from,
                    const struct message *m, struct gossip_effects *fx);

#endif

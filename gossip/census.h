/* A census: are the others still there?  Asked when somebody is believed dead, for the first death of
 * many looks like the only one: suspicions end one by one, and slower where there are few to ask. */
#ifndef GOSSIP_CENSUS_H
#define GOSSIP_CENSUS_H

#include "gossip/machine.h"

/* It is begun by gossip_census. */
void census_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t census_deadline_ms(const struct gossip *g);

#endif

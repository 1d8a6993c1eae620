/* A census: are the others still there?  Asked when somebody is believed dead, for the first death of
 * many looks like the only one: suspicions end one by one, and slower where there are few to ask. */
#ifndef GOSSIP_DETECT_CENSUS_H
#define GOSSIP_DETECT_CENSUS_H

#include "gossip/machine/machine.h"

/* See gossip_census. */
void census_begin(struct gossip *g, uint64_t now_ms, uint64_t for_ms, struct gossip_effects *fx);
void census_end(struct gossip *g);
size_t census_missed(const struct gossip *g, size_t *ret_n_asked);
void census_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t census_deadline_ms(const struct gossip *g);

#endif

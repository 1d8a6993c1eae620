/* Numbering own entries of former lives again in the present one, with the generations and stamps
 * they have: tombstones, so that the low water of one life covers them all, and whatever no life that
 * we remember has written, so that no member takes it for known. */
#ifndef GOSSIP_SPREAD_RENUMBER_H
#define GOSSIP_SPREAD_RENUMBER_H

#include "gossip/machine/machine.h"

void renumber_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t renumber_deadline_ms(const struct gossip *g);

#endif

/* The stage: own writes of one order, computed and encoded for the store, but in no table and told to
 * nobody.  The host writes them first; what the store does not take never was.
 *
 *     gossip_stage -> entries_write ... -> the host's store -> entries_commit
 *                                                           \-> nothing, or entries_burn
 *
 * Nothing may come between: the numbers, generations and stamps hold for the table as it is. */
#ifndef GOSSIP_SPREAD_STAGE_H
#define GOSSIP_SPREAD_STAGE_H

#include "gossip/machine/machine.h"

void stage_open(struct gossip *g);
/* Drop what was staged: its numbers are free again. */
void stage_close(struct gossip *g);
/* The number that the next own write bears. */
uint64_t stage_next_number(const struct gossip *g);
/* Keep a copy.  ERR_CONFLICT for a key that is staged already, for the table does not show that
 * write yet; ERR_BOUND when the table would have no room; -ENOMEM. */
int stage_add(struct gossip *g, const struct entry *e, struct gossip_effects *fx);

#endif

/* Letting tombstones go.
 *
 * A writer knows how far every member that is not reaped has seen its numbers.  What all of them had
 * some time ago nothing on its way can contradict any more: the writer says so in its low-water row
 * (water.h), and whoever has that row drops the tombstones below it, all alike. */
#ifndef GOSSIP_SPREAD_COLLECT_H
#define GOSSIP_SPREAD_COLLECT_H

#include "gossip/machine/machine.h"

void collect_init(struct gossip *g);
/* At the end of a step: drop what lies below the low-water rows that came lately. */
void collect_run(struct gossip *g, struct gossip_effects *fx);
void collect_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t collect_deadline_ms(const struct gossip *g);

#endif

/* Disks of simulated nodes: what they are given, what they refuse, and what a power cut leaves of it. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "tests/sim/world.h"

/* Give the store what it refused before and what the node's effects ask for.  Not urgent: not more than
 * once in a while when nothing is new. */
int disk_persist(struct sim *s, struct sim_node *n, bool is_urgent, struct err *err);
/* What an order is to write, behind all that. */
int disk_write_staged(struct sim *s, struct sim_node *n,
                      const struct store_change *changes, size_t n_changes,
                      struct err *err);
/* It refuses writes: all but the next `countdown`, `repeat` times; the first `of_sync` of the synced ones
 * are on it all the same. */
void disk_fault(struct sim *s, unsigned node, unsigned countdown, unsigned repeat,
                unsigned of_sync);
/* It takes all writes again, and has taken those that waited. */
void disk_mend(struct sim *s, unsigned node);
/* The power fails: agent and tasks are gone, and of what was not synced a part, as `dice` says. */
void disk_cut(struct sim *s, unsigned node, uint64_t dice);

/* A node that is down is about to lose its disk: what was acknowledged and is on no other disk and in no
 * other's memory is nobody's promise any more. */
void disk_excuse(struct sim *s, unsigned node);

#endif

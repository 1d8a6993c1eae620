/* Clones: one identity on two live nodes.  A directory of data was copied to another host, or a whole
 * virtual machine with what ran in it.  The clone is one host more, behind the others, which nobody
 * gives orders to.
 *
 * The life that began first goes on, the other one stops.  People then shut down the host that is not
 * to be, whichever that is, and start the agent of the other one again if it has stopped. */
#ifndef SIM_CLONE_H
#define SIM_CLONE_H

#include "tests/sim/world.h"

/* A host comes up with a copy of a node's disk as it is now; with `has_tasks` those run there, too.
 * Returns its number. */
unsigned clone_start(struct sim *s, unsigned of, bool has_tasks);
bool clone_is_stopped(const struct sim *s, unsigned host);
/* Of each pair one has stopped, and the clone is shut down; false: neither has, yet. */
bool clones_are_settled(struct sim *s, char *why, size_t cap);

#endif

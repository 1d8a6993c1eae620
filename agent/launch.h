/* What a task is started with: its ports and its environment (JOBFILE, "Every task also sees"). */
#ifndef AGENT_LAUNCH_H
#define AGENT_LAUNCH_H

#include "agent/work.h"

/* Give the item its port numbers: those the spec fixes, and dynamic ones that no other item of
 * this node has. */
void launch_ports(struct work *w, struct work_item *item);

/* STRATOS_*, PORT_<NAME>, PORT0.., PORT and ADDR_<NAME>, in `arena`; NULL when out of memory. */
const struct pair *launch_env(const struct work *w, const struct work_item *item,
                              struct arena *arena, size_t *ret_n);

#endif

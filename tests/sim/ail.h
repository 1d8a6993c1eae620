/* Disks that ail: for a while a node's store refuses all writes, for lack of space or with errors.  What
 * it refused waits in memory, and is lost with the agent. */
#ifndef SIM_AIL_H
#define SIM_AIL_H

#include "tests/sim/world.h"

/* From now on for `for_ms`; the node sees it at once. */
void ail_begin(struct sim *s, unsigned node, enum store_trouble trouble, uint64_t for_ms);
void ail_end(struct sim *s, unsigned node);
/* The host's look at its disk, when it is due. */
void ail_look(struct sim *s, unsigned node);
/* Before it joins: a store that ails can only be read. */
void ail_boot(struct sim *s, unsigned node);
void ail_crash(struct sim *s, unsigned node);

#endif

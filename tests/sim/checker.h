/* What must hold once faults have stopped and the cluster had its time (liveness), said as one
 * sentence about the first thing that does not. */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "tests/sim/world.h"

/* Every running node sees every running node of its cluster alive and no other, and knows none of
 * another; all tables are equal; no acknowledged job is lost; there is one secret.  true when all of
 * it holds; else `why` (cap bytes) says what does not. */
bool checker_is_whole(struct sim *s, char *why, size_t cap);
/* Besides, each wanted instance has exactly one holder, which is alive and runs it, and nothing else
 * runs. */
bool checker_is_converged(struct sim *s, char *why, size_t cap);

#endif

/* What must hold once faults have stopped and the cluster had its time (liveness), said as one
 * sentence about the first thing that does not. */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "tests/sim/world.h"

/* Every running node sees every running node alive and no other; all tables are equal; at rest each
 * wanted instance has exactly one holder, which is alive and runs it, and nothing else runs; no
 * acknowledged job is lost.  true when all of it holds; else `why` (cap bytes) says what does not. */
bool checker_is_converged(struct sim *s, char *why, size_t cap);

#endif

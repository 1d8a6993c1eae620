/* The shrinker: which acts of a failing seed are needed for it to fail. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Delta debugging (Zeller, Hildebrandt 2002, ddmin) over `n` acts: sets is_left_out[] so that `fails`
 * still holds and leaving out any single further act makes it pass, or until `tries` runs are used.
 * `fails` must hold with nothing left out. */
void shrink(size_t n, bool *is_left_out,
            bool (*fails)(void *ctx, const bool *is_left_out), void *ctx, int tries);

/* Shrink a seed and print the acts that remain.  Exit code: 0 found, 1 the seed passes. */
int shrink_seed(uint64_t seed, unsigned nodes);
/* The algorithm on a failure made up for it; false (and a message) if it is broken. */
bool shrink_self_check(void);

#endif

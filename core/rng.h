/* Chance for deciding code: a small generator seeded by the host, so that the same seed gives
 * the same run.  Not for keys or nonces. */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 <= x < n; n > 0 */
double rng_unit(struct rng *r);                /* 0 <= x < 1 */
bool rng_chance(struct rng *r, double probability);
void rng_shuffle(struct rng *r, void *array, size_t n, size_t size);

#endif

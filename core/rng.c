/* SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, passes BigCrush, and any seed is a
 * good seed.  Shuffling is Fisher-Yates. */
#include "core/rng.h"

#include <assert.h>
#include <string.h>

void rng_init(struct rng *r, uint64_t seed)
{
    r->state = seed;
}

uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    assert(n > 0);
    __extension__ unsigned __int128 scaled = rng_next(r);
    return (uint64_t)(scaled * n >> 64);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

bool rng_chance(struct rng *r, double probability)
{
    return rng_unit(r) < probability;
}

void rng_shuffle(struct rng *r, void *array, size_t n, size_t size)
{
    uint8_t *at = array;
    uint8_t spare[64];
    assert(size <= sizeof(spare));
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        memcpy(spare, at + (i - 1) * size, size);
        memmove(at + (i - 1) * size, at + j * size, size);
        memcpy(at + j * size, spare, size);
    }
}

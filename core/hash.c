/* XXH3 behind one door. */
#include "core/hash.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <xxhash.h>
#pragma GCC diagnostic pop

uint64_t hash64(struct bytes in, uint64_t seed)
{
    return XXH3_64bits_withSeed(in.at, in.len, seed);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = a ^ 0x9e3779b97f4a7c15u;
    m *= b ^ 0xe7037ed1a0b428dbu;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

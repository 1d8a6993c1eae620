/* Hashing that must be the same on every machine (table digests, rendezvous order). */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdint.h>

#include "core/bytes.h"

/* XXH3, 64 bits.  Not keyed, not for hostile collisions. */
uint64_t hash64(struct bytes in, uint64_t seed);
/* Mix two 64-bit values into one. */
uint64_t hash_mix(uint64_t a, uint64_t b);

#endif

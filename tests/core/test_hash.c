/* Hashes go over the wire and decide placements: they must never change. */
#include <inttypes.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "core/hash.h"

Test(hash, values_are_those_of_xxh3_for_ever)
{
    static const struct {
        const char *text;
        uint64_t seed, hash;
    } golden[] = {
        {"", 0, 0x2d06800538d394c2u},
        {"stratos", 0, 0x2c7ecb182ef9e7b1u},
        {"stratos", 1, 0x67c73e235284cbdau},
    };
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        uint64_t hash = hash64(bytes_of_text(golden[i].text), golden[i].seed);
        cr_assert_eq(hash, golden[i].hash, "'%s': %016" PRIx64, golden[i].text, hash);
    }
}

Test(hash, mixing_depends_on_both_values_and_their_order)
{
    cr_assert_eq(hash_mix(1, 2), 0xede26bbdec1829b5u, "%016" PRIx64, hash_mix(1, 2));
    cr_assert_neq(hash_mix(1, 2), hash_mix(2, 1));
    cr_assert_neq(hash_mix(1, 2), hash_mix(1, 3));
    cr_assert_neq(hash_mix(0, 0), 0);
}

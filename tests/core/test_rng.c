/* The generator: the published sequence, bounds, and a fair shuffle. */
#include <string.h>

#include <criterion/criterion.h>

#include "core/rng.h"

Test(rng, the_sequence_is_that_of_splitmix64)
{
    static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u,
                                         9817491932198370423u, 4593380528125082431u,
                                         16408922859458223821u};
    struct rng r;
    rng_init(&r, 1234567);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(rng_next(&r), published[i], "number %zu", i);
}

Test(rng, draws_stay_below_their_bound_and_reach_all_of_it)
{
    struct rng r;
    unsigned seen[7] = {0};
    rng_init(&r, 1);
    for (int i = 0; i < 7000; i++)
        seen[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        cr_assert(seen[i] > 800 && seen[i] < 1200, "%d: %u", i, seen[i]);
    for (int i = 0; i < 1000; i++) {
        double unit = rng_unit(&r);
        cr_assert(unit >= 0 && unit < 1);
        cr_assert_eq(rng_below(&r, 1), 0);
        cr_assert_not(rng_chance(&r, 0));
        cr_assert(rng_chance(&r, 1));
    }
}

Test(rng, a_shuffle_keeps_every_element_and_every_order_is_likely)
{
    struct rng r;
    unsigned orders[6] = {0};
    rng_init(&r, 2);
    for (int round = 0; round < 6000; round++) {
        char list[] = "abc";
        static const char *const all[] = {"abc", "acb", "bac", "bca", "cab", "cba"};
        rng_shuffle(&r, list, 3, 1);
        size_t i = 0;
        while (i < 6 && strcmp(all[i], list) != 0)
            i++;
        cr_assert_lt(i, 6);
        orders[i]++;
    }
    for (int i = 0; i < 6; i++)
        cr_assert(orders[i] > 850 && orders[i] < 1150, "%d: %u", i, orders[i]);
    rng_shuffle(&r, NULL, 0, 4);
}

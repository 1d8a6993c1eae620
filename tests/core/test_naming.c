/* Who keeps a name that several have taken. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/naming.h"
#include "core/rng.h"

static struct name_bearer bearer(const char *name, uint8_t id, stamp_t taken, bool is_here)
{
    return (struct name_bearer){name, {{id}}, taken, is_here};
}

Test(naming, of_two_the_one_that_is_here_then_the_first_then_the_smaller_id_keeps_it)
{
    const struct {
        struct name_bearer keeps, loses;
    } rows[] = {
        {bearer("db1", 9, 50, true), bearer("db1", 1, 40, false)},
        {bearer("db1", 9, 40, true), bearer("db1", 1, 50, true)},
        {bearer("db1", 9, 0, true), bearer("db1", 1, 1, true)}, /* a row of 0.1 */
        {bearer("db1", 9, 60, true), bearer("db1", 1, NAME_NOT_TAKEN, true)},
        {bearer("db1", 1, 50, true), bearer("db1", 9, 50, true)},
        {bearer("db1", 9, 40, false), bearer("db1", 1, 50, false)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect(naming_precedes(&rows[i].keeps, &rows[i].loses), "row %zu", i);
        cr_expect_not(naming_precedes(&rows[i].loses, &rows[i].keeps), "row %zu", i);
    }
}

Test(naming, each_name_has_one_keeper_whatever_the_order_of_looking)
{
    static const char *const names[] = {"db1", "db2", "web1"};
    struct rng rng;
    rng_init(&rng, 7);
    for (unsigned round = 0; round < 200; round++) {
        struct name_bearer all[40];
        bool keeps[40], again[40];
        struct arena arena;
        size_t n = 1 + (size_t)rng_below(&rng, 40);
        arena_init(&arena, 0);
        for (size_t i = 0; i < n; i++)
            all[i] = bearer(names[rng_below(&rng, 3)], (uint8_t)(i + 1),
                            rng_below(&rng, 4), rng_chance(&rng, 0.5));
        cr_assert_eq(naming_decide(all, n, &arena, keeps), 0);
        for (size_t i = 0; i < n; i++) {
            bool is_first = true;
            for (size_t k = 0; k < n; k++)
                is_first &= k == i || strcmp(all[k].name, all[i].name) != 0 ||
                            naming_precedes(&all[i], &all[k]);
            cr_assert_eq(keeps[i], is_first, "round %u, bearer %zu", round, i);
        }
        struct name_bearer turned[40];
        for (size_t i = 0; i < n; i++)
            turned[i] = all[n - 1 - i];
        cr_assert_eq(naming_decide(turned, n, &arena, again), 0);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(again[i], keeps[n - 1 - i]);
        arena_fini(&arena);
    }
}

Test(naming, a_name_that_reads_as_an_id_is_kept_by_nobody)
{
    struct name_bearer one = bearer("00112233445566778899aabbccddeeff", 1, 5, true);
    struct arena arena;
    bool keeps = true;
    arena_init(&arena, 0);
    cr_assert_eq(naming_decide(&one, 1, &arena, &keeps), 0);
    cr_expect_not(keeps);
    cr_expect(naming_is_distinct("0011223344"));
    arena_fini(&arena);
}

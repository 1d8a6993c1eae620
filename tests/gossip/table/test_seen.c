/* What was seen of a writer, with spans that arrive out of order. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"
#include "core/rng.h"
#include "gossip/table/seen.h"

static struct node_id node(unsigned n)
{
    struct node_id id = {{(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 1}};
    return id;
}

Test(seen, numbers_advance_over_spans_in_any_order)
{
    static const struct {
        uint64_t epoch, after, through;
        int result;
        uint64_t number;
    } steps[] = {
        {1, 0, 3, 1, 3},   {1, 0, 2, 0, 3},    {1, 5, 7, 1, 3},   {1, 9, 11, 1, 3},
        {1, 5, 7, 0, 3},   {1, 3, 5, 1, 7},    {1, 7, 9, 1, 11},  {1, 20, 30, 1, 11},
        {0, 0, 99, 0, 11}, {2, 5, 9, 0, 11},   {2, 0, 4, 1, 4},   {1, 11, 20, 0, 4},
        {2, 6, 8, 1, 4},   {2, 7, 10, 1, 4},   {2, 4, 6, 1, 10},
    };
    struct seen s;
    seen_init(&s);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int result =
            seen_advance(&s, node(1), steps[i].epoch, steps[i].after, steps[i].through);
        cr_assert_eq(result, steps[i].result, "step %zu: %d", i, result);
        cr_assert_eq(seen_find(&s, node(1))->number, steps[i].number, "step %zu", i);
    }
    seen_fini(&s);
}

Test(seen, nothing_is_claimed_that_was_not_covered)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        enum { NUMBERS = 40 };
        bool is_covered[NUMBERS + 2] = {true};
        struct seen s;
        struct rng rng;
        rng_init(&rng, seed);
        seen_init(&s);
        for (int i = 0; i < 60; i++) {
            uint64_t after = rng_below(&rng, NUMBERS), through = after + 1 + rng_below(&rng, 4);
            through = through > NUMBERS ? NUMBERS : through;
            cr_assert_geq(seen_advance(&s, node(1), 1, after, through), 0);
            for (uint64_t k = after + 1; k <= through; k++)
                is_covered[k] = true;
            uint64_t upto = 0;
            while (is_covered[upto + 1])
                upto++;
            const struct seen_number *line = seen_find(&s, node(1));
            cr_assert_leq(line ? line->number : 0, upto);
        }
        seen_fini(&s);
    }
}

/* Else its former lives would count as seen, and what of them comes would be dropped. */
Test(seen, nothing_is_claimed_of_a_writer_whose_beginning_is_missing)
{
    struct seen s;
    struct node_id w = {{7}};
    seen_init(&s);
    cr_assert_eq(seen_advance(&s, w, 3, 5, 8), 1);
    cr_assert_eq(seen_advance(&s, w, 3, 5, 8), 0, "it is news once");
    cr_assert_eq(seen_find(&s, w)->number, 0);
    cr_assert(!seen_covers(&s, w, 2, 1) && !seen_covers(&s, w, 3, 5));
    cr_assert(seen_covers(&s, w, 3, 6), "but what came is here");
    struct seen_number begun = {w, 3, 0, 2, 9, {{0}}};
    cr_assert_eq(seen_begin(&s, &begun), 1);
    cr_assert_eq(seen_advance(&s, w, 3, 0, 5), 1);
    cr_assert_eq(seen_find(&s, w)->number, 8, "what came early counts then");
    cr_assert(seen_covers(&s, w, 2, 9) && !seen_covers(&s, w, 2, 10));
    seen_fini(&s);
}

Test(seen, writers_are_sorted_and_bounded)
{
    struct seen s;
    struct rng rng;
    seen_init(&s);
    rng_init(&rng, 1);
    for (unsigned i = 0; i < 2000; i++)
        cr_assert_eq(seen_advance(&s, node((unsigned)rng_below(&rng, 1 << 20)), 1, 0, 1) >= 0, 1);
    for (size_t i = 1; i < s.n; i++)
        cr_assert_lt(node_id_compare(s.numbers[i - 1].writer, s.numbers[i].writer), 0);
    for (unsigned i = 0; s.n < SEEN_WRITERS_MAX; i++)
        (void)seen_advance(&s, node(i), 1, 0, 1);
    cr_assert_eq(seen_advance(&s, node(0xffffff), 1, 0, 1), ERR_BOUND);
    seen_fini(&s);
}

Test(seen, covers_what_was_merged_in_order_or_beyond_a_gap_and_former_epochs)
{
    struct seen s;
    struct node_id w = {{7}}, other = {{8}};
    seen_init(&s);
    cr_assert_eq(seen_advance(&s, w, 2, 0, 5), 1);
    cr_assert_eq(seen_advance(&s, w, 2, 8, 10), 1);
    cr_assert(seen_covers(&s, w, 2, 5) && !seen_covers(&s, w, 2, 6) && !seen_covers(&s, w, 2, 8));
    cr_assert(seen_covers(&s, w, 2, 9) && seen_covers(&s, w, 2, 10) && !seen_covers(&s, w, 2, 11));
    cr_assert(seen_covers(&s, w, 1, 99) && !seen_covers(&s, w, 3, 1));
    cr_assert(!seen_covers(&s, other, 1, 1));
    seen_fini(&s);
}

Test(seen, a_mark_stays_through_advances_and_epochs_until_all_are_cleared)
{
    struct seen s;
    struct node_id w = {{7}}, unknown = {{8}};
    seen_init(&s);
    cr_assert_eq(seen_advance(&s, w, 1, 0, 5), 1);
    cr_assert_eq(seen_mark_stale(&s, w), 1);
    cr_assert_eq(seen_mark_stale(&s, w), 0);
    cr_assert_eq(seen_mark_stale(&s, unknown), 1);
    cr_assert_eq(seen_advance(&s, w, 1, 5, 6), 1);
    cr_assert_eq(seen_advance(&s, w, 2, 0, 1), 1);
    cr_assert(s.spans[0].is_stale && s.spans[1].is_stale);
    seen_clear_stale(&s);
    cr_assert(!s.spans[0].is_stale && !s.spans[1].is_stale);
    seen_fini(&s);
}

Test(seen, of_four_former_epochs_it_is_known_how_far_they_were_seen)
{
    struct seen s;
    struct node_id w = {{1}};
    seen_init(&s);
    for (uint64_t epoch = 10; epoch <= 60; epoch += 10)
        cr_assert_eq(seen_advance(&s, w, epoch, 0, epoch / 10), 1);
    for (uint64_t epoch = 20; epoch <= 60; epoch += 10) {
        cr_expect(seen_covers(&s, w, epoch, epoch / 10), "%d", (int)epoch);
        cr_expect_not(seen_covers(&s, w, epoch, epoch / 10 + 1), "%d", (int)epoch);
        cr_expect_not(seen_covers(&s, w, epoch + 5, 1), "nobody has seen an epoch between them");
    }
    cr_expect(seen_covers(&s, w, 10, 99), "what is older counts as seen");
    seen_fini(&s);
}

Test(seen, the_hash_is_of_what_was_seen_and_of_nothing_else)
{
    struct seen a, b;
    struct node_id w = {{1}}, v = {{2}};
    seen_init(&a);
    seen_init(&b);
    cr_assert_eq(seen_advance(&a, w, 5, 0, 3), 1);
    cr_assert_eq(seen_advance(&a, v, 7, 0, 1), 1);
    cr_expect_neq(a.hash, b.hash);
    cr_assert_eq(seen_advance(&b, v, 7, 0, 1), 1);
    cr_assert_eq(seen_advance(&b, w, 5, 2, 3), 1); /* behind a gap */
    cr_expect_neq(a.hash, b.hash);
    cr_assert_eq(seen_advance(&b, w, 5, 0, 2), 1);
    cr_expect_eq(a.hash, b.hash);
    struct seen_number grave = {.writer = w, .epoch = 5, .number = 3};
    cr_expect_not(seen_retire(&a, &grave), "it had seen as much");
    cr_expect_neq(a.hash, b.hash);
    cr_expect_not(seen_retire(&b, &grave));
    seen_remove(&b, seen_at_least(&b, w));
    cr_expect_eq(a.hash, b.hash, "a line that a grave stands for may be there or not");
    cr_assert_eq(seen_advance(&a, w, 5, 3, 4), 1);
    cr_expect_neq(a.hash, b.hash);
    seen_fini(&a);
    seen_fini(&b);
}

Test(seen, a_line_is_raised_to_its_grave_and_never_lowered)
{
    struct seen s;
    struct node_id w = {{1}};
    struct seen_number grave = {.writer = w, .epoch = 5, .number = 3};
    seen_init(&s);
    cr_expect_not(seen_retire(&s, &grave));
    cr_expect_eq(s.n, 0, "who is not in the list stays so");
    cr_assert_eq(seen_advance(&s, w, 5, 0, 1), 1);
    cr_assert_eq(seen_advance(&s, w, 5, 3, 4), 1);
    cr_expect(seen_retire(&s, &grave));
    cr_expect_eq(seen_find(&s, w)->number, 4, "with what came early");
    grave.number = 2;
    cr_expect_not(seen_retire(&s, &grave));
    cr_expect_eq(seen_find(&s, w)->number, 4);
    seen_fini(&s);
}

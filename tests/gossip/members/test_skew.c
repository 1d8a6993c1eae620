/* The median of peers' clocks: in tables, and as nodes in a world with clocks of their own. */
#include <criterion/criterion.h>

#include "gossip/members/skew.h"
#include "tests/gossip/world.h"

enum { AGE_MS = 32000 };
static const uint64_t BASE_MS = 1700000000000;

static struct node_id peer(unsigned i)
{
    return (struct node_id){.at = {(uint8_t)(i + 1)}};
}

Test(skew, is_the_distance_to_the_median_and_in_doubt_the_smaller_one)
{
    static const struct {
        size_t n;
        int64_t theirs[6], want;
    } cases[] = {
        {1, {-800}, 800},
        {2, {0, -31536000000}, 0},
        {2, {-700, -31536000000}, 700},
        {2, {300, -300}, 0},
        {3, {5, 900, -7}, -5},
        {3, {-812, -811, -815}, 812},
        {4, {1, 2, 1000000, 1000000}, -2},
        {5, {0, 1, 99999, -99999, 88888}, -1},
        {5, {-400, -400, -400, 99999, 88888}, 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct skew s = {0};
        int64_t ahead_ms = 4711;
        uint64_t now_ms = 5000, wall_ms = BASE_MS + now_ms;
        skew_look(&s, now_ms, wall_ms);
        for (unsigned k = 0; k < cases[i].n; k++) /* 20 ms there and back */
            skew_hear(&s, peer(k), now_ms - 20, 20000,
                      (uint64_t)((int64_t)wall_ms - 10 + cases[i].theirs[k]));
        size_t n = skew_tell(&s, now_ms, wall_ms, cases[i].n, AGE_MS, &ahead_ms);
        cr_expect_eq(n, cases[i].n, "case %zu", i);
        cr_expect_eq(ahead_ms, cases[i].want, "case %zu: %lld", i, (long long)ahead_ms);
    }
}

Test(skew, too_few_samples_old_ones_and_slow_ones_tell_nothing)
{
    struct skew s = {0};
    int64_t ahead_ms = 4711;
    skew_look(&s, 1000, BASE_MS + 1000);
    cr_assert_eq(skew_tell(&s, 1000, BASE_MS + 1000, 0, AGE_MS, &ahead_ms), 0);
    skew_hear(&s, peer(0), 1000, 401000, BASE_MS);
    skew_hear(&s, peer(0), 1000, 1000, 0);
    skew_hear(&s, peer(0), 1000, 1000, UINT64_MAX);
    cr_assert_eq(s.n, 0);
    skew_hear(&s, peer(0), 1000, 1000, BASE_MS + 2000);
    skew_hear(&s, peer(1), 2000, 1000, BASE_MS + 2000);
    cr_assert_eq(skew_tell(&s, 2000, BASE_MS + 2000, 5, AGE_MS, &ahead_ms), 0);
    cr_assert_eq(ahead_ms, 4711);
    cr_assert_eq(skew_tell(&s, 2000, BASE_MS + 2000, 2, AGE_MS, &ahead_ms), 2);
    cr_assert_eq(skew_tell(&s, 1001 + AGE_MS, BASE_MS, 1, AGE_MS, &ahead_ms), 1);
    cr_assert_eq(skew_tell(&s, 2001 + AGE_MS, BASE_MS, 1, AGE_MS, &ahead_ms), 0);
    cr_assert_eq(skew_tell(&s, 2000, UINT64_MAX, 2, AGE_MS, &ahead_ms), 0);
}

Test(skew, the_newest_word_of_each_of_the_last_fifteen_peers_counts)
{
    struct skew s = {0};
    int64_t ahead_ms = 0;
    skew_look(&s, 0, BASE_MS);
    for (unsigned i = 0; i < 40; i++)
        skew_hear(&s, peer(i), i, 0, BASE_MS + i + (i < 25 ? 9000 : 30));
    cr_assert_eq(s.n, SKEW_SAMPLES);
    cr_assert_eq(skew_tell(&s, 40, BASE_MS + 40, 99, AGE_MS, &ahead_ms), SKEW_SAMPLES);
    cr_assert_eq(ahead_ms, -30);
    for (unsigned i = 39; i > 31; i--) /* more than half have set their clocks */
        skew_hear(&s, peer(i), 100, 0, BASE_MS + 100 + 700);
    cr_assert_eq(s.n, SKEW_SAMPLES);
    cr_assert_eq(skew_tell(&s, 100, BASE_MS + 100, 99, AGE_MS, &ahead_ms), SKEW_SAMPLES);
    cr_assert_eq(ahead_ms, -700);
}

Test(skew, an_own_clock_that_is_set_is_seen_at_once)
{
    struct skew s = {0};
    int64_t ahead_ms = 0;
    skew_look(&s, 1000, BASE_MS + 1000);
    for (unsigned i = 0; i < 4; i++)
        skew_hear(&s, peer(i), 1000, 0, BASE_MS + 1000);
    cr_assert_eq(skew_tell(&s, 1100, BASE_MS + 1900, 4, AGE_MS, &ahead_ms), 4);
    cr_assert_eq(ahead_ms, 800);
    skew_look(&s, 1100, BASE_MS + 1900);
    cr_assert_eq(skew_tell(&s, 1100, BASE_MS + 1100, 4, AGE_MS, &ahead_ms), 4);
    cr_assert_eq(ahead_ms, 0);
    cr_assert(skew_of(&s, peer(3), &ahead_ms) && ahead_ms == -800);
    cr_assert_not(skew_of(&s, peer(4), &ahead_ms));
}

/* Its monotonic clock stood still, so all it heard before seems to be an hour behind. */
Test(skew, a_host_that_slept_believes_the_first_few_it_hears_afterwards)
{
    enum { HOUR_MS = 3600000 };
    struct skew s = {0};
    int64_t ahead_ms = 0;
    skew_look(&s, 1000, BASE_MS + 1000);
    for (unsigned i = 0; i < SKEW_SAMPLES; i++)
        skew_hear(&s, peer(i), 1000, 0, BASE_MS + 1000);
    skew_look(&s, 1001, BASE_MS + 1001 + HOUR_MS);
    /* Asked before it slept: the answer is of no use. */
    skew_hear(&s, peer(9), 1000, 1000, BASE_MS + 1000);
    for (unsigned i = 0; i < SKEW_ENOUGH; i++)
        skew_hear(&s, peer(i), 2000, 0, BASE_MS + 2000 + HOUR_MS);
    skew_look(&s, 2000, BASE_MS + 2000 + HOUR_MS);
    cr_assert_eq(skew_tell(&s, 2000, BASE_MS + 2000 + HOUR_MS, 50, AGE_MS, &ahead_ms),
                 SKEW_ENOUGH);
    cr_assert_eq(ahead_ms, 0);
}

/* ---- nodes ---- */

static int64_t told(struct world *w, size_t i, size_t *ret_n)
{
    int64_t ahead_ms = 0;
    *ret_n =
        gossip_skew(w->nodes[i].gossip, w->now_ms,
                    w->unix_ms + w->now_ms + (uint64_t)w->nodes[i].skew_ms, &ahead_ms);
    return ahead_ms;
}

Test(skew, nodes_know_within_the_error_of_a_round_trip_how_far_they_are_off)
{
    static const int64_t skews[] = {31536000000, -800, 0, 10, -10, 40, -40, 300};
    enum { N = sizeof(skews) / sizeof(skews[0]) };
    struct world *w = world_new(N, 5, &gossip_profile_lan);
    w->delay_min_ms = 1;
    w->delay_max_ms = 40;
    w->loss = 0.1;
    for (size_t i = 0; i < N; i++)
        w->nodes[i].skew_ms = skews[i];
    world_start_all(w);
    world_run(w, 40000);
    for (size_t i = 0; i < N; i++) {
        size_t n;
        int64_t off_ms = told(w, i, &n) - skews[i];
        cr_expect_geq(n, 5, "n%zu heard %zu", i + 1, n);
        cr_expect(off_ms >= -60 && off_ms <= 60, "n%zu is wrong by %lld", i + 1,
                  (long long)off_ms);
    }
    /* Alone it has nobody to compare with. */
    for (size_t i = 1; i < N; i++)
        world_kill(w, i);
    world_run(w, 30000);
    size_t n;
    (void)told(w, 0, &n);
    cr_assert_eq(n, 0);
    world_free(w);
}

/* When tables are compared, and when they are not: nothing is compared because of writes that are merely
 * under way, and nothing that is missing waits for long. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "gossip/spread/entries.h"
#include "tests/gossip/world.h"

static struct world *whole_world(size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    world_run(w, 5000);
    return w;
}

static void write_steadily(struct world *w, size_t n, uint64_t pause_ms)
{
    for (size_t i = 0; i < n; i++) {
        char key[24], value[24];
        (void)snprintf(key, sizeof(key), "var/%zu", i % 50);
        (void)snprintf(value, sizeof(value), "%zu", i);
        cr_assert_eq(world_write(w, i * 7 % w->n, key, value, NULL), 0);
        world_run(w, pause_ms);
    }
}

/* Links take up to 25 ms here: at 40 writes a second one is always under way. */
Test(compare, writes_that_are_under_way_are_no_reason)
{
    const size_t sizes[] = {5, 40};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = whole_world(sizes[i], 3);
        w->delay_max_ms = 25;
        uint64_t before = w->n_streams;
        write_steadily(w, 40 * 60, 25);
        double begun = (double)(w->n_streams - before) / (double)sizes[i] / 60;
        cr_expect_leq(begun, 0.05, "%zu nodes: %.3f a second and node", sizes[i], begun);
        world_free(w);
    }
}

/* A row that only one of them lacks, as after a store that went back: all the others show what it does
 * not have. */
Test(compare, who_lacks_an_entry_in_a_quiet_cluster_has_it_within_seconds)
{
    const size_t sizes[] = {3, 60};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = whole_world(sizes[i], 4);
        cr_assert_eq(world_write(w, 0, "var/a", "1", NULL), 0);
        world_run(w, 10000);
        struct entry e;
        struct world_node *n = &w->nodes[1];
        cr_assert(table_find(&n->gossip->table, bytes_of_text("var/a"), &e));
        entries_drop(n->gossip, &e, &n->fx);
        world_perform(w, 1);
        uint64_t took_ms = world_until(w, world_is_equal, 60000);
        cr_expect_leq(took_ms, 5000, "%zu nodes: %u ms", sizes[i], (unsigned)took_ms);
        world_free(w);
    }
}

/* What was seen of others is kept: nobody tells it once more. */
Test(compare, who_restarts_is_told_only_what_is_new)
{
    struct world *w = whole_world(3, 8);
    for (int k = 0; k < 500; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        cr_assert_eq(world_write(w, (size_t)k % 3, key, "x", NULL), 0);
    }
    world_run(w, 5000);
    world_kill(w, 2);
    world_run(w, 500);
    struct metrics was = w->nodes[2].metrics;
    world_start(w, 2, (size_t[]){0, 1}, 2);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    world_run(w, 5000);
    const struct metrics *is = &w->nodes[2].metrics;
    cr_assert_gt(is->syncs, was.syncs);
    cr_expect_leq(is->entries_stale - was.entries_stale, 10);
    cr_expect_leq(is->entries_superseded - was.entries_superseded, 10);
    world_free(w);
}

/* ---- greetings ---- */

static struct node_id former(size_t i)
{
    uint64_t words[2] = {(uint64_t)i * 0x9e3779b97f4a7c15u, i + 1};
    struct node_id id;
    memcpy(id.at, words, sizeof(id.at));
    return id;
}

/* Node `i` has heard of an entry of each of these writers, which are nobody's any more. */
static void remember(struct world *w, size_t i, size_t from, size_t to)
{
    struct world_node *n = &w->nodes[i];
    for (size_t k = from; k < to; k++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "var/former/%zu", k);
        struct message_entry entry = {.key = bytes_of_text(key),
                                      .value = bytes_of_text("x"),
                                      .number = 3,
                                      .generation = 1,
                                      .stamp = 1};
        struct message_range range = {.writer = former(k),
                                      .epoch = 1,
                                      .through = 3,
                                      .entries = &entry,
                                      .n_entries = 1};
        arena_clear(&n->gossip->scratch);
        cr_assert_eq(entries_hear(n->gossip, w->now_ms, &range, false, &n->fx), 1);
        if (k % 100 == 99 || k + 1 == to) {
            batch_flush(&n->gossip->batch, &n->fx);
            world_perform(w, i);
        }
    }
}

Test(compare, a_greeting_costs_what_differs)
{
    struct world *w = whole_world(3, 5);
    for (size_t i = 0; i < 3; i++)
        remember(w, i, 0, 3000);
    world_run(w, 5000);
    cr_assert(world_is_equal(w));
    uint64_t before = w->n_stream_bytes, streams = w->n_streams;
    w->lost_kind = MESSAGE_PUSH;
    cr_assert_eq(world_write(w, 0, "var/a", "1", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
    streams = w->n_streams - streams;
    cr_assert_gt(streams, 0);
    uint64_t bytes = (w->n_stream_bytes - before) / streams;
    cr_expect_leq(bytes, 16000, "%u bytes each", (unsigned)bytes);
    world_free(w);
}

Test(compare, two_tables_of_other_writers_each_become_one)
{
    static const size_t sizes[][3] = {
        {100, 150, 400}, /* few on one side */
        {1000, 1500, 2500},
        {1000, 1000, 12000}, /* more than one frame names */
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct world *w = whole_world(2, 6);
        world_part(w, 1, true);
        remember(w, 0, 0, sizes[i][1]);
        remember(w, 1, sizes[i][0], sizes[i][2]);
        world_run(w, 10000);
        world_part(w, 1, false);
        cr_assert_neq(world_until(w, world_is_equal, 60000), UINT64_MAX, "row %zu", i);
        for (size_t k = 0; k < 2; k++) {
            struct gossip *g = w->nodes[k].gossip;
            cr_expect_eq(table_count(gossip_table(g)), sizes[i][2], "row %zu", i);
            cr_expect_geq(g->seen.n, sizes[i][2], "row %zu", i);
        }
        world_free(w);
    }
}

/* ---- a full table ---- */

Test(compare, who_is_full_asks_nobody_for_what_it_cannot_keep)
{
    struct world *w = whole_world(3, 7);
    for (size_t i = 0; i < 2; i++)
        remember(w, i, 0, 200);
    w->nodes[2].gossip->table.entries_max = 100;
    world_run(w, 5000);
    cr_expect_eq(table_size(gossip_table(w->nodes[2].gossip)), 100);
    cr_expect_eq(world_write(w, 2, "var/a", "1", NULL), ERR_BOUND);
    uint64_t before = w->n_streams;
    world_run(w, 120 * 1000);
    cr_expect_leq(w->n_streams - before, 20, "%u", (unsigned)(w->n_streams - before));
    w->nodes[2].gossip->table.entries_max = 1000;
    cr_expect_leq(world_until(w, world_is_equal, 60000), 40000);
    world_free(w);
}

/* Tombstones go when everyone has them, and nothing that was deleted ever comes back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/spread/entries.h"
#include "tests/gossip/world.h"

static struct gossip_profile short_lived(void)
{
    struct gossip_profile profile = gossip_profile_lan;
    profile.reap_after_ms = 600 * 1000;
    profile.collect_hold_ms = 60 * 1000;
    profile.collect_lag_ms = 1400;
    return profile;
}

static size_t n_tombstones(const struct world *w, size_t i)
{
    const struct table *t = gossip_table(w->nodes[i].gossip);
    return table_size(t) - table_count(t);
}

static bool none_is_left(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->nodes[i].is_up && (n_tombstones(w, i) > 0 || !w->nodes[i].is_ready))
            return false;
    }
    return world_is_equal(w);
}

static bool is_quiet(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->nodes[i].is_up && !gossip_is_ready(w->nodes[i].gossip))
            return false;
    }
    return world_is_equal(w);
}

static void delete(struct world *w, size_t i, const char *key)
{
    cr_assert_eq(world_write(w, i, key, NULL, NULL), 0);
}

static const char *row(const struct world *w, size_t i, int k)
{
    static char key[KEY_LEN_MAX];
    char id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "claim/%s/default/web/%d", node_id_text(w->nodes[i].id, id), k);
    return key;
}

Test(collect, after_deletes_and_rest_tables_are_equal_and_hold_no_tombstone)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(4, 1, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (int k = 0; k < 40; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        cr_assert_eq(world_write(w, (size_t)k % 4, key, "x", NULL), 0);
        cr_assert_eq(world_write(w, (size_t)k % 4, row(w, (size_t)k % 4, k), "x", NULL), 0);
        world_run(w, 20);
        if (k % 3 == 0)
            continue;
        delete(w, (size_t)(k + 1) % 4, key);
        delete(w, (size_t)k % 4, row(w, (size_t)k % 4, k));
    }
    cr_assert_neq(world_until(w, none_is_left, 20000), UINT64_MAX);
    for (size_t i = 0; i < 4; i++) {
        for (int k = 0; k < 40; k++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "var/%d", k);
            cr_assert_eq(world_read(w, i, key) != NULL, k % 3 == 0);
            cr_assert_eq(world_read(w, i, row(w, (size_t)k % 4, k)) != NULL, k % 3 == 0);
        }
    }
    world_free(w);
}

Test(collect, a_member_that_is_down_holds_tombstones_for_a_while)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(4, 2, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    cr_assert_eq(world_write(w, 0, "var/gone", "x", NULL), 0);
    cr_assert_eq(world_write(w, 3, row(w, 3, 1), "own", NULL), 0);
    cr_assert_eq(world_write(w, 3, "var/kept", "x", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 3);
    world_run(w, 10000);
    delete(w, 0, "var/gone");
    world_run(w, 20000);
    cr_assert_eq(n_tombstones(w, 1), 1, "it may come back with what was deleted");
    cr_assert_neq(world_until(w, none_is_left, 60000), UINT64_MAX);
    cr_assert_eq(world_belief(w, 0, 3), MEMBER_DEAD, "it is not reaped");
    /* Back with its old store: it drops what may have been deleted, keeps its own rows. */
    world_start(w, 3, (size_t[]){0, 1}, 2);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_null(world_read(w, i, "var/gone"));
        cr_assert_not_null(world_read(w, i, "var/kept"));
        cr_assert_not_null(world_read(w, i, row(w, 3, 1)));
    }
    world_free(w);
}

Test(collect, an_entry_that_was_seen_and_is_gone_is_taken_only_to_fill_a_gap)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(2, 6, &profile);
    uint64_t number;
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    cr_assert_eq(world_write(w, 0, "var/a", "x", &number), 0);
    world_run(w, 1000);
    delete(w, 0, "var/a");
    cr_assert_neq(world_until(w, none_is_left, 20000), UINT64_MAX);
    struct message_entry late = {.key = bytes_of_text("var/a"),
                                 .value = bytes_of_text("x"),
                                 .number = number,
                                 .generation = 1,
                                 .stamp = 1};
    struct message_range range = {
        .writer = w->nodes[0].id, .epoch = w->nodes[0].gossip->epoch, .entries = &late, .n_entries = 1};
    struct gossip *g = w->nodes[1].gossip;
    cr_assert_eq(entries_hear(g, w->now_ms, &range, false, &w->nodes[1].fx), 0);
    cr_assert_null(world_read(w, 1, "var/a"));
    cr_assert_eq(entries_hear(g, w->now_ms, &range, true, &w->nodes[1].fx), 1);
    cr_assert_not_null(world_read(w, 1, "var/a"));
    world_free(w);
}

/* ---- past the dead, at their true pace ---- */

enum { MANY_KEYS = 2000, HOUR_MS = 3600 * 1000 };

static void write_many(struct world *w, size_t by, const char *value)
{
    for (int k = 0; k < MANY_KEYS; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        cr_assert_eq(world_write(w, by, key, value, NULL), 0);
        if (k % 100 == 99)
            world_run(w, 100);
    }
}

static size_t n_of_many(struct world *w, size_t i)
{
    size_t n = 0;
    for (int k = 0; k < MANY_KEYS; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        n += world_read(w, i, key) != NULL;
    }
    return n;
}

Test(collect, one_that_is_dead_holds_deletions_for_an_hour_and_no_longer)
{
    struct world *w = world_new(3, 12, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    write_many(w, 0, "x");
    cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
    world_kill(w, 2);
    world_run(w, 10000);
    write_many(w, 1, NULL);
    world_run(w, HOUR_MS / 2);
    cr_expect_eq(n_tombstones(w, 0), MANY_KEYS, "it may come back any time");
    world_run(w, 3 * HOUR_MS / 2);
    cr_expect_leq(n_tombstones(w, 0), 10, "%zu", n_tombstones(w, 0));
    cr_expect_leq(n_tombstones(w, 1), 10, "%zu", n_tombstones(w, 1));
    world_free(w);
}

Test(collect, one_that_was_cut_off_for_longer_than_deletions_wait_revives_nothing)
{
    struct world *w = world_new(3, 13, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    write_many(w, 0, "x");
    cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
    world_part(w, 2, true);
    world_run(w, 10000);
    write_many(w, 1, NULL);
    world_run(w, 3 * HOUR_MS / 2);
    cr_assert_leq(n_tombstones(w, 0), 10, "%zu", n_tombstones(w, 0));
    cr_assert_eq(n_of_many(w, 2), MANY_KEYS);
    world_part(w, 2, false);
    for (int second = 0; second < 60; second++) {
        world_run(w, 1000);
        cr_assert_eq(n_of_many(w, 0) + n_of_many(w, 1), 0, "after %d s", second);
    }
    cr_expect_eq(n_of_many(w, 2), 0);
    cr_expect(world_is_equal(w));
    world_free(w);
}

Test(collect, a_table_that_is_half_full_waits_for_nobody_who_is_gone)
{
    struct gossip_profile profile = short_lived();
    profile.collect_hold_ms = HOUR_MS;
    struct world *w = world_new(3, 14, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (size_t i = 0; i < 3; i++)
        w->nodes[i].gossip->table.entries_max = 3 * MANY_KEYS;
    write_many(w, 0, "x");
    cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
    world_kill(w, 2);
    world_run(w, 10000);
    write_many(w, 0, NULL);
    world_run(w, 20000);
    cr_assert_eq(n_tombstones(w, 1), MANY_KEYS);
    for (size_t i = 0; i < 2; i++)
        w->nodes[i].gossip->table.entries_max = 2 * MANY_KEYS;
    cr_expect_neq(world_until(w, none_is_left, 10000), UINT64_MAX);
    world_free(w);
}

/* ---- both sides of a long separation ---- */

Test(collect, halves_that_were_apart_for_longer_than_the_reap_time_keep_each_others_deletions_and_writes)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(4, 3, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (size_t i = 0; i < 4; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%zu", i);
        cr_assert_eq(world_write(w, i, key, "x", NULL), 0);
    }
    world_run(w, 2000);
    world_part(w, 2, true);
    world_run(w, 20000);
    delete(w, 0, "var/2"); /* what a node of the other half wrote */
    delete(w, 3, "var/1");
    cr_assert_eq(world_write(w, 1, "var/left", "x", NULL), 0);
    cr_assert_eq(world_write(w, 2, "var/right", "x", NULL), 0);
    world_run(w, 700000);
    cr_assert_eq(n_tombstones(w, 1) + n_tombstones(w, 2), 0, "each half has let its own go");
    /* By now they have forgotten each other, and only the address given at the start helps. */
    world_part(w, 2, false);
    cr_assert_neq(world_until(w, none_is_left, 60000), UINT64_MAX);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_not_null(world_read(w, i, "var/0"));
        cr_assert_null(world_read(w, i, "var/1"));
        cr_assert_null(world_read(w, i, "var/2"));
        cr_assert_not_null(world_read(w, i, "var/3"));
        cr_assert_not_null(world_read(w, i, "var/left"));
        cr_assert_not_null(world_read(w, i, "var/right"));
    }
    world_free(w);
}

/* By whoever: also by the one that deleted it, and has let its own tombstone go. */
Test(collect, a_key_that_is_written_anew_is_greater_than_what_a_returner_has_of_it)
{
    for (size_t by = 0; by < 2; by++) {
        struct gossip_profile profile = short_lived();
        struct world *w = world_new(3, 4, &profile);
        world_start_all(w);
        cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
        for (int k = 0; k < 9; k++)
            cr_assert_eq(world_write(w, 0, "var/a", k % 2 ? "old" : "older", NULL), 0);
        world_run(w, 1000);
        world_kill(w, 2);
        delete(w, 0, "var/a");
        world_run(w, 700000);
        cr_assert_eq(n_tombstones(w, 0), 0);
        cr_assert_eq(world_write(w, by, "var/a", "new", NULL), 0);
        struct entry e;
        cr_assert(table_find(gossip_table(w->nodes[by].gossip), bytes_of_text("var/a"), &e));
        cr_assert_gt(e.generation, 10, "by n%zu", by + 1);
        world_start(w, 2, (size_t[]){0}, 1);
        cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
        for (size_t i = 0; i < 3; i++)
            cr_assert_str_eq(world_read(w, i, "var/a"), "new");
        world_free(w);
    }
}

static bool is_ripe(struct world *w)
{
    return w->nodes[0].gossip->collect.ripe > 0;
}

Test(collect, who_missed_deletions_learns_so_before_the_numbers_that_follow_them)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(3, 5, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    cr_assert_eq(world_write(w, 1, "var/a", "x", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 2);
    world_run(w, 10000);
    delete(w, 0, "var/a");
    cr_assert_neq(world_until(w, is_ripe, 900000), UINT64_MAX);
    char value[1024] = "";
    memset(value, 'x', sizeof(value) - 1);
    for (int k = 0; k < 200; k++) { /* more than a frame of a comparison */
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        cr_assert_eq(world_write(w, 0, key, value, NULL), 0);
    }
    cr_assert_neq(world_until(w, none_is_left, 10000), UINT64_MAX);
    world_start(w, 2, (size_t[]){0, 1}, 2);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (size_t i = 0; i < 3; i++)
        cr_assert_null(world_read(w, i, "var/a"));
    world_free(w);
}

Test(collect, what_lost_goes_with_its_record_though_who_deletes_that_never_heard_of_it)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(3, 8, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    world_part(w, 1, true);
    cr_assert_eq(world_write(w, 0, "var/a", "lost", NULL), 0);
    world_run(w, 100);
    cr_assert_eq(world_write(w, 1, "var/a", "x", NULL), 0);
    world_run(w, 10000);
    world_part(w, 2, true);
    world_run(w, 20000);
    cr_assert_str_eq(world_read(w, 1, "lost/var/a"), "lost");
    delete(w, 2, "var/a");
    world_part(w, 0, false);
    cr_assert_neq(world_until(w, none_is_left, 60000), UINT64_MAX);
    for (size_t i = 0; i < 3; i++)
        cr_assert_null(world_read(w, i, "lost/var/a"));
    world_free(w);
}

Test(collect, what_many_deletions_leave_is_taken_out_in_several_steps)
{
    enum { MANY = COLLECT_STEP + 1000 };
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(3, 9, &profile);
    char key[16];
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (int k = 0; k < MANY; k++) {
        (void)snprintf(key, sizeof(key), "var/%d", k);
        cr_assert_eq(world_write(w, 0, key, "x", NULL), 0);
    }
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    world_kill(w, 2);
    world_run(w, 10000);
    for (int k = 0; k < MANY; k++) {
        (void)snprintf(key, sizeof(key), "var/%d", k);
        delete(w, 0, key);
    }
    cr_assert_neq(world_until(w, none_is_left, 1000000), UINT64_MAX);
    world_start(w, 2, (size_t[]){0, 1}, 2);
    cr_assert_neq(world_until(w, world_is_whole, 60000), UINT64_MAX);
    cr_assert_lt(table_size(gossip_table(w->nodes[2].gossip)), 10);
    cr_assert_lt(table_size(gossip_table(w->nodes[0].gossip)), 10);
    world_free(w);
}

/* ---- power cuts ---- */

/* What n1 takes n2 to have of its own, and whether n2 has said so in this life. */
static bool is_taken_to_have(const struct world *w, uint64_t *ret_number)
{
    const struct gossip *g = w->nodes[0].gossip;
    const struct peer *peer = members_peer(&g->members, w->nodes[1].id);
    *ret_number = peer ? peer_known(peer, g->epoch) : 0;
    return peer && peer_heard(peer)->known_incarnation ==
                       w->nodes[1].gossip->self->member.incarnation;
}

Test(collect, nobody_is_taken_to_have_what_a_power_cut_took_from_it)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(3, 7, &profile);
    struct rng rng;
    rng_init(&rng, 7);
    w->delay_max_ms = 100;
    w->nodes[1].keeps_undo = true;
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    for (int round = 0; round < 60; round++) {
        uint32_t incarnation = w->nodes[1].gossip->self->member.incarnation;
        for (int k = 0; k < 5; k++) {
            cr_assert_eq(world_write(w, 0, "var/a", k % 2 ? "x" : "y", NULL), 0);
            world_run(w, rng_below(&rng, 100));
        }
        world_cut(w, 1);
        world_start(w, 1, (size_t[]){0, 2}, 2);
        cr_assert_gt(w->nodes[1].gossip->self->member.incarnation, incarnation);
        for (int k = 0; k < 100; k++) {
            uint64_t number;
            world_run(w, 3);
            bool has_said = is_taken_to_have(w, &number);
            struct entry e = {0};
            (void)table_find(gossip_table(w->nodes[1].gossip), bytes_of_text("var/a"), &e);
            cr_assert(!has_said || number <= e.number ||
                          seen_covers(&w->nodes[1].gossip->seen, w->nodes[0].id, 1, number),
                      "round %d: %d of %d", round, (int)number, (int)e.number);
        }
    }
    world_free(w);
}

/* ---- anything at all ---- */

enum { KEYS = 100, STEPS = 250 };

/* What is known for sure of a key: whether it was written or deleted last, as most members had it.
 * What only few had may win or be lost whenever they meet the others again. */
struct fate {
    bool is_there, is_gone, is_doubtful;
    size_t by; /* who did it last */
};

static size_t n_down(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += !w->nodes[i].is_up;
    return n;
}

static void start(struct world *w, size_t i)
{
    if (!w->nodes[i].is_up)
        world_start(w, i, (size_t[]){0, 1, 2, 3}, 4);
}

/* Its identity starts over with nothing; what it alone did may be lost with its store. */
static void wipe(struct world *w, struct rng *rng, struct fate fates[KEYS])
{
    size_t i = (size_t)rng_below(rng, w->n);
    if (w->nodes[i].is_up || n_down(w) > 1)
        return;
    world_wipe(w, i);
    for (int k = 0; k < KEYS; k++) {
        fates[k].is_doubtful |= fates[k].by == i;
    }
}

static void disturb(struct world *w, struct rng *rng, struct fate fates[KEYS])
{
    size_t i = (size_t)rng_below(rng, w->n);
    switch (rng_below(rng, 9)) {
    case 0:
        if (w->nodes[i].is_up && n_down(w) < 2)
            world_cut(w, i);
        break;
    case 1:
    case 2:
        start(w, i);
        break;
    case 3:
        world_part(w, (size_t)rng_below(rng, w->n), rng_chance(rng, 0.5));
        break;
    case 4:
        w->loss = rng_chance(rng, 0.5) ? 0 : 0.2;
        break;
    case 5:
        if (rng_chance(rng, 0.2)) {
            world_part(w, 0, false);
            world_run(w, 700000); /* who is down now is reaped */
        }
        break;
    case 6:
        if (rng_chance(rng, 0.2))
            wipe(w, rng, fates);
        break;
    default:
        break;
    }
}

static void write_or_delete(struct world *w, struct rng *rng, struct fate fates[KEYS])
{
    size_t i = (size_t)rng_below(rng, w->n);
    int k = (int)rng_below(rng, KEYS);
    char key[16];
    uint64_t number;
    (void)snprintf(key, sizeof(key), "var/%d", k);
    if (!w->nodes[i].is_up || !gossip_is_ready(w->nodes[i].gossip))
        return;
    bool deletes = world_read(w, i, key) != NULL;
    cr_assert_eq(world_write(w, i, key, deletes ? NULL : "x", &number), 0);
    world_run(w, 300);
    bool is_told = w->nodes[i].is_up && gossip_known_by(w->nodes[i].gossip, number) > w->n / 2;
    fates[k] = (struct fate){!deletes, deletes, fates[k].is_doubtful || !is_told, i};
}

static void tell_all(struct world *w)
{
    world_part(w, 0, false);
    w->loss = 0;
    for (size_t i = 0; i < w->n; i++)
        start(w, i);
}

static void try_seed(uint64_t seed)
{
    struct gossip_profile profile = short_lived();
    struct world *w = world_new(5, seed, &profile);
    struct rng rng;
    struct fate fates[KEYS] = {{0}};
    rng_init(&rng, seed);
    for (size_t i = 0; i < w->n; i++)
        w->nodes[i].keeps_undo = true;
    world_start_all(w);
    for (int step = 0; step < STEPS; step++) {
        disturb(w, &rng, fates);
        world_run(w, rng_below(&rng, 400));
        write_or_delete(w, &rng, fates);
    }
    tell_all(w);
    cr_assert_neq(world_until(w, is_quiet, 60000), UINT64_MAX, "seed %u", (unsigned)seed);
    world_run(w, 20000);
    /* Collecting goes on; tables meet again each time. */
    cr_assert_neq(world_until(w, is_quiet, 5000), UINT64_MAX, "seed %u", (unsigned)seed);
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%d", k);
        bool is_there = world_read(w, 0, key) != NULL;
        if (fates[k].is_doubtful)
            continue;
        cr_assert(!fates[k].is_gone || !is_there, "seed %u: %s is back", (unsigned)seed, key);
        cr_assert(!fates[k].is_there || is_there, "seed %u: %s is lost", (unsigned)seed, key);
    }
    world_free(w);
}

Test(collect, nothing_deleted_comes_back_and_nothing_else_goes)
{
    for (uint64_t seed = 1; seed <= 15; seed++)
        try_seed(seed);
}

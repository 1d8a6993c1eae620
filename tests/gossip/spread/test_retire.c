/* Former members: what is left of them, and who comes back after they were let go. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "gossip/spread/entries.h"
#include "gossip/spread/grave.h"
#include "tests/gossip/world.h"

enum { REAP_MS = 20000, LAG_MS = 1400, AWAY_MS = 100000 };

static struct gossip_profile short_lived(void)
{
    struct gossip_profile profile = gossip_profile_lan;
    profile.reap_after_ms = REAP_MS;
    profile.collect_hold_ms = 5000;
    profile.collect_lag_ms = LAG_MS;
    return profile;
}

static struct world *whole_world(size_t n, uint64_t seed, const struct gossip_profile *profile)
{
    struct world *w = world_new(n, seed, profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    return w;
}

static void delete(struct world *w, size_t i, const char *key)
{
    cr_assert_eq(world_write(w, i, key, NULL, NULL), 0);
}

static const char *row(const struct world *w, const char *kind, size_t of)
{
    static char key[KEY_LEN_MAX];
    char id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "%s/%s", kind, node_id_text(w->nodes[of].id, id));
    return key;
}

static bool has_grave(const struct world *w, size_t i, size_t of)
{
    struct grave grave;
    return grave_of(w->nodes[i].gossip, w->nodes[of].id, &grave);
}

static bool has_line(const struct world *w, size_t i, size_t of)
{
    return seen_find(&w->nodes[i].gossip->seen, w->nodes[of].id) != NULL;
}

/* The last of three is gone for good. */
static bool is_let_go(struct world *w)
{
    for (size_t i = 0; i < 2; i++) {
        if (!has_grave(w, i, 2) || has_line(w, i, 2))
            return false;
    }
    return true;
}

Test(retire, of_a_former_writer_a_grave_is_left_and_nothing_else)
{
    struct gossip_profile profile = short_lived();
    struct world *w = whole_world(3, 1, &profile);
    cr_assert_eq(world_write(w, 2, row(w, "node", 2), "x", NULL), 0);
    cr_assert_eq(world_write(w, 2, "var/a", "x", NULL), 0);
    cr_assert_eq(world_write(w, 0, "var/kept", "x", NULL), 0);
    world_run(w, 1000);
    delete(w, 2, "var/a");
    world_run(w, 10000);
    cr_assert_eq(world_write(w, 2, "var/b", "x", NULL), 0);
    delete(w, 2, "var/b");
    world_run(w, 1000);
    world_kill(w, 2);
    world_run(w, REAP_MS / 2);
    cr_assert(has_line(w, 0, 2) && !has_grave(w, 0, 2), "it may come back any time");
    cr_assert_neq(world_until(w, is_let_go, 5 * REAP_MS), UINT64_MAX);
    world_run(w, 5 * LAG_MS);
    for (size_t i = 0; i < 2; i++) {
        const struct table *t = gossip_table(w->nodes[i].gossip);
        cr_expect_not_null(world_read(w, i, "var/kept"));
        cr_expect_null(world_read(w, i, row(w, "water", 2)));
        cr_expect_null(world_read(w, i, row(w, "forget", 2)));
        cr_expect_eq(table_size(t), 2, "%zu: a variable and a grave", table_size(t));
    }
    cr_assert(world_is_equal(w));
    uint64_t n_streams = w->n_streams;
    world_run(w, 30000);
    cr_expect_leq(w->n_streams - n_streams, 2, "nothing is compared for the sake of it");
    world_free(w);
}

Test(retire, it_is_so_after_a_restart)
{
    struct gossip_profile profile = short_lived();
    struct world *w = whole_world(3, 2, &profile);
    cr_assert_eq(world_write(w, 2, row(w, "node", 2), "x", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 2);
    cr_assert_neq(world_until(w, is_let_go, 5 * REAP_MS), UINT64_MAX);
    world_run(w, 1000);
    world_kill(w, 1);
    world_start(w, 1, (size_t[]){0}, 1);
    world_run(w, 5000);
    cr_expect(is_let_go(w));
    cr_expect(world_is_equal(w));
    cr_expect(entries_is_forgotten(w->nodes[1].gossip, w->nodes[2].id, 1));
    cr_expect_eq(w->nodes[1].gossip->table.graves, w->nodes[0].gossip->table.graves);
    world_free(w);
}

Test(retire, whose_entries_stand_is_not_retired)
{
    struct gossip_profile profile = short_lived();
    struct world *w = whole_world(3, 3, &profile);
    cr_assert_eq(world_write(w, 2, "var/stands", "x", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 2);
    world_run(w, 4 * REAP_MS);
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_LEFT);
    cr_expect(has_line(w, 0, 2) && !has_grave(w, 0, 2));
    delete(w, 0, "var/stands");
    cr_expect_neq(world_until(w, is_let_go, 5 * REAP_MS), UINT64_MAX);
    world_free(w);
}

/* ---- who comes back ---- */

enum return_of { CUT_OFF, WITH_ITS_STORE, AFTER_A_CUT, WITHOUT_ITS_STORE };

/* The last of three is away for longer than it is remembered; what it wrote is deleted meanwhile.  It has
 * one more write that nobody else has. */
static struct world *let_go(uint64_t seed, const struct gossip_profile *profile,
                            enum return_of how)
{
    struct world *w = whole_world(3, seed, profile);
    w->nodes[2].keeps_undo = how == AFTER_A_CUT;
    cr_assert_eq(world_write(w, 2, row(w, "node", 2), "x", NULL), 0);
    cr_assert_eq(world_write(w, 2, "var/its", "x", NULL), 0);
    cr_assert_eq(world_write(w, 0, "var/gone", "x", NULL), 0);
    cr_assert_eq(world_write(w, 1, "var/kept", "x", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 10000), UINT64_MAX);
    world_run(w, 1000);
    world_part(w, 2, true);
    cr_assert_eq(world_write(w, 2, "var/alone", "x", NULL), 0);
    world_run(w, 1000);
    if (how == AFTER_A_CUT)
        world_cut(w, 2);
    else if (how != CUT_OFF)
        world_kill(w, 2);
    if (how == WITHOUT_ITS_STORE)
        world_wipe(w, 2);
    world_run(w, 10000);
    delete(w, 0, "var/its");
    delete(w, 1, "var/gone");
    world_run(w, AWAY_MS);
    cr_assert(is_let_go(w));
    world_part(w, 2, false);
    return w;
}

Test(retire, one_that_comes_back_keeps_what_it_alone_has_and_revives_nothing)
{
    struct gossip_profile profile = short_lived();
    for (enum return_of how = CUT_OFF; how <= WITHOUT_ITS_STORE; how++) {
        struct world *w = let_go(10 + (uint64_t)how, &profile, how);
        if (how != CUT_OFF)
            world_start(w, 2, (size_t[]){0, 1}, 2);
        for (int second = 0; second < 90; second++) {
            world_run(w, 1000);
            cr_assert_null(world_read(w, 0, "var/gone"), "case %d", (int)how);
            cr_assert_null(world_read(w, 0, "var/its"), "case %d", (int)how);
        }
        cr_assert(world_is_whole(w), "case %d", (int)how);
        cr_expect_eq(w->nodes[2].n_old_copies, 0, "case %d", (int)how);
        for (size_t i = 0; i < 3; i++) {
            cr_expect_not_null(world_read(w, i, "var/kept"), "case %d", (int)how);
            cr_expect_eq(world_read(w, i, "var/alone") != NULL, how != WITHOUT_ITS_STORE,
                         "case %d", (int)how);
            cr_expect_null(world_read(w, i, "var/gone"), "case %d", (int)how);
            cr_expect_null(world_read(w, i, "var/its"), "case %d", (int)how);
            cr_expect_eq(world_read(w, i, row(w, "node", 2)) != NULL, how != WITHOUT_ITS_STORE,
                         "case %d: its rows are its own", (int)how);
        }
        cr_assert_eq(world_write(w, 2, "var/its", "again", NULL), 0);
        cr_assert_neq(world_until(w, world_is_equal, 10000), UINT64_MAX);
        cr_expect(has_line(w, 0, 2));
        cr_expect_str_eq(world_read(w, 1, "var/its"), "again");
        world_free(w);
    }
}

/* Two that were away together: the one is lost for good, and the other has what only the two had. */
Test(retire, what_a_former_writer_told_one_that_was_away_is_kept)
{
    struct gossip_profile profile = short_lived();
    struct world *w = whole_world(4, 20, &profile);
    cr_assert_eq(world_write(w, 3, "var/known", "x", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 10000), UINT64_MAX);
    world_part(w, 2, true);
    cr_assert_eq(world_write(w, 3, "var/late", "x", NULL), 0);
    world_run(w, 2000);
    cr_assert_not_null(world_read(w, 2, "var/late"));
    world_kill(w, 3);
    delete(w, 0, "var/known");
    world_run(w, AWAY_MS);
    cr_assert(has_grave(w, 0, 3) && !has_line(w, 0, 3));
    world_kill(w, 2);
    world_part(w, 2, false);
    world_start(w, 2, (size_t[]){0, 1}, 2);
    world_run(w, 60000);
    cr_assert(world_is_equal(w));
    for (size_t i = 0; i < 3; i++) {
        cr_expect_not_null(world_read(w, i, "var/late"));
        cr_expect_null(world_read(w, i, "var/known"));
    }
    world_free(w);
}

/* ---- chance ---- */

enum { HOSTS = 5, KEYS = 12, ROUNDS = 6 };

/* Hosts come and go, are cut off beyond their reaping, lose their power and their disks, while people write
 * and delete.  A disk is lost only where the others have what it had. */
static void churn(uint64_t seed, const struct gossip_profile *profile)
{
    struct rng r;
    struct world *w = whole_world(HOSTS, seed, profile);
    bool is_set[KEYS] = {false};
    rng_init(&r, seed);
    for (size_t i = 0; i < HOSTS; i++)
        w->nodes[i].keeps_undo = true;
    for (int round = 0; round < ROUNDS; round++) {
        size_t away = 2 + rng_below(&r, HOSTS - 2), how = rng_below(&r, 4);
        for (int k = 0; k < KEYS / 2; k++) {
            size_t key = rng_below(&r, KEYS), by = rng_below(&r, HOSTS);
            char name[16];
            (void)snprintf(name, sizeof(name), "var/%zu", key);
            is_set[key] = rng_chance(&r, 0.5);
            cr_assert_eq(world_write(w, by, name, is_set[key] ? "x" : NULL, NULL), 0);
            cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
        }
        world_run(w, rng_below(&r, 5000));
        if (how == 0)
            world_cut(w, away);
        else
            world_kill(w, away);
        if (how == 1)
            world_wipe(w, away);
        world_run(w, 2000);
        for (int k = 0; k < KEYS / 2; k++) {
            size_t key = rng_below(&r, KEYS), by = rng_below(&r, 2);
            char name[16];
            (void)snprintf(name, sizeof(name), "var/%zu", key);
            is_set[key] = rng_chance(&r, 0.4);
            cr_assert_eq(world_write(w, by, name, is_set[key] ? "y" : NULL, NULL), 0);
            world_run(w, 100);
        }
        world_run(w, 1000 + rng_below(&r, AWAY_MS));
        world_start(w, away, (size_t[]){0, 1}, 2);
        cr_assert_neq(world_until(w, world_is_whole, 60000), UINT64_MAX, "seed %d round %d",
                      (int)seed, round);
        for (size_t i = 0; i < HOSTS; i++) {
            for (int k = 0; k < KEYS; k++) {
                char name[16];
                (void)snprintf(name, sizeof(name), "var/%d", k);
                cr_assert_eq(world_read(w, i, name) != NULL, is_set[k],
                             "seed %d round %d: n%zu, %s", (int)seed, round, i + 1, name);
            }
        }
    }
    world_free(w);
}

Test(retire, hosts_that_come_and_go_lose_nothing_and_revive_nothing, .timeout = 120)
{
    struct gossip_profile profile = short_lived();
    for (uint64_t seed = 1; seed <= 12; seed++)
        churn(seed, &profile);
}

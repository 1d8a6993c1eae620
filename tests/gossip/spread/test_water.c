/* The rules that keep deletions from coming back, one by one.  Faults show them only by luck: each of
 * these fails without its rule. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/spread/entries.h"
#include "gossip/spread/tell.h"
#include "gossip/spread/water.h"
#include "tests/gossip/world.h"

enum { LAG_MS = 1400 };

static struct world *whole_world(size_t n, uint64_t seed)
{
    static struct gossip_profile profile;
    profile = gossip_profile_lan;
    profile.collect_lag_ms = LAG_MS;
    struct world *w = world_new(n, seed, &profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    world_run(w, 3000);
    return w;
}

static size_t n_tombstones(const struct world *w, size_t i)
{
    const struct table *t = gossip_table(w->nodes[i].gossip);
    return table_size(t) - table_count(t);
}

static void write_and_delete(struct world *w, size_t i, const char *key)
{
    cr_assert_eq(world_write(w, i, key, "x", NULL), 0);
    world_run(w, 200);
    cr_assert_eq(world_write(w, i, key, NULL, NULL), 0);
}

static struct node_id stranger(void)
{
    return (struct node_id){{0x5a, 1, 2, 3}};
}

/* A low-water row of somebody whom nobody here has heard of: who hears it has missed deletions. */
static void hear_strange_water(struct world *w, size_t i)
{
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    struct world_node *n = &w->nodes[i];
    (void)snprintf(key, sizeof(key), "water/%s", node_id_text(stranger(), id));
    struct message_entry row = {
        .key = bytes_of_text(key), .value = bytes_of_text("50 1"), .number = 60};
    struct message_range range = {
        .writer = stranger(), .epoch = 1, .entries = &row, .n_entries = 1};
    cr_assert_eq(entries_hear(n->gossip, w->now_ms, &range, false, &n->fx), 1);
    world_perform(w, i);
}

Test(water, a_deletion_stays_for_the_lag_after_all_have_it)
{
    struct world *w = whole_world(3, 1);
    for (unsigned round = 0; round < 12; round++) {
        world_run(w, 3 * LAG_MS + 130 * round);
        cr_assert_eq(n_tombstones(w, 0), 0);
        write_and_delete(w, 0, "var/a");
        world_run(w, LAG_MS - 200);
        cr_assert(world_is_equal(w));
        cr_expect_eq(n_tombstones(w, 0), 1, "round %u", round);
    }
    world_free(w);
}

Test(water, who_came_back_and_has_not_spoken_is_not_taken_to_have_what_it_had)
{
    struct world *w = whole_world(4, 2);
    write_and_delete(w, 0, "var/a");
    world_run(w, 300);
    world_kill(w, 3);
    w->is_blocked[3][0] = true;
    world_start(w, 3, (size_t[]){1, 2}, 2);
    world_run(w, 10 * LAG_MS);
    cr_assert_eq(world_belief(w, 0, 3), MEMBER_ALIVE);
    cr_expect_eq(n_tombstones(w, 0), 1, "it may have lost what it had");
    w->is_blocked[3][0] = false;
    world_run(w, 20000);
    cr_expect_eq(n_tombstones(w, 0), 0);
    world_free(w);
}

Test(water, what_a_reborn_member_says_counts_though_it_is_less)
{
    struct world *w = whole_world(2, 3);
    struct gossip *g = w->nodes[0].gossip;
    for (int k = 0; k < 5; k++)
        cr_assert_eq(world_write(w, 0, "var/a", k % 2 ? "x" : "y", NULL), 0);
    world_run(w, 3000);
    struct peer *peer = members_peer(&g->members, w->nodes[1].id);
    uint64_t known = peer_known(peer, g->epoch);
    cr_assert_geq(known, 5);
    struct message m = {.kind = MESSAGE_SEEN,
                        .sender = machine_member(peer),
                        .to = w->nodes[0].id,
                        .known_epoch = g->epoch,
                        .known_number = known - 3};
    for (unsigned i = 0; i < 2; i++) { /* late, then reborn */
        struct arena arena;
        struct bytes out;
        arena_init(&arena, 0);
        m.sender.incarnation += i;
        cr_assert_eq(message_encode(&m, &arena, &out), 0);
        cr_assert_eq(gossip_receive(g, w->now_ms, w->unix_ms + w->now_ms,
                                    w->nodes[1].endpoint, out, &w->nodes[0].fx),
                     0);
        arena_fini(&arena);
        cr_expect_eq(peer_known(peer, g->epoch), i ? known - 3 : known, "%u", i);
    }
    gossip_effects_clear(&w->nodes[0].fx);
    world_free(w);
}

Test(water, a_stale_one_is_not_cleaned_by_who_missed_the_same)
{
    struct world *w = whole_world(2, 4);
    struct gossip *g = w->nodes[0].gossip;
    hear_strange_water(w, 0);
    cr_assert(water_is_stale(g));
    struct seen_number line = {.writer = stranger(), .epoch = 1, .number = 60};
    struct node_id writer = stranger();
    struct stream s = {0};
    cr_expect_not(water_can_clean(g, &s), "it has seen nothing of them");
    s.theirs = &line;
    s.n_theirs = 1;
    cr_expect(water_can_clean(g, &s));
    line.number = 49;
    cr_expect_not(water_can_clean(g, &s), "it is below");
    line.number = 60;
    s.stale = &writer;
    s.n_stale = 1;
    cr_expect_not(water_can_clean(g, &s), "it says so");
    world_free(w);
}

/* Two are stale, and the third, who is down, may know what was deleted; or it does not. */
Test(water, a_stale_one_says_of_nothing_that_all_have_it_until_nobody_is_left_who_could_clean_it)
{
    struct world *w = whole_world(3, 5);
    world_kill(w, 2);
    world_run(w, 10000);
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_DEAD);
    hear_strange_water(w, 0);
    hear_strange_water(w, 1);
    write_and_delete(w, 0, "var/a");
    world_run(w, 100 * LAG_MS);
    cr_assert(water_is_stale(w->nodes[0].gossip));
    cr_expect_eq(n_tombstones(w, 0), 1);
    world_start(w, 2, (size_t[]){0}, 1);
    world_run(w, 600 * 1000);
    for (size_t i = 0; i < 3; i++)
        cr_expect_not(water_is_stale(w->nodes[i].gossip), "n%zu", i + 1);
    cr_expect_eq(n_tombstones(w, 0), 0);
    world_free(w);
}

Test(water, no_push_reaches_below_it)
{
    struct world *w = whole_world(2, 6);
    struct gossip *g = w->nodes[0].gossip;
    cr_assert_eq(world_write(w, 0, "var/kept", "x", NULL), 0);
    write_and_delete(w, 0, "var/a");
    world_run(w, 10 * LAG_MS);
    cr_assert_eq(n_tombstones(w, 0), 0);
    struct water low = water_of(g, w->nodes[0].id);
    cr_assert_gt(low.number, 0);
    struct push_range range = {.writer = w->nodes[0].id,
                               .epoch = g->epoch,
                               .after = low.number - 1,
                               .through = g->number};
    cr_expect(tell_measure(g, &range).is_too_large);
    range.after = low.number;
    cr_expect_not(tell_measure(g, &range).is_too_large);
    world_free(w);
}

Test(water, rows_of_a_forgotten_member_are_taken_from_nobody)
{
    struct world *w = whole_world(3, 7);
    struct world_node *n = &w->nodes[0];
    struct node_id gone = w->nodes[2].id;
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "claim/%s/default/web/0", node_id_text(gone, id));
    world_kill(w, 2);
    world_run(w, 10000);
    cr_assert_eq(gossip_forget(n->gossip, w->now_ms, gone, &n->fx), 0);
    world_perform(w, 0);
    world_run(w, 15000);
    struct message_entry row = {
        .key = bytes_of_text(key), .value = bytes_of_text("x"), .number = 1000};
    struct message_range range = {
        .writer = gone, .epoch = w->nodes[2].epoch, .entries = &row, .n_entries = 1};
    (void)entries_hear(n->gossip, w->now_ms, &range, true, &n->fx);
    world_perform(w, 0);
    cr_expect_null(world_read(w, 0, key));
    world_free(w);
}

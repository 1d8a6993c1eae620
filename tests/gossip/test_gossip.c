/* Whole nodes in a little world: joining, dying, parting, sharing the table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "proto/codec.h"
#include "tests/gossip/world.h"

static const char *node_key(const struct world *w, size_t i, const char *kind,
                            const char *rest)
{
    static char key[KEY_LEN_MAX];
    char id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "%s/%s%s", kind, node_id_text(w->nodes[i].id, id),
                   rest);
    return key;
}

static struct world *small_world(size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
    return w;
}

Test(gossip, a_lone_node_without_seeds_is_ready_at_once)
{
    struct world *w = world_new(1, 1, &gossip_profile_lan);
    world_start(w, 0, NULL, 0);
    cr_assert(w->nodes[0].is_ready);
    world_free(w);
}

Test(gossip, a_lone_node_that_listens_is_ready_when_nobody_came)
{
    struct world *w = world_new(1, 1, &gossip_profile_lan);
    w->listen_ms = 1500;
    world_start(w, 0, NULL, 0);
    world_run(w, 1400);
    cr_expect(!w->nodes[0].is_ready);
    world_run(w, 200);
    cr_expect(w->nodes[0].is_ready);
    world_free(w);
}

static void meet(struct world *w, size_t i, size_t other)
{
    gossip_meet(w->nodes[i].gossip, w->now_ms, w->nodes[other].endpoint, &w->nodes[i].fx);
    world_perform(w, i);
}

Test(gossip, a_listening_node_that_is_met_is_ready_with_the_table_of_the_others)
{
    struct world *w = world_new(2, 2, &gossip_profile_lan);
    world_start(w, 0, NULL, 0);
    cr_assert_eq(world_write(w, 0, "var/colour", "green", NULL), 0);
    w->listen_ms = 1500;
    world_start(w, 1, NULL, 0);
    world_run(w, 100);
    cr_expect(!w->nodes[1].is_ready);
    meet(w, 0, 1);
    cr_assert_lt(world_until(w, world_is_whole, 5000), 1000);
    cr_assert_str_eq(world_read(w, 1, "var/colour"), "green");
    world_free(w);
}

Test(gossip, nodes_that_listen_and_meet_are_ready_together)
{
    struct world *w = world_new(3, 3, &gossip_profile_lan);
    w->listen_ms = 1500;
    for (size_t i = 0; i < 3; i++)
        world_start(w, i, NULL, 0);
    meet(w, 0, 1);
    meet(w, 2, 1);
    cr_assert_lt(world_until(w, world_is_whole, 5000), 1500);
    world_free(w);
}

Test(gossip, clusters_that_believed_to_be_alone_become_one_when_they_meet)
{
    struct world *w = world_new(4, 4, &gossip_profile_lan);
    for (size_t i = 0; i < 4; i++)
        world_start(w, i, (size_t[]){i / 2 * 2}, 1);
    world_run(w, 3000);
    cr_assert_eq(world_write(w, 0, "var/a", "1", NULL), 0);
    cr_assert_eq(world_write(w, 3, "var/b", "2", NULL), 0);
    meet(w, 1, 3);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    cr_assert_str_eq(world_read(w, 3, "var/a"), "1");
    world_free(w);
}

Test(gossip, meeting_an_address_where_nobody_is_keeps_nobody_from_being_alone)
{
    struct world *w = world_new(2, 5, &gossip_profile_lan);
    w->listen_ms = 1500;
    world_start(w, 0, NULL, 0);
    meet(w, 0, 1);
    meet(w, 0, 0);
    world_run(w, 1700);
    cr_expect(w->nodes[0].is_ready);
    world_free(w);
}

Test(gossip, seeds_that_name_only_ourselves_mean_alone)
{
    struct world *w = world_new(1, 1, &gossip_profile_lan);
    world_start(w, 0, (size_t[]){0}, 1);
    cr_assert(w->nodes[0].is_ready);
    world_free(w);
}

Test(gossip, two_nodes_join_and_share_the_table)
{
    struct world *w = world_new(2, 2, &gossip_profile_lan);
    world_start(w, 0, NULL, 0);
    cr_assert_eq(world_write(w, 0, "var/colour", "green", NULL), 0);
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 5000), 1000);
    cr_assert_str_eq(world_read(w, 1, "var/colour"), "green");
    world_free(w);
}

Test(gossip, a_joiner_whose_seeds_are_silent_is_not_ready_and_keeps_trying)
{
    struct world *w = world_new(2, 3, &gossip_profile_lan);
    world_start(w, 1, (size_t[]){0}, 1);
    world_run(w, 20000);
    cr_assert(!w->nodes[1].is_ready);
    world_start(w, 0, NULL, 0);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    world_free(w);
}

Test(gossip, nodes_that_seed_each_other_find_each_other)
{
    struct world *w = world_new(3, 4, &gossip_profile_lan);
    for (size_t i = 0; i < 3; i++)
        world_start(w, i, (size_t[]){0, 1, 2}, 3);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    world_free(w);
}

Test(gossip, a_write_is_known_by_all_within_milliseconds)
{
    struct world *w = small_world(5, 5);
    uint64_t number;
    cr_assert_eq(world_write(w, 2, "var/a", "1", &number), 0);
    cr_assert_eq(gossip_known_by(w->nodes[2].gossip, number), 1);
    world_run(w, 30);
    cr_assert_eq(gossip_known_by(w->nodes[2].gossip, number), 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(world_read(w, i, "var/a"), "1");
    world_free(w);
}

static bool all_know_third_is_dead(struct world *w)
{
    return world_belief(w, 0, 2) == MEMBER_DEAD && world_belief(w, 1, 2) == MEMBER_DEAD;
}

Test(gossip, a_killed_member_is_known_dead_by_all_within_five_seconds)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = small_world(3, seed);
        world_run(w, 3000 + seed * 97);
        world_kill(w, 2);
        uint64_t took_ms = world_until(w, all_know_third_is_dead, 20000);
        cr_assert_leq(took_ms, 5000, "seed %u: %u ms", (unsigned)seed, (unsigned)took_ms);
        world_free(w);
    }
}

Test(gossip, loss_of_one_datagram_in_seven_kills_nobody)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *w = small_world(5, seed);
        w->loss = 0.15;
        world_run(w, 300 * 1000);
        for (size_t i = 0; i < 5; i++)
            cr_assert_eq(w->nodes[i].n_deaths_seen, 0, "seed %u", (unsigned)seed);
        world_free(w);
    }
}

Test(gossip, loss_without_streams_kills_nobody_either)
{
    struct world *w = small_world(3, 77);
    w->loss = 0.15;
    w->are_streams_blocked = true;
    world_run(w, 300 * 1000);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(w->nodes[i].n_deaths_seen, 0);
    world_free(w);
}

Test(gossip, a_healed_partition_is_whole_again_within_three_seconds)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = small_world(3, seed);
        world_part(w, 2, true);
        world_run(w, 20000);
        cr_assert_eq(world_belief(w, 0, 2), MEMBER_DEAD);
        cr_assert_eq(world_belief(w, 2, 0), MEMBER_DEAD);
        cr_assert_eq(world_write(w, 0, "var/left", "l", NULL), 0);
        cr_assert_eq(world_write(w, 2, "var/right", "r", NULL), 0);
        world_part(w, 2, false);
        uint64_t took_ms = world_until(w, world_is_whole, 20000);
        cr_assert_leq(took_ms, 3000, "seed %u: %u ms", (unsigned)seed, (unsigned)took_ms);
        world_free(w);
    }
}

Test(gossip, a_slow_link_is_refuted_not_believed)
{
    struct world *w = small_world(3, 8);
    /* n1 hears nothing from n3, and streams fail; n2 vouches for it. */
    w->is_blocked[2][0] = true;
    w->are_streams_blocked = true;
    world_run(w, 60000);
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_ALIVE);
    cr_assert_eq(w->nodes[0].n_deaths_seen + w->nodes[1].n_deaths_seen, 0);
    world_free(w);
}

Test(gossip, a_leaver_is_known_as_left_and_may_come_back)
{
    struct world *w = small_world(3, 9);
    struct world_node *n = &w->nodes[1];
    gossip_leave(n->gossip, w->now_ms, &n->fx);
    world_perform(w, 1);
    world_run(w, 3000);
    cr_assert(n->has_left);
    cr_assert_eq(world_belief(w, 0, 1), MEMBER_LEFT);
    cr_assert_eq(world_belief(w, 2, 1), MEMBER_LEFT);
    cr_assert_eq(w->nodes[0].n_deaths_seen, 0);
    world_kill(w, 1);
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    world_free(w);
}

Test(gossip, a_restarted_node_outlives_its_own_death)
{
    for (int loses_store = 0; loses_store < 2; loses_store++) {
        struct world *w = small_world(3, 10);
        world_kill(w, 2);
        world_run(w, 10000);
        cr_assert(all_know_third_is_dead(w));
        if (loses_store)
            world_wipe(w, 2);
        world_start(w, 2, (size_t[]){0}, 1);
        uint64_t took_ms = world_until(w, world_is_whole, 10000);
        cr_assert_lt(took_ms, 3000, "loses_store=%d: %u", loses_store, (unsigned)took_ms);
        world_free(w);
    }
}

Test(gossip, a_quick_restart_goes_unnoticed_or_is_healed)
{
    struct world *w = small_world(3, 11);
    cr_assert_eq(
        world_write(w, 2, node_key(w, 2, "claim", "/default/web/0"), "mine", NULL), 0);
    world_run(w, 100);
    world_kill(w, 2);
    world_run(w, 500);
    world_start(w, 2, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    cr_assert_str_eq(world_read(w, 0, node_key(w, 2, "claim", "/default/web/0")), "mine");
    world_free(w);
}

Test(gossip, a_restarted_cluster_finds_itself_without_seeds)
{
    struct world *w = small_world(3, 12);
    cr_assert_eq(world_write(w, 0, "var/kept", "yes", NULL), 0);
    world_run(w, 1000);
    for (size_t i = 0; i < 3; i++)
        world_kill(w, i);
    world_run(w, 1000);
    for (size_t i = 0; i < 3; i++)
        world_start(w, i, NULL, 0);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 4000);
    cr_assert_str_eq(world_read(w, 2, "var/kept"), "yes");
    world_free(w);
}

Test(gossip, tables_meet_when_every_push_is_lost)
{
    struct world *w = small_world(3, 13);
    w->lost_kind = MESSAGE_PUSH;
    cr_assert_eq(world_write(w, 0, "var/a", "1", NULL), 0);
    cr_assert_eq(world_write(w, 1, "var/b", "2", NULL), 0);
    cr_assert_eq(world_write(w, 2, "var/c", "3", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 1), 0);
    cr_assert_lt(world_until(w, world_is_equal, 20000), 6000);
    world_free(w);
}

Test(gossip, numbers_are_never_reused_after_a_restart)
{
    struct world *w = small_world(2, 14);
    uint64_t first, second, life = gossip_epoch(w->nodes[1].gossip);
    cr_assert_eq(world_write(w, 1, "var/a", "1", &first), 0);
    world_kill(w, 1);
    world_start(w, 1, (size_t[]){0}, 1);
    world_run(w, 1000);
    cr_assert_eq(world_write(w, 1, "var/a", "2", &second), 0);
    cr_assert_gt(gossip_epoch(w->nodes[1].gossip), life);
    cr_assert_eq(second, 1, "every life begins anew");
    world_run(w, 1000);
    cr_assert_str_eq(world_read(w, 0, "var/a"), "2");
    world_free(w);
}

Test(gossip, an_equal_row_is_no_write)
{
    struct world *w = small_world(2, 15);
    uint64_t first, second;
    cr_assert_eq(world_write(w, 1, node_key(w, 1, "node", ""), "doc", &first), 0);
    cr_assert_eq(world_write(w, 1, node_key(w, 1, "node", ""), "doc", &second), 0);
    cr_assert_eq(first, second);
    cr_assert_eq(world_write(w, 1, node_key(w, 0, "node", ""), "forged", NULL),
                 ERR_INVALID);
    world_free(w);
}

Test(gossip, a_concurrent_write_that_lost_is_told)
{
    for (int is_parted = 0; is_parted < 2; is_parted++) {
        struct world *w = small_world(2, 16);
        world_part(w, 1, is_parted);
        cr_assert_eq(world_write(w, 0, "var/a", "left", NULL), 0);
        world_run(w, 5);
        cr_assert_eq(world_write(w, 1, "var/a", "right", NULL), 0);
        world_run(w, 15 + is_parted * 10000);
        world_part(w, 1, false);
        cr_assert_neq(world_until(w, world_is_equal, 20000), UINT64_MAX);
        world_run(w, 2000);
        for (size_t i = 0; i < 2; i++)
            cr_assert_str_eq(world_read(w, i, "var/a"), "right");
        /* Both submitters' nodes say so, also when a comparison replaced the loser before it was
         * sent on; and the value that lost can be read by all. */
        for (size_t i = 0; i < 2; i++) {
            cr_assert_eq(w->nodes[i].n_conflicts, 1, "n%zu: %zu", i + 1, w->nodes[i].n_conflicts);
            cr_assert_str_eq(world_read(w, i, "lost/var/a"), "left");
        }
        /* It goes with its record. */
        cr_assert_eq(world_write(w, 1, "var/a", NULL, NULL), 0);
        world_run(w, 500);
        for (size_t i = 0; i < 2; i++)
            cr_assert_null(world_read(w, i, "lost/var/a"));
        world_free(w);
    }
}

Test(gossip, a_large_spec_travels_by_stream)
{
    struct world *w = small_world(4, 17);
    static char body[SPEC_LEN_MAX + 1];
    memset(body, 'x', SPEC_LEN_MAX);
    uint64_t number;
    cr_assert_eq(world_write(w, 3, "spec/default/web/abc", body, &number), 0);
    world_run(w, 200);
    cr_assert_eq(gossip_known_by(w->nodes[3].gossip, number), 4);
    cr_assert(world_is_equal(w));
    cr_assert_eq(world_write(w, 3, "var/large", body, NULL), ERR_BOUND);
    world_free(w);
}

Test(gossip, a_joiner_pulls_a_table_of_many_frames)
{
    struct world *w = world_new(2, 18, &gossip_profile_lan);
    char key[64], value[300];
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    world_start(w, 0, NULL, 0);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(key, sizeof(key), "var/k%d", i);
        cr_assert_eq(world_write(w, 0, key, value, NULL), 0);
    }
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    cr_assert_eq(table_count(gossip_table(w->nodes[1].gossip)), 3000);
    world_free(w);
}

Test(gossip, a_store_that_lost_entries_is_repaired)
{
    struct world *w = small_world(3, 19);
    char key[64];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof(key), "var/k%d", i);
        cr_assert_eq(world_write(w, i % 3, key, "v", NULL), 0);
    }
    world_run(w, 1000);
    cr_assert(world_is_equal(w));
    world_kill(w, 2);
    struct world_node *n = &w->nodes[2];
    size_t n_left = 0;
    for (size_t i = 0; i < n->n_store; i++) {
        if (n->store[i].space == STORE_TABLE && i % 3 == 0) {
            free(n->store[i].key);
            free(n->store[i].value);
        } else {
            n->store[n_left++] = n->store[i];
        }
    }
    n->n_store = n_left;
    world_start(w, 2, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 20000), 5000);
    cr_assert_eq(table_count(gossip_table(n->gossip)), 200);
    world_free(w);
}

Test(gossip, a_forgotten_member_is_gone_everywhere_with_its_rows)
{
    struct world *w = small_world(3, 20);
    cr_assert_eq(world_write(w, 2, node_key(w, 2, "node", ""), "doc", NULL), 0);
    cr_assert_eq(
        world_write(w, 2, node_key(w, 2, "claim", "/default/web/0"), "mine", NULL), 0);
    world_run(w, 1000);
    struct world_node *n = &w->nodes[0];
    cr_assert_eq(gossip_forget(n->gossip, w->now_ms, w->nodes[2].id, &n->fx),
                 ERR_INVALID);
    world_kill(w, 2);
    world_run(w, 10000);
    cr_assert_str_eq(world_read(w, 1, node_key(w, 2, "node", "")), "doc");
    cr_assert_eq(gossip_forget(n->gossip, w->now_ms, w->nodes[2].id, &n->fx), 0);
    world_perform(w, 0);
    world_run(w, 60000);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_null(members_find(gossip_members(w->nodes[i].gossip), w->nodes[2].id));
        cr_assert_null(world_read(w, i, node_key(w, 2, "node", "")));
        cr_assert_null(world_read(w, i, node_key(w, 2, "claim", "/default/web/0")));
    }
    cr_assert(world_is_equal(w));
    world_start(w, 2, (size_t[]){0}, 1);
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    cr_assert_str_eq(world_read(w, 0, node_key(w, 2, "node", "")), "doc");
    world_free(w);
}

Test(gossip, an_idle_cluster_sends_about_two_datagrams_per_node_and_period)
{
    struct world *w = small_world(5, 21);
    world_run(w, 20000);
    uint64_t before = w->n_datagrams;
    world_run(w, 100 * 1000);
    uint64_t sent = w->n_datagrams - before;
    cr_assert_leq(sent, 5 * 100 * 2 + 20, "%u", (unsigned)sent);
    world_free(w);
}

Test(gossip, a_hundred_nodes_agree_and_notice_a_death)
{
    struct world *w = world_new(100, 22, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 60000), UINT64_MAX);
    cr_assert_eq(world_write(w, 7, "var/a", "1", NULL), 0);
    cr_assert_lt(world_until(w, world_is_equal, 10000), 5000);
    static char body[100 * 1024 + 1];
    memset(body, 'x', sizeof(body) - 1);
    cr_assert_eq(world_write(w, 9, "spec/default/web/abc", body, NULL), 0);
    cr_assert_lt(world_until(w, world_is_equal, 10000), 5000);
    world_kill(w, 50);
    uint64_t took_ms = world_until(w, world_is_whole, 30000);
    cr_assert_lt(took_ms, 8000, "%u ms", (unsigned)took_ms);
    world_free(w);
}

Test(gossip, a_clock_a_year_ahead_keeps_nobody_from_the_next_word)
{
    struct world *w = small_world(3, 18);
    w->nodes[0].skew_ms = 365LL * 24 * 3600 * 1000;
    cr_assert_eq(world_write(w, 0, "job/default/web", "from the future", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 5000), UINT64_MAX);
    for (size_t i = 3; i-- > 1;) {
        char value[32];
        (void)snprintf(value, sizeof(value), "now, by n%zu", i + 1);
        cr_assert_eq(world_write(w, i, "job/default/web", value, NULL), 0);
        world_run(w, 100);
        for (size_t k = 0; k < 3; k++)
            cr_assert_str_eq(world_read(w, k, "job/default/web"), value);
    }
    /* Its stamp has not pulled their clocks along: theirs are of today. */
    const struct entry *e =
        table_get(gossip_table(w->nodes[1].gossip), bytes_of_text("job/default/web"));
    cr_assert_lt(stamp_unix_ms(e->stamp), w->unix_ms + w->now_ms + 1000);
    cr_assert_eq(w->nodes[1].n_conflicts + w->nodes[2].n_conflicts, 0);
    world_free(w);
}

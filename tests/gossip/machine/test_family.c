/* Hosts with IPv4 alone, with IPv6 alone, and with both. */
#include <criterion/criterion.h>

#include "gossip/machine/family.h"
#include "tests/gossip/world.h"

enum { V4 = 4, V6 = 6, BOTH = 10, MINUTE_MS = 60000 };

static struct endpoint address_of(size_t i, uint8_t family)
{
    struct endpoint e = {.family = family, .port = 7780};
    e.address[0] = family == V4 ? 10 : 0xfd;
    e.address[family == V4 ? 3 : 15] = (uint8_t)(i + 1);
    return e;
}

/* Nodes with these families; all join by the first node that has both. */
static struct world *world_of(const uint8_t *families, size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    size_t bridge = 0;
    for (size_t i = 0; i < n; i++) {
        w->nodes[i].endpoint = address_of(i, families[i] == V6 ? V6 : V4);
        if (families[i] == BOTH)
            w->nodes[bridge = i].second = address_of(i, V6);
    }
    for (size_t i = 0; i < n; i++)
        world_start(w, i, (size_t[]){bridge}, i == bridge ? 0 : 1);
    return w;
}

static size_t n_suspicions(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->nodes[i].metrics.probe_failures;
    return n;
}

static size_t n_deaths(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->nodes[i].n_deaths_seen;
    return n;
}

Test(family, hosts_of_one_family_each_meet_through_those_that_have_both)
{
    static const uint8_t families[] = {BOTH, V4, V6, V4, V6, BOTH};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world *w = world_of(families, sizeof(families), seed);
        cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX, "seed %u",
                      (unsigned)seed);
        world_run(w, 10000);
        size_t failures = n_suspicions(w);
        world_run(w, 10 * MINUTE_MS);
        cr_expect_eq(n_suspicions(w), failures, "seed %u: nobody is missed",
                     (unsigned)seed);
        cr_expect_eq(n_deaths(w), 0);
        /* What one writes the other reads. */
        cr_assert_eq(world_write(w, 1, "var/x", "of v4", NULL), 0);
        cr_assert_eq(world_write(w, 2, "var/y", "of v6", NULL), 0);
        cr_expect_neq(world_until(w, world_is_equal, 5000), UINT64_MAX);
        cr_expect_str_eq(world_read(w, 4, "var/x"), "of v4");
        cr_expect_str_eq(world_read(w, 3, "var/y"), "of v6");
        world_free(w);
    }
}

static bool n_last_is_ready(struct world *w)
{
    return w->nodes[w->n - 1].is_ready;
}

/* It compares tables with the only one that it can speak to, however many others it knows. */
Test(family, a_newcomer_asks_only_whom_it_can_reach)
{
    static const uint8_t families[] = {BOTH, V6, V6, V6, V6, V6, V6, V6, V6, V4};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(sizeof(families), seed, &gossip_profile_lan);
        for (size_t i = 0; i < w->n; i++)
            w->nodes[i].endpoint = address_of(i, families[i] == V6 ? V6 : V4);
        w->nodes[0].second = address_of(0, V6);
        for (size_t i = 0; i < w->n; i++)
            world_start(w, i, (size_t[]){0}, i == 0 ? 0 : 1);
        cr_expect_neq(world_until(w, n_last_is_ready, 1000), UINT64_MAX, "seed %u", (unsigned)seed);
        world_free(w);
    }
}

Test(family, a_death_across_is_known_as_any_other)
{
    static const uint8_t families[] = {BOTH, V4, V6, V4, V6};
    struct world *w = world_of(families, sizeof(families), 4);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    world_run(w, 5000);
    world_kill(w, 4);
    world_run(w, 8000);
    for (size_t i = 0; i < 4; i++) {
        const struct member *m =
            members_find(gossip_members(w->nodes[i].gossip), w->nodes[4].id);
        cr_expect_eq(m->state, MEMBER_DEAD, "as node %zu believes", i + 1);
    }
    world_start(w, 4, (size_t[]){0}, 1);
    cr_expect_neq(world_until(w, world_is_whole, 8000), UINT64_MAX);
    world_free(w);
}

Test(family, who_has_both_is_spoken_to_in_the_one_that_answers)
{
    static const uint8_t families[] = {BOTH, BOTH, BOTH};
    struct world *w = world_of(families, sizeof(families), 6);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    world_run(w, 5000);
    for (unsigned turn = 0; turn < 4; turn++) {
        w->lost_family = turn % 2 ? V6 : V4;
        world_run(w, MINUTE_MS);
        const struct gossip *g = w->nodes[0].gossip;
        struct endpoint at =
            family_endpoint(g, members_peer(&g->members, w->nodes[1].id));
        cr_expect_neq(at.family, w->lost_family);
        cr_expect(world_is_whole(w));
    }
    cr_expect_eq(n_deaths(w), 0);
    world_free(w);
}

/* After a power cut a host with IPv6 alone looks for its peers where it can reach them. */
Test(family, peers_are_remembered_at_the_endpoint_they_were_spoken_to)
{
    static const uint8_t families[] = {BOTH, V6, V4};
    struct world *w = world_of(families, sizeof(families), 7);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    cr_assert_eq(world_write(w, 0, "var/x", "1", NULL), 0);
    world_run(w, 5000);
    world_kill(w, 1);
    world_run(w, 1000);
    world_start(w, 1, NULL, 0);
    cr_expect_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    world_free(w);
}

/* What was its second endpoint is its first one now, and the only one. */
Test(family, a_host_that_loses_its_first_family_is_told_of_by_all_others)
{
    static const uint8_t families[] = {BOTH, V6, BOTH, BOTH, V6};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world *w = world_new(sizeof(families), seed, &gossip_profile_lan);
        for (size_t i = 0; i < w->n; i++) {
            w->nodes[i].endpoint = address_of(i, families[i] == V6 ? V6 : V4);
            if (families[i] == BOTH)
                w->nodes[i].second = address_of(i, V6);
        }
        for (size_t i = 0; i + 1 < w->n; i++)
            world_start(w, i, (size_t[]){0}, i == 0 ? 0 : 1);
        world_run(w, 10000);
        struct world_node *n = &w->nodes[2];
        n->second = (struct endpoint){0};
        world_move(w, 2, address_of(2, V6), 0);
        gossip_move_second(n->gossip, w->now_ms, n->second, &n->fx);
        world_perform(w, 2);
        world_start(w, w->n - 1, (size_t[]){0}, 1);
        cr_expect_neq(world_until(w, world_is_whole, 5000), UINT64_MAX, "seed %u", (unsigned)seed);
        world_run(w, MINUTE_MS);
        for (size_t i = 0; i < w->n; i++)
            cr_expect_eq(w->nodes[i].metrics.drop_malformed, 0, "n%zu", i + 1);
        cr_expect_eq(n_deaths(w), 0);
        world_free(w);
    }
}

/* Who has IPv4 alone knows that it reaches it through others only. */
Test(family, a_second_endpoint_that_is_gone_is_believed_by_nobody)
{
    static const uint8_t families[] = {BOTH, V4, BOTH, V6};
    struct world *w = world_of(families, sizeof(families), 9);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    w->nodes[2].second = (struct endpoint){0};
    gossip_move_second(w->nodes[2].gossip, w->now_ms, w->nodes[2].second, &w->nodes[2].fx);
    world_perform(w, 2);
    world_run(w, MINUTE_MS);
    for (size_t i = 0; i < w->n; i++) {
        const struct gossip *g = w->nodes[i].gossip;
        const struct peer *peer = members_peer(&g->members, w->nodes[2].id);
        cr_expect_eq(peer_heard(peer)->second.family, 0, "as n%zu believes", i + 1);
        cr_expect(world_is_whole(w));
    }
    cr_expect_eq(n_deaths(w), 0);
    world_free(w);
}

/* What DESIGN promises of members beyond SWIM: see the table in docs/PROTOCOL.md. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"
#include "tests/lib/crowd.h"

enum { SPREAD_MS = 300 };

static struct world *small_world(size_t n, uint64_t seed,
                                 const struct gossip_profile *profile)
{
    struct world *w = world_new(n, seed, profile);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    return w;
}

Test(membership, the_dead_are_probed_rarely_and_for_ever)
{
    struct world *w = small_world(8, 1, &gossip_profile_lan);
    world_kill(w, 7);
    world_run(w, 20000);
    uint64_t before = w->n_to[7];
    world_run(w, 3600 * 1000);
    uint64_t n = w->n_to[7] - before;
    cr_expect_geq(n, 7 * 3500, "%u", (unsigned)n);
    cr_expect_leq(n, 7 * 3601, "one a second from each of the seven: %u", (unsigned)n);
    /* Nobody restarts with seeds: a word from the living is enough. */
    world_start(w, 7, NULL, 0);
    cr_expect_lt(world_until(w, world_is_whole, 10000), 3000);
    world_free(w);
}

Test(membership, a_node_that_moves_and_is_renamed_stays_the_same_member)
{
    struct world *w = small_world(4, 2, &gossip_profile_lan);
    world_kill(w, 3);
    world_run(w, 300);
    struct world_node *n = &w->nodes[3];
    (void)snprintf(n->name, sizeof(n->name), "moved");
    n->endpoint.address[1] = 99;
    n->endpoint.port = 9999;
    world_start(w, 3, (size_t[]){1}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 3000);
    world_run(w, 1000);
    for (size_t i = 0; i < 4; i++) {
        const struct members *all = gossip_members(w->nodes[i].gossip);
        const struct member *m = members_find(all, n->id);
        cr_assert_eq(members_count(all), 4);
        cr_expect_str_eq(m->name, "moved");
        cr_expect(endpoint_equal(&m->endpoint, &n->endpoint));
    }
    world_free(w);
}

Test(membership, two_nodes_of_one_name_both_live)
{
    struct world *w = world_new(3, 3, &gossip_profile_lan);
    (void)snprintf(w->nodes[2].name, sizeof(w->nodes[2].name), "%s", w->nodes[1].name);
    world_start_all(w);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 5000);
    world_run(w, 60000);
    cr_expect(world_is_whole(w));
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(w->nodes[i].n_deaths_seen, 0);
    world_free(w);
}

static bool is_last_dead_to_all(struct world *w)
{
    for (size_t i = 0; i + 1 < w->n; i++) {
        if (world_belief(w, i, w->n - 1) != MEMBER_DEAD)
            return false;
    }
    return true;
}

/* How many do not believe any more that the last is alive. */
static size_t n_doubters(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < w->n; i++)
        n += world_belief(w, i, w->n - 1) != MEMBER_ALIVE;
    return n;
}

/* Everybody writes more often than writes are collected, so that there is always one to be sent. */
static void write_everywhere(struct world *w, unsigned round)
{
    char key[64];
    for (size_t i = 0; i + 1 < w->n; i++) {
        (void)snprintf(key, sizeof(key), "var/n%zu", i);
        cr_assert_eq(world_write(w, i, key, round % 2 ? "a value" : "another value", NULL), 0);
    }
}

/* A rumor goes out in rounds of 200 ms, three to each.  Were it to wait for the writes, or for the room
 * that they leave, only probes would carry it, one a second. */
Test(membership, a_storm_of_writes_delays_no_death)
{
    struct world *w = small_world(40, 5, &gossip_profile_lan);
    world_run(w, 2000);
    world_kill(w, 39);
    uint64_t start_ms = w->now_ms;
    for (unsigned i = 0; n_doubters(w) == 0 && w->now_ms < start_ms + 20000; i++) {
        write_everywhere(w, i);
        world_run(w, 50);
    }
    uint64_t first_ms = w->now_ms;
    for (unsigned i = 0; n_doubters(w) < 39 && w->now_ms < start_ms + 20000; i++) {
        write_everywhere(w, i);
        world_run(w, 8);
    }
    cr_expect_leq(w->now_ms - first_ms, SPREAD_MS, "%u ms", (unsigned)(w->now_ms - first_ms));
    for (unsigned i = 0; !is_last_dead_to_all(w) && w->now_ms < start_ms + 20000; i++) {
        write_everywhere(w, i);
        world_run(w, 50);
    }
    cr_expect_leq(w->now_ms - start_ms, 5000, "%u ms", (unsigned)(w->now_ms - start_ms));
    world_free(w);
}

/* At every moment every member is news to everybody. */
Test(membership, a_storm_of_rumors_delays_no_write)
{
    struct world *w = small_world(40, 5, &gossip_profile_lan);
    world_run(w, 2000);
    cr_assert_eq(world_write(w, 0, "var/last", "1", NULL), 0);
    uint64_t start_ms = w->now_ms;
    while (!world_is_equal(w) && w->now_ms < start_ms + 5000) {
        for (size_t i = 0; i < w->n; i++) {
            struct gossip *g = w->nodes[i].gossip;
            for (size_t k = 0; k < members_count(&g->members); k++)
                rumor_put(&g->rumors, &members_nth(&g->members, k)->rumor);
        }
        world_run(w, 1);
    }
    cr_expect_leq(w->now_ms - start_ms, 100, "%u ms", (unsigned)(w->now_ms - start_ms));
    world_free(w);
}

Test(membership, datagrams_are_filled_and_never_longer_than_1232_bytes_sealed)
{
    struct world *w = world_new(100, 5, &gossip_profile_lan);
    world_start_all(w); /* the world itself refuses what is too long */
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    cr_expect_leq(w->longest + SEAL_OVERHEAD, 1232);
    cr_expect_gt(w->longest + SEAL_OVERHEAD, 1000, "%zu", w->longest);
    world_free(w);
}

Test(membership, the_dead_are_reaped_with_their_rows_and_no_sooner)
{
    struct gossip_profile profile = gossip_profile_lan;
    char id[NODE_ID_TEXT], key[KEY_LEN_MAX];
    profile.reap_after_ms = 600 * 1000;
    struct world *w = small_world(3, 6, &profile);
    (void)snprintf(key, sizeof(key), "node/%s", node_id_text(w->nodes[2].id, id));
    cr_assert_eq(world_write(w, 2, key, "doc", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 2);
    world_run(w, 590 * 1000);
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(world_belief(w, i, 2), MEMBER_DEAD);
        cr_expect_not_null(world_read(w, i, key), "failed is not forgotten");
    }
    world_run(w, 240 * 1000);
    for (size_t i = 0; i < 2; i++) {
        cr_expect_null(members_find(gossip_members(w->nodes[i].gossip), w->nodes[2].id));
        cr_expect_null(world_read(w, i, key));
    }
    world_free(w);
}

Test(membership, an_idle_pair_compares_nothing_while_nothing_differs)
{
    struct world *w = small_world(5, 7, &gossip_profile_lan);
    world_run(w, 60000);
    uint64_t before = w->n_streams;
    world_run(w, 600 * 1000);
    cr_expect_leq(w->n_streams - before, 20, "%u", (unsigned)(w->n_streams - before));
    world_free(w);
}

Test(membership, an_idle_node_wakes_once_per_period_besides_its_mail)
{
    struct world *w = small_world(8, 8, &gossip_profile_lan);
    world_run(w, 60000);
    uint64_t before = w->n_ticks;
    world_run(w, 600 * 1000);
    uint64_t n = w->n_ticks - before;
    cr_expect_leq(n, 8 * 600 * 11 / 10, "%u", (unsigned)n);
    world_free(w);
}

/* Its seeds' names may not resolve yet: a host is often up before its name server. */
Test(membership, a_node_whose_seeds_are_still_looked_up_is_not_alone)
{
    struct gossip_options options = {.id = {{1}},
                                     .name = "self",
                                     .endpoint = {4, {127, 0, 0, 1}, 7780},
                                     .profile = &gossip_profile_lan,
                                     .epoch = 1,
                                     .seed = 7,
                                     .listen_ms = 1500};
    struct gossip_effects fx;
    struct gossip *g = gossip_new(&options, 1000);
    uint64_t now_ms = 1000;
    gossip_effects_init(&fx);
    gossip_expect(g, true);
    gossip_join(g, now_ms, NULL, 0, &fx);
    for (; now_ms < 60000; now_ms += 100)
        gossip_tick(g, now_ms, now_ms, &fx);
    cr_assert_not(gossip_is_ready(g));
    const struct endpoint seed = {4, {127, 0, 0, 9}, 7780};
    gossip_effects_clear(&fx);
    gossip_expect(g, false);
    gossip_join(g, now_ms, &seed, 1, &fx);
    cr_assert(fx.n > 0 && fx.list[0].kind == GOSSIP_SEND);
    cr_assert(endpoint_equal(&fx.list[0].endpoint, &seed));
    cr_assert_not(gossip_is_ready(g));
    gossip_join(g, now_ms, &options.endpoint, 1, &fx); /* they name this node alone */
    for (uint64_t end = now_ms + 2000; now_ms < end; now_ms += 100)
        gossip_tick(g, now_ms, now_ms, &fx);
    cr_assert(gossip_is_ready(g));
    gossip_effects_fini(&fx);
    gossip_free(g);
}

/* Short names make members short: more of them would fit into a frame than are listed in it. */
Test(membership, a_list_of_thousands_is_taken_over_whole)
{
    enum { KNOWN = 3000 };
    struct crowd *c = crowd_new(2, 1, &gossip_profile_lan);
    gossip_free(c->nodes[0].gossip);
    c->nodes[0].gossip = crowd_machine(KNOWN, 0, &gossip_profile_lan, 1, &c->nodes[0].metrics,
                                       &c->names, c->now_ms);
    crowd_run(c, 20000);
    cr_assert_eq(members_count(gossip_members(c->nodes[1].gossip)), KNOWN);
    crowd_free(c);
}

/* What stands behind the mass-failure hold: before anybody else is suspected, it shows who is silent. */
Test(membership, a_census_counts_those_who_do_not_answer)
{
    static const struct {
        size_t n, n_killed;
        double loss;
    } cases[] = {{7, 0, 0}, {7, 3, 0}, {7, 0, 0.3}, {2, 1, 0}, {60, 20, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = small_world(cases[i].n, 20 + i, &gossip_profile_lan);
        struct world_node *n = &w->nodes[0];
        size_t n_asked, n_missed, others = cases[i].n - 1;
        world_run(w, 3000);
        for (size_t k = 0; k < cases[i].n_killed; k++)
            world_kill(w, cases[i].n - 1 - k);
        w->loss = cases[i].loss;
        gossip_census(n->gossip, w->now_ms, 30000, &n->fx);
        world_perform(w, 0);
        n_missed = gossip_census_missed(n->gossip, &n_asked);
        cr_expect_eq(n_asked, others < CENSUS_MAX ? others : CENSUS_MAX);
        cr_expect_eq(n_missed, n_asked, "case %zu: nobody has answered yet", i);
        world_run(w, cases[i].loss > 0 ? 3000 : 20);
        n_missed = gossip_census_missed(n->gossip, &n_asked);
        if (others <= CENSUS_MAX)
            cr_expect_eq(n_missed, cases[i].n_killed, "case %zu: %zu", i, n_missed);
        else
            cr_expect(n_missed > 1 && n_missed < n_asked / 2, "case %zu: %zu", i, n_missed);
        gossip_census_end(n->gossip);
        cr_expect_eq(gossip_census_missed(n->gossip, &n_asked) + n_asked, 0);
        world_free(w);
    }
}

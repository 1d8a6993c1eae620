/* One identity on two live nodes: noticed, told to all, and one of them stops.  And what only looks like it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "gossip/machine/machine.h"
#include "proto/codec.h"
#include "tests/gossip/world.h"

/* The last node becomes a copy of node `of`, with a life of its own. */
static void clone_node(struct world *w, size_t of, size_t seed)
{
    struct world_node *copy = &w->nodes[w->n - 1];
    copy->id = w->nodes[of].id;
    copy->epoch = w->nodes[of].epoch + 1000;
    memcpy(copy->name, w->nodes[of].name, sizeof(copy->name));
    world_start(w, w->n - 1, &seed, 1);
}

static struct world *world_with_room(size_t n)
{
    struct world *w = world_new(n + 1, 5, &gossip_profile_lan);
    size_t seeds[1] = {0};
    for (size_t i = 0; i < n; i++)
        world_start(w, i, seeds, i > 0);
    world_run(w, 10000);
    for (size_t i = 0; i < n; i++)
        cr_assert(w->nodes[i].is_ready);
    return w;
}

static bool is_stopped(struct world *w)
{
    return gossip_is_stopped(w->nodes[w->n - 1].gossip);
}

static bool is_told(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->nodes[i].n_twins == 0)
            return false;
    return true;
}

static void expect_elder_unchanged(struct world *w, size_t elder)
{
    for (size_t i = 0; i + 1 < w->n; i++) {
        const struct member *m =
            members_find(gossip_members(w->nodes[i].gossip), w->nodes[elder].id);
        struct endpoint younger;
        cr_assert_not_null(m);
        cr_expect_eq(m->state, MEMBER_ALIVE, "at n%zu", i + 1);
        cr_expect(endpoint_equal(&m->endpoint, &w->nodes[elder].endpoint), "at n%zu", i + 1);
        cr_expect(gossip_twin(w->nodes[i].gossip, m->id, &younger), "at n%zu", i + 1);
        cr_expect(endpoint_equal(&younger, &w->nodes[w->n - 1].endpoint));
        cr_expect_eq(w->nodes[i].n_deaths_seen, 0);
    }
    cr_expect_not(gossip_is_stopped(w->nodes[elder].gossip));
}

Test(twin, a_clone_stops_within_two_probe_periods_and_every_node_is_told)
{
    struct world *w = world_with_room(4);
    clone_node(w, 1, 0);
    uint64_t limit_ms = 2 * gossip_profile_lan.probe_period_ms;
    cr_assert_leq(world_until(w, is_told, 10000), limit_ms);
    cr_assert(is_stopped(w));
    world_run(w, 30000);
    expect_elder_unchanged(w, 1);
    cr_expect_eq(world_write(w, w->n - 1, "var/x", "1", NULL), ERR_CONFLICT);
    cr_expect_eq(gossip_deadline_ms(w->nodes[w->n - 1].gossip), UINT64_MAX);
    for (size_t i = 0; i < w->n; i++)
        cr_expect_eq(w->nodes[i].n_twins, 1, "n%zu is told once", i + 1);
    world_free(w);
}

/* It says nothing any more, whatever its host does. */
Test(twin, who_has_stopped_stays_silent_at_another_address_too)
{
    struct world *w = world_with_room(3);
    clone_node(w, 1, 0);
    cr_assert_neq(world_until(w, is_stopped, 10000), UINT64_MAX);
    world_run(w, 5000);
    struct world_node *n = &w->nodes[w->n - 1];
    struct endpoint other = n->endpoint;
    other.address[3] += 50;
    gossip_hold(n->gossip, w->now_ms, true, &n->fx);
    gossip_move(n->gossip, w->now_ms, other, &n->fx);
    gossip_hold(n->gossip, w->now_ms, false, &n->fx);
    gossip_move_second(n->gossip, w->now_ms, (struct endpoint){.family = 6, .port = 1}, &n->fx);
    gossip_census(n->gossip, w->now_ms, 5000, &n->fx);
    for (size_t i = 0; i < n->fx.n; i++)
        cr_expect(n->fx.list[i].kind != GOSSIP_SEND && n->fx.list[i].kind != GOSSIP_STREAM_OPEN &&
                  n->fx.list[i].kind != GOSSIP_READY);
    cr_expect_eq(gossip_forget(n->gossip, w->now_ms, w->nodes[2].id, &n->fx), ERR_CONFLICT);
    cr_expect_not(gossip_is_ready(n->gossip));
    world_free(w);
}

/* Word that is no member's own: it is neither believed nor stored, or the next start would call the store
 * damaged. */
Test(twin, word_of_another_life_is_checked_as_any_other)
{
    static const struct message_member words[] = {
        {.name = "n2", .state = MEMBER_SUSPECT, .incarnation = 9},
        {.name = "", .state = MEMBER_ALIVE, .incarnation = 9},
        {.name = "n2", .state = MEMBER_ALIVE, .incarnation = INCARNATION_MAX},
    };
    for (size_t row = 0; row < sizeof(words) / sizeof(*words); row++) {
        struct world *w = world_with_room(3);
        struct world_node *n = &w->nodes[0];
        world_run(w, 5000);
        world_kill(w, 1);
        struct message m = {.kind = MESSAGE_PING,
                            .sender = words[row],
                            .epoch = w->nodes[1].epoch + 1000,
                            .to = n->id,
                            .sequence = 7};
        m.sender.id = w->nodes[1].id;
        m.sender.endpoint = w->nodes[1].endpoint;
        m.sender.endpoint.address[3] += 100;
        struct arena arena;
        struct bytes datagram;
        arena_init(&arena, 0);
        cr_assert_eq(message_encode(&m, &arena, &datagram), 0);
        (void)gossip_receive(n->gossip, w->now_ms, w->unix_ms, m.sender.endpoint, datagram, &n->fx);
        world_perform(w, 0);
        world_run(w, gossip_profile_lan.probe_timeout_ms + 50);
        const struct member *now = members_find(gossip_members(n->gossip), m.sender.id);
        cr_expect(endpoint_equal(&now->endpoint, &w->nodes[1].endpoint), "row %zu", row);
        cr_expect_str_eq(now->name, "n2", "row %zu", row);
        cr_expect_neq(now->state, MEMBER_DEAD, "row %zu", row);
        arena_fini(&arena);
        world_free(w);
    }
}

/* Nobody else is there to compare them. */
Test(twin, two_that_only_know_each_other_find_out_themselves)
{
    struct world *w = world_with_room(1);
    clone_node(w, 0, 0);
    cr_assert_neq(world_until(w, is_stopped, 40000), UINT64_MAX);
    world_run(w, 1000);
    expect_elder_unchanged(w, 0);
    world_free(w);
}

Test(twin, a_node_that_restarts_at_another_address_is_believed_as_soon_as_the_old_one_is_silent)
{
    struct world *w = world_with_room(4);
    world_kill(w, 1);
    w->nodes[1].epoch += 1000;
    w->nodes[1].endpoint.address[3] += 100;
    size_t seed = 0;
    world_start(w, 1, &seed, 1);
    world_run(w, 5000);
    for (size_t i = 0; i + 1 < w->n; i++) {
        struct endpoint younger;
        const struct member *m =
            members_find(gossip_members(w->nodes[i].gossip), w->nodes[1].id);
        cr_expect_eq(m->state, MEMBER_ALIVE);
        cr_expect(endpoint_equal(&m->endpoint, &w->nodes[1].endpoint), "at n%zu", i + 1);
        cr_expect_not(gossip_twin(w->nodes[i].gossip, m->id, &younger));
        cr_expect_eq(w->nodes[i].n_twins, 0);
    }
    world_free(w);
}

Test(twin, under_loss_one_of_two_stops_all_the_same_and_never_the_elder)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *w = world_with_room(5);
        rng_init(&w->rng, seed);
        w->loss = 0.2;
        clone_node(w, 2, 0);
        cr_assert_neq(world_until(w, is_stopped, 30000), UINT64_MAX, "seed %u",
                      (unsigned)seed);
        cr_expect_not(gossip_is_stopped(w->nodes[2].gossip));
        w->loss = 0;
        world_run(w, 20000);
        for (size_t i = 0; i + 1 < w->n; i++)
            cr_expect_eq(world_belief(w, i, 2), MEMBER_ALIVE);
        world_free(w);
    }
}

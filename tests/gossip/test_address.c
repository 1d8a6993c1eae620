/* Addresses that come late, change and go, and what others see of them. */
#include <criterion/criterion.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"

static const struct endpoint none;

static struct endpoint other(uint8_t last)
{
    return (struct endpoint){4, {10, 0, 0, last}, 7780};
}

static struct world *small_world(size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 10000), UINT64_MAX);
    world_run(w, 5000);
    return w;
}

static bool is_told(const struct world *w, size_t of, struct endpoint want)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct member *m =
            members_find(gossip_members(w->nodes[i].gossip), w->nodes[of].id);
        if (!m || !endpoint_equal(&m->endpoint, &want))
            return false;
    }
    return true;
}

static size_t deaths(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->nodes[i].n_deaths_seen;
    return n;
}

Test(address, a_node_that_starts_without_one_says_nothing_and_is_not_ready)
{
    struct world *w = world_new(4, 1, &gossip_profile_lan);
    struct endpoint late = w->nodes[3].endpoint;
    w->nodes[3].endpoint = none;
    for (size_t i = 0; i < 3; i++)
        world_start(w, i, (size_t[]){0}, 1);
    world_run(w, 10000);
    uint64_t before = w->n_datagrams;
    for (size_t i = 0; i < 3; i++)
        w->nodes[i].stalled_until_ms = w->now_ms + 60000;
    world_start(w, 3, (size_t[]){0}, 1);
    uint64_t number;
    cr_assert_eq(world_write(w, 3, "var/early", "1", &number), 0);
    world_run(w, 59000);
    cr_expect_eq(w->n_datagrams, before);
    cr_expect(!gossip_is_ready(w->nodes[3].gossip));
    world_run(w, 10000);
    world_move(w, 3, late, 0);
    cr_expect_lt(world_until(w, world_is_whole, 10000), 1500);
    cr_expect_str_eq(world_read(w, 0, "var/early"), "1", "what it wrote was kept");
    world_free(w);
}

Test(address, a_node_that_knows_nobody_is_alone_once_it_has_one)
{
    struct world *w = world_new(1, 2, &gossip_profile_lan);
    struct endpoint late = w->nodes[0].endpoint;
    w->nodes[0].endpoint = none;
    world_start(w, 0, NULL, 0);
    world_run(w, 60000);
    cr_expect(!gossip_is_ready(w->nodes[0].gossip));
    world_move(w, 0, late, 0);
    cr_expect(gossip_is_ready(w->nodes[0].gossip));
    world_free(w);
}

Test(address, a_change_is_known_to_all_at_once_and_kills_nobody)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = small_world(5, seed);
        w->loss = seed % 2 ? 0.2 : 0;
        size_t before = deaths(w);
        for (uint8_t i = 0; i < 6; i++) {
            uint32_t was = w->nodes[3].gossip->self->member.incarnation;
            world_move(w, 3, other(i), 500);
            cr_expect(gossip_is_ready(w->nodes[3].gossip), "nothing else changes");
            cr_expect_gt(w->nodes[3].gossip->self->member.incarnation, was);
            world_run(w, 1000);
            cr_expect(is_told(w, 3, other(i)), "seed %u, move %u", (unsigned)seed, i);
            world_run(w, 2000);
        }
        world_run(w, 10000);
        cr_expect_eq(deaths(w), before, "seed %u", (unsigned)seed);
        world_free(w);
    }
}

Test(address, a_change_after_a_start_is_newer_than_all_that_was_told_before_it)
{
    struct world *w = small_world(3, 3);
    world_move(w, 2, other(1), 0);
    world_run(w, 1000);
    uint32_t told = w->nodes[2].gossip->self->member.incarnation;
    world_kill(w, 2);
    world_start(w, 2, (size_t[]){0}, 1);
    cr_expect_gt(w->nodes[2].gossip->self->member.incarnation, told);
    world_free(w);
}

Test(address, a_node_that_is_cut_off_judges_nobody_and_comes_back_by_itself)
{
    struct world *w = small_world(5, 4);
    world_move(w, 3, none, 500);
    size_t before = w->nodes[3].n_deaths_seen;
    world_run(w, 120000);
    cr_expect_eq(world_belief(w, 0, 3), MEMBER_DEAD, "the others cannot know better");
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(world_belief(w, 3, i), MEMBER_ALIVE);
    cr_expect(!gossip_is_ready(w->nodes[3].gossip));
    cr_assert_eq(world_write(w, 0, "var/meanwhile", "1", NULL), 0);
    cr_assert_eq(world_write(w, 3, "var/alone", "1", NULL), 0);
    world_run(w, 1000);
    world_move(w, 3, other(7), 500);
    while (!gossip_is_ready(w->nodes[3].gossip) && w->now_ms < 200000)
        world_run(w, 1);
    cr_expect_str_eq(world_read(w, 3, "var/meanwhile"), "1",
                     "it is not ready before it knows what was written meanwhile");
    cr_expect_lt(world_until(w, world_is_whole, 10000), 3000);
    cr_expect_str_eq(world_read(w, 1, "var/alone"), "1");
    world_run(w, 20000);
    cr_expect_eq(w->nodes[3].n_deaths_seen, before);
    world_free(w);
}

Test(address, one_that_comes_back_to_nobody_is_alone_after_a_while)
{
    struct world *w = small_world(3, 5);
    world_move(w, 2, none, 0);
    world_kill(w, 0);
    world_kill(w, 1);
    world_run(w, 30000);
    world_move(w, 2, other(9), 0);
    cr_expect(!gossip_is_ready(w->nodes[2].gossip));
    world_run(w, 2000);
    cr_expect(!gossip_is_ready(w->nodes[2].gossip), "they may still answer");
    world_run(w, 28000);
    cr_expect(gossip_is_ready(w->nodes[2].gossip));
    world_free(w);
}

Test(address, all_that_lose_theirs_at_once_come_back_at_once)
{
    struct world *w = small_world(5, 6);
    size_t before = deaths(w);
    struct endpoint had[5];
    for (size_t i = 0; i < 5; i++) {
        had[i] = w->nodes[i].endpoint;
        world_move(w, i, none, 0);
    }
    world_run(w, 60000);
    for (size_t i = 0; i < 5; i++)
        world_move(w, i, had[i], 0);
    cr_expect_lt(world_until(w, world_is_whole, 20000), 5000);
    world_run(w, 10000);
    for (size_t i = 0; i < 5; i++)
        cr_expect(gossip_is_ready(w->nodes[i].gossip));
    cr_expect_eq(deaths(w), before);
    world_free(w);
}

/* ---- what others see ---- */

static bool sees(const struct world *w, size_t i, struct endpoint want)
{
    struct endpoint seen = gossip_observed(w->nodes[i].gossip);
    return endpoint_equal(&seen, &want);
}

Test(address, what_two_members_see_is_believed_and_what_one_sees_is_not)
{
    struct world *w = small_world(4, 7);
    for (size_t i = 0; i < 4; i++)
        cr_expect(sees(w, i, none));
    w->nodes[3].nat = other(33);
    world_run(w, 4000);
    cr_expect(sees(w, 3, other(33)));
    cr_expect(sees(w, 0, none));
    w->nodes[3].nat = none;
    world_run(w, 4000);
    cr_expect(sees(w, 3, none), "it is over as soon as two say so");
    world_free(w);
}

Test(address, one_member_alone_convinces_nobody)
{
    struct world *w = small_world(2, 8);
    w->nodes[1].nat = other(34);
    world_run(w, 60000);
    cr_expect(sees(w, 1, none));
    world_free(w);
}

Test(address, what_was_seen_of_the_old_one_is_forgotten_with_it)
{
    struct world *w = small_world(4, 9);
    w->nodes[3].nat = other(33);
    world_run(w, 4000);
    cr_expect(sees(w, 3, other(33)));
    w->nodes[3].nat = none;
    world_move(w, 3, other(5), 0);
    cr_expect(sees(w, 3, none));
    world_free(w);
}

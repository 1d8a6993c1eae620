/* Fresh entries in a cluster too large for telling everyone: they arrive, at a bounded cost, and
 * their writer hears so. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"

enum { NODES = 60 };

static struct world *many(uint64_t seed)
{
    struct world *w = world_new(NODES, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 30000), UINT64_MAX);
    return w;
}

static bool first_knows_of_all(struct world *w)
{
    return gossip_known_by(w->nodes[0].gossip, w->nodes[0].gossip->number) == w->n;
}

static bool all_have_it(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->nodes[i].is_up && !world_read(w, i, "var/x"))
            return false;
    }
    return true;
}

Test(tree, a_record_is_known_by_all_and_its_writer_told_so_within_a_second)
{
    struct world *w = many(1);
    cr_assert_eq(world_write(w, 0, "var/x", "1", NULL), 0);
    cr_assert_lt(world_until(w, all_have_it, 5000), 300);
    cr_assert_lt(world_until(w, first_knows_of_all, 5000), 1000);
    world_free(w);
}

Test(tree, redundant_links_become_lazy)
{
    struct world *w = many(2);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(world_write(w, (size_t)i % NODES, "var/y", "1", NULL), 0);
        world_run(w, 200);
    }
    size_t n_links = 0, n_eager = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct tree *t = &w->nodes[i].gossip->push.tree;
        for (size_t k = 0; k < t->n_links; k++)
            n_eager += t->links[k].is_eager;
        n_links += t->n_links;
    }
    /* A tree has two ends of each of its n - 1 links. */
    cr_assert_geq(n_eager, NODES - 1);
    cr_assert_lt(n_eager, 3 * NODES, "%zu of %zu links are eager", n_eager, n_links);
    world_free(w);
}

Test(tree, every_write_arrives_in_spite_of_loss_and_of_who_dies)
{
    struct world *w = many(3);
    w->loss = 0.15;
    for (int round = 0; round < 5; round++) {
        char value[16];
        world_kill(w, (size_t)(10 + 7 * round)); /* maybe a branch of the tree */
        (void)snprintf(value, sizeof(value), "%d", round);
        cr_assert_eq(world_write(w, 0, "var/x", value, NULL), 0);
        world_run(w, 500);
    }
    cr_assert_eq(world_write(w, 1, "var/z", "last", NULL), 0);
    cr_assert_neq(world_until(w, world_is_equal, 6000), UINT64_MAX);
    world_free(w);
}

Test(tree, a_majority_is_known_in_time_though_answers_are_lost)
{
    struct world *w = many(4);
    w->loss = 0.15;
    cr_assert_eq(world_write(w, 0, "var/x", "1", NULL), 0);
    world_run(w, 2000);
    cr_assert_gt(gossip_known_by(w->nodes[0].gossip, w->nodes[0].gossip->number), NODES / 2);
    world_free(w);
}

Test(tree, one_datagram_in_seven_may_be_lost_and_a_write_is_at_all_and_known_to_be_soon)
{
    struct world *w = many(5);
    w->loss = 0.15;
    for (int i = 0; i < 20; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "%d", i);
        cr_assert_eq(world_write(w, 0, "var/x", value, NULL), 0);
        uint64_t took_ms = world_until(w, world_is_equal, 5000);
        cr_expect_leq(took_ms, 1200, "write %d: at all after %u ms", i, (unsigned)took_ms);
        cr_assert_neq(world_until(w, first_knows_of_all, 2000), UINT64_MAX, "write %d", i);
    }
    world_free(w);
}

static size_t n_eager_to(const struct world *w, size_t to)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct tree *t = &w->nodes[i].gossip->push.tree;
        for (size_t k = 0; k < t->n_links; k++)
            n += t->links[k].is_eager && node_id_equal(t->links[k].peer, w->nodes[to].id);
    }
    return n;
}

Test(tree, a_push_is_told_again_until_it_is_answered_and_an_answer_that_was_lost_prunes_nothing)
{
    struct world *w = many(6);
    world_run(w, 5000);
    w->lost_kind = MESSAGE_SEEN;
    cr_assert_eq(world_write(w, 0, "var/x", "1", NULL), 0);
    cr_assert_lt(world_until(w, all_have_it, 1000), 300);
    size_t n_waiting = 0;
    for (size_t i = 0; i < w->n; i++)
        n_waiting += w->nodes[i].gossip->push.tree.unanswered.n;
    cr_expect_gt(n_waiting, 0);
    world_run(w, 2000);
    w->lost_kind = -1;
    for (size_t i = 0; i < w->n; i++) {
        cr_expect_eq(w->nodes[i].gossip->push.tree.unanswered.n, 0, "it ends");
        cr_expect_gt(n_eager_to(w, i), 0, "n%zu is still told", i + 1);
    }
    world_free(w);
}

Test(tree, who_refutes_a_suspicion_still_knows_what_it_knew)
{
    struct world *w = many(7);
    uint64_t number;
    cr_assert_eq(world_write(w, 0, "var/x", "1", &number), 0);
    world_run(w, 2000);
    cr_assert_eq(gossip_known_by(w->nodes[0].gossip, number), NODES);
    for (size_t i = 0; i < w->n; i++)
        w->is_blocked[5][i] = w->is_blocked[i][5] = i != 0; /* the writer alone hears it */
    for (int i = 0; i < 60; i++) {
        world_run(w, 100);
        cr_assert_eq(gossip_known_by(w->nodes[0].gossip, number), NODES, "after %d ms", 100 * i);
    }
    cr_assert_gt(members_find(gossip_members(w->nodes[0].gossip), w->nodes[5].id)->incarnation, 1);
    world_free(w);
}

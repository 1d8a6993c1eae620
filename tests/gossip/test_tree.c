/* Fresh entries in a cluster too large for telling everyone: they arrive, at a bounded cost, and
 * their writer hears so. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gossip/machine.h"
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

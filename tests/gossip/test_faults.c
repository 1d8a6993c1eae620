/* Random faults, then peace: whatever happened, the members must be whole again in time and
 * their tables equal.  Every run is named by its seed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/gossip/world.h"

enum { NODES_MAX = 8, STEPS = 80, STEP_MS = 700, HEAL_MS = 20000 };

struct run {
    struct world *w;
    struct rng rng;
    int written[NODES_MAX]; /* the newest row of each node; 0: none, or lost with its store */
};

static void row_key(const struct run *r, size_t i, char out[static KEY_LEN_MAX])
{
    char id[NODE_ID_TEXT];
    (void)snprintf(out, KEY_LEN_MAX, "claim/%s/default/web/0", node_id_text(r->w->nodes[i].id, id));
}

static void restart(struct run *r, size_t i)
{
    world_start(r->w, i, (size_t[]){0, 1, 2}, 3);
}

static void write_something(struct run *r, size_t i, int step)
{
    char key[KEY_LEN_MAX], value[32];
    (void)snprintf(value, sizeof(value), "%d", step);
    if (rng_chance(&r->rng, 0.5)) {
        row_key(r, i, key);
        r->written[i] = step;
    } else {
        (void)snprintf(key, sizeof(key), "var/%u", (unsigned)rng_below(&r->rng, 10));
    }
    cr_assert_eq(world_write(r->w, i, key, value, NULL), 0);
}

static void disturb(struct run *r, int step)
{
    struct world *w = r->w;
    size_t i = (size_t)rng_below(&r->rng, w->n);
    switch (rng_below(&r->rng, 10)) {
    case 0:
        if (w->nodes[i].is_up && rng_chance(&r->rng, 0.5))
            world_cut(w, i);
        else if (w->nodes[i].is_up)
            world_kill(w, i);
        break;
    case 1:
        if (!w->nodes[i].is_up && rng_chance(&r->rng, 0.3)) {
            world_wipe(w, i);
            r->written[i] = 0;
        }
        break;
    case 2:
    case 3:
        if (!w->nodes[i].is_up)
            restart(r, i);
        break;
    case 4:
        world_part(w, (size_t)rng_below(&r->rng, w->n), rng_chance(&r->rng, 0.6));
        break;
    case 5:
        w->loss = rng_chance(&r->rng, 0.5) ? 0 : rng_unit(&r->rng) * 0.5;
        w->are_streams_blocked = rng_chance(&r->rng, 0.2);
        break;
    default:
        if (w->nodes[i].is_up)
            write_something(r, i, step);
        break;
    }
}

static void run_seed(uint64_t seed)
{
    struct run r = {0};
    rng_init(&r.rng, seed);
    r.w = world_new(3 + (size_t)rng_below(&r.rng, NODES_MAX - 2), seed, &gossip_profile_lan);
    r.w->delay_max_ms = 1 + (size_t)rng_below(&r.rng, 80);
    for (size_t i = 0; i < r.w->n; i++)
        r.w->nodes[i].keeps_undo = true;
    world_start_all(r.w);
    for (int step = 1; step <= STEPS; step++) {
        disturb(&r, step);
        world_run(r.w, rng_below(&r.rng, STEP_MS));
    }
    world_part(r.w, 0, false);
    r.w->loss = 0;
    r.w->are_streams_blocked = false;
    for (size_t i = 0; i < r.w->n; i++) {
        if (!r.w->nodes[i].is_up)
            restart(&r, i);
    }
    uint64_t took_ms = world_until(r.w, world_is_whole, HEAL_MS);
    cr_assert_neq(took_ms, UINT64_MAX, "seed %u is not whole again", (unsigned)seed);
    for (size_t i = 0; i < r.w->n; i++) {
        char key[KEY_LEN_MAX];
        row_key(&r, i, key);
        const char *value = world_read(r.w, (i + 1) % r.w->n, key);
        if (r.written[i])
            cr_assert(value && atoi(value) == r.written[i], "seed %u: n%zu", (unsigned)seed, i + 1);
    }
    world_free(r.w);
}

Test(faults, a_world_that_was_hurt_is_whole_again_in_peace)
{
    for (uint64_t seed = 1; seed <= 100; seed++)
        run_seed(seed);
}

Test(faults, a_node_that_was_forgotten_while_cut_off_is_whole_again_after_the_heal)
{
    struct world *w = world_new(3, 7, &gossip_profile_local);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 60000), UINT64_MAX);
    char id[NODE_ID_TEXT], key[64];
    (void)snprintf(key, sizeof(key), "claim/%s/a/b/0", node_id_text(w->nodes[2].id, id));
    cr_assert_eq(world_write(w, 2, key, "one", NULL), 0);
    world_run(w, 2000);
    world_part(w, 2, true);
    world_run(w, 20000);
    struct world_node *n = &w->nodes[0];
    cr_assert_eq(gossip_forget(n->gossip, w->now_ms, w->nodes[2].id, &n->fx), 0);
    world_perform(w, 0);
    world_run(w, 5000);
    cr_assert_null(world_read(w, 0, key));
    world_part(w, 2, false);
    cr_assert_neq(world_until(w, world_is_whole, 120000), UINT64_MAX);
    cr_assert_eq(world_write(w, 2, key, "two", NULL), 0);
    world_run(w, 20000);
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(world_read(w, i, key) ? world_read(w, i, key) : "", "two", "node %d", i);
    cr_assert(world_is_equal(w));
    world_free(w);
}

static bool writes_are_there(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->nodes[i].is_up && !world_read(w, i, "var/acknowledged"))
            return false;
    }
    return true;
}

/* Whatever part of the unsynced batches is on the disk of everybody at once. */
Test(faults, a_power_cut_of_all_loses_nothing_that_was_acknowledged)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_new(4, seed, &gossip_profile_lan);
        struct rng rng;
        uint64_t number;
        rng_init(&rng, seed);
        for (size_t i = 0; i < w->n; i++)
            w->nodes[i].keeps_undo = true;
        world_start_all(w);
        cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
        for (int k = 0; k < 20; k++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "var/%d", k % 7);
            cr_assert_eq(world_write(w, (size_t)rng_below(&rng, w->n), key, "x", NULL), 0);
            world_run(w, rng_below(&rng, 20));
        }
        cr_assert_eq(world_write(w, 2, "var/acknowledged", "yes", &number), 0);
        world_run(w, rng_below(&rng, 30));
        for (size_t i = 0; i < w->n; i++)
            world_cut(w, i);
        for (size_t i = 0; i < w->n; i++)
            world_start(w, i, (size_t[]){0, 1}, 2);
        cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX, "seed %u", (unsigned)seed);
        cr_assert(writes_are_there(w), "seed %u", (unsigned)seed);
        world_free(w);
    }
}

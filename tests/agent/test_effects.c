/* The list of effects: values in order, gone when cleared, and a loss that is counted. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "agent/effects.h"

Test(effects, keep_their_order_and_what_they_point_to)
{
    enum { N = 1000 };
    struct node_effects fx;
    node_effects_init(&fx);
    for (unsigned i = 0; i < N; i++) {
        struct node_effect *effect = node_effects_add(&fx, NODE_SIGNAL);
        cr_assert_null(effect->key);
        effect->key = arena_printf(node_effects_arena(&fx), "task-%u", i);
        effect->signal = (int)i;
    }
    cr_assert_eq(fx.n, N);
    for (unsigned i = 0; i < N; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "task-%u", i);
        cr_assert_eq(fx.list[i].kind, NODE_SIGNAL);
        cr_assert_eq(fx.list[i].signal, (int)i);
        cr_assert_str_eq(fx.list[i].key, key);
    }
    node_effects_fini(&fx);
}

Test(effects, start_anew_after_they_are_cleared)
{
    struct node_effects fx;
    node_effects_init(&fx);
    node_effects_add(&fx, NODE_EXIT)->token = 7;
    fx.n_routed = 1;
    node_effects_clear(&fx);
    cr_assert_eq(fx.n, 0);
    cr_assert_eq(fx.n_routed, 0);
    cr_assert_eq(fx.gossip.n, 0);
    cr_assert_eq(node_effects_add(&fx, NODE_DONE)->token, 0);
    cr_assert_eq(fx.n, 1);
    node_effects_fini(&fx);
}

Test(effects, are_lost_and_counted_when_there_is_no_memory)
{
    struct node_effects fx;
    node_effects_init(&fx);
    node_effects_arena(&fx)->limit = 8192;
    for (unsigned i = 0; i < 1000; i++)
        node_effects_add(&fx, NODE_DONE)->token = i;
    cr_assert_gt(fx.n, 0);
    cr_assert_lt(fx.n, 1000);
    cr_assert_eq(fx.n + fx.gossip.n_lost, 1000);
    for (size_t i = 0; i < fx.n; i++)
        cr_assert_eq(fx.list[i].token, i);
    node_effects_fini(&fx);
}

/* Under the sanitizers: what is kept is there until the effects go, and is freed then. */
Test(effects, keep_what_they_point_to)
{
    struct node_effects fx;
    struct arena arena;
    node_effects_init(&fx);
    for (unsigned i = 0; i < 3; i++) {
        arena_init(&arena, 0);
        node_effects_add(&fx, NODE_SIGNAL)->key = arena_printf(&arena, "task %u", i);
        cr_assert_eq(node_effects_keep(&fx, &arena), 0);
        cr_assert_null(arena.chunks);
    }
    cr_assert_str_eq(fx.list[0].key, "task 0");
    cr_assert_str_eq(fx.list[2].key, "task 2");
    node_effects_clear(&fx);
    arena_init(&arena, 0);
    (void)arena_alloc(&arena, 10);
    node_effects_arena(&fx)->limit = 1;
    cr_assert_lt(node_effects_keep(&fx, &arena), 0);
    cr_assert_not_null(arena.chunks, "then it is the caller's as before");
    arena_fini(&arena);
    node_effects_fini(&fx);
}

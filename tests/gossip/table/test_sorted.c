/* The ordered set, the hash index and the bodies under the table: each against a naive twin. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "gossip/table/bodies.h"
#include "gossip/table/handles.h"
#include "gossip/table/sorted.h"

static int compare(const void *ctx, uint32_t id, const void *probe)
{
    const uint32_t *values = ctx;
    uint32_t left = values[id], right = *(const uint32_t *)probe;
    return (left > right) - (left < right);
}

Test(sorted, it_keeps_order_through_insertions_and_removals)
{
    enum { N = 3000 };
    static uint32_t values[N];
    static bool is_in[N];
    struct sorted o;
    struct rng rng;
    rng_init(&rng, 5);
    sorted_init(&o, compare, values);
    for (uint32_t i = 0; i < N; i++)
        values[i] = i * 2;
    for (int i = 0; i < 60000; i++) {
        /* Fill up, thin out, fill up: leaves are split and joined. */
        bool is_filling = i / 12000 % 2 == 0;
        uint32_t k = (uint32_t)rng_below(&rng, N), odd = k * 2 + 1, id;
        if (is_in[k] && !(is_filling && rng_chance(&rng, 0.8)))
            sorted_remove(&o, &values[k]);
        else if (!is_in[k] && (is_filling || rng_chance(&rng, 0.2)))
            cr_assert_eq(sorted_insert(&o, &values[k], k), 0);
        else
            continue;
        is_in[k] = !is_in[k];
        sorted_remove(&o, &odd); /* was never there */
        struct sorted_at at = sorted_at_least(&o, &values[k]);
        bool is_found = sorted_next(&o, &at, &id);
        cr_assert_eq(is_found && id == k, is_in[k]);
        cr_assert(!is_found || values[id] >= values[k]);
    }
    struct sorted_at at = {0};
    size_t n = 0;
    for (uint32_t i = 0, id; i < N; i++) {
        if (!is_in[i])
            continue;
        cr_assert(sorted_next(&o, &at, &id));
        cr_assert_eq(id, i);
        n++;
    }
    cr_assert_eq(n, o.n);
    sorted_fini(&o);
}

Test(sorted, what_comes_in_order_fills_its_leaves)
{
    enum { N = 10 * SORTED_LEAF_MAX };
    static uint32_t values[N];
    struct sorted o;
    sorted_init(&o, compare, values);
    for (uint32_t i = 0; i < N; i++) {
        values[i] = i;
        cr_assert_eq(sorted_insert(&o, &values[i], i), 0);
    }
    cr_assert_eq(o.n_leaves, 10);
    for (uint32_t i = 0; i < N; i++)
        sorted_remove(&o, &values[i]);
    cr_assert_eq(o.n + o.n_leaves, 0);
    sorted_fini(&o);
}

static uint32_t tag(const void *ctx, uint32_t id)
{
    return ((const uint32_t *)ctx)[id];
}

static bool match(const void *ctx, uint32_t id, const void *probe)
{
    (void)ctx;
    return id == *(const uint32_t *)probe;
}

Test(handles, all_are_found_and_walked_by_the_front_of_their_tags)
{
    enum { N = 1000, BITS = 7 };
    static uint32_t tags[N];
    static bool is_in[N];
    struct handles h;
    struct rng rng;
    rng_init(&rng, 3);
    handles_init(&h, tag, match, tags);
    /* Many of one tag, some around the end of all tags. */
    for (uint32_t i = 0; i < N; i++)
        tags[i] = i % 5 == 0 ? UINT32_MAX - i % 3 : i % 7 == 0 ? 77 : (uint32_t)rng_next(&rng);
    for (int i = 0; i < 30000; i++) {
        uint32_t k = (uint32_t)rng_below(&rng, N);
        cr_assert_eq(handles_find(&h, tags[k], &k), is_in[k] ? k : HANDLE_NONE);
        if (is_in[k])
            handles_remove(&h, k);
        else
            cr_assert_eq(handles_add(&h, k), 0);
        is_in[k] = !is_in[k];
        if (i % 1000 != 0)
            continue;
        size_t n = 0;
        for (uint32_t part = 0; part < 1u << BITS; part++) {
            uint32_t first = part << (32 - BITS), id;
            for (size_t at = handles_first(&h, first);
                 (id = handles_walk(&h, first, BITS, &at)) != HANDLE_NONE; n++)
                cr_assert(is_in[id] && tags[id] >> (32 - BITS) == part);
        }
        cr_assert_eq(n, h.n);
    }
    handles_fini(&h);
}

struct held {
    uint32_t body[400];
    size_t len[400];
};

static void moved(void *ctx, uint32_t owner, uint32_t to)
{
    ((struct held *)ctx)->body[owner] = to;
}

Test(bodies, bytes_survive_cleaning_and_holes_are_bounded)
{
    enum { N = 400 };
    static struct held h;
    struct bodies b;
    struct rng rng;
    rng_init(&rng, 8);
    bodies_init(&b);
    for (int i = 0; i < 60000; i++) {
        uint32_t k = (uint32_t)rng_below(&rng, N);
        if (h.len[k]) {
            const uint8_t *at = bodies_at(&b, h.body[k]);
            for (size_t at_byte = 0; at_byte < h.len[k]; at_byte++)
                cr_assert_eq(at[at_byte], (uint8_t)(k + h.len[k]));
            bodies_free(&b, h.body[k]);
            h.len[k] = 0;
        }
        if (!rng_chance(&rng, 0.1)) {
            h.len[k] = 1 + (size_t)rng_below(&rng, rng_chance(&rng, 0.01) ? 300000 : 200);
            h.body[k] = bodies_alloc(&b, k, h.len[k]);
            cr_assert_neq(h.body[k], BODY_NONE);
            memset(bodies_at(&b, h.body[k]), (int)(uint8_t)(k + h.len[k]), h.len[k]);
        }
        bodies_clean(&b, moved, &h);
        cr_assert_lt(b.held, 2 * b.live + (2u << 20));
    }
    for (uint32_t k = 0; k < N; k++)
        if (h.len[k])
            bodies_free(&b, h.body[k]);
    cr_assert_eq(b.live, 0);
    bodies_fini(&b);
}

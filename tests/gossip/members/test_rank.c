/* Marks on places, against an array that is looked through. */
#include "gossip/members/rank.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/rng.h"

enum { PLACES = 300 };

struct plain {
    bool marks[PLACES + 1];
    size_t n;
};

static void check(const struct ranks *r, const struct plain *p)
{
    size_t before = 0;
    cr_assert_eq(r->n, p->n);
    for (size_t i = 0; i < p->n; i++) {
        cr_assert_eq(ranks_before(r, i), before, "place %zu of %zu", i, p->n);
        if (p->marks[i])
            cr_assert_eq(ranks_find(r, before), i, "mark %zu", before);
        before += p->marks[i];
    }
    cr_assert_eq(ranks_before(r, p->n), before);
    cr_assert_eq(ranks_find(r, before), p->n, "no more than there are");
}

Test(rank, marks_are_counted_and_found_whatever_comes_and_goes)
{
    struct ranks r;
    struct plain p = {.n = 0};
    struct rng rng;
    rng_init(&rng, 5);
    ranks_init(&r);
    for (size_t round = 0; round < 4000; round++) {
        bool grows = p.n == 0 || (p.n < PLACES && rng_below(&rng, 2000) > round % 2000);
        size_t i = (size_t)rng_below(&rng, grows ? p.n + 1 : p.n);
        if (grows) {
            cr_assert_eq(ranks_reserve(&r, p.n + 1), 0);
            ranks_insert(&r, i);
            memmove(p.marks + i + 1, p.marks + i, p.n - i);
            p.marks[i] = false;
            p.n++;
        } else {
            ranks_remove(&r, i);
            memmove(p.marks + i, p.marks + i + 1, p.n - i - 1);
            p.n--;
        }
        if (p.n > 0) {
            i = (size_t)rng_below(&rng, p.n);
            p.marks[i] = rng_chance(&rng, 0.7);
            ranks_mark(&r, i, p.marks[i]);
        }
        if (round % 7 == 0)
            check(&r, &p);
    }
    ranks_fini(&r);
}

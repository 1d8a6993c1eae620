/* Who has a place, and who goes. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/rng.h"
#include "netsvc/crowd.h"

struct person {
    struct crowd_member place;
    size_t source; /* which of the world's */
    uint64_t active;
};

static struct crowd_source *source_of(struct crowd *c, size_t i)
{
    struct source_id id = {.kind = SOURCE_IPV4,
                           .at = {10, (uint8_t)(i >> 8), (uint8_t)i}};
    return crowd_source(c, id, 0);
}

/* Enter after whoever has to go went; returns that one, or NULL. */
static struct person *enter(struct crowd *c, size_t source, struct person *p)
{
    struct crowd_source *s = source_of(c, source);
    struct crowd_member *goes = crowd_who_goes(c, s);
    if (goes)
        crowd_leave(c, goes);
    cr_assert_null(crowd_who_goes(c, s), "one is enough");
    crowd_enter(c, s, &p->place);
    p->source = source;
    return (struct person *)goes; /* its first member */
}

Test(crowd, a_source_at_its_share_takes_from_itself)
{
    struct crowd c;
    struct person p[6] = {0};
    crowd_init(&c, 16, 1);
    for (size_t i = 0; i < 4; i++)
        cr_expect_null(enter(&c, 0, &p[i]));
    crowd_touch(&c, &p[0].place);
    crowd_set_busy(&c, &p[1].place, true);
    cr_expect_eq(enter(&c, 0, &p[4]), &p[2]); /* the longest idle one */
    cr_expect_null(enter(&c, 1, &p[5]));      /* of which nobody else hears */
    cr_expect_eq(c.n, 5);
    cr_expect_eq(enter(&c, 0, &p[2]), &p[3]);
    crowd_set_busy(&c, &p[0].place, true);
    crowd_set_busy(&c, &p[4].place, true);
    crowd_set_busy(&c, &p[2].place, true);
    cr_expect_eq(enter(&c, 0, &p[3]), &p[1]); /* with nobody idle: the longest request */
    crowd_set_busy(&c, &p[0].place, false);   /* which is idle since now */
    cr_expect_eq(enter(&c, 0, &p[1]), &p[3]);
    for (size_t i = 0; i < 6; i++)
        crowd_leave(&c, &p[i].place);
    cr_expect_eq(c.n, 0);
    crowd_fini(&c);
}

Test(crowd, when_it_is_full_the_largest_source_makes_room)
{
    struct crowd c;
    struct person p[20] = {0};
    crowd_init(&c, 12, 1);
    for (size_t i = 0; i < 12; i++) /* 3, 3, 2, 2, 1, 1 */
        cr_expect_null(
            enter(&c, (size_t[]){0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 0, 1}[i], &p[i]));
    struct person *goes = enter(&c, 6, &p[12]);
    cr_assert_not_null(goes);
    cr_expect(goes == &p[0] || goes == &p[1]);
    goes = enter(&c, 7, &p[13]);
    cr_expect(goes == &p[0] || goes == &p[1]);
    /* Now the largest have two each.  Those with requests under way are left alone. */
    for (size_t i = 0; i < 14; i++)
        if (p[i].place.source && p[i].source != 4)
            crowd_set_busy(&c, &p[i].place, true);
    cr_expect_eq(crowd_spare(&c), &p[4].place);
    cr_expect_eq(enter(&c, 8, &p[14]), &p[4]);
    crowd_set_busy(&c, &p[14].place, true);
    cr_expect_null(crowd_spare(&c));
    goes = enter(&c, 9, &p[15]); /* nobody is idle */
    cr_assert_not_null(goes);
    cr_expect(goes->source < 4);
    for (size_t i = 0; i < 20; i++)
        crowd_leave(&c, &p[i].place);
    crowd_fini(&c);
}

Test(crowd, sources_are_forgotten_when_they_owe_nothing)
{
    struct crowd c;
    struct person p = {0};
    crowd_init(&c, 16, 1);
    (void)enter(&c, 0, &p);
    struct crowd_source *s = p.place.source;
    budget_spend(&s->budget, 0, 30000000);
    crowd_leave(&c, &p.place);
    crowd_sweep(&c, 1000000);
    cr_expect_eq(source_of(&c, 0), s); /* who comes back soon still owes it */
    cr_expect_neq(budget_wait_ns(&s->budget, 0), 0);
    cr_expect_eq(c.empty_oldest, s);
    crowd_sweep(&c, 2000000000);
    cr_expect_null(c.empty_oldest);
    for (size_t i = 0; i < 10000; i++) /* and those that only looked in do not pile up */
        (void)crowd_source(&c,
                           (struct source_id){.kind = SOURCE_IPV6,
                                              .at = {(uint8_t)(i >> 8), (uint8_t)i}},
                           0);
    size_t n = 0;
    for (const struct crowd_source *one = c.empty_oldest; one; one = one->right)
        n++;
    cr_expect_leq(n, 2, "%zu", n);
    crowd_fini(&c);
}

/* Against a model that looks at everybody: who goes is the longest idle of the right source. */
Test(crowd, what_goes_is_what_the_rule_says)
{
    enum { PEOPLE = 60, SOURCES = 9, LIMIT = 32 };
    struct rng rng;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct crowd c;
        struct person *p = calloc(PEOPLE, sizeof(*p));
        uint64_t clock = 0;
        rng_init(&rng, seed);
        crowd_init(&c, LIMIT, seed);
        for (size_t step = 0; step < 3000; step++) {
            struct person *one = &p[rng_below(&rng, PEOPLE)];
            uint64_t what = rng_below(&rng, 8);
            if (one->place.source) {
                if (what >= 4 && one->place.is_busy == (what == 4))
                    continue; /* no change */
                if (what == 0)
                    crowd_leave(&c, &one->place);
                else if (what < 4)
                    crowd_touch(&c, &one->place);
                else
                    crowd_set_busy(&c, &one->place, what == 4);
                one->active = ++clock;
                continue;
            }
            /* Few sources have most of the newcomers. */
            size_t source = rng_below(&rng, 1 + rng_below(&rng, SOURCES));
            size_t n[SOURCES] = {0}, idle[SOURCES] = {0}, total = 0;
            for (size_t i = 0; i < PEOPLE; i++)
                if (p[i].place.source) {
                    n[p[i].source]++;
                    idle[p[i].source] += !p[i].place.is_busy;
                    total++;
                }
            struct person *goes = enter(&c, source, one);
            one->active = ++clock;
            if (n[source] < LIMIT / 4 && total < LIMIT) {
                cr_expect_null(goes);
                continue;
            }
            cr_assert_not_null(goes);
            size_t any_idle = 0;
            for (size_t i = 0; i < SOURCES; i++)
                any_idle += idle[i];
            size_t from = goes->source;
            cr_expect(n[source] < LIMIT / 4 || from == source);
            for (size_t i = 0; i < SOURCES && n[source] < LIMIT / 4; i++)
                cr_expect(n[i] <= n[from] || (any_idle > 0 && idle[i] == 0));
            for (size_t i = 0; i < PEOPLE; i++) {
                if (&p[i] == goes || &p[i] == one || p[i].source != from ||
                    !p[i].place.source)
                    continue;
                if (idle[from] > 0 && p[i].place.is_busy)
                    continue;
                cr_expect_gt(p[i].active, goes->active, "seed %zu step %zu", (size_t)seed,
                             step);
            }
        }
        for (size_t i = 0; i < PEOPLE; i++)
            crowd_leave(&c, &p[i].place);
        crowd_fini(&c);
        free(p);
    }
}

/* Who is served next. */
#include <criterion/criterion.h>
#include <string.h>

#include "netsvc/turns.h"

enum { MS = 1000000 };

/* Take turns until nobody is ready; who it was, as indices of `t`. */
static const char *order(struct turns *q, const struct turn *t, uint64_t now_ns)
{
    static char out[64];
    size_t n = 0;
    uint64_t wait;
    struct budget *budget;
    for (struct turn *one; (one = turns_next(q, now_ns, &budget, &wait)) != NULL;)
        out[n++] = (char)('0' + (one - t));
    out[n] = '\0';
    return out;
}

Test(turns, sources_take_turns_however_many_connections_they_have)
{
    struct turns q = {0};
    struct turn_group a = {0}, b = {0}, c = {0};
    struct turn t[7] = {0};
    for (size_t i = 0; i < 4; i++)
        turns_add(&q, &a, &t[i]);
    turns_add(&q, &b, &t[4]);
    turns_add(&q, &c, &t[5]);
    turns_add(&q, &c, &t[6]);
    turns_add(&q, &c, &t[6]); /* once is enough */
    cr_expect_str_eq(order(&q, t, 0), "0451623");
    cr_expect(turns_is_empty(&q));
}

Test(turns, whoever_leaves_is_not_served)
{
    struct turns q = {0};
    struct turn_group a = {0}, b = {0};
    struct turn t[5] = {0};
    turns_drop(&q, &t[0]); /* was not there */
    for (size_t i = 0; i < 5; i++)
        turns_add(&q, i < 3 ? &a : &b, &t[i]);
    turns_drop(&q, &t[1]);
    turns_drop(&q, &t[3]);
    turns_drop(&q, &t[4]); /* the last of its source */
    cr_expect_null(b.first);
    cr_expect_str_eq(order(&q, t, 0), "02");
    turns_add(&q, &b, &t[4]);
    cr_expect_str_eq(order(&q, t, 0), "4");
    cr_expect(turns_is_empty(&q));
}

Test(turns, a_source_without_time_waits_and_holds_nobody_up)
{
    struct turns q = {0};
    struct budget mine = budget_full(0), theirs = budget_full(0);
    struct turn_group a = {.budget = &mine}, b = {.budget = &theirs}, c = {0};
    struct turn t[6] = {0};
    struct budget *budget;
    uint64_t wait;
    budget_spend(&mine, 0, 20 * MS);
    budget_spend(&theirs, 0, 21 * MS);
    for (size_t i = 0; i < 6; i++)
        turns_add(&q, i < 2 ? &a : i < 4 ? &b : &c, &t[i]);
    cr_expect_eq(turns_next(&q, 0, &budget, &wait), &t[4]);
    cr_expect_null(budget);
    cr_expect_eq(turns_next(&q, 0, &budget, &wait), &t[5]);
    cr_expect_null(turns_next(&q, 0, &budget, &wait));
    cr_expect_eq(wait, 20 * (uint64_t)MS);
    cr_expect_eq(q.n_waits, 2);
    turns_drop(&q, &t[0]); /* also from a source that waits */
    cr_expect_eq(turns_next(&q, 20 * (uint64_t)MS, &budget, &wait), &t[1]);
    cr_expect_eq(budget, &mine);
    cr_expect_null(turns_next(&q, 20 * (uint64_t)MS, &budget, &wait));
    cr_expect_eq(wait, 20 * (uint64_t)MS);
    turns_drop(&q, &t[2]);
    turns_drop(&q, &t[3]);
    cr_expect_null(turns_next(&q, 20 * (uint64_t)MS, &budget, &wait));
    cr_expect_eq(wait, UINT64_MAX);
    cr_expect(turns_is_empty(&q));
    cr_expect_eq(q.n_waits, 2); /* looking again is no further wait */
}

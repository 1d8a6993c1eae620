/* Whom to talk about, and how often; and the skip list below the table. */
#include <criterion/criterion.h>

#include "gossip/members/rumor.h"

struct taken {
    struct rumor *const *list[16];
    size_t n, room;
};

static bool take(void *ctx, struct rumor **slot)
{
    struct taken *t = ctx;
    if (t->n == t->room)
        return false;
    t->list[t->n++] = slot;
    return true;
}

Test(rumor, the_least_told_goes_first_and_the_newest_of_equals)
{
    struct rumor_queue q;
    struct rumor *r[3] = {0};
    struct taken t = {.room = 2};
    rumor_init(&q);
    for (size_t i = 0; i < 3; i++)
        rumor_put(&q, &r[i]);
    cr_assert_eq(rumor_take(&q, 3, take, &t), 2);
    cr_assert(t.list[0] == &r[2] && t.list[1] == &r[1]);
    t.n = 0;
    cr_assert_eq(rumor_take(&q, 3, take, &t), 2);
    cr_assert(t.list[0] == &r[0]);
    for (size_t i = 0; i < 3; i++)
        rumor_drop(&q, &r[i]);
}

Test(rumor, it_leaves_the_queue_after_its_limit_and_returns_when_renewed)
{
    struct rumor_queue q;
    struct rumor *r = NULL;
    rumor_init(&q);
    for (int round = 0; round < 2; round++) {
        rumor_put(&q, &r);
        for (unsigned i = 0; i < 4; i++) {
            struct taken t = {.room = 16};
            cr_assert_eq(q.n, 1);
            cr_assert_eq(rumor_take(&q, 4, take, &t), 1);
        }
        cr_assert_eq(q.n, 0);
        cr_assert_null(r);
    }
    rumor_put(&q, &r);
    rumor_drop(&q, &r);
    rumor_drop(&q, &r);
    cr_assert_eq(q.n, 0);
}

Test(rumor, the_limit_grows_with_the_digits_of_the_cluster)
{
    static const struct {
        size_t n;
        unsigned limit;
    } rows[] = {{1, 4}, {9, 4}, {10, 8}, {99, 8}, {100, 12}, {10000, 20}, {10000000, 31}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(rumor_limit(4, rows[i].n), rows[i].limit, "%zu members", rows[i].n);
}

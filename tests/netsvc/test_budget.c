/* Time that is spent, saved up and owed. */
#include <criterion/criterion.h>

#include "netsvc/budget.h"

enum { MS = 1000000 };

Test(budget, five_milliseconds_in_a_hundred_come_back)
{
    struct budget b = budget_full(0);
    cr_expect_eq(budget_wait_ns(&b, 0), 0);
    budget_spend(&b, 0, 15 * MS);
    cr_expect_eq(b.left_ns, 5 * MS);
    cr_expect_eq(budget_wait_ns(&b, 0), 0);
    (void)budget_wait_ns(&b, 100 * (uint64_t)MS);
    cr_expect_eq(b.left_ns, 10 * MS);
    cr_expect(!budget_is_full(&b, 199 * (uint64_t)MS));
    cr_expect(budget_is_full(&b, 300 * (uint64_t)MS));
    cr_expect(budget_is_full(&b, UINT64_MAX)); /* no more than a burst is saved up */
    cr_expect_eq(b.left_ns, BUDGET_BURST_NS);
}

Test(budget, who_ran_out_goes_on_with_a_millisecond_and_not_before)
{
    struct budget b = budget_full(0);
    budget_spend(&b, 0, 20 * MS);
    cr_expect_eq(budget_wait_ns(&b, 0), 20 * (uint64_t)MS);
    cr_expect_eq(budget_wait_ns(&b, 15 * (uint64_t)MS), 5 * (uint64_t)MS);
    cr_expect_eq(budget_wait_ns(&b, 20 * (uint64_t)MS), 0);
    cr_expect_eq(b.left_ns, MS);
    budget_spend(&b, 20 * (uint64_t)MS, MS / 2); /* and then until it is used up again */
    cr_expect_eq(budget_wait_ns(&b, 20 * (uint64_t)MS), 0);
    budget_spend(&b, 20 * (uint64_t)MS, MS / 2);
    cr_expect_neq(budget_wait_ns(&b, 20 * (uint64_t)MS), 0);
}

Test(budget, one_long_request_is_paid_off_in_two_seconds)
{
    struct budget b = budget_full(0);
    budget_spend(&b, 0, UINT64_MAX);
    uint64_t wait = budget_wait_ns(&b, 0);
    cr_expect_eq(wait, (BUDGET_DEBT_MAX_NS + (uint64_t)BUDGET_RESUME_NS) * BUDGET_SHARE);
    budget_spend(&b, 0, 1); /* and is not owed twice */
    cr_expect_eq(budget_wait_ns(&b, 0), wait);
    cr_expect_eq(budget_wait_ns(&b, wait), 0);
}

/* However it asks and spends, a source gets no more than its share and the first burst. */
Test(budget, no_pattern_gets_more_than_the_share)
{
    static const struct {
        uint64_t step, cost;
    } rows[] = {{1000, 100000}, {7, 3}, {50 * MS, 4 * MS}, {999999, 1}, {123457, 654321}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct budget b = budget_full(0);
        uint64_t spent = 0, now = 0;
        for (size_t n = 0; n < 100000; n++, now += rows[i].step) {
            if (budget_wait_ns(&b, now) > 0)
                continue;
            budget_spend(&b, now, rows[i].cost);
            spent += rows[i].cost;
        }
        uint64_t most = BUDGET_BURST_NS + now / BUDGET_SHARE + rows[i].cost;
        uint64_t asked = 100000 * rows[i].cost;
        cr_expect(spent <= most, "row %zu: %llu of %llu", i, (unsigned long long)spent,
                  (unsigned long long)most);
        if (asked > most) /* and no less, but for what is saved up when it goes on */
            cr_expect(spent + rows[i].cost + BUDGET_RESUME_NS + BUDGET_BURST_NS >= most,
                      "row %zu: %llu of %llu", i, (unsigned long long)spent,
                      (unsigned long long)most);
    }
}

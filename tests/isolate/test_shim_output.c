/* What copying a task's output may cost. */
#include "isolate/shim_output.h"

#include <criterion/criterion.h>

enum { MS = 1000 * 1000 };

Test(shim_output, a_budget_pauses_for_as_long_as_was_used_too_much)
{
    struct cpu_budget b = {.milli = 50};
    cpu_budget_look(&b, 1000ull * MS, 0);
    cr_expect_eq(b.left_ns, 5 * MS, "no more is saved than for 100 ms");
    cr_expect_eq(cpu_budget_pause_ms(&b), 0);
    cpu_budget_look(&b, 1000ull * MS, 15 * MS);
    cr_expect_eq(cpu_budget_pause_ms(&b), 201, "%d", cpu_budget_pause_ms(&b));
    cpu_budget_look(&b, 1202ull * MS, 15 * MS);
    cr_expect_eq(cpu_budget_pause_ms(&b), 0);
}

Test(shim_output, over_any_time_no_more_is_used_than_was_given)
{
    struct cpu_budget b = {.milli = 50};
    uint64_t now = 0, used = 0;
    while (now < 60000ull * MS) {
        used += 3 * MS; /* a copy is dear */
        now += 3 * MS;
        cpu_budget_look(&b, now, used);
        now += (uint64_t)cpu_budget_pause_ms(&b) * MS;
    }
    cr_expect(used <= now / 20 + 10 * MS, "%llu of %llu", (unsigned long long)used,
              (unsigned long long)now);
    cr_expect(used >= now / 25, "%llu of %llu", (unsigned long long)used,
              (unsigned long long)now);
}

Test(shim_output, without_a_cap_there_is_no_pause)
{
    struct cpu_budget b = {0};
    cpu_budget_look(&b, 1, 1000ull * MS);
    cr_expect_eq(cpu_budget_pause_ms(&b), 0);
}

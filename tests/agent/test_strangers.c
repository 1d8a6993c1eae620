/* What the log says of hosts with another secret. */
#include <criterion/criterion.h>

#include "agent/strangers.h"

Test(strangers, are_told_of_once_a_minute)
{
    struct strangers s = {0};
    unsigned n = 0;
    for (uint64_t now_ms = 5; now_ms <= 180005; now_ms += 250)
        n += strangers_hear(&s, now_ms, STRANGERS_PAUSE_MS);
    cr_expect_eq(n, 4);
    cr_expect(strangers_hear(&s, 500000, STRANGERS_PAUSE_MS), "the first after a silence is told of at once");
}

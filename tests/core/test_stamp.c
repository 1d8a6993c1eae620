/* The hybrid clock, and dates. */
#include <criterion/criterion.h>

#include "core/stamp.h"

Test(stamp, stamps_rise_even_when_the_wall_clock_does_not)
{
    struct hybrid_clock c = {0};
    stamp_t last = 0;
    static const uint64_t wall[] = {1000, 1000, 1001, 999, 501, 1002};
    for (size_t i = 0; i < 6; i++) {
        stamp_t next = hybrid_clock_next(&c, wall[i]);
        cr_assert_gt(next, last, "row %zu", i);
        last = next;
    }
    cr_assert_eq(stamp_unix_ms(last), 1002);
}

Test(stamp, a_wall_clock_that_was_wrong_and_is_set_right_is_followed_back)
{
    struct hybrid_clock c = {0};
    (void)hybrid_clock_next(&c, 9000);
    cr_assert_eq(hybrid_clock_next(&c, 8500), ((stamp_t)9000 << 16) + 1);
    cr_assert_eq(hybrid_clock_next(&c, 8499), (stamp_t)8499 << 16);
    cr_assert_eq(hybrid_clock_next(&c, 8499), ((stamp_t)8499 << 16) + 1);
}

Test(stamp, what_is_heard_comes_before_what_is_written_next)
{
    struct hybrid_clock c = {0};
    hybrid_clock_hear(&c, (stamp_t)1400 << 16 | 7, 1000);
    cr_assert_eq(hybrid_clock_next(&c, 1000), ((stamp_t)1400 << 16) + 8);
    hybrid_clock_hear(&c, (stamp_t)1 << 16, 1000);
    cr_assert_eq(hybrid_clock_next(&c, 1000), ((stamp_t)1400 << 16) + 9);
}

Test(stamp, a_clock_too_far_ahead_does_not_pull_ours)
{
    struct hybrid_clock c = {0};
    hybrid_clock_hear(&c, (stamp_t)1501 << 16, 1000);
    cr_assert_eq(hybrid_clock_next(&c, 1000), (stamp_t)1000 << 16);
    hybrid_clock_hear(&c, (stamp_t)1500 << 16, 1000);
    cr_assert_eq(stamp_unix_ms(hybrid_clock_next(&c, 1000)), 1500);
    hybrid_clock_hear(&c, UINT64_MAX, 1000);
    cr_assert_eq(stamp_unix_ms(hybrid_clock_next(&c, 1000)), 1500);
}

Test(stamp, known_dates_are_written_as_rfc_3339)
{
    static const struct {
        uint64_t unix_s;
        const char *text;
    } dates[] = {
        {0, "1970-01-01T00:00:00.007Z"},
        {951782400, "2000-02-29T00:00:00.007Z"},
        {951868799, "2000-02-29T23:59:59.007Z"},
        {951868800, "2000-03-01T00:00:00.007Z"},
        {1709164800, "2024-02-29T00:00:00.007Z"},
        {1735689599, "2024-12-31T23:59:59.007Z"},
        {1735689600, "2025-01-01T00:00:00.007Z"},
        {1795221946, "2026-11-21T00:45:46.007Z"},
        {4107542400, "2100-03-01T00:00:00.007Z"},
        {253402300799, "9999-12-31T23:59:59.007Z"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        cr_assert_str_eq(unix_ms_text(dates[i].unix_s * 1000 + 7, text), dates[i].text);
    cr_assert(unix_ms_text(UINT64_MAX, text), "no date is too far");
}

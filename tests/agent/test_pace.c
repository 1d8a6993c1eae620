/* The pause grows with the cost. */
#include "agent/pace.h"

#include <criterion/criterion.h>
#include <stddef.h>

Test(pace, what_takes_long_is_done_less_often_but_done)
{
    static const struct {
        uint64_t least_ms, cost_ms, n, pause_ms;
    } rows[] = {
        {20, 0, 1, 20},        {20, 1, 1, 20},
        {20, 2, 1, 20},        {20, 150, 1, 1500},
        {250, 40, 3, 1200},    {250, 40, 0, 250},
        {20, 10000, 1, 60000}, {20, UINT64_MAX, 2, 60000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(pace_ms(rows[i].least_ms, rows[i].cost_ms, rows[i].n),
                     rows[i].pause_ms, "row %zu", i);
}

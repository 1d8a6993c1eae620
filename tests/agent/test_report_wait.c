/* Until when something is refused: what waits for a port has no time, and hides none. */
#include <criterion/criterion.h>

#include "agent/report.h"

Test(report_wait, a_refusal_without_a_time_hides_no_other)
{
    static const struct {
        uint64_t until[3];
        uint32_t node;
        uint64_t wanted;
    } rows[] = {
        {{0, 5000, 7000}, VIEW_NONE, 5000},
        {{7000, 5000, 0}, VIEW_NONE, 5000},
        {{5000, 0, 7000}, VIEW_NONE, 5000},
        {{0, 0, 0}, VIEW_NONE, 0},
        {{0, 5000, 7000}, 0, 0},
        {{0, 5000, 7000}, 2, 7000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view_job job = {0};
        struct view_refuse list[3] = {0};
        const struct report r = {
            .view = {.jobs = &job, .refusals = list, .n_refusals = 3}};
        for (uint32_t k = 0; k < 3; k++) {
            list[k].node = k;
            list[k].doc.until_unix_ms = rows[i].until[k];
        }
        cr_expect_eq(report_refused_until(&r, 0, 0, rows[i].node), rows[i].wanted,
                     "row %zu", i);
    }
}

/* What was lost, by job. */
#include "isolate/log_lost.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static uint64_t bytes_of(const struct log_lost *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->jobs[i].name, name) == 0)
            return l->jobs[i].bytes;
    return UINT64_MAX;
}

Test(log_lost, instances_of_a_job_are_counted_together_and_in_order)
{
    struct log_lost l = {0};
    log_lost_add(&l, "default.web.0", 5);
    log_lost_add(&l, "shop.db.11", 0);
    log_lost_add(&l, "default.api.0", 1);
    log_lost_add(&l, "default.web.1", 7);
    log_lost_add(&l, "odd", 2);
    log_lost_add(&l, "odd.key", 2);
    cr_expect_eq(l.n, 3);
    cr_expect_str_eq(l.jobs[0].name, "default/api");
    cr_expect_str_eq(l.jobs[1].name, "default/web");
    cr_expect_str_eq(l.jobs[2].name, "shop/db");
    cr_expect_eq(l.jobs[1].bytes, 12);
    cr_expect_eq(l.jobs[2].bytes, 0);
    cr_expect_eq(l.other_bytes, 4);
    log_lost_fini(&l);
}

Test(log_lost, jobs_without_a_loss_make_room_and_no_loss_is_forgotten)
{
    struct log_lost l = {0};
    char key[64];
    for (int i = 0; i < 3 * LOG_LOST_JOBS_MAX; i++) {
        (void)snprintf(key, sizeof(key), "d.j%d.0", i);
        log_lost_add(&l, key, i % 2);
        cr_assert_leq(l.n, LOG_LOST_JOBS_MAX);
    }
    uint64_t sum = l.other_bytes;
    for (size_t i = 0; i < l.n; i++) {
        sum += l.jobs[i].bytes;
        cr_assert(i == 0 || strcmp(l.jobs[i - 1].name, l.jobs[i].name) < 0);
    }
    cr_expect_eq(sum, 3 * LOG_LOST_JOBS_MAX / 2);
    cr_expect_eq(bytes_of(&l, "d/j1"), 1);
    cr_expect_gt(l.other_bytes, 0);
    log_lost_fini(&l);
}

Test(log_lost, what_a_run_says_again_and_again_counts_once)
{
    struct log_lost_seen seen = {0};
    cr_expect_eq(log_lost_news(&seen, 1000, 10), 10);
    cr_expect_eq(log_lost_news(&seen, 1000, 10), 0);
    cr_expect_eq(log_lost_news(&seen, 1000, 4), 0, "an older look");
    cr_expect_eq(log_lost_news(&seen, 1000, 12), 2);
    cr_expect_eq(log_lost_news(&seen, 2000, 12), 12, "the next run");
}

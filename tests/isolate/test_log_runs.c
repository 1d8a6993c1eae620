/* When a task was started, as which version. */
#include "isolate/log_runs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "isolate/files.h"

Test(log_runs, what_is_no_run_is_passed_over_and_the_last_stay)
{
    static const char text[] = "1000 1 5\nx\n2000 2\n3000 2 7 8\n\n4000 3 7\n5000 4 7";
    struct log_run runs[8];
    size_t n = log_runs_parse(bytes_of_text(text), runs, 8);
    cr_assert_eq(n, 3, "%zu", n);
    cr_assert(runs[0].at_unix_ms == 1000 && runs[0].version == 1 && runs[0].keep_s == 5);
    cr_assert(runs[1].at_unix_ms == 4000 && runs[2].version == 4);
    cr_assert_eq(log_runs_parse(bytes_of_text(text), runs, 2), 2);
    cr_assert(runs[0].at_unix_ms == 4000 && runs[1].at_unix_ms == 5000);
    cr_assert_eq(log_runs_parse(bytes_of_text(text), runs, 0), 0);
}

Test(log_runs, a_line_belongs_to_the_last_run_before_it)
{
    static const struct log_run runs[] = {{1000, 1, 0}, {2000, 2, 0}};
    cr_assert_null(log_runs_at(runs, 2, 999));
    cr_assert_eq(log_runs_at(runs, 2, 1000)->version, 1);
    cr_assert_eq(log_runs_at(runs, 2, 1999)->version, 1);
    cr_assert_eq(log_runs_at(runs, 2, 9999)->version, 2);
    cr_assert_null(log_runs_at(runs, 0, 9999));
}

Test(log_runs, a_task_that_is_started_for_ever_leaves_a_bounded_file)
{
    char dir[] = "/tmp/stratos-runs-XXXXXX";
    struct log_run runs[LOG_RUNS_MAX];
    cr_assert(mkdtemp(dir));
    for (uint32_t i = 1; i <= 3000; i++)
        cr_assert(log_runs_add(dir, &(struct log_run){1700000000000 + i, i, 604800}) ==
                  0);
    size_t n = log_runs_load(dir, runs);
    cr_assert(n >= LOG_RUNS_MAX / 2 && n <= LOG_RUNS_MAX, "%zu", n);
    cr_assert_eq(runs[n - 1].version, 3000);
    cr_assert_eq(runs[0].version, 3000 - n + 1);
    (void)dir_empty(dir);
    (void)rmdir(dir);
}

/* A task's resource limits: all of them, as a table, and in a process that has others. */
#include "isolate/rlimits.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(rlimits, each_that_the_kernel_has_is_set_for_every_user)
{
    static const struct {
        int number;
        uint32_t pids;
        uid_t uid;
        rlim_t soft, hard;
    } rows[] = {
        {RLIMIT_NOFILE, 256, 0, 65536, 65536},
        {RLIMIT_CORE, 256, 0, 0, 0},
        {RLIMIT_NPROC, 256, 0, 256, 256},
        {RLIMIT_SIGPENDING, 256, 0, 256, 256},
        /* counted over all that the user runs on the host */
        {RLIMIT_NPROC, 256, 33, 65536, 65536},
        {RLIMIT_SIGPENDING, 256, 33, 65536, 65536},
        {RLIMIT_NPROC, 100000, 33, 100000, 100000},
        {RLIMIT_NPROC, 0, 33, RLIM_INFINITY, RLIM_INFINITY},
        {RLIMIT_MEMLOCK, 256, 33, 8 << 20, 8 << 20},
        {RLIMIT_MSGQUEUE, 256, 33, 819200, 819200},
        {RLIMIT_STACK, 256, 33, 8 << 20, RLIM_INFINITY},
        {RLIMIT_DATA, 256, 33, RLIM_INFINITY, RLIM_INFINITY},
        {RLIMIT_AS, 256, 33, RLIM_INFINITY, RLIM_INFINITY},
        {RLIMIT_FSIZE, 256, 33, RLIM_INFINITY, RLIM_INFINITY},
        {RLIMIT_CPU, 256, 33, RLIM_INFINITY, RLIM_INFINITY},
        {RLIMIT_NICE, 256, 0, 0, 0},
        {RLIMIT_RTPRIO, 256, 0, 0, 0},
    };
    const struct rlimits none = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rlimit_row plan[RLIMIT_ROWS];
        rlimits_plan(&none, rows[i].pids, rows[i].uid, plan);
        const struct rlimit_row *row = &plan[rows[i].number];
        cr_expect(row->number == rows[i].number && !row->is_asked &&
                      row->value.rlim_cur == rows[i].soft &&
                      row->value.rlim_max == rows[i].hard,
                  "row %zu: %llu %llu", i, (unsigned long long)row->value.rlim_cur,
                  (unsigned long long)row->value.rlim_max);
    }
}

Test(rlimits, what_a_job_asks_for_is_soft_and_hard)
{
    for (unsigned kind = 0; kind < RLIMITS_KINDS; kind++) {
        struct rlimit_row plan[RLIMIT_ROWS];
        struct rlimits asked = {.set = 1u << kind};
        for (int i = 0; i < 2; i++) {
            asked.at[kind] = i ? RLIMITS_UNLIMITED : 4711;
            rlimits_plan(&asked, 256, 33, plan);
            const struct rlimit_row *row = &plan[rlimit_names[kind].number];
            cr_expect(row->is_asked && row->value.rlim_cur == row->value.rlim_max &&
                          row->value.rlim_max == (i ? RLIM_INFINITY : 4711),
                      "%s", rlimit_names[kind].text);
        }
        cr_expect(kind == 0 ||
                  strcmp(rlimit_names[kind - 1].text, rlimit_names[kind].text) < 0);
    }
}

/* In a process that may raise nothing: 0 = as wanted. */
static int powerless(const struct rlimits *asked, const char *wanted)
{
    struct rlimit_row plan[RLIMIT_ROWS];
    struct rlimit few = {100, 200}, now;
    struct err err = {0};
    if (setrlimit(RLIMIT_NOFILE, &few) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 1;
    rlimits_plan(asked, 256, 65534, plan);
    int code = rlimits_apply(plan, &err);
    if (wanted)
        return code == -EPERM && strstr(err.text, wanted) ? 0 : 2;
    if (code || getrlimit(RLIMIT_NOFILE, &now) < 0)
        return 3;
    return now.rlim_cur == 200 && now.rlim_max == 200 ? 0 : 4;
}

Test(rlimits, without_the_power_the_usual_is_lowered_and_what_was_asked_for_refused)
{
    static const struct {
        struct rlimits asked;
        const char *wanted;
    } rows[] = {
        {{0}, NULL},
        {{.set = 1u << RLIMITS_NOFILE, .at[RLIMITS_NOFILE] = 300},
         "rlimits.nofile to 300"},
        {{.set = 1u << RLIMITS_NOFILE, .at[RLIMITS_NOFILE] = 200}, NULL},
    };
    if (geteuid() != 0)
        cr_skip_test("needs root");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0)
            _exit(powerless(&rows[i].asked, rows[i].wanted));
        cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "row %zu: %x", i,
                  (unsigned)status);
    }
}

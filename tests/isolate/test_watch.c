/* Who gets a watched task's signals. */
#include "isolate/uv_watch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned n_started, n_ended;
static pid_t left_behind;

static void on_started(void *ctx, uint32_t pid)
{
    (void)ctx;
    (void)pid;
    n_started++;
}

static void on_left(void *ctx, pid_t shim_pid)
{
    (void)ctx;
    left_behind = shim_pid;
}

static void on_ended(void *ctx, enum watch_end end, const char *why)
{
    (void)ctx;
    (void)why;
    n_ended += end == WATCH_RAN;
}

static const struct uv_watch_events events = {
    .started = on_started, .left = on_left, .ended = on_ended};

static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(20);
        for (;;)
            (void)pause();
    }
    cr_assert(pid > 0);
    return pid;
}

/* Adopts `init` as the child of `shim`, ends it with SIGTERM, tells whether it did. */
static bool is_signalled(pid_t shim, pid_t watched_parent, pid_t init)
{
    uv_loop_t loop;
    struct uv_watch *w = NULL;
    cr_assert(uv_loop_init(&loop) == 0);
    int shim_fd = (int)syscall(SYS_pidfd_open, shim, 0);
    cr_assert(shim_fd >= 0);
    cr_assert(uv_watch_adopt(&loop, shim_fd, watched_parent, init, &events, NULL, &w) ==
              0);
    uv_watch_signal(w, SIGTERM);
    (void)usleep(100 * 1000);
    pid_t ended = waitpid(init, NULL, WNOHANG);
    uv_watch_close(w);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(uv_loop_close(&loop) == 0);
    return ended == init;
}

Test(watch, a_stranger_with_the_pid_of_an_ended_task_gets_no_signal)
{
    pid_t shim = sleeper(), other = sleeper();
    cr_assert_not(is_signalled(shim, shim, other), "its parent is not the shim");
    cr_assert(is_signalled(shim, getpid(), other), "its parent is who was watched");
    cr_assert(kill(shim, SIGKILL) == 0 && waitpid(shim, NULL, 0) == shim);
}

/* A shim that says `words`, and then tidies up for a long while. */
static pid_t shim_that_says(const char *words, int *ret_report)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    cr_assert(write(ends[1], words, strlen(words)) == (ssize_t)strlen(words));
    pid_t pid = sleeper(); /* it has the writing end, too */
    (void)close(ends[1]);
    *ret_report = ends[0];
    return pid;
}

Test(watch, a_task_has_ended_when_its_shim_says_so_and_not_when_that_is_gone)
{
    static const struct {
        const char *words;
        unsigned n_ended;
    } rows[] = {
        {"started 10 11 12\nended\n", 1}, /* both at once: a short task */
        {"started 10 11 12\n", 0},        /* one of an earlier release never says it */
    };
    for (size_t i = 0; i < 2; i++) {
        uv_loop_t loop;
        struct uv_watch *w = NULL;
        int report;
        n_started = n_ended = 0;
        left_behind = 0;
        cr_assert(uv_loop_init(&loop) == 0);
        pid_t shim = shim_that_says(rows[i].words, &report);
        int shim_fd = (int)syscall(SYS_pidfd_open, shim, 0);
        cr_assert(uv_watch_open(&loop, shim, shim_fd, report, &events, NULL, &w) == 0);
        for (int turns = 0; turns < 5; turns++) {
            (void)uv_run(&loop, UV_RUN_NOWAIT);
            (void)usleep(10000);
        }
        cr_assert(n_started == 1 && n_ended == rows[i].n_ended, "row %zu", i);
        cr_assert(left_behind == (rows[i].n_ended ? shim : 0), "row %zu", i);
        cr_assert(kill(shim, SIGKILL) == 0);
        if (rows[i].n_ended == 0)
            (void)uv_run(&loop, UV_RUN_DEFAULT); /* then its end is the task's */
        cr_assert(n_ended == 1, "row %zu", i);
        (void)waitpid(shim, NULL, 0);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        cr_assert(uv_loop_close(&loop) == 0);
    }
}

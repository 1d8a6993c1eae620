/* Who gets a watched task's signals. */
#include "isolate/uv_watch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_started(void *ctx, uint32_t pid)
{
    (void)ctx;
    (void)pid;
}

static void on_ended(void *ctx, bool was_started, const char *why)
{
    (void)ctx;
    (void)was_started;
    (void)why;
}

static const struct uv_watch_events events = {.started = on_started, .ended = on_ended};

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
    cr_assert(uv_watch_adopt(&loop, shim_fd, watched_parent, init, &events, NULL, &w) == 0);
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

/* See uv_watch.h.  The usual path: the report says "started PID INIT ...", later "ended"; of a shim that an
 * earlier agent started only the pidfd becomes readable.  What can fail: the report says "failed WHY" or
 * nothing; then the end tells why.  Freed when the last handle has closed. */
#include "isolate/uv_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/hidden.h"
#include "isolate/shim.h"
#include "isolate/token_file.h"

struct uv_watch {
    uv_poll_t shim_poll, report_poll;
    struct uv_watch_events events;
    void *ctx;
    int shim_fd, init_fd, report_fd; /* pidfds; the report's reading end; -1 = none */
    pid_t shim_pid;                  /* 0: not our child */
    pid_t init_pid;                  /* of init_fd */
    bool is_started, is_closed, is_report_over;
    char report[SHIM_REPORT_MAX + 1];
    size_t report_len;
    unsigned n_handles;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct uv_watch *w = handle->data;
    if (--w->n_handles == 0)
        free(w);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_report(struct uv_watch *w)
{
    if (w->report_fd < 0)
        return;
    uv_close((uv_handle_t *)&w->report_poll, on_handle_closed);
    close_fd(&w->report_fd);
}

void uv_watch_close(struct uv_watch *w)
{
    w->is_closed = true;
    close_report(w);
    uv_close((uv_handle_t *)&w->shim_poll, on_handle_closed);
    close_fd(&w->shim_fd);
    close_fd(&w->init_fd);
}

/* True when the report is complete: its line is there, or the writer is gone. */
static bool read_report(struct uv_watch *w)
{
    ssize_t len = -1;
    while (w->report_fd >= 0 && w->report_len < SHIM_REPORT_MAX) {
        len = read(w->report_fd, w->report + w->report_len,
                   SHIM_REPORT_MAX - w->report_len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            break;
        w->report_len += (size_t)len;
    }
    w->report[w->report_len] = '\0';
    w->is_report_over = len == 0;
    return len == 0 || strchr(w->report, '\n');
}

/* The parent of `pid`, 0 when there is none to be known.  /proc/PID/stat: the name in its
 * parentheses may hold anything. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512], state;
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (!end || sscanf(end + 1, " %c %d", &state, &parent) != 2)
        parent = 0;
    (void)fclose(file);
    return parent;
}

/* A pidfd of the shim's child, or -1.  It may have ended and been reaped since its PID was
 * written down: a stranger who has that PID now must not get its signals. */
static int open_init(pid_t init_pid, pid_t shim_pid)
{
    int fd = init_pid > 0 ? (int)syscall(SYS_pidfd_open, init_pid, 0) : -1;
    if (fd >= 0 && parent_of(init_pid) != shim_pid)
        close_fd(&fd);
    return fd;
}

/* True when the report says that the task runs. */
static bool take_started(struct uv_watch *w)
{
    unsigned long pid = 0, init_pid = 0;
    if (!strchr(w->report, '\n') ||
        sscanf(w->report, "started %lu %lu", &pid, &init_pid) != 2)
        return false;
    w->is_started = true;
    w->init_fd = open_init((pid_t)init_pid, w->shim_pid);
    w->init_pid = (pid_t)init_pid;
    w->events.started(w->ctx, (uint32_t)pid);
    return true;
}

/* The task is over, and its shim has let its directory go.  One of an earlier release says nothing: it is
 * seen to end. */
static void take_ended(struct uv_watch *w)
{
    struct uv_watch_events tell = w->events;
    void *ctx = w->ctx;
    pid_t shim_pid = w->shim_pid;
    if (strstr(w->report, "\n" SHIM_SAYS_ENDED)) {
        uv_watch_close(w);
        tell.left(ctx, shim_pid);
        tell.ended(ctx, WATCH_RAN, "");
    } else if (w->is_report_over) {
        close_report(w);
    }
}

static void on_report(uv_poll_t *poll, int status, int events)
{
    struct uv_watch *w = poll->data;
    (void)events;
    if (!read_report(w) && status == 0)
        return;
    if (!w->is_started && !take_started(w)) {
        (void)uv_poll_stop(
            poll); /* "failed ...", or not a word: told when the shim has ended */
        return;
    }
    if (!w->is_closed) /* by who was told that it started */
        take_ended(w);
}

static void on_shim_end(uv_poll_t *poll, int status, int events)
{
    struct uv_watch *w = poll->data;
    char why[SHIM_REPORT_MAX + 1] = "the task's shim died before it started the task";
    int wait_status = 0;
    (void)status;
    (void)events;
    if (w->shim_pid)
        (void)waitpid(w->shim_pid, &wait_status, WNOHANG);
    if (!w->is_started) {
        (void)read_report(w);
        (void)take_started(w);
        if (w->is_closed) /* by who was told */
            return;
    }
    bool has_failed = sscanf(w->report, "failed %1000[^\n]", why) == 1;
    bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    enum watch_end end = w->is_started              ? WATCH_RAN
                         : has_failed || !is_killed ? WATCH_FAILED
                                                    : WATCH_KILLED;
    struct uv_watch_events tell = w->events;
    void *ctx = w->ctx;
    uv_watch_close(w);
    tell.ended(ctx, end, why);
}

static int poll_open(struct uv_watch *w, uv_loop_t *loop, uv_poll_t *poll, int fd,
                     uv_poll_cb cb)
{
    int code = uv_poll_init(loop, poll, fd);
    if (code)
        return code;
    poll->data = w;
    w->n_handles++;
    return uv_poll_start(poll, UV_READABLE, cb);
}

int uv_watch_open(uv_loop_t *loop, pid_t shim_pid, int shim_fd, int report_fd,
                  const struct uv_watch_events *events, void *ctx,
                  struct uv_watch **ret_watch)
{
    struct uv_watch *w = calloc(1, sizeof(*w));
    int code = w ? poll_open(w, loop, &w->shim_poll, shim_fd, on_shim_end) : -ENOMEM;
    if (code) {
        close_fd(&shim_fd);
        close_fd(&report_fd);
        free(w); /* uv_poll_start cannot fail, so no handle is open here */
        return code;
    }
    w->events = *events;
    w->ctx = ctx;
    w->shim_pid = shim_pid;
    w->shim_fd = shim_fd;
    w->init_fd = w->report_fd = -1;
    if (report_fd >= 0) {
        code = poll_open(w, loop, &w->report_poll, report_fd, on_report);
        if (code) {
            close_fd(&report_fd);
            uv_watch_close(w);
            return code;
        }
        w->report_fd = report_fd;
    }
    *ret_watch = w;
    return 0;
}

int uv_watch_adopt(uv_loop_t *loop, int shim_fd, pid_t shim_pid, pid_t init_pid,
                   const struct uv_watch_events *events, void *ctx,
                   struct uv_watch **ret_watch)
{
    int code = uv_watch_open(loop, 0, shim_fd, -1, events, ctx, ret_watch);
    if (code)
        return code;
    (*ret_watch)->is_started = true;
    (*ret_watch)->init_fd = open_init(init_pid, shim_pid);
    (*ret_watch)->init_pid = init_pid;
    return 0;
}

bool uv_watch_is_started(const struct uv_watch *w)
{
    return w->is_started;
}

void uv_watch_signal(const struct uv_watch *w, int number)
{
    if (w->init_fd >= 0)
        (void)syscall(SYS_pidfd_send_signal, w->init_fd, number, NULL,
                      0); /* gone is fine */
}

int uv_watch_put_token(const struct uv_watch *w, const char *token)
{
    return w->init_fd < 0 ? -ESRCH : token_file_replace(w->init_pid, w->init_fd, token);
}

int uv_watch_hide(const struct uv_watch *w, const struct hidden *hidden)
{
    return w->init_fd < 0 ? -ESRCH : hidden_again(hidden, w->init_pid, w->init_fd);
}

void uv_watch_kill_shim(const struct uv_watch *w)
{
    (void)syscall(SYS_pidfd_send_signal, w->shim_fd, SIGKILL, NULL, 0);
}

/* Spares: what makes the next start of a task quick.  For a task that is to be started again at once, the
 * runner keeps a shim beside the one that runs.  That shim has made control groups, namespaces and mounts,
 * its main process has given up all power, and it waits for one byte.
 *
 * The usual path: some time after its start a task gets a spare (spare_rise); when it has ended and the agent
 * orders the very same start once more, the spare is told to go on (spare_release).  What can fail: the order
 * is another one, or the spare has died; then it is dropped and the start is one like any other.
 *
 * Nobody decides here: a spare starts nothing unless the agent has ordered it.  It dies with its agent: its
 * channel ends.  The lock is open in both, so that it is the spare's from the moment the agent takes it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/record.h"
#include "isolate/shim.h"
#include "isolate/uv_runner_inside.h"

enum {
    RISE_AFTER_MS = 100, /* a task that has just started needs the processors itself */
    RISE_NEXT_MS = 10,
    SPARES_MAX =
        64, /* of a node: some 200 KiB each; who comes later starts as anybody does */
};

/* ---- the order that it is for ---- */

static bool encode(const struct shim_launch *l, struct bytes *ret_bytes)
{
    uint8_t *buf = malloc(SHIM_LAUNCH_MAX);
    if (!buf)
        return false;
    struct writer w = writer_of(buf, SHIM_LAUNCH_MAX);
    shim_launch_write(l, &w);
    uint8_t *less = writer_error(&w) ? NULL : realloc(buf, w.len);
    if (!less)
        free(buf);
    *ret_bytes = (struct bytes){less, w.len};
    return less != NULL;
}

static void stamp(const char *path, struct stat *out)
{
    memset(out, 0, sizeof(*out));
    (void)stat(path, out); /* a host without it has none later either */
}

/* Users and groups are looked up when a spare is made. */
static void stamp_users(struct stat out[2])
{
    stamp("/etc/passwd", &out[0]);
    stamp("/etc/group", &out[1]);
}

static bool is_stamped_alike(const struct stat a[2])
{
    struct stat now[2];
    stamp_users(now);
    bool is_alike = true;
    for (int i = 0; i < 2; i++)
        is_alike = is_alike && a[i].st_ino == now[i].st_ino &&
                   a[i].st_size == now[i].st_size &&
                   a[i].st_mtim.tv_sec == now[i].st_mtim.tv_sec &&
                   a[i].st_mtim.tv_nsec == now[i].st_mtim.tv_nsec;
    return is_alike;
}

static bool is_same_order(const struct spare *s, struct bytes launch, const char *version)
{
    bool is_version =
        s->version && version ? strcmp(s->version, version) == 0 : s->version == version;
    return is_version && bytes_equal(s->launch, launch) && is_stamped_alike(s->users);
}

/* ---- its process ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A spare that is not told anything tidies up by itself.  Where its groups are wanted at once it is
 * killed: then it does nothing more, and the next shim there empties them. */
static void end_process(struct task *t, bool is_hurry)
{
    struct spare *s = t->spare;
    if (s->pid == 0)
        return;
    if (is_hurry)
        (void)syscall(SYS_pidfd_send_signal, s->shim_fd, SIGKILL, NULL, 0);
    close_fd(&s->go_fd);
    close_fd(&s->lock_fd);
    close_fd(&s->report_fd);
    close_fd(&s->shim_fd);
    runner_left(t, s->pid);
    s->pid = 0;
    t->runner->n_spares--;
}

static bool has_died(const struct spare *s)
{
    siginfo_t info = {0};
    return waitid(P_PIDFD, (id_t)s->shim_fd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
           info.si_pid != 0;
}

static int run(struct task *t)
{
    struct spare *s = t->spare;
    int report[2], go[2];
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) < 0) {
        int code = -errno;
        (void)close(report[0]);
        (void)close(report[1]);
        return code;
    }
    const struct spawn_order order = {
        .dir = t->dir, .report_fd = report[1], .go_fd = go[0], .token = s->token};
    int code = runner_spawn(t->runner, &order, &s->lock_fd, &s->pid);
    (void)close(report[1]);
    (void)close(go[0]);
    s->report_fd = report[0];
    s->go_fd = go[1];
    s->shim_fd = code ? -1 : (int)syscall(SYS_pidfd_open, s->pid, 0);
    t->runner->n_spares += code == 0;
    if (code == 0 && s->shim_fd >= 0)
        return 0;
    if (code)
        s->pid = 0;
    close_fd(&s->report_fd);
    close_fd(&s->go_fd);
    end_process(t, false);
    return code ? code : -EMFILE;
}

/* ---- rising ---- */

static bool is_wanted(const struct task *t)
{
    return t->spare && t->spare->pid == 0 && !t->spare->has_risen && t->watch &&
           uv_watch_is_started(t->watch) && !t->is_removing && !t->is_kill_wanted;
}

/* The place of its groups may be the one that the shim of the run before is still removing. */
static bool is_leaving(const struct task *t)
{
    for (const struct leaving *one = t->runner->leaving; one; one = one->next)
        if (strcmp(one->key, t->key) == 0)
            return true;
    return false;
}

static void rise(struct task *t)
{
    char path[PATH_MAX];
    struct spare *s = t->spare;
    s->has_risen = true; /* or has tried to: one attempt for each run */
    if ((size_t)snprintf(path, sizeof(path), "%s/" SHIM_SPARE_FILE, t->dir) >=
        sizeof(path))
        return;
    stamp_users(s->users);
    if (file_swap(path, s->launch) == 0)
        (void)run(t);
}

static void on_spare_timer(uv_timer_t *timer)
{
    struct uv_runner *r = timer->data;
    uint64_t now_ms = uv_now(r->loop), next_ms = UINT64_MAX;
    bool has_risen = false;
    for (struct task *t = r->tasks; t && !r->is_closing; t = t->next) {
        if (!is_wanted(t) || r->n_spares >= SPARES_MAX)
            continue;
        uint64_t due_ms = t->spare->due_ms;
        if (has_risen || due_ms > now_ms || is_leaving(t)) {
            due_ms = due_ms > now_ms ? due_ms : now_ms + RISE_NEXT_MS;
            next_ms = due_ms < next_ms ? due_ms : next_ms;
            continue;
        }
        rise(t);
        has_risen = true;
    }
    if (next_ms != UINT64_MAX)
        (void)uv_timer_start(timer, on_spare_timer, next_ms - now_ms, 0);
}

void spare_open(struct uv_runner *r)
{
    (void)uv_timer_init(r->loop, &r->spare_timer); /* cannot fail */
    r->spare_timer.data = r;
}

void spare_started(struct task *t)
{
    struct uv_runner *r = t->runner;
    if (!t->spare || r->is_closing)
        return;
    t->spare->due_ms = uv_now(r->loop) + RISE_AFTER_MS;
    if (!uv_is_active((uv_handle_t *)&r->spare_timer))
        (void)uv_timer_start(&r->spare_timer, on_spare_timer, RISE_AFTER_MS, 0);
}

/* ---- orders ---- */

static void forget_token(struct spare *s)
{
    if (s->token)
        explicit_bzero(s->token, strlen(s->token));
    free(s->token);
    s->token = NULL;
}

void spare_drop(struct task *t, bool is_hurry)
{
    struct spare *s = t->spare;
    if (!s)
        return;
    end_process(t, is_hurry);
    forget_token(s);
    free(s->version);
    free((void *)(uintptr_t)s->launch.at);
    free(s);
    t->spare = NULL;
}

void spare_order(struct task *t, const struct shim_launch *next,
                 const struct launch *launch)
{
    spare_drop(t, true);
    struct spare *s = calloc(1, sizeof(*s));
    if (!s)
        return;
    s->shim_fd = s->go_fd = s->report_fd = s->lock_fd = -1;
    s->version = launch->version ? strdup(launch->version) : NULL;
    s->token = launch->token ? strdup(launch->token) : NULL;
    t->spare = s;
    if (!encode(next, &s->launch) || (launch->version && !s->version) ||
        (launch->token && !s->token))
        spare_drop(t, true);
}

void spare_token(struct task *t, const char *token)
{
    struct spare *s = t->spare;
    if (!s)
        return;
    end_process(t, true);
    forget_token(s);
    s->token = strdup(token);
    s->has_risen = !s->token;
    spare_started(t);
}

/* The end of the run before is told and what it left is of no account any more: the record is cleared before
 * the launch file says that another run has begun. */
static bool hand_over(struct task *t)
{
    char state[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    (void)snprintf(state, sizeof(state), "%s/" SHIM_STATE_FILE, t->dir);
    (void)snprintf(from, sizeof(from), "%s/" SHIM_SPARE_FILE, t->dir);
    (void)snprintf(to, sizeof(to), "%s/" SHIM_LAUNCH_FILE, t->dir);
    if (flock(t->spare->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    record_clear(state);
    if (rename(from, to) == 0 && send(t->spare->go_fd, "g", 1, MSG_NOSIGNAL) == 1)
        return true;
    (void)flock(t->spare->lock_fd, LOCK_UN); /* for the shim that comes instead */
    return false;
}

/* The watch has the descriptors from here on. */
static int watch(struct task *t, const struct uv_watch_events *events)
{
    struct spare *s = t->spare;
    int code = uv_watch_open(t->runner->loop, s->pid, s->shim_fd, s->report_fd, events, t,
                             &t->watch);
    s->shim_fd = s->report_fd = -1;
    close_fd(&s->go_fd);
    close_fd(&s->lock_fd);
    if (code) { /* a shim that is not watched must not run */
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
    t->runner->n_spares--;
    return code;
}

bool spare_release(struct task *t, const struct shim_launch *l,
                   const struct launch *launch, const struct uv_watch_events *events)
{
    struct spare *s = t->spare;
    struct bytes wanted = {0};
    bool fits = s && s->pid && launch->is_quick && t->is_over && encode(l, &wanted) &&
                is_same_order(s, wanted, launch->version) && !has_died(s);
    free((void *)(uintptr_t)wanted.at);
    bool is_out = fits && hand_over(t) && watch(t, events) == 0;
    if (is_out && s->token && launch->token && strcmp(s->token, launch->token) != 0)
        t->token =
            strdup(launch->token); /* put when it has started; until then the older one */
    spare_drop(t, true);
    return is_out;
}

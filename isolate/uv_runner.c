/* See uv_runner.h.  The usual path: write DIR/launch, spawn the shim, read its report
 * from a pipe, watch its pidfd, read DIR/state when it ends.  What can fail: the spawn
 * (reported as `failed`), a shim that is killed (its task dies with it, reported as exit
 * 137).
 *
 * There is one `struct task` per key, from its first launch until it is removed. */
#include "isolate/uv_runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/hash.h"
#include "core/log.h"
#include "isolate/cgroup.h"
#include "isolate/files.h"
#include "isolate/shim.h"
#include "isolate/task_dir.h"
#include "isolate/uv_trash.h"
#include "isolate/uv_watch.h"

enum {
    NEXT_START_MS = 1, /* not 0: a timer of now would come before what has arrived */
    REMOVE_RETRY_MS = 50,
    REMOVE_TRIES_MAX = 200, /* 10 s: a process may be stuck in the kernel for a while */
    STATUS_KILLED = 128 + SIGKILL,
    SETTLE_TRIES_MAX = 200,      /* 10 ms each */
    LOGS_KEPT_S = 7 * 24 * 3600, /* of removed tasks, looked at when an agent starts */
};

enum notice_kind { NOTICE_NONE, NOTICE_FAILED, NOTICE_EXITED };

struct task {
    struct uv_runner *runner;
    struct task *next;
    char key[TASK_KEY_MAX];
    char dir[TASK_DIR_MAX];
    struct uv_watch *watch;  /* NULL: nothing runs */
    struct cgroup groups;    /* n 0: unknown */
    enum notice_kind notice; /* to be told from the loop */
    char why[sizeof(((struct err *)0)->text)];
    int32_t status;
    bool is_oom, is_removing, is_kill_wanted;
    bool is_waiting; /* prepared; its shim is started from the loop */
    unsigned n_tries;
};

struct uv_runner {
    uv_loop_t *loop;
    uv_timer_t timer; /* notices and removals; running whenever there is one */
    struct uv_runner_events events;
    char data_dir[PATH_MAX], shim_path[PATH_MAX], group[CGROUP_GROUP_MAX];
    const char *hidden[HIDDEN_MAX];
    size_t n_hidden;
    bool tasks_die, is_closing;
    struct uv_trash *trash; /* DATA/trash */
    struct task *tasks;
};

static void on_timer(uv_timer_t *timer);

/* ---- tasks ---- */

static struct task *task_find(struct uv_runner *r, const char *key)
{
    for (struct task *t = r->tasks; t; t = t->next)
        if (strcmp(t->key, key) == 0)
            return t;
    return NULL;
}

static bool key_is_valid(const char *key)
{
    size_t len = strlen(key);
    return len > 0 && len < TASK_KEY_MAX && key[0] != '.' && !strchr(key, '/');
}

static struct task *task_make(struct uv_runner *r, const char *key)
{
    struct task *t = task_find(r, key);
    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->runner = r;
    (void)snprintf(t->key, sizeof(t->key), "%s", key);
    if ((size_t)snprintf(t->dir, sizeof(t->dir), "%s/tasks/%s", r->data_dir, key) >=
        sizeof(t->dir)) {
        free(t);
        return NULL;
    }
    t->next = r->tasks;
    r->tasks = t;
    return t;
}

static void task_free(struct task *t)
{
    for (struct task **at = &t->runner->tasks; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    free(t);
}

static void wake(struct uv_runner *r, uint64_t in_ms)
{
    if (!r->is_closing && (!uv_is_active((uv_handle_t *)&r->timer) || in_ms == 0))
        (void)uv_timer_start(&r->timer, on_timer, in_ms, 0);
}

static void notice_failed(struct task *t, const char *why)
{
    t->notice = NOTICE_FAILED;
    (void)snprintf(t->why, sizeof(t->why), "%s", why);
    wake(t->runner, 0);
}

static void notice_not_started(struct task *t, int code)
{
    char why[256];
    (void)snprintf(why, sizeof(why), "cannot start the task's shim: %s",
                   access("/dev/null", F_OK) < 0 ? "this host has no /dev/null"
                                                 : err_text(code));
    notice_failed(t, why);
}

static void notice_exited(struct task *t, int32_t status, bool is_oom)
{
    t->notice = NOTICE_EXITED;
    t->status = status;
    t->is_oom = is_oom;
    wake(t->runner, 0);
}

/* ---- hearing from shims ---- */

static void on_started(void *ctx, uint32_t pid)
{
    struct task *t = ctx;
    struct uv_runner *r = t->runner;
    if (t->is_kill_wanted)
        cgroup_kill(&t->groups);
    if (!t->is_removing)
        r->events.started(r->events.ctx, t->key, pid);
}

static void on_ended(void *ctx, bool was_started, const char *why)
{
    struct task *t = ctx;
    struct uv_runner *r = t->runner;
    struct shim_state state = {0};
    t->watch = NULL;
    if (t->is_removing) { /* forgotten: nobody wants to know */
        wake(r, 0);
        return;
    }
    if (!was_started) {
        r->events.failed(r->events.ctx, t->key, why);
        return;
    }
    if (task_dir_state(t->dir, &state) != 0 || state.phase != SHIM_EXITED) {
        cgroup_kill(
            &t->groups); /* the shim was killed, the kernel kills the task: make sure */
        state = (struct shim_state){.status = STATUS_KILLED};
    }
    r->events.exited(r->events.ctx, t->key, state.status, state.is_oom);
}

static const struct uv_watch_events watch_events = {.started = on_started,
                                                    .ended = on_ended};

/* ---- removing ---- */

/* True when the task is gone for good (and freed). */
static bool try_remove(struct task *t)
{
    if (t->watch)
        return false;
    if (cgroup_remove(&t->groups) == -EBUSY && t->n_tries++ < REMOVE_TRIES_MAX) {
        cgroup_kill(&t->groups);
        return false;
    }
    if (t->n_tries > REMOVE_TRIES_MAX)
        log_line(LOG_WARN, "task", "key", t->key, "left", t->groups.dirs[0].path, NULL);
    cgroup_prune(&t->groups);
    int code = task_dir_clear(t->dir, t->runner->trash);
    if (code)
        log_line(LOG_WARN, "task", "key", t->key, "cannot_clear", t->dir, "error",
                 err_text(code), NULL);
    task_free(t);
    return true;
}

/* One notice at a time: its receiver may change the list. */
static bool tell_one(struct uv_runner *r)
{
    for (struct task *t = r->tasks; t; t = t->next) {
        enum notice_kind kind = t->notice;
        if (kind == NOTICE_NONE)
            continue;
        t->notice = NOTICE_NONE;
        if (kind == NOTICE_FAILED) {
            char why[sizeof(t->why)];
            memcpy(why, t->why, sizeof(why));
            r->events.failed(r->events.ctx, t->key, why);
        } else {
            r->events.exited(r->events.ctx, t->key, t->status, t->is_oom);
        }
        return true;
    }
    return false;
}

static int start_shim(struct task *t);

/* True when there are more.  Each takes milliseconds, so between two of them the loop gets to
 * what else there is: many launches at once must not make this node look dead. */
static bool start_one(struct uv_runner *r)
{
    struct task *first = NULL;
    size_t n = 0;
    for (struct task *t = r->tasks; t; t = t->next) {
        first = t->is_waiting ? t : first;
        n += t->is_waiting;
    }
    if (!first)
        return false;
    first->is_waiting = false;
    int code = start_shim(first);
    if (code)
        notice_not_started(first, code);
    return n > 1;
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_runner *r = timer->data;
    bool has_left = false;
    while (!r->is_closing && tell_one(r))
        continue;
    for (struct task *t = r->tasks, *next; t; t = next) {
        next = t->next;
        if (t->is_removing && !try_remove(t))
            has_left |= !t->watch;
    }
    if (!r->is_closing && start_one(r))
        wake(r, NEXT_START_MS);
    if (has_left)
        wake(r, REMOVE_RETRY_MS);
}

/* ---- opening and closing ---- */

/* A mask over a file goes when the file is replaced (a rotated secret, the socket of the next
 * agent); one over its directory stays.  A directory named "stratos" holds what is ours
 * alone, unless the program itself lives there, which tasks may run. */
static void widen_to_own_directory(char *path)
{
    static const char own[] = "/stratos";
    char program[PATH_MAX];
    char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = '\0';
    bool is_own = len >= sizeof(own) - 1 &&
                  memcmp(slash - (sizeof(own) - 1), own, sizeof(own) - 1) == 0;
    if (is_own && strncmp(program, path, len + 1) != 0)
        *slash = '\0';
}

static void hide(struct uv_runner *r, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && path[0] == '/')
        real = strdup(path);
    if (!real)
        return;
    widen_to_own_directory(real);
    if (r->n_hidden < HIDDEN_MAX)
        r->hidden[r->n_hidden++] = real;
    else
        free(real);
}

static int set_paths(struct uv_runner *r, const struct uv_runner_options *o,
                     struct err *err)
{
    char tasks[PATH_MAX];
    int code = dir_make(o->data_dir, 0700);
    if (code)
        return err_set(err, code, "cannot make %.300s: %s", o->data_dir, err_text(code));
    if (!realpath(o->data_dir, r->data_dir)) {
        code = -errno;
        return err_set(err, code, "cannot resolve %.300s: %s", o->data_dir,
                       err_text(code));
    }
    if ((size_t)snprintf(tasks, sizeof(tasks), "%s/tasks", r->data_dir) + TASK_KEY_MAX >
        TASK_DIR_MAX)
        return err_set(err, -ENAMETOOLONG,
                       "the data directory's path is too long: %.200s", r->data_dir);
    code = dir_make(tasks, 0700);
    if (code)
        return err_set(err, code, "cannot make %.300s: %s", tasks, err_text(code));
    (void)snprintf(r->shim_path, sizeof(r->shim_path), "%s",
                   o->shim_path ? o->shim_path : "/proc/self/exe");
    cgroup_group(r->data_dir, r->group);
    for (size_t i = 0; o->hidden && o->hidden[i]; i++)
        hide(r, o->hidden[i]);
    (void)snprintf(tasks, sizeof(tasks), "%.*s/trash", (int)sizeof(tasks) - 16,
                   r->data_dir);
    return uv_trash_open(r->loop, tasks, &r->trash, err);
}

int uv_runner_open(uv_loop_t *loop, const struct uv_runner_options *options,
                   const struct uv_runner_events *events, struct uv_runner **ret_runner,
                   struct err *err)
{
    struct uv_runner *r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(err, -ENOMEM, "not enough memory");
    r->loop = loop;
    r->events = *events;
    r->tasks_die = options->tasks_die;
    int code = set_paths(r, options, err);
    if (code == 0) {
        code = uv_timer_init(loop, &r->timer);
        r->timer.data = r;
    }
    if (code) {
        uv_trash_close(r->trash);
        for (size_t i = 0; i < r->n_hidden; i++)
            free((void *)(uintptr_t)r->hidden[i]);
        free(r);
        return code;
    }
    *ret_runner = r;
    return 0;
}

static void on_runner_closed(uv_handle_t *handle)
{
    struct uv_runner *r = handle->data;
    for (size_t i = 0; i < r->n_hidden; i++)
        free((void *)(uintptr_t)r->hidden[i]);
    free(r);
}

/* A shim that is still starting is ended itself; one that runs is left to tidy up. */
static void end_with_agent(struct task *t)
{
    if (uv_watch_is_started(t->watch))
        cgroup_kill(&t->groups);
    else
        uv_watch_kill_shim(t->watch);
}

void uv_runner_close(struct uv_runner *r)
{
    if (!r || r->is_closing)
        return;
    r->is_closing = true;
    while (r->tasks) {
        struct task *t = r->tasks;
        if (t->watch && r->tasks_die)
            end_with_agent(t);
        if (t->watch)
            uv_watch_close(t->watch);
        task_free(t);
    }
    uv_trash_close(r->trash);
    uv_close((uv_handle_t *)&r->timer, on_runner_closed);
}

/* ---- launching ---- */

static int prepare(struct task *t, const struct launch *launch)
{
    struct uv_runner *r = t->runner;
    const struct task_spec *spec = launch->task;
    char group[CGROUP_PATH_MAX / 2];
    (void)snprintf(group, sizeof(group), "%s/%s", r->group, t->key);
    (void)cgroup_find(group, &t->groups,
                      NULL); /* a host without: the shim says so better */
    struct shim_launch l = {
        .key = t->key,
        .dir = t->dir,
        .data_dir = r->data_dir,
        .group = group,
        .user = spec->user ? spec->user : "",
        .cwd = spec->dir ? spec->dir : "",
        .argv = spec->argv,
        .n_argv = spec->n_argv,
        .task_env = spec->env,
        .n_task_env = spec->n_env,
        .env = launch->env,
        .n_env = launch->n_env,
        .hidden = r->hidden,
        .n_hidden = r->n_hidden,
        .memory_bytes = spec->memory_bytes,
        .cpu_milli = spec->cpu_milli,
        .pids = spec->pids,
        .log_max_bytes = spec->log_max_bytes,
        .log_max_files = spec->log_max_files,
        .agent_pid = r->tasks_die ? (uint32_t)getpid() : 0,
    };
    return task_dir_prepare(t->dir, &l, launch->note, r->trash);
}

static int start_shim(struct task *t)
{
    int report[2];
    pid_t pid = 0;
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    int code = task_dir_spawn_shim(t->dir, t->runner->shim_path, report[1], &pid);
    (void)close(report[1]);
    if (code) {
        (void)close(report[0]);
        return code;
    }
    int shim_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    code = shim_fd < 0 ? -errno : 0;
    if (code)
        (void)close(report[0]);
    else
        code = uv_watch_open(t->runner->loop, pid, shim_fd, report[0], &watch_events, t,
                             &t->watch);
    if (code) { /* a shim that is not watched must not run */
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return code;
}

void uv_runner_launch(struct uv_runner *r, const struct launch *launch)
{
    struct task *t = key_is_valid(launch->key) ? task_make(r, launch->key) : NULL;
    if (!t) {
        r->events.failed(r->events.ctx, launch->key,
                         "not enough memory, or a name that is no task's");
        return;
    }
    if (t->is_removing &&
        !t->watch) { /* the old one's leftovers go now, or the shim waits for them */
        t->is_removing = false;
        (void)task_dir_clear(
            t->dir, t->runner->trash); /* what stays is cleared by task_dir_prepare */
    }
    if (t->watch || t->is_waiting || t->is_removing) {
        notice_failed(t, "an earlier run of it has not ended yet");
        return;
    }
    t->notice = NOTICE_NONE;
    t->n_tries = 0;
    t->is_kill_wanted = false;
    int code = prepare(t, launch);
    t->is_waiting = code == 0;
    if (code)
        notice_not_started(t, code);
    else
        wake(r, 0);
}

void uv_runner_note(struct uv_runner *r, const char *key, struct bytes note)
{
    struct task *t = task_find(r, key);
    int code = t && !t->is_removing ? task_dir_put_note(t->dir, note) : 0;
    if (code)
        log_line(LOG_WARN, "task", "key", key, "cannot_write", "note", "error",
                 err_text(code), NULL);
}

void uv_runner_signal(struct uv_runner *r, const char *key, int number)
{
    struct task *t = task_find(r, key);
    if (number == SIGKILL)
        uv_runner_kill(r, key);
    else if (t && t->watch)
        uv_watch_signal(t->watch, number);
}

void uv_runner_kill(struct uv_runner *r, const char *key)
{
    struct task *t = task_find(r, key);
    if (!t || (!t->watch && !t->is_waiting))
        return;
    t->is_kill_wanted =
        true; /* a task that is just starting is killed once it is there */
    cgroup_kill(&t->groups);
}

void uv_runner_remove(struct uv_runner *r, const char *key)
{
    struct task *t = task_find(r, key);
    if (!t)
        return;
    t->is_removing = true;
    t->is_waiting = false;
    t->notice = NOTICE_NONE;
    uv_runner_kill(r, key);
    wake(r, 0);
}

/* ---- what earlier agents left ---- */

/* The lock is looked at again after the pidfd is open: then the PID cannot be another's.
 */
static bool adopt(struct task *t, const struct shim_state *state)
{
    if (state->phase != SHIM_RUNNING || !task_dir_is_locked(t->dir))
        return false;
    int shim_fd = (int)syscall(SYS_pidfd_open, (pid_t)state->shim_pid, 0);
    if (shim_fd < 0)
        return false;
    if (!task_dir_is_locked(t->dir)) {
        (void)close(shim_fd);
        return false;
    }
    return uv_watch_adopt(t->runner->loop, shim_fd, (pid_t)state->shim_pid,
                          (pid_t)state->init_pid, &watch_events, t, &t->watch) == 0;
}

/* A shim between two states, starting or about to end, is waited for: it is a matter of
 * milliseconds, and what was not understood now would be started a second time.  True
 * when the state says that the task runs. */
static bool settle(const struct task *t, struct shim_state *ret_state)
{
    for (int i = 0; i < SETTLE_TRIES_MAX; i++) {
        bool is_locked = task_dir_is_locked(t->dir);
        bool has_state = task_dir_state(t->dir, ret_state) == 0;
        bool is_running = has_state && ret_state->phase == SHIM_RUNNING;
        if (is_running || !is_locked)
            return is_running;
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return false;
}

static void find_one(struct uv_runner *r, const char *key, struct arena *arena,
                     void (*found)(void *ctx, const char *key, uint32_t pid,
                                   uint64_t started_unix_ms, struct bytes note),
                     void *ctx)
{
    struct bytes note = {0};
    struct shim_state state = {.status = STATUS_KILLED};
    struct task *t = task_make(r, key);
    if (!t)
        return;
    if (task_dir_recall(t->dir, arena, &t->groups, &note) == -ENOENT) {
        task_dir_expire(t->dir, LOGS_KEPT_S); /* removed: only its logs are left */
        task_free(t);
        return;
    }
    bool is_alive = settle(t, &state) && adopt(t, &state);
    if (!is_alive && task_dir_state(t->dir, &state) == 0 && state.phase != SHIM_EXITED)
        state.status = STATUS_KILLED; /* its shim was killed, or the host was */
    if (!is_alive)
        notice_exited(t, state.status, state.is_oom);
    found(ctx, key, is_alive ? state.pid : 0, state.started_unix_ms, note);
}

void uv_runner_found(struct uv_runner *r,
                     void (*found)(void *ctx, const char *key, uint32_t pid,
                                   uint64_t started_unix_ms, struct bytes note),
                     void *ctx)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/tasks", r->data_dir) >= sizeof(path))
        return;
    DIR *dir = opendir(path);
    if (!dir)
        return;
    struct arena arena;
    arena_init(&arena, 8 << 20);
    for (struct dirent *e; (e = readdir(dir));) {
        if (key_is_valid(e->d_name))
            find_one(r, e->d_name, &arena, found, ctx);
        arena_clear(&arena);
    }
    arena_fini(&arena);
    (void)closedir(dir);
}

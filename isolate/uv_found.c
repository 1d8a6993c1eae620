/* Finding again what earlier agents left: see uv_runner.h.  The usual path: a shim holds the task's
 * lock and its state says that it runs; its pidfd is watched.  What can fail: a shim between two
 * states, files that cannot be read: then it is looked at again by the runner's timer. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/log.h"
#include "isolate/control.h"
#include "isolate/record.h"
#include "isolate/uv_runner_inside.h"

enum {
    LOOKS_QUICK = 100, /* then it is no matter of milliseconds */
    LOOK_SLOWLY_MS = 1000,
};

/* The lock is looked at again after the pidfd is open: then the PID cannot be another's.
 */
static bool adopt(struct task *t, pid_t shim_pid, pid_t init_pid)
{
    if (shim_pid <= 0)
        return false;
    int shim_fd = (int)syscall(SYS_pidfd_open, shim_pid, 0);
    if (shim_fd < 0)
        return false;
    if (!task_dir_is_locked(t->dir)) {
        (void)close(shim_fd);
        return false;
    }
    return uv_watch_adopt(t->runner->loop, shim_fd, shim_pid, init_pid,
                          &runner_watch_events, t, &t->watch) == 0;
}

enum look { LOOK_RUNS, LOOK_ENDED, LOOK_UNCLEAR };

/* A shim between two states, starting or about to end, is not waited for: it is looked at
 * again.  Until it has said what it does, its task is neither started a second time nor
 * removed.  A state that cannot be read leaves the shim itself to be asked who it is. */
static enum look look_at(struct task *t, struct shim_state *ret_state)
{
    *ret_state = (struct shim_state){0};
    if (!task_dir_is_locked(t->dir))
        return LOOK_ENDED;
    int code = task_dir_state(t->dir, ret_state);
    if (code == -ENOENT)
        return LOOK_UNCLEAR; /* starting */
    if (code)
        *ret_state = (struct shim_state){0};
    bool is_running = ret_state->phase == SHIM_RUNNING || ret_state->phase == SHIM_ENDING;
    pid_t shim_pid = code         ? control_peer(t->dir)
                     : is_running ? (pid_t)ret_state->shim_pid
                                  : 0;
    return adopt(t, shim_pid, (pid_t)ret_state->init_pid) ? LOOK_RUNS : LOOK_UNCLEAR;
}

static void hide_again(struct task *t)
{
    int code = uv_watch_hide(t->watch, &t->runner->hidden);
    if (code && code != -ESRCH)
        log_line(LOG_WARN, "task", "key", t->key, "cannot_hide",
                 "socket and secret again", "error", err_text(code), NULL);
}

/* One after the other: who is told may change the list.  True when some stay unclear. */
bool runner_look_again(struct uv_runner *r)
{
    bool has_unclear = false;
    for (struct task *t = r->tasks, *next; t; t = next) {
        struct shim_state state;
        next = t->next;
        if (!t->is_unclear || t->is_removing)
            continue;
        has_unclear = true;
        if (++t->n_looks > LOOKS_QUICK && t->n_looks % (LOOK_SLOWLY_MS / LOOK_AGAIN_MS))
            continue;
        enum look look = look_at(t, &state);
        t->is_unclear = look == LOOK_UNCLEAR;
        if (look == LOOK_ENDED) {
            const struct exit_fact fact = runner_end_of(t);
            runner_tell_exit(t, &fact);
        } else if (look == LOOK_RUNS) {
            hide_again(t);
            r->events.started(r->events.ctx, t->key, state.pid);
            return true; /* the list may be another by now */
        }
    }
    return has_unclear;
}

/* What could not be read, in words; NULL: nothing. */
static const char *doubt_of(enum look look, const struct shim_state *state, int code)
{
    if (look == LOOK_UNCLEAR)
        return "its shim is between two states, or its state cannot be read: it is left "
               "as it is";
    if (look == LOOK_RUNS && !state->phase)
        return "its state file cannot be read: it runs on";
    if (look == LOOK_RUNS && code)
        return "its launch file cannot be read: it runs on";
    return NULL;
}

/* Groups are named after the task, so they are found without its launch file too.  Of two that are there
 * one is empty: a shim had no time to remove it. */
static void find_groups(struct task *t)
{
    char group[sizeof(t->runner->group) + TASK_KEY_MAX + sizeof(GROUP_BESIDE)];
    struct cgroup beside = {0};
    if (t->groups.n)
        return;
    int len = snprintf(group, sizeof(group), "%s/%s", t->runner->group, t->key);
    (void)cgroup_find(group, &t->groups, NULL);
    (void)snprintf(group + len, sizeof(group) - (size_t)len, "%s", GROUP_BESIDE);
    if (cgroup_find(group, &beside, NULL) == 0 &&
        access(beside.dirs[0].path, F_OK) == 0 && cgroup_remove(&t->groups) == 0)
        t->groups = beside;
}

static void find_one(struct uv_runner *r, const char *key, struct arena *arena,
                     void (*found)(void *ctx, const struct task_found *task), void *ctx)
{
    struct task_found task = {.key = key};
    struct shim_state state;
    struct task *t = runner_task(r, key);
    if (!t)
        return;
    int code = task_dir_recall(t->dir, arena, &t->groups, &task.note);
    if (code == -ENOENT) {
        runner_forget(t); /* removed: only its logs are left */
        return;
    }
    find_groups(t);
    enum look look = look_at(t, &state);
    if (look == LOOK_RUNS)
        hide_again(t);
    if (look == LOOK_ENDED) {
        const struct exit_fact fact = runner_end_of(t);
        runner_tell_exit(t, &fact);
    }
    t->is_unclear = look == LOOK_UNCLEAR;
    if (t->is_unclear)
        runner_wake(r, LOOK_AGAIN_MS);
    task.pid = look == LOOK_RUNS ? state.pid : 0;
    task.started_unix_ms = state.started_unix_ms;
    task.doubt = doubt_of(look, &state, code);
    found(ctx, &task);
}

void uv_runner_found(struct uv_runner *r,
                     void (*found)(void *ctx, const struct task_found *task), void *ctx)
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
        if (runner_key_is_valid(e->d_name))
            find_one(r, e->d_name, &arena, found, ctx);
        arena_clear(&arena);
    }
    arena_fini(&arena);
    (void)closedir(dir);
    r->is_complete = true;
}

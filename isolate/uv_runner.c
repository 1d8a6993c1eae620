/* See uv_runner.h; tasks are started in uv_launch.c and found again in uv_found.c.  The usual path: a watched
 * shim says that its task runs, and that it ended; DIR/state says how.  What can fail: a shim that is killed
 * (its task dies with it, reported as lost).
 *
 * There is one `struct task` per key, from its first launch until it is removed. */
#include "isolate/uv_runner.h"

#include <assert.h>
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
#include "isolate/cgroup_mode.h"
#include "isolate/control.h"
#include "isolate/files.h"
#include "isolate/shim.h"
#include "isolate/uv_log_keep.h"
#include "isolate/uv_runner_inside.h"
#include "isolate/uv_trash.h"

enum {
    NEXT_START_MS = 1,      /* not 0: a timer of now would come before what has arrived */
    REMOVE_TRIES_MAX = 200, /* 10 s: a process may be stuck in the kernel for a while */
};

/* ---- removing ---- */

/* True when the task is gone for good (and freed). */
static bool try_remove(struct task *t)
{
    if (t->watch)
        return false;
    if (t->is_unclear && task_dir_is_locked(t->dir)) {
        uv_runner_kill(t->runner, t->key); /* what its shim has started since */
        return false;
    }
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
    runner_forget(t);
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
        if (kind != NOTICE_EXITED) {
            char why[sizeof(t->why)];
            memcpy(why, t->why, sizeof(why));
            if (kind == NOTICE_REFUSED)
                r->events.refused(r->events.ctx, t->key, why);
            else
                r->events.failed(r->events.ctx, t->key, why);
        } else {
            r->events.exited(r->events.ctx, t->key, &t->exit);
        }
        return true;
    }
    return false;
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
    has_left |= runner_reap(r);
    bool has_unclear = !r->is_closing && runner_look_again(r);
    if (!r->is_closing && runner_start_one(r))
        runner_wake(r, NEXT_START_MS);
    if (has_left || has_unclear)
        runner_wake(r, has_unclear ? LOOK_AGAIN_MS : REMOVE_RETRY_MS);
}

/* ---- opening and closing ---- */

static int set_paths(struct uv_runner *r, const struct uv_runner_options *o,
                     struct err *err)
{
    char tasks[PATH_MAX], group[CGROUP_GROUP_MAX];
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
    r->shim = (struct spawn_program){.fd = -1, .path = r->shim_path};
    r->has_shim = o->shim_path != NULL;
    assert(o->identity);
    cgroup_group(o->identity, group);
    (void)snprintf(r->group, sizeof(r->group), "%s%s", o->groups ? o->groups : "", group);
    for (size_t i = 0; o->hidden && o->hidden[i]; i++)
        hidden_add(&r->hidden, o->hidden[i]);
    (void)snprintf(tasks, sizeof(tasks), "%.*s/trash", (int)sizeof(tasks) - 16,
                   r->data_dir);
    return uv_trash_open(r->loop, tasks, &r->trash, err);
}

/* The output of a task that is there is its own. */
static bool is_held(void *ctx, const char *key)
{
    struct uv_runner *r = ctx;
    return !r->is_complete || runner_find(r, key) != NULL;
}

static void on_lost(void *ctx, const char *key, uint64_t started_unix_ms, uint64_t bytes)
{
    struct task *t = runner_find(ctx, key);
    if (t)
        runner_lost(t, started_unix_ms, bytes);
}

const struct log_lost *uv_runner_lost(const struct uv_runner *r)
{
    return &r->lost;
}

static void keep_logs(struct uv_runner *r)
{
    char tasks[PATH_MAX + 8];
    (void)snprintf(tasks, sizeof(tasks), "%s/tasks", r->data_dir);
    r->keep = uv_log_keep_open(&(struct uv_log_keep_options){.loop = r->loop,
                                                             .tasks = tasks,
                                                             .trash = r->trash,
                                                             .is_held = is_held,
                                                             .lost = on_lost,
                                                             .ctx = r});
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
        (void)uv_timer_init(loop, &r->timer); /* cannot fail */
        r->timer.data = r;
        r->on_timer = on_timer;
        spare_open(r);
        r->n_handles = 2;
    }
    if (code) {
        uv_trash_close(r->trash);
        hidden_clear(&r->hidden);
        free(r);
        return code;
    }
    keep_logs(r);
    *ret_runner = r;
    return 0;
}

static void on_runner_closed(uv_handle_t *handle)
{
    struct uv_runner *r = handle->data;
    if (--r->n_handles)
        return;
    hidden_clear(&r->hidden);
    log_lost_fini(&r->lost);
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
        runner_forget(t);
    }
    uv_log_keep_close(r->keep);
    while (r->leaving) {
        struct leaving *one = r->leaving;
        r->leaving = one->next;
        free(one); /* they end by themselves */
    }
    uv_trash_close(r->trash);
    if (r->shim.fd >= 0)
        (void)close(r->shim.fd); /* shims that run from it do not need this */
    uv_close((uv_handle_t *)&r->timer, on_runner_closed);
    uv_close((uv_handle_t *)&r->spare_timer, on_runner_closed);
}

/* ---- of those that run ---- */

void uv_runner_note(struct uv_runner *r, const char *key, struct bytes note)
{
    struct task *t = runner_find(r, key);
    int code = t && !t->is_removing ? task_dir_put_note(t->dir, note) : 0;
    if (code)
        log_line(LOG_WARN, "task", "key", key, "cannot_write", "note", "error",
                 err_text(code), NULL);
}

int uv_runner_token(struct uv_runner *r, const char *key, const char *token)
{
    struct task *t = runner_find(r, key);
    if (!t || (!t->watch && !t->is_waiting))
        return -ESRCH;
    spare_token(t, token);
    if (t->watch && uv_watch_is_started(t->watch))
        return uv_watch_put_token(t->watch, token);
    runner_forget_token(t); /* its shim gets it, or the task as soon as it has started */
    t->token = strdup(token);
    return t->token ? 0 : -ENOMEM;
}

/* A shim of 0.1.0 hears nothing: then its init passes the signal on, to the main process. */
void uv_runner_stop(struct uv_runner *r, const char *key, const struct stop_order *order)
{
    struct task *t = runner_find(r, key);
    const struct control_request request = {.signal = order->signal,
                                            .to_main = order->to_main,
                                            .has_live_until = true,
                                            .live_until_ms =
                                                control_now_ms() + order->grace_ms};
    if (!t || (!t->watch && !t->is_unclear))
        return;
    if (control_send(t->dir, &request) < 0 && t->watch)
        uv_watch_signal(t->watch, order->signal);
}

void uv_runner_kill(struct uv_runner *r, const char *key)
{
    struct task *t = runner_find(r, key);
    const struct control_request now = {.has_live_until = true,
                                        .live_until_ms = control_now_ms()};
    if (!t || (!t->watch && !t->is_waiting && !t->is_unclear))
        return;
    t->is_kill_wanted =
        true; /* a task that is just starting is killed once it is there */
    if (!t->is_waiting)
        (void)control_send(t->dir, &now); /* or this does it: */
    cgroup_kill(&t->groups);
}

void uv_runner_remove(struct uv_runner *r, const char *key)
{
    struct task *t = runner_find(r, key);
    if (!t)
        return;
    t->is_removing = true;
    t->is_waiting = false;
    spare_drop(t, false);
    t->notice = NOTICE_NONE;
    uv_runner_kill(r, key);
    runner_wake(r, 0);
}

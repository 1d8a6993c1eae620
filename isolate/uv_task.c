/* One task of the runner: its place in the list, and what its shim tells of it.  See uv_runner_inside.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "isolate/record.h"
#include "isolate/uv_runner_inside.h"

/* ---- the list ---- */

struct task *runner_find(struct uv_runner *r, const char *key)
{
    for (struct task *t = r->tasks; t; t = t->next)
        if (strcmp(t->key, key) == 0)
            return t;
    return NULL;
}

bool runner_key_is_valid(const char *key)
{
    size_t len = strlen(key);
    return len > 0 && len < TASK_KEY_MAX && key[0] != '.' && !strchr(key, '/');
}

struct task *runner_task(struct uv_runner *r, const char *key)
{
    struct task *t = runner_find(r, key);
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
    log_lost_add(&r->lost, key, 0);
    return t;
}

void runner_forget_token(struct task *t)
{
    if (t->token)
        explicit_bzero(t->token, strlen(t->token));
    free(t->token);
    t->token = NULL;
}

void runner_forget(struct task *t)
{
    runner_forget_token(t);
    spare_drop(t, false);
    for (struct task **at = &t->runner->tasks; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    free(t);
}

void runner_tell_exit(struct task *t, const struct exit_fact *fact)
{
    t->notice = NOTICE_EXITED;
    t->exit = *fact;
    runner_wake(t->runner, 0);
}

/* ---- hearing from shims ---- */

void runner_lost(struct task *t, uint64_t started_unix_ms, uint64_t bytes)
{
    log_lost_add(&t->runner->lost, t->key,
                 log_lost_news(&t->lost, started_unix_ms, bytes));
}

/* By what its shim left behind, which is gone.  A record that cannot be read was one all the
 * same: what it said is lost. */
struct exit_fact runner_end_of(struct task *t)
{
    struct shim_state state;
    uint8_t boot[SHIM_BOOT_LEN];
    int code = task_dir_state(t->dir, &state);
    record_boot(boot);
    if (code == 0 && state.lost_bytes) {
        char n[24];
        runner_lost(t, state.started_unix_ms, state.lost_bytes);
        (void)snprintf(n, sizeof(n), "%llu", (unsigned long long)state.lost_bytes);
        log_line(LOG_WARN, "task", "key", t->key, "output_lost_bytes", n, "remedy",
                 "make room on the disk of DATA/tasks", NULL);
    }
    t->is_over = false;
    if (code && code != -ENOENT)
        return (struct exit_fact){.kind = EXIT_LOST};
    struct exit_fact fact = shim_state_end(code ? NULL : &state, boot);
    t->is_over = fact.kind == EXIT_BY_CODE || fact.kind == EXIT_BY_SIGNAL;
    return fact;
}

static void on_started(void *ctx, uint32_t pid)
{
    struct task *t = ctx;
    struct uv_runner *r = t->runner;
    if (t->is_kill_wanted)
        cgroup_kill(&t->groups);
    if (t->token) /* newer than the one that it was started with */
        (void)uv_watch_put_token(t->watch, t->token);
    runner_forget_token(t);
    spare_started(t);
    if (!t->is_removing)
        r->events.started(r->events.ctx, t->key, pid);
}

static void on_left(void *ctx, pid_t shim_pid)
{
    runner_left(ctx, shim_pid);
}

static void on_ended(void *ctx, enum watch_end end, const char *why)
{
    struct task *t = ctx;
    struct uv_runner *r = t->runner;
    t->watch = NULL;
    if (t->is_removing) { /* forgotten: nobody wants to know */
        runner_wake(r, 0);
        return;
    }
    if (end == WATCH_FAILED) {
        r->events.failed(r->events.ctx, t->key, why);
        return;
    }
    struct exit_fact fact = runner_end_of(t);
    if (fact.kind == EXIT_NEVER && end == WATCH_RAN)
        fact.kind = EXIT_LOST; /* somebody removed the record */
    if (fact.kind == EXIT_LOST)
        cgroup_kill(&t->groups); /* the kernel kills the task: make sure */
    r->events.exited(r->events.ctx, t->key, &fact);
}

const struct uv_watch_events runner_watch_events = {
    .started = on_started, .left = on_left, .ended = on_ended};

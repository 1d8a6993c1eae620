/* Starting tasks: see uv_runner.h.  The usual path: write DIR/launch; from the loop, one after the
 * other, spawn the shim and watch it.  What can fail is told by `failed`. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/program.h"
#include "isolate/uv_runner_inside.h"

static void notice_failed(struct task *t, const char *why)
{
    t->notice = NOTICE_FAILED;
    (void)snprintf(t->why, sizeof(t->why), "%s", why);
    runner_wake(t->runner, 0);
}

/* `why` is there. */
static void notice_refused(struct task *t)
{
    t->notice = NOTICE_REFUSED;
    runner_wake(t->runner, 0);
}

static void notice_not_started(struct task *t, int code)
{
    char why[256];
    (void)snprintf(why, sizeof(why), "cannot start the task's shim: %s",
                   access("/dev/null", F_OK) < 0 ? "this host has no /dev/null"
                                                 : err_text(code));
    notice_failed(t, why);
}

/* Where the next run goes.  The shim of the last one, which was at `last`, may still be removing that: then
 * it is the other one, so that nobody has to wait and no shim takes the next run's for its own.  Where a
 * host has no groups, `ret_groups` has none: the shim says so better. */
static void choose_group(const struct task *t, const struct cgroup *last, char *group,
                         size_t cap, struct cgroup *ret_groups)
{
    int len = snprintf(group, cap, "%s/%s", t->runner->group, t->key);
    *ret_groups = (struct cgroup){0};
    if (cgroup_find(group, ret_groups, NULL) || !last->n ||
        strcmp(ret_groups->dirs[0].path, last->dirs[0].path) != 0)
        return;
    (void)snprintf(group + len, cap - (size_t)len, "%s", GROUP_BESIDE);
    (void)cgroup_find(group, ret_groups, NULL);
}

/* Groups have other names than before when the agent was another version, or is elsewhere.  What is
 * left of those of an earlier run goes first; -EBUSY while something lives in them. */
static int leave_groups(struct task *t, const struct cgroup *now)
{
    if (t->groups.n && !t->is_over &&
        (!now->n || strcmp(t->groups.dirs[0].path, now->dirs[0].path) != 0)) {
        int code = cgroup_remove(&t->groups);
        if (code == -EBUSY) {
            cgroup_kill(&t->groups);
            return code;
        }
        cgroup_prune(&t->groups);
    }
    t->groups = *now;
    return 0;
}

/* A spare that waits for just this goes on; otherwise all is made for a new shim. */
static int prepare(struct task *t, const struct launch *launch)
{
    static const struct cgroup none;
    struct uv_runner *r = t->runner;
    const struct task_spec *spec = launch->task;
    char group[GROUP_NAME_MAX], next[GROUP_NAME_MAX];
    struct cgroup groups, beside;
    choose_group(t, t->is_over ? &t->groups : &none, group, sizeof(group), &groups);
    int code = leave_groups(t, &groups);
    if (code)
        return code;
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
        .ports = launch->ports,
        .n_ports = launch->n_ports,
        .has_token = launch->token != NULL,
        .hidden = r->hidden.paths,
        .n_hidden = r->hidden.n,
        .memory_bytes = spec->memory_bytes,
        .cpu_milli = spec->cpu_milli,
        .pids = spec->pids,
        .cpu_cap_milli = spec->cpu_cap_milli,
        .has_swap = spec->has_swap,
        .swap_bytes = spec->swap_bytes,
        .rlimits = spec->rlimits,
        .log_max_bytes = spec->log_max_bytes,
        .log_max_files = spec->log_max_files,
        .log_keep_s = spec->log_keep_ms < 1000 ? 1 : spec->log_keep_ms / 1000,
        .agent_pid = r->tasks_die ? (uint32_t)getpid() : 0,
        .stop_signal = (uint32_t)spec->stop_signal,
        .stop_timeout_ms = spec->stop_timeout_ms,
    };
    if (!program_is_seen(&l, t->why, sizeof(t->why)))
        return ERR_NOT_FOUND;
    bool is_out = spare_release(t, &l, launch, &runner_watch_events);
    code = is_out ? task_dir_put_note(t->dir, launch->note)
                  : task_dir_prepare(t->dir, &l, launch->version, launch->note, r->trash);
    t->is_waiting = !is_out && code == 0;
    if (launch->is_quick && (is_out || code == 0)) {
        choose_group(t, &t->groups, next, sizeof(next), &beside);
        l.group = next;
        spare_order(t, &l, launch);
    }
    return is_out ? 0 : code;
}

static int start_shim(struct task *t)
{
    int report[2];
    pid_t pid = 0;
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    const struct spawn_order order = {
        .dir = t->dir, .report_fd = report[1], .go_fd = -1, .token = t->token};
    int code = runner_spawn(t->runner, &order, NULL, &pid);
    (void)close(report[1]);
    runner_forget_token(t);
    if (code) {
        (void)close(report[0]);
        return code;
    }
    int shim_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    code = shim_fd < 0 ? -errno : 0;
    if (code)
        (void)close(report[0]);
    else
        code = uv_watch_open(t->runner->loop, pid, shim_fd, report[0],
                             &runner_watch_events, t, &t->watch);
    if (code) { /* a shim that is not watched must not run */
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return code;
}

/* Many launches at once must not make this node look dead. */
bool runner_start_one(struct uv_runner *r)
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

void uv_runner_launch(struct uv_runner *r, const struct launch *launch)
{
    struct task *t =
        runner_key_is_valid(launch->key) ? runner_task(r, launch->key) : NULL;
    if (!t) {
        r->events.failed(r->events.ctx, launch->key,
                         "not enough memory, or a name that is no task's");
        return;
    }
    if (t->is_removing && !t->watch &&
        !t->is_unclear) { /* the old one's leftovers go now, or the shim waits for them */
        t->is_removing = false;
        (void)task_dir_clear(
            t->dir, t->runner->trash); /* what stays is cleared by task_dir_prepare */
    }
    if (t->watch || t->is_waiting || t->is_removing || t->is_unclear) {
        notice_failed(t, "an earlier run of it has not ended yet");
        return;
    }
    t->notice = NOTICE_NONE;
    t->n_tries = 0;
    t->is_kill_wanted = false;
    runner_forget_token(t);
    int code = prepare(t, launch);
    t->is_over = false;
    if (t->is_waiting && launch->token && !(t->token = strdup(launch->token)))
        code = -ENOMEM;
    t->is_waiting = t->is_waiting && code == 0;
    if (code == ERR_NOT_FOUND)
        notice_refused(t);
    else if (code == -EBUSY)
        notice_failed(t, "an earlier run of it has not ended yet");
    else if (code)
        notice_not_started(t, code);
    else if (t->is_waiting)
        runner_wake(r, 0);
}

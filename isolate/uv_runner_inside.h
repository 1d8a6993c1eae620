/* What the runner's files share, highest first: ending (uv_runner.c), starting (uv_launch.c), what
 * earlier agents left (uv_found.c), one task (uv_task.c), the next start of one (uv_spare.c), and shims as
 * processes (uv_shims.c). */
#ifndef ISOLATE_UV_RUNNER_INSIDE_H
#define ISOLATE_UV_RUNNER_INSIDE_H

#include <limits.h>
#include <sys/stat.h>

#include "isolate/cgroup_mode.h"
#include "isolate/hidden.h"
#include "isolate/log_lost.h"
#include "isolate/spawn.h"
#include "isolate/task_dir.h"
#include "isolate/uv_runner.h"
#include "isolate/uv_watch.h"

enum {
    LOOK_AGAIN_MS = 20,   /* at a shim that has not said what it does */
    REMOVE_RETRY_MS = 50, /* what could not be removed yet */
};

/* Behind the name of a task's groups, every other time: see choose_group. */
#define GROUP_BESIDE "~"
enum {
    GROUP_NAME_MAX =
        CGROUP_BASE_MAX + CGROUP_GROUP_MAX + TASK_KEY_MAX + sizeof(GROUP_BESIDE)
};

enum notice_kind { NOTICE_NONE, NOTICE_REFUSED, NOTICE_FAILED, NOTICE_EXITED };

struct task {
    struct uv_runner *runner;
    struct task *next;
    char key[TASK_KEY_MAX];
    char dir[TASK_DIR_MAX];
    struct uv_watch *watch;  /* NULL: nothing runs */
    struct cgroup groups;    /* n 0: unknown */
    enum notice_kind notice; /* to be told from the loop */
    char why[sizeof(((struct err *)0)->text)];
    struct exit_fact exit;
    bool is_removing, is_kill_wanted;
    bool is_waiting; /* prepared; its shim is started from the loop */
    /* found with a shim that has not said what it does: looked at again */
    bool is_unclear;
    unsigned n_looks;
    char *token; /* for that shim, or for the task when it has started; NULL = none */
    unsigned n_tries;
    struct log_lost_seen lost;
    bool
        is_over; /* its end was seen: nothing of that run lives, but for its shim and init */
    struct spare *spare; /* NULL: its next start may take its time */
};

/* A shim of ours whose task has ended: it removes what is left of it, and is to be reaped. */
struct leaving {
    struct leaving *next;
    pid_t pid;
    char key[TASK_KEY_MAX];
};

/* For the next start of a task: see uv_spare.c. */
struct spare {
    struct bytes launch;   /* that start, as it would be written down now */
    char *version, *token; /* NULL = none */
    uint64_t due_ms;
    bool has_risen; /* since the task was started */
    struct stat users[2];
    pid_t pid; /* 0: there is none yet, and of these neither: */
    int shim_fd, report_fd, go_fd, lock_fd;
};

struct uv_runner {
    uv_loop_t *loop;
    uv_timer_t timer;     /* notices and removals; running whenever there is one */
    uv_timer_cb on_timer; /* uv_runner.c's */
    struct uv_runner_events events;
    char data_dir[PATH_MAX], shim_path[PATH_MAX];
    struct spawn_program shim;
    bool has_shim; /* or it is opened at the first start */
    char group[CGROUP_BASE_MAX + CGROUP_GROUP_MAX];
    struct hidden hidden;
    bool tasks_die, is_closing;
    bool is_complete;         /* what an earlier agent left is in `tasks` */
    struct uv_trash *trash;   /* DATA/trash */
    struct uv_log_keep *keep; /* of ended tasks' logs */
    struct log_lost lost;
    struct task *tasks;
    struct leaving *leaving;
    uv_timer_t spare_timer; /* running while one is due */
    unsigned n_spares;
    unsigned n_handles; /* not closed yet */
};

/* ---- uv_task.c ---- */

extern const struct uv_watch_events runner_watch_events; /* their ctx is the task */

bool runner_key_is_valid(const char *key);
struct task *runner_find(struct uv_runner *r, const char *key); /* NULL: none */
struct task *runner_task(struct uv_runner *r,
                         const char *key); /* found or made; NULL: no memory */
void runner_forget(struct task *t);
void runner_forget_token(struct task *t);
void runner_tell_exit(struct task *t, const struct exit_fact *fact); /* from the loop */
/* The run of that start has lost so much of its output. */
void runner_lost(struct task *t, uint64_t started_unix_ms, uint64_t bytes);
/* By what its shim left behind, which is gone. */
struct exit_fact runner_end_of(struct task *t);

/* ---- uv_spare.c ---- */

void spare_open(struct uv_runner *r);
/* `next`: the start after the one that is ordered now, which must be for other groups. */
void spare_order(struct task *t, const struct shim_launch *next,
                 const struct launch *launch);
void spare_started(struct task *t); /* the run that it is to follow */
/* True when the task's spare does what is ordered now; then it is watched.  There is none afterwards. */
bool spare_release(struct task *t, const struct shim_launch *l,
                   const struct launch *launch, const struct uv_watch_events *events);
void spare_token(struct task *t, const char *token); /* made anew with that one */
/* `is_hurry`: its groups are wanted now. */
void spare_drop(struct task *t, bool is_hurry);

/* ---- uv_shims.c ---- */

void runner_wake(struct uv_runner *r, uint64_t in_ms);
/* A shim of it that is to be reaped when it has ended. */
void runner_left(struct task *t, pid_t shim_pid);
bool runner_reap(struct uv_runner *r); /* true when some are still at it */
/* Our own small program, or on a host that lets nothing run from memory this one. */
int runner_spawn(struct uv_runner *r, const struct spawn_order *order, int *ret_lock,
                 pid_t *ret_pid);

/* ---- uv_launch.c, uv_found.c ---- */

/* Start the shim of the next task that waits for it.  True when there are more: each takes
 * milliseconds, so between two of them the loop gets to what else there is. */
bool runner_start_one(struct uv_runner *r);

/* True when some tasks stay unclear. */
bool runner_look_again(struct uv_runner *r);

#endif

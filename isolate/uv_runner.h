/* The runner: starts, finds again, signals and removes tasks on this machine.  Each has a
 * shim process that outlives the agent and owns the task's processes, logs and exit
 * status.
 *
 * A task is named by a key, "<ns>.<job>.<index>", and has the directory
 * DATA/tasks/<key>/. */
#ifndef ISOLATE_UV_RUNNER_H
#define ISOLATE_UV_RUNNER_H

#include <uv.h>

#include "core/err.h"
#include "core/job.h"

enum { TASK_KEY_MAX = 144 };

struct uv_runner;

struct uv_runner_options {
    const char *data_dir; /* tasks/ is made below it */
    const char *name;     /* of the node, for people; control groups are named by the data
                             directory */
    const char *const
        *hidden; /* NULL-terminated, or NULL: paths no task may see (secret, socket ...)
                    besides data_dir, /etc/stratos and /run/stratos */
    const char *shim_path; /* the program with the verb `shim`; NULL = this very binary */
    bool tasks_die;        /* with the agent, as on a lost host (dev) */
};

struct uv_runner_events {
    void (*started)(void *ctx, const char *key, uint32_t pid);
    void (*failed)(void *ctx, const char *key, const char *why); /* never started */
    void (*exited)(void *ctx, const char *key, int32_t status, bool is_oom);
    void *ctx;
};

struct launch {
    const char *key;
    const struct task_spec *task;
    const struct pair
        *env; /* STRATOS_*, PORT_* ...: over the task's own; values already final */
    size_t n_env;
    struct bytes
        note; /* the agent's own bytes (its claim), given back by uv_runner_found */
};

int uv_runner_open(uv_loop_t *loop, const struct uv_runner_options *options,
                   const struct uv_runner_events *events, struct uv_runner **ret_runner,
                   struct err *err);
/* Stop watching; tasks stay (unless tasks_die). */
void uv_runner_close(struct uv_runner *r);

/* What earlier agents left: call once, before launching.  `pid` 0: it ended meanwhile, an
 * `exited` event follows from the loop; otherwise it runs and is watched from now on. */
void uv_runner_found(struct uv_runner *r,
                     void (*found)(void *ctx, const char *key, uint32_t pid,
                                   uint64_t started_unix_ms, struct bytes note),
                     void *ctx);

/* Always answered by `started` or `failed`, from the loop, where tasks are started one by one
 * between other things.  `launch` is copied. */
void uv_runner_launch(struct uv_runner *r, const struct launch *launch);
void uv_runner_note(struct uv_runner *r, const char *key,
                    struct bytes note); /* replace it on disk */
void uv_runner_signal(struct uv_runner *r, const char *key, int signal);
void uv_runner_kill(struct uv_runner *r, const char *key); /* the whole cgroup */
void uv_runner_remove(
    struct uv_runner *r,
    const char *key); /* forget and delete cgroup; logs stay until the next launch */

/* Hidden verb `stratos shim DIR`: the shim's own main. */
int shim_main(int argc, char **argv);

#endif

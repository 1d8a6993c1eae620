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
#include "core/exit.h"
#include "core/job.h"

enum { TASK_KEY_MAX = 144 };

struct log_lost;
struct uv_runner;

struct uv_runner_options {
    const char *data_dir; /* tasks/ is made below it */
    const char *name;     /* of the node, for people */
    const char *identity; /* of the node, its alone: control groups are named by it */
    const char *groups; /* where they go: "" or NULL, or "a/b/" (isolate/cgroup_mode.h) */
    const char *const
        *hidden; /* NULL-terminated, or NULL: paths no task may see (secret, socket ...)
                    besides data_dir, /etc/stratos and /run/stratos */
    const char
        *shim_path; /* a program with the verb `shim`; NULL = the one that we carry */
    bool tasks_die; /* with the agent, as on a lost host (dev) */
};

struct uv_runner_events {
    void (*started)(void *ctx, const char *key, uint32_t pid);
    void (*failed)(void *ctx, const char *key, const char *why); /* never started */
    /* not tried: its program cannot be there for it */
    void (*refused)(void *ctx, const char *key, const char *why);
    void (*exited)(void *ctx, const char *key, const struct exit_fact *fact);
    void *ctx;
};

struct launch {
    const char *key;
    const struct task_spec *task;
    /* STRATOS_*, PORT_* ...: over the task's own; values already final */
    const struct pair *env;
    size_t n_env;
    const uint16_t *ports; /* that it may bind; PORTS_MAX at most */
    size_t n_ports;
    const char *token; /* for SHIM_TOKEN_PATH; NULL = none; never written to a disk */
    bool
        is_quick; /* its next start is to be quick: all that can be is made ready while it runs */
    /* of its job, exactly; its own directory is kept from start to start of one and
     * empty at the first of the next. NULL: kept always */
    const char *version;
    /* the agent's own bytes (its claim), given back by uv_runner_found */
    struct bytes note;
};

int uv_runner_open(uv_loop_t *loop, const struct uv_runner_options *options,
                   const struct uv_runner_events *events, struct uv_runner **ret_runner,
                   struct err *err);
/* Stop watching; tasks stay (unless tasks_die). */
void uv_runner_close(struct uv_runner *r);

/* What an earlier agent left. */
struct task_found {
    const char *key;
    /* 0: it ended meanwhile, or it is not known yet: `started` or `exited` follows */
    uint32_t pid;
    uint64_t started_unix_ms;
    struct bytes note;
    /* what could not be read, or is not known yet, for people; NULL: all is */
    const char *doubt;
};

/* Call once, before launching.  Nothing is waited for here: what a shim has not said yet is
 * asked for again from the loop. */
void uv_runner_found(struct uv_runner *r,
                     void (*found)(void *ctx, const struct task_found *task), void *ctx);

/* Always answered by `started`, `failed` or `refused`, from the loop, where tasks are started one by one
 * between other things.  `launch` is copied. */
void uv_runner_launch(struct uv_runner *r, const struct launch *launch);
void uv_runner_note(struct uv_runner *r, const char *key,
                    struct bytes note); /* replace it on disk */
/* Another token in place of the one that a running or starting task was given.  -ESRCH when nothing
 * runs, -ENOENT when it has none; -errno. */
int uv_runner_token(struct uv_runner *r, const char *key, const char *token);
struct stop_order {
    int signal;   /* to every process of it; */
    bool to_main; /* to its main process alone, to what is left when that has ended */
    uint32_t
        grace_ms; /* what is left then is killed by its shim, whatever becomes of this agent */
};
void uv_runner_stop(struct uv_runner *r, const char *key, const struct stop_order *order);
/* What was lost of tasks' output; valid until the loop goes on. */
const struct log_lost *uv_runner_lost(const struct uv_runner *r);
void uv_runner_kill(struct uv_runner *r, const char *key); /* the whole cgroup */
/* Forget it, and delete its control group and directory; its logs stay as long as its job says. */
void uv_runner_remove(struct uv_runner *r, const char *key);

#endif

/* The two small files between an agent and a shim: DIR/launch, which says what to run,
 * and DIR/state, which says how it went.  Pure: bytes in, values out.
 *
 * Both open with a magic and a version, because a shim may be older than the agent that
 * finds it.  A text is its length (u32) and its bytes; lists are a count (u32) and the
 * items. */
#ifndef ISOLATE_SHIM_FILE_H
#define ISOLATE_SHIM_FILE_H

#include "core/arena.h"
#include "core/job.h"

enum {
    SHIM_FILE_VERSION = 1,
    SHIM_LAUNCH_MAX =
        1 << 20, /* a spec is 256 KiB at most; the rest is environment and paths */
    SHIM_STATE_LEN = 34,
    HIDDEN_MAX = 64, /* paths a task must not see */
};

struct shim_launch {
    const char *key;         /* "<ns>.<job>.<index>" */
    const char *dir;         /* DATA/tasks/<key>, absolute */
    const char *data_dir;    /* hidden from the task except for its own directory */
    const char *group;       /* of the control groups, relative to their mount:
                                "stratos/<hash>/<key>" */
    const char *user, *cwd;  /* "" = none */
    const char *const *argv; /* NULL-terminated */
    size_t n_argv;
    const struct pair *task_env, *env; /* env wins and is final */
    size_t n_task_env, n_env;
    const char *const *hidden;
    size_t n_hidden;
    uint64_t memory_bytes, log_max_bytes;
    uint32_t cpu_milli, pids, log_max_files;
    uint32_t
        agent_pid; /* 0: the shim outlives the agent; otherwise it dies with this one */
};

/* ERR_BOUND when it does not fit. */
void shim_launch_write(const struct shim_launch *l, struct writer *w);
/* Texts live in `arena`.  ERR_MALFORMED, ERR_TRUNCATED, ERR_UNSUPPORTED (another
 * version), ERR_BOUND, -ENOMEM. */
int shim_launch_read(struct bytes in, struct arena *arena,
                     struct shim_launch *ret_launch);

enum shim_phase { SHIM_RUNNING = 1, SHIM_EXITED = 2 };

struct shim_state {
    enum shim_phase phase;
    uint32_t shim_pid, init_pid,
        pid; /* pid: the task's own process, as the host sees it */
    uint64_t started_unix_ms;
    int32_t status; /* SHIM_EXITED: exit code, or 128 + signal */
    bool is_oom;
};

void shim_state_write(const struct shim_state *s, struct writer *w);
int shim_state_read(struct bytes in, struct shim_state *ret_state);

#endif

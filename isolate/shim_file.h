/* The two small files between an agent and a shim: DIR/launch, which says what to run,
 * and DIR/state, which says how it went.  Pure: bytes in, values out.
 *
 * Both are made of tagged fields (isolate/shim_tlv.h), because a shim may be older or newer
 * than the agent that finds it; those of 0.1.0 (isolate/shim_old.h) are read too.
 *
 * The state is two slots of SHIM_SLOT_LEN, each a whole file by those rules.  The higher
 * number of order counts, and the other one stays as it is: a write that is cut off damages
 * what it was to replace, never what holds. */
#ifndef ISOLATE_SHIM_FILE_H
#define ISOLATE_SHIM_FILE_H

#include "core/arena.h"
#include "core/exit.h"
#include "core/job.h"

enum {
    SHIM_LAUNCH_MAX =
        1 << 20, /* a spec is 256 KiB at most; the rest is environment and paths */
    SHIM_SLOT_LEN = 512,
    SHIM_STATE_LEN = 2 * SHIM_SLOT_LEN,
    SHIM_BOOT_LEN = 16,
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
    uint32_t log_keep_s;    /* after its end; 0: as long as an agent of 0.1.0 would */
    uint32_t cpu_cap_milli; /* 0 = none */
    bool has_swap;
    uint64_t swap_bytes;
    struct rlimits rlimits;
    /* 0: the shim outlives the agent; otherwise it dies with this one */
    uint32_t agent_pid;
    const uint16_t *ports; /* that it may bind; PORTS_MAX at most */
    size_t n_ports;
    bool has_token; /* it comes by the shim's standard input, not in this file */
    uint32_t stop_signal, stop_timeout_ms; /* for what its main process leaves behind */
    struct bytes unknown; /* fields of another release, kept as they are */
};

enum shim_reader {
    SHIM_READ_AGENT, /* knows what it may skip */
    SHIM_READ_SHIM,  /* was started with it: must understand what must be understood */
};

/* ERR_BOUND when it does not fit. */
void shim_launch_write(const struct shim_launch *l, struct writer *w);
/* Texts live in `arena`.  ERR_MALFORMED, ERR_TRUNCATED, ERR_UNSUPPORTED (another
 * format, or a field that must be understood), ERR_BOUND, -ENOMEM. */
int shim_launch_read(struct bytes in, struct arena *arena, enum shim_reader reader,
                     struct shim_launch *ret_launch);

enum shim_phase { /* numbers are on disk */
                  SHIM_RUNNING = 1,
                  SHIM_EXITED = 2,   /* nothing of it is left */
                  SHIM_PREPARED = 3, /* about to start; whether it did is not known */
                  SHIM_ENDING = 4,   /* its main process has ended, others have not */
};

struct shim_state {
    enum shim_phase phase;
    uint32_t order; /* of the slots: the greater one is the newer */
    uint32_t shim_pid, init_pid,
        pid; /* pid: the task's own process, as the host sees it */
    uint64_t started_unix_ms, ended_unix_ms;
    struct exit_fact exit;       /* from SHIM_ENDING on */
    uint64_t lost_bytes;         /* of its output, that the disk did not take */
    uint8_t boot[SHIM_BOOT_LEN]; /* of the kernel; all 0: not known */
};

/* Exactly SHIM_SLOT_LEN bytes, for the slot `order % 2`. */
void shim_state_write(const struct shim_state *s, struct writer *w);
/* The newer of the slots that hold; a file of 0.1.0 too. */
int shim_state_read(struct bytes in, struct shim_state *ret_state);

/* How it ended, by what its shim wrote down before it was gone itself.  `state` NULL: it
 * wrote nothing.  `boot`: of the kernel that runs now. */
struct exit_fact shim_state_end(const struct shim_state *state,
                                const uint8_t boot[static SHIM_BOOT_LEN]);

#endif

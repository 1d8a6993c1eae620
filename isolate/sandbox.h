/* What a task sees of its host, as a plan: a list of mounts in order, and the ids and
 * limits it runs under.  Pure; isolate/mounts.c and isolate/child.c carry it out.
 *
 * The idea (bubblewrap's SetupOp): everything is decided before anything is done, so that
 * a test can read the whole confinement as text. */
#ifndef ISOLATE_SANDBOX_H
#define ISOLATE_SANDBOX_H

#include "core/arena.h"
#include "core/err.h"
#include "isolate/cgroup.h"
#include "isolate/shim_file.h"
#include "isolate/users.h"

enum sandbox_op_kind {
    SANDBOX_DETACH, /* mounts made from here on are the task's alone */
    SANDBOX_TAME,   /* device nodes and set-uid bits mean nothing at `to` and below */
    SANDBOX_KEEP,   /* hold `from` open as `slot`, for later BINDs; the task may not see
                       `from` */
    SANDBOX_TMPFS,  /* an empty one on `to`, with `options` */
    SANDBOX_PROC,   /* a fresh /proc of the task's own PIDs */
    SANDBOX_PTS,    /* terminals of its own */
    SANDBOX_DIR,    /* make `to` and what is above it */
    SANDBOX_FILE,   /* make `to`, an empty file, and what is above it */
    SANDBOX_LINK,   /* symbolic link `to` -> `from` */
    SANDBOX_DEVICE, /* character device `device` at `to` */
    SANDBOX_BIND,   /* slot `slot` onto `to` */
    SANDBOX_TOKEN,  /* the task's token as the file `to`, for its user alone */
    SANDBOX_MASK,   /* nothing to see at `to`: an empty directory, or an empty file */
    SANDBOX_READ_ONLY, /* `to` and what is mounted below it cannot be written to */
};

struct sandbox_op {
    enum sandbox_op_kind kind;
    const char *from, *to, *options;
    unsigned slot;    /* KEEP, BIND: below SANDBOX_SLOTS */
    uint16_t device;  /* DEVICE: major << 8 | minor */
    bool is_optional; /* what is not there needs no treatment */
};

enum { SANDBOX_OPS_MAX = 192, SANDBOX_SLOTS = 8, HOSTNAME_LEN_MAX = 63 };

struct sandbox {
    struct sandbox_op ops[SANDBOX_OPS_MAX];
    size_t n_ops;
    /* the task's own directory, writable, at the same place as on the host */
    const char *home;
    char hostname[HOSTNAME_LEN_MAX + 1];
    struct user_ids user;
    struct cgroup_limits limits;
    struct rlimits rlimits;    /* those that its job asks for */
    char *token;               /* what TOKEN writes; set by who has it, not by the plan */
    uint16_t ports[PORTS_MAX]; /* the TCP ports it may bind, besides any free one */
    size_t n_ports;
};

/* `user` is what the launch's user resolved to, `groups` where its control groups are.
 * Texts live in `arena` or are the launch's own.  ERR_BOUND when it does not fit,
 * -ENOMEM. */
int sandbox_plan(const struct shim_launch *l, const struct user_ids *user,
                 const struct cgroup *groups, struct arena *arena,
                 struct sandbox *ret_sandbox, struct err *err);

/* One line per operation, for tests and debug logs; NULL when out of memory. */
char *sandbox_text(const struct sandbox *s, struct arena *arena);

#endif

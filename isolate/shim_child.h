/* The shim's side of a start: init is cloned into its namespaces and groups, sets up the sandbox, and
 * starts the task when it is told to. */
#ifndef ISOLATE_SHIM_CHILD_H
#define ISOLATE_SHIM_CHILD_H

#include "isolate/child.h"

struct shim_child {
    pid_t init_pid,
        pid;       /* pid: the task's own, as the host sees it; 0 = not there (yet) */
    int init_fd;   /* a pidfd; -1 = none */
    int facts;     /* see struct child; -1 = none */
    int output[2]; /* the reading ends of stdout and stderr, non-blocking; -1 = none */
    int channel;   /* until the start; -1 = none */
};

/* `plan` says all but what is made here: the channels and pipes.  When this fails and init_pid is not 0,
 * there is an init to be killed and reaped. */
int shim_child_clone(struct shim_child *c, const struct child *plan, struct err *err);
/* What it says while it waits, without waiting for it: a failure. */
int shim_child_look(struct shim_child *c, struct err *err);
/* Let it go on, and wait until the task's program runs. */
int shim_child_start(struct shim_child *c, struct err *err);

#endif

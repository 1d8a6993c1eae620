/* The inside of a sandbox: a tiny init as PID 1, and the task as its child. */
#ifndef ISOLATE_CHILD_H
#define ISOLATE_CHILD_H

#include "isolate/sandbox.h"
#include "isolate/task_env.h"

/* What init and the task tell the shim over `channel`, one packet each.  The packet's
 * sender credentials carry the task's PID as the host sees it. */
enum { CHILD_READY = 'S', CHILD_FAILED = 'F' };

struct child {
    const struct sandbox *sandbox;
    const struct task_env *env;
    int channel; /* SOCK_SEQPACKET; one byte arrives when the control groups are entered
                  */
    int out_fd, err_fd; /* become the task's stdout and stderr */
};

/* Run in a process just cloned into new PID, mount, IPC and UTS namespaces.  Sets up the
 * sandbox, starts the task, passes signals on to it, reaps, and exits with the task's
 * status (128 + signal if it was killed).  The channel closes when the task's program
 * runs. */
_Noreturn void child_run(const struct child *c);

#endif

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
    const struct cgroup *groups; /* to be entered; NULL: it was cloned into them */
    int channel;        /* SOCK_SEQPACKET; one byte arrives when the program may run */
    int out_fd, err_fd; /* become the task's stdout and stderr */
    int facts; /* SOCK_SEQPACKET: one struct child_end when the main process has ended */
    char *waits; /* of a spare: the word of its command line, to be wiped out; NULL */
};

/* With a signal to init from outside: it is for the main process alone, not for all of the task. */
enum { CHILD_FOR_MAIN = 0x6d61696e };

/* Shim and init are of one program, and of one host. */
struct child_end {
    int wait_status; /* of the main process, as wait(2) gives it */
    bool has_others; /* more of the task is left */
};

/* Run in a process just cloned into new PID, mount, IPC and UTS namespaces.  Enters the groups, sets up
 * the sandbox, starts the task, and reaps until nobody of it is left; then it ends.  A signal
 * from outside goes to every process of the task, one from inside to the main process.  The
 * channel closes when the task's program runs. */
_Noreturn void child_run(const struct child *c);

#endif

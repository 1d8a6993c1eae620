/* Names of a task's files, shared by the runner and the shim. */
#ifndef ISOLATE_SHIM_H
#define ISOLATE_SHIM_H

#define SHIM_LAUNCH_FILE                                                                 \
    "launch"                    /* struct shim_launch; gone when the task was removed    \
                                 */
#define SHIM_STATE_FILE "state" /* struct shim_state */
#define SHIM_NOTE_FILE "note"   /* the agent's own bytes */
#define SHIM_LOCK_FILE "lock"   /* held by the shim as long as it lives */
#define SHIM_WORK_DIR "work"    /* the task's own directory */

enum {
    SHIM_STATUS_FD = 3, /* where a fresh shim reports how the start went */
    SHIM_REPORT_MAX =
        1024, /* "started PID INIT UNIX_MS\n" or "failed WHY\n"; one write */
};

#endif

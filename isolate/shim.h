/* A task's shim, and the names that it shares with the runner. */
#ifndef ISOLATE_SHIM_H
#define ISOLATE_SHIM_H

#define SHIM_LAUNCH_FILE                                                                 \
    "launch"                    /* struct shim_launch; gone when the task was removed    \
                                 */
#define SHIM_SPARE_FILE "spare" /* the same, for the one that waits: isolate/uv_spare.c */
#define SHIM_STATE_FILE "state" /* struct shim_state */
#define SHIM_NOTE_FILE "note"   /* the agent's own bytes */
#define SHIM_LOCK_FILE "lock" /* held by the shim until the task's end is in the record */
#define SHIM_SAYS_ENDED                                                                  \
    "ended\n" /* to the agent that started it, when it has let the lock go */
#define SHIM_WORK_DIR "work" /* the task's own directory */
#define SHIM_MADE_FOR_FILE                                                               \
    "made-for" /* the version of the job that it was made for, as text */

/* Inside the sandbox, on a file system in memory: the task's token, if it has one. */
#define SHIM_TOKEN_DIR "/dev/stratos"
#define SHIM_TOKEN_NAME "token"
#define SHIM_TOKEN_PATH SHIM_TOKEN_DIR "/" SHIM_TOKEN_NAME

enum {
    SHIM_TOKEN_MAX =
        2048, /* bytes; it comes by a pipe on standard input, which holds so much */
    SHIM_STATUS_FD = 3,  /* where a fresh shim reports how the start went */
    SHIM_LOCK_FD = 4,    /* SHIM_LOCK_FILE, locked by the agent that starts it */
    SHIM_PROGRAM_FD = 5, /* what it is run from, if that is no file with a name */
    SHIM_GO_FD = 6,      /* of a spare: a byte comes when it may start its task */
    SHIM_REPORT_MAX =
        1024, /* "started PID INIT UNIX_MS\n" or "failed WHY\n"; one write */
};

/* A shim that makes all ready, waits, and starts the task when it is told to. */
#define SHIM_SPARE_WORD "spare"

/* The whole of it: `argv` is "shim DIR" or "shim DIR spare". */
int shim_main(int argc, char **argv);

#endif

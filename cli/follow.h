/* Following jobs until they are what was asked for: progress on stderr, an exit code at
 * the end. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/rollout.h"
#include "cli/talk.h"

enum { FOLLOW_TIMEOUT_MS = 300000, FOLLOW_ERROR_MAX = ROLLOUT_WAITING_MAX + 128 };

struct follow {
    struct target target;
    char version[24]; /* "v3"; "" = whatever is in force */
    enum rollout_goal goal;
    bool may_be_stopped;  /* then nothing is waited for */
    const json_t *before; /* as rollout_asked has it; the caller's */
    struct answer last;   /* the newest status; closed by the caller */
    struct rollout rollout;
    uint64_t failing_since_ms; /* 0 = not failing */
    bool has_failed;           /* ever: on another node it may look like a fresh start */
    char shown[ROLLOUT_PROGRESS_MAX]; /* of its progress, last */
    int code;                         /* EXIT_DONE while it has not failed */
    char error[FOLLOW_ERROR_MAX], error_code[24];
};

/* Poll the jobs until each has reached its goal or failed.  Says failures itself, each with its cause, and
 * returns the code of the first.  With --json it is silent until the end, and prints nothing on success
 * either: the caller has the answers. */
int follow_all(struct talk *t, struct follow *jobs, size_t n, uint64_t timeout_ms);
void follow_close(struct follow *jobs, size_t n);

/* The --timeout flag or the default; EXIT_USAGE is said. */
int follow_timeout(const struct invocation *in, uint64_t *ret_ms);

#endif

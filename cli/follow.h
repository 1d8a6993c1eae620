/* Following jobs until they are what was asked for: progress on stderr, an exit code at
 * the end. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/rollout.h"
#include "cli/talk.h"

enum { FOLLOW_TIMEOUT_MS = 300000 };

struct follow {
    struct target target;
    char version[24]; /* "v3"; "" = whatever is in force */
    enum rollout_goal goal;
    const json_t *before; /* as rollout_asked has it; the caller's */
    struct answer last;   /* the newest status; closed by the caller */
    struct rollout rollout;
    uint64_t failing_since_ms; /* 0 = not failing */
    bool has_failed;           /* ever: on another node it may look like a fresh start */
};

/* Poll the jobs until each has reached its goal.  Says failures itself.  With --json it
 * is silent until the end, and prints nothing on success either: the caller has the
 * answers. */
int follow_all(struct talk *t, struct follow *jobs, size_t n, uint64_t timeout_ms);
void follow_close(struct follow *jobs, size_t n);

/* The --timeout flag or the default; EXIT_USAGE is said. */
int follow_timeout(const struct invocation *in, uint64_t *ret_ms);

/* {"api":1,"node","view","data"} around `data` (stolen), as of the newest answer. */
void print_wrapped(const struct answer *a, json_t *data);

#endif

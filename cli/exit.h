/* The exit codes people's scripts rely on. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,      /* failed otherwise */
    EXIT_USAGE = 2,       /* usage, or an invalid file */
    EXIT_NO_SUCH = 3,     /* no such job, node, variable */
    EXIT_UNPLACEABLE = 4, /* cannot be placed before the deadline */
    EXIT_ROLLOUT = 5,     /* instances of the new version fail */
    EXIT_NO_AGENT = 6,    /* nobody listens, or the secret was refused */
    EXIT_CONFLICT = 7,    /* somebody else changed it first */
    EXIT_TIMED_OUT = 124,
    EXIT_INTERRUPTED = 130,
};

#endif

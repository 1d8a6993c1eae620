/* Patterns of constraints: POSIX extended regular expressions (IEEE 1003.1, 9.4) over
 * bytes, and \d \w \s besides.  No back-references, no collating elements.
 *
 * Patterns come from users and are tried on every node of a cluster, so time must be
 * bounded: the matcher walks all ways at once (Thompson 1968), in pattern times value
 * steps.  glibc's takes seconds for 25 well-chosen bytes, such as
 * a*{1,3}{2,}{1,3}{,2}.*.* */
#ifndef SCHED_PATTERN_H
#define SCHED_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

enum {
    PATTERN_STATES_MAX =
        1024, /* once repetitions are written out; a pattern has 256 bytes */
    PATTERN_GROUPS_MAX = 32, /* nested */
};

enum pattern_op { PATTERN_SET, PATTERN_SPLIT, PATTERN_START, PATTERN_END };

struct pattern_state {
    enum pattern_op op;
    int next, other; /* where to go on, relative to here; `other` for SPLIT only */
    uint64_t set[4]; /* PATTERN_SET: the bytes that match */
};

struct pattern {
    struct pattern_state states[PATTERN_STATES_MAX];
    int n; /* the state past the last one is the match */
};

/* ERR_INVALID or ERR_BOUND with a text. */
int pattern_compile(const char *text, struct pattern *ret_pattern, struct err *err);

/* Does the whole value match? */
bool pattern_matches(const struct pattern *p, const char *value);

#endif

/* A moment, as the host hands it to deciding code: monotonic time for deadlines, wall time as
 * data.  Deciding code never asks for either. */
#ifndef CORE_MOMENT_H
#define CORE_MOMENT_H

#include <stdint.h>

struct moment {
    uint64_t now_ms;     /* monotonic */
    uint64_t at_unix_ms; /* wall clock */
    uint64_t now_us; /* monotonic, finer, from whenever; 0: the host has no such clock */
};

#endif

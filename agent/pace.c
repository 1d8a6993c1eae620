/* See pace.h. */
#include "agent/pace.h"

enum { SHARE = 10, PAUSE_MAX_MS = 60000 };

uint64_t pace_ms(uint64_t least_ms, uint64_t cost_ms, uint64_t n)
{
    uint64_t pause_ms;
    if (__builtin_mul_overflow(cost_ms, n, &pause_ms) ||
        __builtin_mul_overflow(pause_ms, (uint64_t)SHARE, &pause_ms) ||
        pause_ms > PAUSE_MAX_MS)
        pause_ms = PAUSE_MAX_MS;
    return pause_ms > least_ms ? pause_ms : least_ms;
}

/* The hybrid logical clock, and wall time as text without any time zone code. */
#include "core/stamp.h"

#include <stdbool.h>
#include <stdio.h>

enum { COUNTER_BITS = 16 };

stamp_t hybrid_clock_next(struct hybrid_clock *c, uint64_t at_unix_ms)
{
    stamp_t wall = at_unix_ms << COUNTER_BITS;
    bool was_wrong = stamp_unix_ms(c->last) > at_unix_ms + STAMP_PULL_MAX_MS;
    c->last = wall > c->last || was_wrong ? wall : c->last + 1;
    return c->last;
}

void hybrid_clock_hear(struct hybrid_clock *c, stamp_t heard, uint64_t at_unix_ms)
{
    if (heard > c->last && stamp_unix_ms(heard) <= at_unix_ms + STAMP_PULL_MAX_MS)
        c->last = heard;
}

uint64_t stamp_unix_ms(stamp_t s)
{
    return s >> COUNTER_BITS;
}

/* Civil date from days since 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
const char *unix_ms_text(uint64_t unix_ms, char out[static 32])
{
    uint64_t ms = unix_ms % 1000, s = unix_ms / 1000;
    uint64_t days = s / 86400 + 719468, second = s % 86400;
    uint64_t era = days / 146097, doe = days % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    unsigned year = (unsigned)(yoe + era * 400 + (month <= 2)) % 10000;
    (void)snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month % 100,
                   day % 100, (unsigned)(second / 3600 % 100),
                   (unsigned)(second / 60 % 60), (unsigned)(second % 60), (unsigned)ms);
    return out;
}

/* Stamps: a 64-bit hybrid logical clock (Kulkarni et al. 2014), 48 bits of unix milliseconds
 * and 16 of counter.  Entries always merge whatever their stamp, but no node lets its own
 * clock be pulled more than STAMP_PULL_MAX_MS ahead of its wall clock. */
#ifndef CORE_STAMP_H
#define CORE_STAMP_H

#include <stdint.h>

typedef uint64_t stamp_t;

enum { STAMP_PULL_MAX_MS = 500 };

struct hybrid_clock {
    stamp_t last;
};

/* The stamp of a local event at `at_unix_ms`; strictly greater than every one before, unless the
 * wall clock was set back by more than STAMP_PULL_MAX_MS: then it had been wrong, and a node must
 * not win every tie for as long as it was ahead. */
stamp_t hybrid_clock_next(struct hybrid_clock *c, uint64_t at_unix_ms);
/* A stamp was heard; later local events are after it, unless it is too far ahead. */
void hybrid_clock_hear(struct hybrid_clock *c, stamp_t heard, uint64_t at_unix_ms);
uint64_t stamp_unix_ms(stamp_t s);

/* "2026-11-21T00:45:46.123Z" (RFC 3339); `out` holds 32. Returns out. */
const char *unix_ms_text(uint64_t unix_ms, char out[static 32]);

#endif

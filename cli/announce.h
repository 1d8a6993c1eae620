/* What a submission does to each job, in words. */
#ifndef CLI_ANNOUNCE_H
#define CLI_ANNOUNCE_H

#include <jansson.h>
#include <stdint.h>

enum { ANNOUNCE_MAX = 1024 };

/* The lines about one entry of a submission's "jobs", each with its line end:
 *
 *     default/web v7: restarts 3 instances: env changed
 *     default/web v7: count 5 -> 3 (the scale of 12:01 by root@n1 is dropped)
 *
 * `now_unix_ms`: a time of another day gets its date.  Times are UTC, as in `events`. */
void announce_text(const json_t *job, uint64_t now_unix_ms,
                   char out[static ANNOUNCE_MAX]);

/* "v3" of 3, "3" or "v3"; "" when there is none. */
void announce_version(const json_t *job, char *out, size_t cap);

#endif

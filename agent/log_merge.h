/* Which of several sources of lines is next: the one with the oldest.  Pure. */
#ifndef AGENT_LOG_MERGE_H
#define AGENT_LOG_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_rank {
    bool has_head;
    uint64_t head_unix_ms; /* of its next line */
    uint64_t tie; /* of two lines of one time the one with the smaller is first */
    bool is_done; /* nothing more comes */
    uint64_t upto_unix_ms; /* nothing older comes; 0 = not known */
};

#define LOG_MERGE_NONE SIZE_MAX

/* The source whose head is next, and in *ret_until before which time it stays so.  LOG_MERGE_NONE when
 * there is no head, or when one that has none yet may still have an older: then *ret_waits is true.
 * `is_late`: nobody is waited for any more. */
size_t log_merge_next(const struct log_rank *ranks, size_t n, bool is_late,
                      uint64_t *ret_until, bool *ret_waits);

#endif

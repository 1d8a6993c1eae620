/* See log_merge.h. */
#include "agent/log_merge.h"

size_t log_merge_next(const struct log_rank *ranks, size_t n, bool is_late,
                      uint64_t *ret_until, bool *ret_waits)
{
    size_t next = LOG_MERGE_NONE;
    uint64_t best = UINT64_MAX, second = UINT64_MAX, upto = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct log_rank *r = &ranks[i];
        if (!r->has_head) {
            upto = !r->is_done && r->upto_unix_ms < upto ? r->upto_unix_ms : upto;
        } else if (next == LOG_MERGE_NONE || r->head_unix_ms < best ||
                   (r->head_unix_ms == best && r->tie < ranks[next].tie)) {
            second = best;
            best = r->head_unix_ms;
            next = i;
        } else if (r->head_unix_ms < second) {
            second = r->head_unix_ms;
        }
    }
    *ret_waits = next != LOG_MERGE_NONE && !is_late && best > upto;
    *ret_until = second < upto || is_late ? second : upto;
    return *ret_waits ? LOG_MERGE_NONE : next;
}

/* What was lost of the tasks' output on this node, by job, since this agent started.  Of a task that it
 * found running all counts that its run had lost before.  Pure. */
#ifndef ISOLATE_LOG_LOST_H
#define ISOLATE_LOG_LOST_H

#include "core/bounds.h"
#include "core/bytes.h"

enum {
    LOG_LOST_JOBS_MAX =
        1024, /* then those that lost nothing make room, or it is OTHERS */
    LOG_LOST_NAME_MAX = 2 * NAME_LEN_MAX + 2,
};

#define LOG_LOST_OTHERS "others"

struct log_lost_job {
    char name[LOG_LOST_NAME_MAX]; /* "<ns>/<job>" */
    uint64_t bytes;
};

struct log_lost {
    struct log_lost_job *jobs; /* in the order of their names */
    size_t n, cap;
    uint64_t other_bytes;
};

void log_lost_fini(struct log_lost *l);
/* `key` is a task's, "<ns>.<job>.<index>"; with 0 the job is listed.  Never fails: where there is no
 * room, it is counted among the others. */
void log_lost_add(struct log_lost *l, const char *key, uint64_t n_bytes);

/* How much of one task's output was counted. */
struct log_lost_seen {
    uint64_t run_unix_ms, bytes; /* the start of that run */
};
/* What is new when a run says `bytes` in all. */
uint64_t log_lost_news(struct log_lost_seen *seen, uint64_t run_unix_ms, uint64_t bytes);

#endif

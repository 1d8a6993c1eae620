/* DIR/runs: when a task was started there, as which version of its job, and for how long its output
 * is kept after its end; a line a start.  Which version wrote a line, and where the life before
 * the last one begins and ends, is read from it. */
#ifndef ISOLATE_LOG_RUNS_H
#define ISOLATE_LOG_RUNS_H

#include "core/bytes.h"

#define LOG_RUNS_FILE "runs"

enum { LOG_RUNS_MAX = 256 }; /* kept; the oldest go first */

struct log_run {
    uint64_t at_unix_ms;
    uint32_t version; /* 0 = not known */
    uint32_t keep_s;
};

/* Pure: the last `cap` of the text's lines, oldest first; what is no run is passed over. */
size_t log_runs_parse(struct bytes text, struct log_run *out, size_t cap);
/* The run that wrote at that time; NULL when none had begun. */
const struct log_run *log_runs_at(const struct log_run *runs, size_t n,
                                  uint64_t at_unix_ms);

/* None when there is no such file: an older shim started it. */
size_t log_runs_load(const char *dir, struct log_run out[static LOG_RUNS_MAX]);
int log_runs_add(const char *dir, const struct log_run *run); /* -errno */

#endif

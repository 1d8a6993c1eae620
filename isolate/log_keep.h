/* Which of the outputs of ended tasks go: those that were kept for as long as their job asked, and of
 * the others the oldest, when together they are more than a node keeps.  And what was lost of any. */
#ifndef ISOLATE_LOG_KEEP_H
#define ISOLATE_LOG_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isolate/task_dir.h"

enum { LOG_KEEP_BYTES = 1 << 30, LOG_KEEP_MAX = 100 * 1000 };

struct log_kept {
    char dir[TASK_DIR_MAX];
    uint64_t ended_unix_s, bytes;
    uint32_t keep_s;
    bool is_over;
};

/* Pure.  Sorts the list, the oldest first, and marks what goes. */
void log_keep_choose(struct log_kept *list, size_t n, uint64_t now_unix_s,
                     uint64_t bytes_max);
/* The ended tasks below `tasks`: those without a launch file.  malloc'ed; returns how many. */
size_t log_keep_scan(const char *tasks, struct log_kept **ret_list);

/* A run that has lost some of its output, as its record says. */
struct log_loss {
    char key[TASK_DIR_MAX];
    uint64_t started_unix_ms, bytes;
};
/* Those of all the tasks below `tasks` that have not been removed.  malloc'ed; returns how many. */
size_t log_loss_scan(const char *tasks, struct log_loss **ret_list);

#endif

/* A task's resource limits: all of them are set, none is left as the agent has it. */
#ifndef ISOLATE_RLIMITS_H
#define ISOLATE_RLIMITS_H

#include <sys/resource.h>
#include <sys/types.h>

#include "core/err.h"
#include "core/rlimits.h"

struct rlimit_row {
    int number;
    struct rlimit value;
    bool is_asked; /* by the job: it holds, or the task does not start */
};

enum { RLIMIT_ROWS = RLIM_NLIMITS };

/* Pure: every limit that the kernel has, for a task of the user `uid` with `pids` processes. */
void rlimits_plan(const struct rlimits *asked, uint32_t pids, uid_t uid,
                  struct rlimit_row rows[static RLIMIT_ROWS]);
/* Set them for this process.  One that was not asked for is lowered to what this process may
 * give; one that was asked for and cannot be given is an error that names it. */
int rlimits_apply(const struct rlimit_row rows[static RLIMIT_ROWS], struct err *err);

/* Those usual ones of which this agent can give less, as "nofile=20000 ..."; false: none. */
bool rlimits_short(char *out, size_t cap);

#endif

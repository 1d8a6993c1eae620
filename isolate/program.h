/* Whether a task's program and directory are there, as the task will see them: looked at before it is started. */
#ifndef ISOLATE_PROGRAM_H
#define ISOLATE_PROGRAM_H

#include <stdbool.h>

#include "isolate/shim_file.h"

/* False: it could not start, and `why` says what to change.  What cannot be told from outside (rights of the
 * task's user, a script's interpreter) is true. */
bool program_is_seen(const struct shim_launch *l, char *why, size_t cap);

#endif

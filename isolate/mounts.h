/* Carry out the mounts of a sandbox plan, inside the task's new mount namespace. */
#ifndef ISOLATE_MOUNTS_H
#define ISOLATE_MOUNTS_H

#include "isolate/sandbox.h"

/* Stops at the first failure, which names the operation.  The caller is about to become
 * the task: on failure it has nothing to undo but itself. */
int mounts_apply(const struct sandbox *s, struct err *err);

#endif

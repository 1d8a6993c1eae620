/* Where a shim goes that has much to copy: one group of low weight for all of them, beside those of
 * the tasks.  What a task writes then costs its neighbours little, and the task waits. */
#ifndef ISOLATE_CGROUP_ASIDE_H
#define ISOLATE_CGROUP_ASIDE_H

#include "isolate/cgroup.h"

/* This process, from the next moment on.  -errno: it stays where it is. */
int cgroup_go_aside(const struct cgroup *task);

#endif

/* Whether tasks can run on this host, found out by running one: a program that does nothing, in the sandbox, the
 * groups and with the limits of any other task. */
#ifndef ISOLATE_HOST_TRY_H
#define ISOLATE_HOST_TRY_H

#include <stdbool.h>

#include "core/err.h"

/* Linux 5.14 and later (docs/ISOLATION.md).  Pure; a release that is no number is taken for new. */
bool host_kernel_is_old(const char *release);

/* `base` is where control groups go (isolate/cgroup_mode.h).  One thread, before there are others.  0, or what a
 * person has to change; takes some milliseconds, and 5 s at most. */
int host_try(const char *base, struct err *err);

#endif

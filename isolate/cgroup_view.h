/* A view of the control groups of this process's own, where its mounts have none: `ip netns exec` puts another
 * /sys over the one that they were mounted in. */
#ifndef ISOLATE_CGROUP_VIEW_H
#define ISOLATE_CGROUP_VIEW_H

#include "core/bytes.h"
#include "isolate/cgroup.h"

enum { CGROUP_VIEW_OPTIONS_MAX = 64 };

/* Pure: of the bytes of /proc/self/cgroup the v1 hierarchies that have one of our controllers, as mount options
 * ("cpu,cpuacct"); returns how many.  0: they are all v2's. */
size_t cgroup_view_hierarchies(struct bytes text,
                               char out[CGROUP_CONTROLLERS][CGROUP_VIEW_OPTIONS_MAX]);

/* Mount them at /sys/fs/cgroup, for this process and those that it starts alone.  One thread.  0, -errno. */
int cgroup_view_open(void);

#endif

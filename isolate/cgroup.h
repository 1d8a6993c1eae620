/* A task's control groups: one group on a host with cgroup v2, one per controller on a
 * host where memory, pids and cpu are still v1 hierarchies.
 *
 * Groups are made below <mount>/stratos/ and nowhere else; groups of others are neither
 * changed nor removed.  Sources: kernel cgroup-v2.rst, cgroup-v1/memory.rst,
 * cgroup-v1/pids.rst. */
#ifndef ISOLATE_CGROUP_H
#define ISOLATE_CGROUP_H

#include <sys/types.h>

#include "core/bytes.h"
#include "core/err.h"

enum cgroup_controller { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CONTROLLERS };

enum { CGROUP_MOUNT_MAX = 256, CGROUP_PATH_MAX = 640, CGROUP_GROUP_MAX = 32 };

/* Where the hierarchies are mounted; "" = nowhere. */
struct cgroup_mounts {
    char v2[CGROUP_MOUNT_MAX];
    char v1[CGROUP_CONTROLLERS][CGROUP_MOUNT_MAX];
};

struct cgroup_limits {
    uint64_t memory_bytes; /* 0 = no limit asked, here and below */
    uint32_t pids, cpu_milli;
};

struct cgroup {
    bool is_v2;
    size_t n; /* 1 for v2; one per controller for v1 */
    struct {
        enum cgroup_controller controller; /* v1 only */
        size_t mount_len; /* the leading part of `path` that is the mount */
        char path[CGROUP_PATH_MAX];
    } dirs[CGROUP_CONTROLLERS];
};

/* Pure: from the bytes of /proc/self/mountinfo (proc(5)). */
void cgroup_mounts_read(struct bytes mountinfo, struct cgroup_mounts *ret_mounts);
/* Pure: `controllers` is the content of cgroup.controllers at the v2 mount, empty if
 * none.  v2 is taken when it has all three controllers.  ERR_UNSUPPORTED, naming what is
 * missing. */
int cgroup_place(const struct cgroup_mounts *mounts, struct bytes controllers,
                 const char *group, struct cgroup *ret_group, struct err *err);

/* The group, relative to the mounts, of all tasks of the agent with this data directory
 * (absolute, without links): "stratos/<hash>". */
void cgroup_group(const char *data_dir, char out[static CGROUP_GROUP_MAX]);

/* On this host.  `group` is relative to the mounts: "stratos/<hash>/<key>". */
int cgroup_find(const char *group, struct cgroup *ret_group, struct err *err);
/* Make the groups, fresh, and set the limits.  Every limit that was asked for holds
 * afterwards, or it is an error. */
int cgroup_create(const struct cgroup *g, const struct cgroup_limits *limits,
                  struct err *err);
int cgroup_enter(const struct cgroup *g, pid_t pid, struct err *err);
/* SIGKILL everything in the group, once; members may need a moment to be gone. */
void cgroup_kill(const struct cgroup *g);
/* Remove the groups; 0 also when they are gone already, -EBUSY while something lives in
 * them. */
int cgroup_remove(const struct cgroup *g);
/* Remove the groups above that are empty now, up to the mount. */
void cgroup_prune(const struct cgroup *g);
bool cgroup_has_oom(const struct cgroup *g); /* the kernel killed something for memory */

#endif

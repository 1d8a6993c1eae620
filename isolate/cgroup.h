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

/* Beside the groups of tasks, for shims (isolate/cgroup_aside.h); cgroup_prune removes it, too. */
#define CGROUP_ASIDE "/.shims"

/* Where the hierarchies are mounted; "" = nowhere. */
struct cgroup_mounts {
    char v2[CGROUP_MOUNT_MAX];
    char v1[CGROUP_CONTROLLERS][CGROUP_MOUNT_MAX];
};

struct cgroup_limits {
    uint64_t memory_bytes; /* 0 = no limit asked, here and below */
    uint32_t pids;
    uint32_t cpu_milli;     /* weight under contention */
    uint32_t cpu_cap_milli; /* the most it can use */
    /* `swap_bytes` beside the memory, exactly; else none, if it can be set */
    bool has_swap;
    uint64_t swap_bytes;
    bool host_swaps; /* cgroup_host_swaps() */
};

struct cgroup {
    bool is_v2;
    size_t n; /* 1 for v2; one per controller for v1 */
    struct {
        enum cgroup_controller controller; /* v1 only */
        size_t
            mount_len; /* the leading part of `path` that is not ours: the mount and, in a
                             subtree that was given to the agent, that */
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

/* The group of all tasks of one agent: "stratos/<hash>".  `identity` is what no other agent on this
 * kernel has: not a path, which may be the same in two containers. */
void cgroup_group(const char *identity, char out[static CGROUP_GROUP_MAX]);

/* On this host.  `group` is relative to the mounts: "stratos/<hash>/<key>", after the base of the
 * subtree that is the agent's, if it has one (isolate/cgroup_mode.h). */
int cgroup_find(const char *group, struct cgroup *ret_group, struct err *err);
/* Make the groups, fresh, and set the limits.  Every limit that was asked for holds
 * afterwards, or it is an error; one of swap that was not asked for holds where it can. */
int cgroup_create(const struct cgroup *g, const struct cgroup_limits *limits,
                  struct err *err);
/* Set the limits of groups that are there; cgroup_create does. */
int cgroup_limit(const struct cgroup *g, const struct cgroup_limits *limits,
                 struct err *err);
/* This process, which has one thread, and its children from here on. */
int cgroup_enter(const struct cgroup *g, struct err *err);
/* SIGKILL everything in the group, once; members may need a moment to be gone. */
void cgroup_kill(const struct cgroup *g);
/* Remove the groups; 0 also when they are gone already, -EBUSY while something lives in
 * them. */
int cgroup_remove(const struct cgroup *g);
/* Remove the groups above that are empty now, up to the mount. */
void cgroup_prune(const struct cgroup *g);
/* Some of the host's memory may be on a disk. */
bool cgroup_host_swaps(void);
bool cgroup_swaps_read(struct bytes text); /* pure: the bytes of /proc/swaps */
/* Whether swap can be limited; `g` is there, and no root. */
bool cgroup_accounts_swap(const struct cgroup *g);
bool cgroup_has_oom(const struct cgroup *g); /* the kernel killed something for memory */

#endif

/* Where on this host an agent may make control groups, and what they can hold.  Looked at
 * once, when the agent starts.  Sources: kernel cgroup-v2.rst ("Delegation", "No Internal
 * Process Constraint"), systemd.resource-control(5) (Delegate=, DelegateSubgroup=),
 * cgroup_namespaces(7). */
#ifndef ISOLATE_CGROUP_MODE_H
#define ISOLATE_CGROUP_MODE_H

#include "isolate/cgroup.h"

enum cgroup_mode {
    CGROUP_NONE,      /* no task can run here: `cause` says why */
    CGROUP_ROOT,      /* below the mount */
    CGROUP_DELEGATED, /* below the group that a service manager gave to our unit */
    CGROUP_CONTAINER, /* below the root of a control group namespace */
};

enum cgroup_swap {
    CGROUP_SWAP_LIMITED,   /* a task's memory limit is one of memory and swap */
    CGROUP_SWAP_NONE,      /* cannot be limited, and the host has none */
    CGROUP_SWAP_UNLIMITED, /* cannot be limited */
};

enum { CGROUP_BASE_MAX = 160 };

struct cgroup_host {
    enum cgroup_mode mode;
    enum cgroup_swap swap;
    char base[CGROUP_BASE_MAX]; /* "" or "a/b/": goes before "stratos/<hash>" */
    char cause[512];            /* NONE: why; ROOT: why not DELEGATED, or "" */
};

const char *cgroup_mode_name(enum cgroup_mode mode); /* "root" ... */
const char *
cgroup_swap_name(enum cgroup_swap swap); /* "limited", "none", "not-limited" */

/* What decides. */
struct cgroup_place {
    bool is_v2;
    bool is_namespace;        /* the mount shows a namespace's root, not the kernel's */
    const char *own;          /* the agent's group, as in /proc/self/cgroup: "/a/b" */
    bool is_own_delegated;    /* that group was given to us */
    bool is_parent_delegated; /* the one above it was */
};

/* Pure.  Sets mode, base and cause. */
void cgroup_mode_choose(const struct cgroup_place *place, struct cgroup_host *ret_host);
/* Pure: the v2 group of the bytes of /proc/PID/cgroup, in `out`; "" = none. */
void cgroup_own_read(struct bytes text, char out[static CGROUP_PATH_MAX]);

/* Look at this host, make room in a container's root group, and try a group. */
void cgroup_host_open(struct cgroup_host *ret_host);

#endif

/* Who is at the other end of a unix socket, and whether that is one of our tasks.
 *
 * A task lives in a control group "stratos/<hash>/<key>" (isolate/cgroup.h), of this or of any
 * other agent on this host, and cannot leave it.  So the group tells, not the user: a task of
 * root is a task.  Sources: unix(7), proc(5), cgroups(7). */
#ifndef ISOLATE_PEER_H
#define ISOLATE_PEER_H

#include <sys/types.h>

#include "core/bytes.h"
#include "core/err.h"

struct peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
    bool is_task;
};

/* The process that connected `socket_fd`, a connected unix socket.  ERR_DENIED when it has
 * ended, or cannot be seen from here (it lives outside this agent's PID namespace); -errno when
 * the kernel does not say.  After any error the caller refuses the peer. */
int peer_look(int socket_fd, struct peer *ret_peer, struct err *err);

/* Pure: from the bytes of /proc/PID/cgroup, of v1, v2 or both.  Paths may be relative to a
 * cgroup namespace ("/../x") or lie within a container.  ERR_MALFORMED. */
int peer_groups_read(struct bytes text, bool *ret_is_task);

struct peer_stat {
    /* in ticks since the host's start; with the PID it names one process */
    uint64_t started;
    bool is_exiting; /* its main thread ends: v1 then shows it in the root group */
};

/* Pure: from the bytes of /proc/PID/stat.  ERR_MALFORMED. */
int peer_stat_read(struct bytes text, struct peer_stat *ret_stat);

#endif

/* See peer.h.  The usual path: credentials and a pidfd from the socket, then the process's
 * start time, its groups, its start time again; if the pidfd still lives then, all three were of
 * the process that connected.  What can fail: a process that ends meanwhile. */
#include "isolate/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/files.h"

#ifndef SO_PEERPIDFD /* Linux 6.5, asm-generic/socket.h; Debian 12's headers are older */
#define SO_PEERPIDFD 77
#endif

enum {
    STAT_LEN_MAX = 4096,
    GROUPS_LEN_MAX = 256 * 1024, /* some fifteen hierarchies, a path of 4 KiB in each */
    HASH_DIGITS = 16,            /* cgroup_group: %016llx */
    FIELD_FLAGS = 9,             /* proc(5), /proc/pid/stat */
    FIELD_STARTED = 22,
    FLAG_EXITING = 0x4, /* PF_EXITING of the kernel's sched.h */
};

/* ---- texts ---- */

static struct bytes next_part(struct bytes *rest, char separator)
{
    const uint8_t *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct bytes part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = part.len + (end ? 1 : 0);
    *rest = (struct bytes){rest->at + taken, rest->len - taken};
    return part;
}

static bool is_hash(struct bytes part)
{
    if (part.len != HASH_DIGITS)
        return false;
    for (size_t i = 0; i < part.len; i++)
        if (!((part.at[i] >= '0' && part.at[i] <= '9') ||
              (part.at[i] >= 'a' && part.at[i] <= 'f')))
            return false;
    return true;
}

/* "stratos", a hash, and a task's key below it, anywhere in the path: above them is whatever
 * the agent itself was put into, below them what the task was made of.  A container, a unit or
 * a group that is merely called stratos has no such hash below it. */
static bool is_task_path(struct bytes path)
{
    unsigned n_matched = 0;
    while (path.len) {
        struct bytes part = next_part(&path, '/');
        bool is_name = bytes_equal(part, bytes_of_text("stratos"));
        if (n_matched == 2 && part.len)
            return true;
        n_matched = n_matched == 1 && is_hash(part) ? 2 : is_name;
    }
    return false;
}

int peer_groups_read(struct bytes text, bool *ret_is_task)
{
    bool is_task = false;
    if (text.len && text.at[text.len - 1] != '\n')
        return ERR_MALFORMED; /* cut off: the line that matters may be missing */
    while (text.len) {
        struct bytes path = next_part(&text, '\n'); /* "ID:CONTROLLERS:PATH" */
        (void)next_part(&path, ':');
        (void)next_part(&path, ':'); /* a path may have colons, the others have none */
        if (path.len == 0 || path.at[0] != '/')
            return ERR_MALFORMED;
        is_task = is_task || is_task_path(path);
    }
    *ret_is_task = is_task;
    return 0;
}

static int read_number(struct bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > 20)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ERR_MALFORMED;
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret_number = number;
    return 0;
}

int peer_stat_read(struct bytes text, struct peer_stat *ret_stat)
{
    const uint8_t *name_end = text.len ? memrchr(text.at, ')', text.len) : NULL;
    uint64_t flags = 0, started = 0;
    int code = name_end ? 0 : ERR_MALFORMED; /* the name may hold anything, also ')' */
    struct bytes rest = {0};
    if (name_end)
        rest = (struct bytes){name_end + 1, text.len - (size_t)(name_end - text.at) - 1};
    (void)next_part(&rest, ' ');
    for (int field = 3; field <= FIELD_STARTED && code == 0; field++) {
        struct bytes part = next_part(&rest, ' ');
        if (field == FIELD_FLAGS)
            code = read_number(part, &flags);
        else if (field == FIELD_STARTED)
            code = read_number(part, &started);
    }
    if (code == 0)
        *ret_stat = (struct peer_stat){started, (flags & FLAG_EXITING) != 0};
    return code;
}

/* ---- the process ---- */

static int read_stat(pid_t pid, struct arena *arena, struct peer_stat *ret_stat)
{
    char path[64];
    struct bytes text;
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    int code = file_read(path, STAT_LEN_MAX, arena, &text);
    return code ? code : peer_stat_read(text, ret_stat);
}

/* A kernel without control groups has no such file, and no tasks of ours. */
static int read_groups(pid_t pid, struct arena *arena, bool *ret_is_task)
{
    char path[64];
    struct bytes text = {0};
    (void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", (long)pid);
    int code = file_read(path, GROUPS_LEN_MAX, arena, &text);
    return code && code != -ENOENT ? code : peer_groups_read(text, ret_is_task);
}

static int gone(struct err *err)
{
    return err_set(err, ERR_DENIED, "the process that connected has ended");
}

/* A descriptor of the very process that connected, from Linux 6.5 on; before that of whoever
 * has its PID now. */
static int open_pidfd(int socket_fd, pid_t pid, struct err *err)
{
    int fd = -1;
    socklen_t len = sizeof(fd);
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0)
        return fd;
    if (errno == ENOPROTOOPT)
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return fd;
    int code = -errno;
    if (code == -ESRCH || code == -EINVAL || code == -ENODATA)
        return gone(err);
    return err_set(err, code, "cannot hold on to process %ld: %s", (long)pid,
                   err_text(code));
}

static bool has_ended(int pidfd)
{
    struct pollfd one = {.fd = pidfd, .events = POLLIN};
    return poll(&one, 1, 0) != 0;
}

static int look_at(int pidfd, struct peer *peer, struct err *err)
{
    struct arena arena;
    struct peer_stat before, after;
    arena_init(&arena, 2 << 20);
    int code = read_stat(peer->pid, &arena, &before);
    if (code == 0)
        code = read_groups(peer->pid, &arena, &peer->is_task);
    if (code == 0)
        code = read_stat(peer->pid, &arena, &after);
    arena_fini(&arena);
    if (code == -ENOENT || code == -ESRCH)
        return gone(err);
    if (code)
        return err_set(err, code, "cannot tell what process %ld is: %s", (long)peer->pid,
                       err_text(code));
    /* What is seen of a main thread that ends while others go on is not where they live. */
    if (before.started != after.started || after.is_exiting || has_ended(pidfd))
        return gone(err);
    return 0;
}

int peer_look(int socket_fd, struct peer *ret_peer, struct err *err)
{
    struct ucred from;
    socklen_t len = sizeof(from);
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &from, &len) < 0) {
        int code = -errno;
        return err_set(err, code, "cannot tell who connected: %s", err_text(code));
    }
    if (len != sizeof(from) || from.pid <= 0)
        return err_set(err, ERR_DENIED,
                       "the process that connected cannot be seen from here: it lives "
                       "outside this agent's PID namespace");
    struct peer peer = {.pid = from.pid, .uid = from.uid, .gid = from.gid};
    int pidfd = open_pidfd(socket_fd, peer.pid, err);
    if (pidfd < 0)
        return pidfd;
    int code = look_at(pidfd, &peer, err);
    (void)close(pidfd);
    if (code == 0)
        *ret_peer = peer;
    return code;
}

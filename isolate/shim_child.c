/* See shim_child.h.  The usual path: init says "ready" with the credentials of the task, and the
 * channel closes when the task's program runs.  What can fail: whatever init says. */
#include "isolate/shim_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(struct err *err, const char *what)
{
    int code = -errno;
    return err_set(err, code, "cannot %s: %s", what, err_text(code));
}

/* Into the groups of v2 at once: see cgroup_enter. */
static pid_t clone_into(const struct cgroup *v2, uint64_t flags)
{
    int fd = open(v2->dirs[0].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
                              .exit_signal = SIGCHLD,
                              .cgroup = (unsigned)fd};
    pid_t pid = fd < 0 ? -1 : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (fd >= 0)
        (void)close(fd);
    return pid;
}

/* A fork into new namespaces; as fork(2), it returns twice. */
static pid_t clone_init(struct child *child)
{
    const unsigned flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    const struct cgroup *groups = child->groups;
    child->groups = NULL;
    pid_t pid = groups->is_v2 ? clone_into(groups, flags) : -1;
    if (pid >= 0)
        return pid;
    child->groups = groups; /* it enters them itself */
    return (pid_t)syscall(SYS_clone, (long)(flags | SIGCHLD), 0, 0, 0, 0);
}

static int make_pipes(struct shim_child *c, int ends[2], struct err *err)
{
    for (size_t i = 0; i < 2; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC) < 0 || fcntl(both[0], F_SETFL, O_NONBLOCK) < 0)
            return failed(err, "make a pipe");
        c->output[i] = both[0];
        ends[i] = both[1];
    }
    return 0;
}

int shim_child_clone(struct shim_child *c, const struct child *plan, struct err *err)
{
    struct child child = *plan;
    int ends[2], channel[2], facts[2];
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, facts) < 0 ||
        setsockopt(channel[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return failed(err, "make the shim's channel");
    int code = make_pipes(c, ends, err);
    if (code)
        return code;
    child.channel = channel[1];
    child.facts = facts[1];
    child.out_fd = ends[0];
    child.err_fd = ends[1];
    c->init_pid = clone_init(&child);
    if (c->init_pid == 0) {
        (void)close(channel[0]);
        child_run(&child);
    }
    if (c->init_pid < 0)
        return failed(err, "make namespaces for the task");
    (void)close(channel[1]);
    (void)close(facts[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    c->channel = channel[0];
    c->facts = facts[0];
    c->init_fd = (int)syscall(SYS_pidfd_open, c->init_pid, 0);
    return c->init_fd < 0 ? failed(err, "watch the task") : 0;
}

/* 1: there may be more; `flags`: of recvmsg. */
static int take_packet(struct shim_child *c, int flags, struct err *err)
{
    char text[sizeof(err->text)];
    union {
        struct cmsghdr align;
        char at[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.at,
                         .msg_controllen = sizeof(control.at)};
    ssize_t len = recvmsg(c->channel, &msg, MSG_CMSG_CLOEXEC | flags);
    if (len < 0)
        return errno == EINTR ? 1 : failed(err, "hear from the task's init");
    if (len == 0) /* closed by exec, or by an early death */
        return c->pid ? 0
                      : err_set(err, ERR_DENIED,
                                "the task's init died before it started the task");
    text[len] = '\0';
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    if (text[0] == CHILD_FAILED)
        return err_set(err, ERR_DENIED, "%s", text + 1);
    if (text[0] == CHILD_READY && head && head->cmsg_type == SCM_CREDENTIALS) {
        struct ucred from;
        memcpy(&from, CMSG_DATA(head), sizeof(from));
        c->pid = from.pid;
    }
    return 1;
}

int shim_child_look(struct shim_child *c, struct err *err)
{
    int code = take_packet(c, MSG_DONTWAIT, err);
    return code == 0 ? err_set(err, ERR_DENIED, "the task's init died while it waited")
                     : code;
}

int shim_child_start(struct shim_child *c, struct err *err)
{
    int code;
    (void)send(c->channel, "g", 1, MSG_NOSIGNAL); /* who is gone has said why */
    do {
        code = take_packet(c, 0, err);
    } while (code > 0);
    (void)close(c->channel);
    c->channel = -1;
    return code;
}

/* `stratos shim DIR`: one small process per task that outlives the agent.  It owns the
 * task's processes, logs and exit status.
 *
 * The usual path: read DIR/launch, lock DIR/lock, make the control groups, clone init
 * into its namespaces, report "started", copy output to the logs until init exits, write
 * DIR/state. What can fail before the task runs is reported as "failed WHY"; a shim that
 * is killed takes the task along (init's parent-death signal) and leaves DIR/state at
 * "running". */
#include "isolate/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/child.h"
#include "isolate/files.h"
#include "isolate/logs.h"
#include "isolate/uv_runner.h"

enum {
    COPY_MAX = 16 * 1024,
    DRAIN_MAX =
        4096, /* reads per stream after the end: 64 MiB, more than a pipe can hold */
    REMOVE_TRIES = 50, /* 20 ms apart: a killed group empties in its own time */
    SHIM_EXIT_FAILED = 125,
};

struct stream {
    int fd; /* the reading end; -1 when it ended */
    struct log_file log;
};

struct shim {
    const char *dir;
    struct arena arena;
    struct shim_launch launch;
    struct sandbox sandbox;
    struct task_env env;
    struct cgroup groups;
    struct stream streams[2];
    int channel, init_fd; /* the child's packets; a pidfd */
    pid_t init_pid, pid;
    uint64_t started_unix_ms;
    bool is_started;
    struct err err;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int failed(struct shim *s, const char *what)
{
    int code = -errno;
    return err_set(&s->err, code, "cannot %s: %s", what, err_text(code));
}

static const char *path_in(struct shim *s, const char *name)
{
    const char *path = arena_printf(&s->arena, "%s/%s", s->dir, name);
    return path ? path : "";
}

/* ---- reports ---- */

static void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void report(const char *format, ...)
{
    char line[SHIM_REPORT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len >= (int)sizeof(line))
        len = (int)sizeof(line) - 1;
    if (len > 0 && write(SHIM_STATUS_FD, line, (size_t)len) < 0)
        return; /* the agent is gone; its successor reads DIR/state */
}

static int write_state(struct shim *s, enum shim_phase phase, int status, bool is_oom)
{
    uint8_t buf[SHIM_STATE_LEN];
    struct writer w = writer_of(buf, sizeof(buf));
    struct shim_state state = {
        .phase = phase,
        .shim_pid = (uint32_t)getpid(),
        .init_pid = (uint32_t)s->init_pid,
        .pid = (uint32_t)s->pid,
        .started_unix_ms = s->started_unix_ms,
        .status = status,
        .is_oom = is_oom,
    };
    shim_state_write(&state, &w);
    int code = file_replace(path_in(s, SHIM_STATE_FILE), writer_done(&w));
    if (code)
        return err_set(&s->err, code, "cannot write the task's state: %s",
                       err_text(code));
    return 0;
}

/* ---- preparation ---- */

static int take_lock(struct shim *s)
{
    int fd = open(path_in(s, SHIM_LOCK_FILE), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(s, "open the task's lock");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return err_set(&s->err, ERR_CONFLICT, "it is running already");
    }
    return 0; /* held until this process ends */
}

static int read_launch(struct shim *s)
{
    struct bytes content;
    int code =
        file_read(path_in(s, SHIM_LAUNCH_FILE), SHIM_LAUNCH_MAX, &s->arena, &content);
    if (code == 0)
        code = shim_launch_read(content, &s->arena, &s->launch);
    if (code)
        return err_set(&s->err, code, "cannot read the launch file: %s", err_text(code));
    return 0;
}

/* The agent may have died between starting us and here: then its tasks must not start. */
static int tie_to_agent(struct shim *s)
{
    if (s->launch.agent_pid == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return failed(s, "tie the task to its agent");
    if ((uint32_t)getppid() != s->launch.agent_pid)
        return err_set(&s->err, ERR_DENIED, "the agent is gone");
    return 0;
}

static int find_user(struct shim *s, struct user_ids *ret_ids)
{
    struct bytes passwd = {0}, group = {0};
    if (!s->launch.user[0]) {
        *ret_ids = (struct user_ids){.uid = geteuid(), .gid = getegid()};
        return 0;
    }
    (void)file_read("/etc/passwd", 4 << 20, &s->arena,
                    &passwd); /* numbers work without them */
    (void)file_read("/etc/group", 4 << 20, &s->arena, &group);
    return users_find(passwd, group, s->launch.user, ret_ids, &s->err);
}

static int make_home(struct shim *s, const struct user_ids *user)
{
    int code = dir_make(s->sandbox.home, 0755);
    if (code)
        return err_set(&s->err, code, "cannot make %.200s: %s", s->sandbox.home,
                       err_text(code));
    if (lchown(s->sandbox.home, user->uid, user->gid) < 0)
        return failed(s, "give the task its directory");
    return 0;
}

static int plan(struct shim *s)
{
    struct user_ids user;
    if (geteuid() != 0)
        return err_set(&s->err, ERR_DENIED,
                       "tasks can only be confined by an agent that runs as root");
    int code = find_user(s, &user);
    if (code == 0)
        code = cgroup_find(s->launch.group, &s->groups, &s->err);
    if (code == 0)
        code =
            sandbox_plan(&s->launch, &user, &s->groups, &s->arena, &s->sandbox, &s->err);
    if (code == 0)
        code = task_env_make(&s->launch, s->sandbox.home, &s->arena, &s->env, &s->err);
    if (code == 0)
        code = make_home(s, &user);
    return code;
}

static int open_logs(struct shim *s)
{
    static const char *const names[] = {"stdout", "stderr"};
    for (size_t i = 0; i < 2; i++) {
        int code =
            log_file_open(&s->streams[i].log, s->dir, names[i], s->launch.log_max_bytes,
                          s->launch.log_max_files, &s->err);
        if (code)
            return code;
    }
    return 0;
}

/* ---- the child ---- */

/* A fork into new namespaces; as fork(2), it returns twice. */
static pid_t clone_init(void)
{
    long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
    return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static int start_child(struct shim *s)
{
    int pipes[2][2], channel[2];
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0 ||
        setsockopt(channel[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return failed(s, "make the shim's channel");
    for (size_t i = 0; i < 2; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) < 0 || fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) < 0)
            return failed(s, "make a pipe");
        s->streams[i].fd = pipes[i][0];
    }
    s->init_pid = clone_init();
    if (s->init_pid == 0) {
        (void)close(channel[0]);
        child_run(&(struct child){.sandbox = &s->sandbox,
                                  .env = &s->env,
                                  .channel = channel[1],
                                  .out_fd = pipes[0][1],
                                  .err_fd = pipes[1][1]});
    }
    if (s->init_pid < 0)
        return failed(s, "make namespaces for the task");
    (void)close(channel[1]);
    (void)close(pipes[0][1]);
    (void)close(pipes[1][1]);
    s->channel = channel[0];
    s->init_fd = (int)syscall(SYS_pidfd_open, s->init_pid, 0);
    if (s->init_fd < 0)
        return failed(s, "watch the task");
    int code = cgroup_enter(&s->groups, s->init_pid, &s->err);
    if (code)
        return code;
    if (send(s->channel, "g", 1, MSG_NOSIGNAL) != 1)
        return failed(s, "reach the task's init");
    return 0;
}

static int take_packet(struct shim *s)
{
    char text[sizeof(s->err.text)];
    union {
        struct cmsghdr align;
        char at[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.at,
                         .msg_controllen = sizeof(control.at)};
    ssize_t len = recvmsg(s->channel, &msg, MSG_CMSG_CLOEXEC);
    if (len < 0)
        return errno == EINTR ? 1 : failed(s, "hear from the task's init");
    if (len == 0) /* closed by exec, or by an early death */
        return s->pid ? 0
                      : err_set(&s->err, ERR_DENIED,
                                "the task's init died before it started the task");
    text[len] = '\0';
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    if (text[0] == CHILD_FAILED)
        return err_set(&s->err, ERR_DENIED, "%s", text + 1);
    if (text[0] == CHILD_READY && head && head->cmsg_type == SCM_CREDENTIALS) {
        struct ucred from;
        memcpy(&from, CMSG_DATA(head), sizeof(from));
        s->pid = from.pid;
    }
    return 1;
}

static int await_start(struct shim *s)
{
    int code;
    do {
        code = take_packet(s);
    } while (code > 0);
    (void)close(s->channel);
    s->channel = -1;
    if (code)
        return code;
    s->started_unix_ms = wall_ms();
    s->is_started = true;
    return write_state(s, SHIM_RUNNING, 0, false);
}

/* ---- running ---- */

/* Returns true when there may be more. */
static bool copy_output(struct stream *stream)
{
    static uint8_t buf[COPY_MAX];
    ssize_t len = read(stream->fd, buf, sizeof(buf));
    if (len > 0) { /* a full disk loses lines, not the task */
        (void)log_file_write(&stream->log, wall_ms(), (struct bytes){buf, (size_t)len});
        return true;
    }
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    (void)close(stream->fd);
    stream->fd = -1;
    return false;
}

static void watch(struct shim *s)
{
    for (;;) {
        struct pollfd polls[3] = {{.fd = s->streams[0].fd, .events = POLLIN},
                                  {.fd = s->streams[1].fd, .events = POLLIN},
                                  {.fd = s->init_fd, .events = POLLIN}};
        if (poll(polls, 3, -1) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        for (size_t i = 0; i < 2; i++)
            if (polls[i].revents)
                (void)copy_output(&s->streams[i]);
        if (polls[2].revents)
            return;
    }
}

/* Init is gone and with it every process of the task: what is in the pipes is all there
 * is. */
static void drain(struct shim *s)
{
    for (size_t i = 0; i < 2; i++) {
        for (int n = 0; n < DRAIN_MAX && s->streams[i].fd >= 0; n++)
            if (!copy_output(&s->streams[i]))
                break;
        log_file_close(&s->streams[i].log);
    }
}

static int reap_init(struct shim *s)
{
    int wait_status = 0;
    while (waitpid(s->init_pid, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

static void remove_groups(struct shim *s)
{
    for (int i = 0; i < REMOVE_TRIES && cgroup_remove(&s->groups) == -EBUSY; i++) {
        cgroup_kill(&s->groups);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    cgroup_prune(&s->groups);
}

static int start(struct shim *s)
{
    int code = take_lock(s);
    if (code == 0)
        code = read_launch(s);
    if (code == 0)
        code = tie_to_agent(s);
    if (code)
        return code;
    (void)unlink(path_in(s, SHIM_STATE_FILE)); /* of an earlier run */
    code = plan(s);
    if (code == 0)
        code = open_logs(s);
    if (code == 0) {
        remove_groups(s); /* of a run whose shim was killed */
        code = cgroup_create(&s->groups, &s->sandbox.limits, &s->err);
    }
    if (code == 0)
        code = start_child(s);
    if (code == 0)
        code = await_start(s);
    return code;
}

int shim_main(int argc, char **argv)
{
    static struct shim s = {
        .channel = -1, .init_fd = -1, .streams = {{.fd = -1}, {.fd = -1}}};
    if (argc != 2 || argv[1][0] != '/') {
        (void)fprintf(stderr, "stratos shim is started by the agent\n");
        return 2;
    }
    s.dir = argv[1];
    arena_init(&s.arena, 16 << 20);
    (void)signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0) /* anywhere else we would hold a mount */
        return 1;
    if (start(&s)) {
        if (s.init_pid > 0) {
            (void)kill(s.init_pid, SIGKILL);
            (void)reap_init(&s);
        }
        remove_groups(&s);
        report("failed %.900s\n", s.err.text);
        return SHIM_EXIT_FAILED;
    }
    report("started %ld %ld %llu\n", (long)s.pid, (long)s.init_pid,
           (unsigned long long)s.started_unix_ms);
    (void)close(SHIM_STATUS_FD);
    watch(&s);
    int status = reap_init(&s);
    drain(&s);
    bool is_oom = status != 0 && cgroup_has_oom(&s.groups);
    remove_groups(&s);
    int code = write_state(&s, SHIM_EXITED, status, is_oom);
    arena_fini(&s.arena);
    return code ? SHIM_EXIT_FAILED : 0;
}

/* See child.h.  The usual path: wait for the control groups, mount, fork; the fork gives
 * up all power and becomes the task.  What can fail is sent to the shim as text and ends
 * in exit 125.
 *
 * Init exists because a PID 1 has no default signal dispositions: a task that is PID 1
 * itself would ignore SIGTERM unless it handles it. */
#include "isolate/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/mounts.h"
#include "isolate/privilege.h"

enum {
    EXIT_SANDBOX = 125,
    OPEN_FILES_MAX = 65536,
};

static _Noreturn void die(const struct child *c, const struct err *err)
{
    char packet[1 + sizeof(err->text)];
    size_t len = strlen(err->text);
    packet[0] = CHILD_FAILED;
    memcpy(packet + 1, err->text, len);
    (void)send(c->channel, packet, 1 + len, MSG_NOSIGNAL); /* the shim may be gone */
    _exit(EXIT_SANDBOX);
}

static int failed(struct err *err, const char *what)
{
    int code = -errno;
    return err_set(err, code, "cannot %s: %s", what, err_text(code));
}

/* ---- the task ---- */

static int set_limits(struct err *err)
{
    struct rlimit files;
    struct rlimit core = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return failed(err, "read the limit of open files");
    if (files.rlim_max > OPEN_FILES_MAX)
        files.rlim_max = OPEN_FILES_MAX;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        return failed(err, "limit open files");
    if (setrlimit(RLIMIT_CORE, &core) < 0)
        return failed(err, "limit core files");
    return 0;
}

static int set_streams(const struct child *c, struct err *err)
{
    int in_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (in_fd < 0)
        return failed(err, "open /dev/null");
    if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(c->out_fd, STDOUT_FILENO) < 0 ||
        dup2(c->err_fd, STDERR_FILENO) < 0)
        return failed(err, "set up the task's streams");
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return failed(err, "close inherited files");
    return 0;
}

static int reset_signals(struct err *err)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* fails for the few that are never changed */
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return failed(err, "reset signals");
    return 0;
}

static int enter_dir(const struct child *c, struct err *err)
{
    const char *dir = c->env->cwd ? c->env->cwd : c->sandbox->home;
    if (chdir(dir) < 0) {
        int code = -errno;
        return err_set(err, code, "cannot enter the directory '%.200s': %s", dir,
                       err_text(code));
    }
    return 0;
}

static int give_up_power(const struct child *c, struct err *err)
{
    int code = set_limits(err);
    if (code == 0)
        code = privilege_drop(&c->sandbox->user, 0, err);
    if (code == 0)
        code = enter_dir(c, err); /* as the user, who must be allowed to */
    if (code == 0)
        code = privilege_filter(err);
    return code;
}

static _Noreturn void become_task(const struct child *c)
{
    struct err err = {0};
    int code = reset_signals(&err);
    if (code == 0)
        code = set_streams(c, &err);
    (void)setsid();
    (void)umask(022);
    if (code == 0)
        code = give_up_power(c, &err);
    if (code)
        die(c, &err);
    const char ready = CHILD_READY;
    (void)send(c->channel, &ready, 1, MSG_NOSIGNAL);
    environ = c->env->envp; /* execvp looks for PATH there */
    (void)execvp(c->env->argv[0], c->env->argv);
    code = -errno;
    (void)err_set(&err, code, "cannot run '%.200s': %s", c->env->argv[0], err_text(code));
    die(c, &err);
}

/* ---- init ---- */

static void wait_for_groups(const struct child *c)
{
    char go;
    if (recv(c->channel, &go, 1, 0) != 1)
        _exit(EXIT_SANDBOX); /* the shim gave up; it knows why */
}

static int set_up(const struct child *c, struct err *err)
{
    const struct user_ids root = {0};
    if (unshare(CLONE_NEWCGROUP) < 0)
        return failed(err, "enter a control group namespace");
    if (sethostname(c->sandbox->hostname, strlen(c->sandbox->hostname)) < 0)
        return failed(err, "set the host name");
    int code = mounts_apply(c->sandbox, err);
    if (code)
        return code;
    (void)file_put("/proc/self/oom_score_adj",
                   "0"); /* the agent's own protection is not for tasks */
    code = privilege_bound(err);
    if (code)
        return code;
    /* Until the fork it must still be able to become the task's user. */
    uint64_t keep = 1u << CAP_KILL | 1u << CAP_SETUID | 1u << CAP_SETGID;
    return privilege_drop(&root, keep, err);
}

static int status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

/* Orphans of the task are reaped too; when the task itself ends, so does the namespace.
 */
static void reap(pid_t task)
{
    int wait_status;
    for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;)
        if (pid == task)
            _exit(status_of(wait_status));
}

static _Noreturn void supervise(pid_t task, const sigset_t *all)
{
    for (;;) {
        int number = sigwaitinfo(all, NULL);
        if (number == SIGCHLD)
            reap(task);
        else if (number > 0)
            (void)kill(task, number);
    }
}

_Noreturn void child_run(const struct child *c)
{
    struct err err = {0};
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all,
                      NULL); /* blocked signals wait for sigwaitinfo, even for PID 1 */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        (void)failed(&err, "tie the sandbox to its shim");
    (void)setsid(); /* a terminal's Ctrl-C is for the agent */
    wait_for_groups(c);
    if (err.code || set_up(c, &err))
        die(c, &err);
    pid_t task = fork();
    if (task == 0)
        become_task(c);
    if (task < 0) {
        (void)failed(&err, "start the task");
        die(c, &err);
    }
    const struct user_ids root = {0};
    if (privilege_drop(&root, 1u << CAP_KILL, &err))
        die(c, &err);
    (void)close_range(0, ~0u, 0); /* the streams and the channel are the task's alone */
    supervise(task, &all);
}

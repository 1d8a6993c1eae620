/* See child.h.  The usual path: enter the control groups, mount, fork; the fork gives up all power, waits
 * for the shim's word and becomes the task.  What can fail is sent to the shim as text and ends
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

#include "core/dump.h"
#include "isolate/calls.h"
#include "isolate/files.h"
#include "isolate/landlock.h"
#include "isolate/mounts.h"
#include "isolate/privilege.h"
#include "isolate/rlimits.h"
#include "isolate/run.h"

enum {
    EXIT_SANDBOX = 125,
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

/* Priority is inherited like limits are: whatever the agent runs with is the agent's. */
static int set_limits(const struct child *c, struct err *err)
{
    struct rlimit_row rows[RLIMIT_ROWS];
    const struct sched_param usual = {0};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &usual) < 0)
        return failed(err, "set the task's scheduling class");
    (void)syscall(SYS_ioprio_set, 1 /* of a process */, 0, 0); /* as nice says */
    (void)setpriority(PRIO_PROCESS, 0,
                      0); /* fails where the agent was made less than others */
    rlimits_plan(&c->sandbox->rlimits, c->sandbox->limits.pids, c->sandbox->user.uid,
                 rows);
    return rlimits_apply(rows, err);
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
    int code = set_limits(c, err);
    if (code == 0)
        code = privilege_drop(&c->sandbox->user, 0, err);
    dump_forbid(); /* another user's memory may be dumpable (fs.suid_dumpable) */
    if (code == 0)
        code = landlock_confine(c->sandbox->ports, c->sandbox->n_ports, err);
    if (code == 0)
        code = privilege_filter(err);
    return code;
}

/* Meanwhile the shim makes the record of the task's end, which takes its time on a disk; a spare waits
 * here for days. */
static void wait_for_shim(const struct child *c)
{
    char go;
    if (recv(c->channel, &go, 1, 0) != 1)
        _exit(EXIT_SANDBOX); /* it gave up, and knows why */
}

/* All that can be done before is done before the wait; the directory may be another one after it. */
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
    wait_for_shim(c);
    if (enter_dir(c, &err)) /* as the user, who must be allowed to */
        die(c, &err);
    code = run_program(c->env->argv, c->env->envp);
    (void)err_set(&err, code, "cannot run '%.200s': %s", c->env->argv[0], err_text(code));
    die(c, &err);
}

/* In the memory of init, which waits until the program runs or has failed to: a copy of it would cost
 * more than all the rest.  Nobody else can look into it meanwhile, whoever the task's user is: neither is
 * dumpable (core/dump.h).  Where the task waits for long it has a copy: the kernel takes a process that waits
 * for its vfork for a busy one (the load of the host). */
static pid_t start_task(const struct child *c)
{
    pid_t task =
        c->waits ? (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0, 0, 0, 0) : vfork();
    if (task == 0)
        become_task(c);
    return task;
}

/* ---- init ---- */

static int set_up(const struct child *c, struct err *err)
{
    const struct user_ids root = {0};
    int code = c->groups ? cgroup_enter(c->groups, err) : 0;
    if (code)
        return code;
    if (unshare(CLONE_NEWCGROUP) < 0)
        return failed(err, "enter a control group namespace");
    if (sethostname(c->sandbox->hostname, strlen(c->sandbox->hostname)) < 0)
        return failed(err, "set the host name");
    code = mounts_apply(c->sandbox, err);
    if (code)
        return code;
    (void)file_put("/proc/self/oom_score_adj",
                   "0"); /* the agent's own protection is not for tasks */
    code = privilege_bound(err);
    if (code)
        return code;
    /* Until the fork it must still be able to become the task's user. */
    uint64_t keep = 1u << CAP_KILL | 1u << CAP_SETUID | 1u << CAP_SETGID |
                    1u << CAP_SYS_RESOURCE | 1u << CAP_SYS_NICE;
    return privilege_drop(&root, keep, err);
}

/* What is left when the main process has ended are its orphans, which are ours by then: with
 * no child there is nobody.  A packet finds room: it is the only one. */
static void tell_end(int facts, int wait_status, bool has_others)
{
    const struct child_end end = {.wait_status = wait_status, .has_others = has_others};
    (void)send(facts, &end, sizeof(end), MSG_NOSIGNAL); /* the shim may be gone */
}

/* Orphans of the task are reaped too.  Returns false when nobody is left. */
static bool reap(pid_t *task, int facts)
{
    int wait_status, end_status = 0;
    bool has_ended = false;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (pid != *task)
            continue;
        has_ended = true;
        end_status = wait_status;
        *task = 0;
    }
    bool has_others = pid == 0;
    if (has_ended)
        tell_end(facts, end_status, has_others);
    return has_others;
}

/* From PID 1 this is every process of the namespace at one instant: the kernel has a fork
 * that is under way end first or begin anew after the signal.  What is stopped goes on, or
 * it would not hear of it before its grace is over. */
static void signal_all(int number)
{
    (void)kill(-1, number);
    if (number != SIGSTOP && number != SIGTSTP)
        (void)kill(-1, SIGCONT);
}

static bool is_for_main(const siginfo_t *info)
{
    return info->si_code == SI_QUEUE && info->si_value.sival_int == CHILD_FOR_MAIN;
}

static _Noreturn void supervise(pid_t task, int facts, const sigset_t *all)
{
    siginfo_t info;
    for (;;) {
        int number = sigwaitinfo(all, &info);
        if (number == SIGCHLD) {
            if (!reap(&task, facts))
                _exit(0);
        } else if (number > 0 && info.si_pid == 0 && !is_for_main(&info)) {
            signal_all(number); /* from outside the namespace */
        } else if (number > 0 && task > 0) {
            (void)kill(task, number);
            if (info.si_pid == 0)
                (void)kill(task, SIGCONT); /* as for all */
        }
    }
}

_Noreturn void child_run(const struct child *c)
{
    struct err err = {0};
    sigset_t all;
    memset(&all, 0xff,
           sizeof(all)); /* sigfillset spares what a C library calls its own */
    (void)sigprocmask(SIG_SETMASK, &all,
                      NULL); /* blocked signals wait for sigwaitinfo, even for PID 1 */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        (void)failed(&err, "tie the sandbox to its shim");
    (void)setsid(); /* a terminal's Ctrl-C is for the agent */
    if (err.code || set_up(c, &err))
        die(c, &err);
    pid_t task = start_task(c);
    if (task < 0) {
        (void)failed(&err, "start the task");
        die(c, &err);
    }
    if (c->waits)
        memset(c->waits, 0, strlen(c->waits));
    if (c->sandbox->token)
        explicit_bzero(c->sandbox->token, strlen(c->sandbox->token));
    const struct user_ids root = {0};
    if (privilege_drop(&root, 1u << CAP_KILL, &err))
        die(c, &err);
    /* The streams and the channel are the task's alone. */
    if (dup2(c->facts, STDIN_FILENO) < 0)
        die(c, &(struct err){.text = "cannot keep a way to the shim"});
    (void)close_range(1, ~0u, 0);
    supervise(task, STDIN_FILENO, &all);
}

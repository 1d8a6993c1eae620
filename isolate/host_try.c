/* See host_try.h.  The usual path: a directory, groups, init in its namespaces, which says that its task is ready to
 * be executed.  What can fail is what this is for: no root, a container without mounts, a kernel without a
 * system call.  What is no fault of the sandbox (no room for the directory, no /bin/true) is none here. */
#include "isolate/host_try.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate/shim.h"
#include "isolate/shim_child.h"

enum { KERNEL_MAJOR = 5, KERNEL_MINOR = 14, ANSWER_S = 5 };

struct trial {
    char dir[64], work[80], group[256];
    struct arena arena;
    struct cgroup groups;
    struct sandbox sandbox;
    struct task_env env;
    struct shim_child child;
};

bool host_kernel_is_old(const char *release)
{
    int major, minor;
    if (sscanf(release, "%d.%d", &major, &minor) != 2)
        return false;
    return major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR);
}

/* False where no place takes one. */
static bool make_dir(struct trial *t)
{
    static const char *const places[] = {"/run", "/tmp"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(t->dir, sizeof(t->dir), "%s/stratos-try-XXXXXX", places[i]);
        if (!mkdtemp(t->dir))
            continue;
        (void)snprintf(t->work, sizeof(t->work), "%s/" SHIM_WORK_DIR, t->dir);
        if (mkdir(t->work, 0755) == 0)
            return true;
        (void)rmdir(t->dir);
    }
    return false;
}

static int plan(struct trial *t, const char *base, struct err *err)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(t->group, sizeof(t->group), "%sstratos/%08x%08x/try", base,
                   (unsigned)getpid(), (unsigned)now.tv_nsec);
    const struct shim_launch launch = {.key = "host.try.0",
                                       .dir = t->dir,
                                       .data_dir = t->dir,
                                       .group = t->group,
                                       .user = "",
                                       .cwd = "",
                                       .argv = argv,
                                       .n_argv = 1,
                                       .memory_bytes = 64u << 20,
                                       .cpu_milli = 100,
                                       .pids = 64};
    const struct user_ids root = {0};
    int code = cgroup_find(t->group, &t->groups, err);
    if (code == 0)
        code = sandbox_plan(&launch, &root, &t->groups, &t->arena, &t->sandbox, err);
    if (code == 0)
        code = task_env_make(&launch, t->work, &t->arena, &t->env, err);
    if (code == 0)
        code = cgroup_create(&t->groups, &t->sandbox.limits, err);
    return code;
}

/* Init says that the task is ready, or why it cannot be. */
static int start(struct trial *t, struct err *err)
{
    const struct child child = {
        .sandbox = &t->sandbox, .env = &t->env, .groups = &t->groups};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    int code = shim_child_clone(&t->child, &child, err);
    if (code)
        return code;
    (void)setsockopt(t->child.channel, SOL_SOCKET, SO_RCVTIMEO, &patience,
                     sizeof(patience));
    code = shim_child_start(&t->child, err);
    return t->child.pid ? 0 : code;
}

static void clean(struct trial *t)
{
    int fds[] = {t->child.init_fd, t->child.facts, t->child.channel, t->child.output[0],
                 t->child.output[1]};
    if (t->child.init_pid > 0) {
        (void)kill(t->child.init_pid, SIGKILL);
        while (waitpid(t->child.init_pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    if (t->groups.n) {
        cgroup_kill(&t->groups);
        (void)cgroup_remove(&t->groups); /* what stays is empty, and the next boot's */
        cgroup_prune(&t->groups);
    }
    arena_fini(&t->arena);
    (void)rmdir(t->work);
    (void)rmdir(t->dir);
}

static int try_once(const char *base, struct err *err)
{
    struct trial t = {
        .child = {.init_fd = -1, .facts = -1, .channel = -1, .output = {-1, -1}}};
    if (!make_dir(&t))
        return 0; /* a full disk mends itself, and is told elsewhere */
    arena_init(&t.arena, 0);
    int code = plan(&t, base, err);
    if (code == 0)
        code = start(&t, err);
    clean(&t);
    return code;
}

/* A host in want of something, or too busy to answer, is no host that cannot run tasks. */
static bool is_passing(int code)
{
    static const int passing[] = {EAGAIN, ENOMEM, ENOSPC, EDQUOT,
                                  EMFILE, ENFILE, EBUSY,  EINTR};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (code == -passing[i])
            return true;
    return false;
}

int host_try(const char *base, struct err *err)
{
    struct utsname kernel;
    if (uname(&kernel) == 0 && host_kernel_is_old(kernel.release))
        return err_set(err, ERR_UNSUPPORTED,
                       "the kernel is Linux %.40s: tasks need %d.%d or later",
                       kernel.release, KERNEL_MAJOR, KERNEL_MINOR);
    if (geteuid() != 0)
        return err_set(err, ERR_DENIED,
                       "tasks need root: run the agent as root, for example by "
                       "`sudo stratos agent`");
    int code = try_once(base, err);
    if (code && !is_passing(code)) /* something may have been in its way */
        code = try_once(base, err);
    return is_passing(code) ? 0 : code;
}

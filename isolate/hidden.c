/* See hidden.h.  The usual path: the sandbox masks the paths before its task runs (sandbox.h), and
 * this finds them masked.  What can fail: a task that ends meanwhile. */
#include "isolate/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the list ---- */

/* A mask over a directory stays whatever happens in it.  A directory named "stratos" holds what is
 * ours alone, unless the program itself lives there, which tasks may run. */
static void widen_to_own_directory(char *path)
{
    static const char own[] = "/stratos";
    char program[PATH_MAX];
    char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = '\0';
    bool is_own = len >= sizeof(own) - 1 &&
                  memcmp(slash - (sizeof(own) - 1), own, sizeof(own) - 1) == 0;
    if (is_own && strncmp(program, path, len + 1) != 0)
        *slash = '\0';
}

void hidden_add(struct hidden *h, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && path[0] == '/')
        real = strdup(path);
    if (!real)
        return;
    widen_to_own_directory(real);
    if (h->n < HIDDEN_MAX)
        h->paths[h->n++] = real;
    else
        free(real);
}

void hidden_clear(struct hidden *h)
{
    for (size_t i = 0; i < h->n; i++)
        free((void *)(uintptr_t)h->paths[i]);
    h->n = 0;
}

/* ---- in a sandbox ---- */

static int open_place(pid_t pid, const char *name, int flags)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    return open(path, flags | O_CLOEXEC);
}

/* A mask of a file is /dev/null; directories stay masked.  Links lead to where they lead the task. */
static bool is_seen(int root_fd, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat info;
    int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    if (fd < 0)
        return false;
    bool is_file =
        fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode) && !S_ISCHR(info.st_mode);
    (void)close(fd);
    return is_file;
}

/* Run in a fork: enters the sandbox's mounts, and its root, which is not theirs in a chroot.  Whatever
 * the task did to the path, what is mounted is mounted in its own view alone. */
static _Noreturn void mask_there(const struct hidden *h, int root_fd, int mounts_fd)
{
    int code = 0;
    if (setns(mounts_fd, CLONE_NEWNS) < 0 || fchdir(root_fd) < 0 || chroot(".") < 0)
        _exit(errno);
    for (size_t i = 0; i < h->n; i++)
        if (is_seen(root_fd, h->paths[i]) &&
            mount("/dev/null", h->paths[i], NULL, MS_BIND, NULL) < 0)
            code = errno;
    _exit(code);
}

static int run_mask(const struct hidden *h, int root_fd, int mounts_fd)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0)
        mask_there(h, root_fd, mounts_fd);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int hidden_again(const struct hidden *h, pid_t pid, int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    bool is_any_seen = false;
    int root_fd = open_place(pid, "root", O_PATH | O_DIRECTORY);
    int mounts_fd = open_place(pid, "ns/mnt", O_RDONLY);
    int code = root_fd < 0 || mounts_fd < 0 ? -errno : 0;
    if (code == 0 && poll(&end, 1, 0) != 0)
        code = -ESRCH; /* and its PID may be another's by now */
    for (size_t i = 0; code == 0 && i < h->n; i++)
        is_any_seen = is_any_seen || is_seen(root_fd, h->paths[i]);
    if (is_any_seen)
        code = run_mask(h, root_fd, mounts_fd);
    if (root_fd >= 0)
        (void)close(root_fd);
    if (mounts_fd >= 0)
        (void)close(mounts_fd);
    return code;
}

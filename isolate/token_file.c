/* See token_file.h.  The usual path: a file under another name, renamed over the old one.  What
 * can fail: a task that ended, one of root that spoiled its own file. */
#include "isolate/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isolate/shim.h"

static const char fresh[] = ".new"; /* beside it, while it is written */

static int last_error(void)
{
    return errno ? -errno : -EIO;
}

static int write_fresh(int dir_fd, const char *token, uid_t uid, gid_t gid)
{
    size_t len = strlen(token);
    (void)unlinkat(dir_fd, fresh, 0); /* of a writer that was killed */
    int fd =
        openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (fd < 0)
        return last_error();
    int code = write(fd, token, len) == (ssize_t)len ? 0 : last_error();
    if (code == 0 && (fchmod(fd, 0400) < 0 || fchown(fd, uid, gid) < 0))
        code = last_error();
    (void)close(fd);
    return code;
}

/* Consumes `dir_fd`. */
static int put(int dir_fd, const char *token, uid_t uid, gid_t gid)
{
    int code = write_fresh(dir_fd, token, uid, gid);
    if (code == 0 && renameat(dir_fd, fresh, dir_fd, SHIM_TOKEN_NAME) < 0)
        code = last_error();
    if (code)
        (void)unlinkat(dir_fd, fresh, 0);
    (void)close(dir_fd);
    return code;
}

int token_file_make(const char *token, uid_t uid, gid_t gid)
{
    int dir_fd = open(SHIM_TOKEN_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir_fd < 0 ? last_error() : put(dir_fd, token, uid, gid);
}

/* No link on the way: a task of root has its hands in its own /dev. */
static int open_dir_of(pid_t pid)
{
    char path[64];
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                      RESOLVE_NO_MAGICLINKS};
    (void)snprintf(path, sizeof(path), "/proc/%ld/root", (long)pid);
    int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return last_error();
    int fd = (int)syscall(SYS_openat2, root_fd, SHIM_TOKEN_DIR + 1, &how, sizeof(how));
    int code = fd < 0 ? last_error() : fd;
    (void)close(root_fd);
    return code;
}

static bool has_ended(int pidfd)
{
    struct pollfd one = {.fd = pidfd, .events = POLLIN};
    return poll(&one, 1, 0) != 0;
}

int token_file_replace(pid_t pid, int pidfd, const char *token)
{
    struct stat old;
    int dir_fd = open_dir_of(pid);
    if (dir_fd < 0)
        return dir_fd;
    int code = fstatat(dir_fd, SHIM_TOKEN_NAME, &old, AT_SYMLINK_NOFOLLOW) < 0
                   ? last_error()
                   : 0;
    if (code == 0 && has_ended(pidfd))
        code = -ESRCH; /* and its PID may be another's by now */
    if (code == 0)
        return put(dir_fd, token, old.st_uid, old.st_gid);
    (void)close(dir_fd);
    return code;
}

/* See mounts.h.  The usual path: one or two system calls per operation.  What can fail: a
 * host that forbids mounts (a container without CAP_SYS_ADMIN), a path that is not there.
 */
#include "isolate/mounts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "isolate/calls.h"
#include "isolate/files.h"
#include "isolate/token_file.h"

static int result(int returned)
{
    return returned < 0 ? -errno : 0;
}

/* The root of a chroot is often a plain directory, and only mount points can be cut off from the
 * host's.  So the whole tree is bound to where it can be: onto /proc, which is a mount wherever
 * an agent runs.  That mount is cut off first, or the host would see what is mounted on it. */
static int detach_chroot(void)
{
    if (mount(NULL, "/proc", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
        mount("/", "/proc", NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount(NULL, "/proc", NULL, MS_SLAVE | MS_REC, NULL) < 0 || chroot("/proc") < 0 ||
        chdir("/") < 0)
        return -errno;
    return 0;
}

/* Slave: what the host unmounts later is not kept busy by the task. */
static int detach(void)
{
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0)
        return 0;
    return errno == EINVAL ? detach_chroot() : -errno;
}

static int keep(int slots[], const struct sandbox_op *op)
{
    assert(op->slot < SANDBOX_SLOTS);
    slots[op->slot] = open(op->from, O_PATH | O_CLOEXEC);
    return result(slots[op->slot]);
}

static int bind(const int slots[], const struct sandbox_op *op)
{
    char from[64];
    (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", slots[op->slot]);
    return result(mount(from, op->to, NULL, MS_BIND | MS_REC, NULL));
}

static int mask(const struct sandbox_op *op)
{
    struct stat info;
    if (stat(op->to, &info) < 0)
        return -errno;
    if (S_ISDIR(info.st_mode))
        return result(mount("tmpfs", op->to, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                            "mode=755,size=64k"));
    if (mount("/dev/null", op->to, NULL, MS_BIND, NULL) == 0)
        return 0;
    return errno == ENOENT ? -ENXIO : -errno; /* that it cannot be hidden is never fine */
}

/* For a whole tree at once: Linux 5.12. */
static int set_attributes(const char *path, uint64_t attributes)
{
    struct mount_attr set = {.attr_set = attributes};
    return result(mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &set, sizeof(set)));
}

static int read_only(const struct sandbox_op *op)
{
    if (mount(op->to, op->to, NULL, MS_BIND | MS_REC, NULL) < 0)
        return -errno;
    return set_attributes(op->to, MOUNT_ATTR_RDONLY);
}

static int make_file(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    int code = dir[0] ? dir_make(dir, 0755) : 0;
    int fd = code ? code : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (code || fd < 0)
        return code ? code : -errno;
    return result(close(fd));
}

static int apply(int slots[], const struct sandbox *s, const struct sandbox_op *op)
{
    switch (op->kind) {
    case SANDBOX_DETACH:
        return detach();
    case SANDBOX_TAME:
        return set_attributes(op->to, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    case SANDBOX_KEEP:
        return keep(slots, op);
    case SANDBOX_TMPFS: /* the task's own device nodes are in /dev, and nowhere else */
        return result(mount("tmpfs", op->to, "tmpfs",
                            MS_NOSUID | (strcmp(op->to, "/dev") ? MS_NODEV : 0),
                            op->options));
    case SANDBOX_PROC:
        return result(
            mount("proc", op->to, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    case SANDBOX_PTS:
        return result(
            mount("devpts", op->to, "devpts", MS_NOSUID | MS_NOEXEC, op->options));
    case SANDBOX_DIR:
        return dir_make(op->to, 0755);
    case SANDBOX_FILE:
        return make_file(op->to);
    case SANDBOX_LINK:
        return result(symlink(op->from, op->to));
    case SANDBOX_DEVICE:
        return result(
            mknod(op->to, S_IFCHR | 0666, makedev(op->device >> 8, op->device & 255)));
    case SANDBOX_BIND:
        return bind(slots, op);
    case SANDBOX_TOKEN:
        return token_file_make(s->token, s->user.uid, s->user.gid);
    case SANDBOX_MASK:
        return mask(op);
    case SANDBOX_READ_ONLY:
        return read_only(op);
    }
    return -EINVAL;
}

int mounts_apply(const struct sandbox *s, struct err *err)
{
    int slots[SANDBOX_SLOTS];
    int code = 0;
    for (size_t i = 0; i < SANDBOX_SLOTS; i++)
        slots[i] = -1;
    mode_t before = umask(0); /* device nodes get the mode that is asked for */
    for (size_t i = 0; i < s->n_ops && code == 0; i++) {
        const struct sandbox_op *op = &s->ops[i];
        code = apply(slots, s, op);
        if (op->is_optional && (code == -ENOENT || code == -ENOTDIR))
            code = 0;
        if (code == -ENOSYS)
            (void)err_set(
                err, code,
                "this kernel cannot confine tasks: it is older than Linux 5.12");
        else if (code)
            (void)err_set(err, code, "cannot set up %s in the sandbox: %s",
                          op->to     ? op->to
                          : op->from ? op->from
                                     : "mounts",
                          err_text(code));
    }
    (void)umask(before);
    for (size_t i = 0; i < SANDBOX_SLOTS; i++)
        if (slots[i] >= 0)
            (void)close(slots[i]);
    return code;
}

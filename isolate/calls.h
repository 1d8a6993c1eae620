/* System calls that glibc wraps and musl does not: the shim of a release is built with musl (Makefile).
 * Values are the kernel's: linux/mount.h, linux/close_range.h. */
#ifndef ISOLATE_CALLS_H
#define ISOLATE_CALLS_H

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __GLIBC__
#include <stdint.h>

struct mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

enum { MOUNT_ATTR_RDONLY = 1, MOUNT_ATTR_NOSUID = 2, MOUNT_ATTR_NODEV = 4 };
enum { CLOSE_RANGE_CLOEXEC = 4 };

static inline int mount_setattr(int dir_fd, const char *path, unsigned flags,
                                const struct mount_attr *set, size_t len)
{
    return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, set, len);
}

static inline int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

#endif
#endif

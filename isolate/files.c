/* See files.h. */
#include "isolate/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

enum {
    DIR_DEPTH_MAX = 64,
    FIRST_READ = 4096, /* most are smaller */
};

static int last_error(void)
{
    return errno ? -errno : -EIO;
}

int file_read(const char *path, size_t max, struct arena *arena,
              struct bytes *ret_content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    size_t cap = FIRST_READ, len = 0;
    uint8_t *content = arena_alloc(arena, cap);
    int code = content ? 0 : -ENOMEM;
    while (code == 0) {
        code = arena_grow(arena, (void **)&content, len, &cap, 1);
        if (code)
            break;
        ssize_t got = read(fd, content + len, cap - len);
        if (got < 0 && errno == EINTR)
            continue;
        code = got < 0 ? last_error() : 0;
        if (got <= 0)
            break;
        len += (size_t)got;
        code = len > max ? ERR_BOUND : 0;
        if (code)
            break;
    }
    (void)close(fd);
    if (code == 0)
        *ret_content = (struct bytes){content, len};
    return code;
}

static int write_all(int fd, struct bytes in)
{
    while (in.len) {
        ssize_t done = write(fd, in.at, in.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return last_error();
        in.at += done;
        in.len -= (size_t)done;
    }
    return 0;
}

int file_sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof(dir))
        return -EINVAL;
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    int code = fsync(fd) < 0 ? last_error() : 0;
    (void)close(fd);
    return code;
}

int file_swap(const char *path, struct bytes content)
{
    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
        return -ENAMETOOLONG;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return last_error();
    int code = write_all(fd, content);
    (void)close(fd);
    if (code == 0 && rename(fresh, path) < 0)
        code = last_error();
    if (code)
        (void)unlink(fresh); /* it may have taken the last room */
    return code;
}

/* Only where its room holds all of it. */
static int overwrite(const char *path, struct bytes content)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return last_error();
    int code = fstat(fd, &info) < 0 ? last_error() : 0;
    if (code == 0 && (uint64_t)info.st_blocks * 512 < content.len)
        code = -ENOSPC;
    if (code == 0)
        code = write_all(fd, content);
    if (code == 0 && ftruncate(fd, (off_t)content.len) < 0)
        code = last_error();
    (void)close(fd);
    return code;
}

int file_renew(const char *path, struct bytes content)
{
    int code = file_swap(path, content);
    if ((code == -ENOSPC || code == -EDQUOT) && overwrite(path, content) == 0)
        code = 0;
    return code;
}

int file_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    size_t len = strlen(text);
    int code = write(fd, text, len) == (ssize_t)len ? 0 : last_error();
    (void)close(fd);
    return code;
}

int dir_make(const char *path, unsigned mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, (mode_t)mode) < 0 && errno != EEXIST)
            return last_error();
    }
    return 0;
}

struct emptying {
    dev_t device;
    int root_fd;
    unsigned n_moved; /* directories that were too deep, now directly below the root */
    const atomic_bool *is_stopped; /* NULL: nobody interrupts */
};

static int empty_at(struct emptying *e, int fd, unsigned depth);

/* Each level holds a descriptor, and a task may nest as deep as it likes: what is too
 * deep is moved up and met again in the next round. */
static int move_up(struct emptying *e, int dir_fd, const char *name)
{
    char to[64];
    (void)snprintf(to, sizeof(to), ".deep.%d.%u", (int)getpid(), e->n_moved);
    if (renameat(dir_fd, name, e->root_fd, to) < 0)
        return last_error();
    e->n_moved++;
    return 0;
}

/* Remove one entry, which is no empty directory and nothing that unlink takes. */
static int empty_child(struct emptying *e, int dir_fd, const char *name, unsigned depth)
{
    struct stat info;
    int child = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code = 0;
    if (child >= 0 && (fstat(child, &info) < 0 || info.st_dev != e->device)) {
        (void)close(child);
        return -EXDEV;
    }
    if (child >= 0 && depth == DIR_DEPTH_MAX) {
        (void)close(child);
        return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 ? 0 : move_up(e, dir_fd, name);
    }
    if (child >= 0)
        code = empty_at(e, child, depth + 1);
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && code == 0)
        code = last_error();
    return code;
}

/* `fd` is a directory and is consumed. */
static int empty_at(struct emptying *e, int fd, unsigned depth)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int code = last_error();
        (void)close(fd);
        return code;
    }
    int code = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (e->is_stopped && atomic_load(e->is_stopped)) {
            code = -ECANCELED;
            break;
        }
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        int inner = empty_child(e, dirfd(dir), entry->d_name, depth);
        code = code ? code : inner;
    }
    (void)closedir(dir);
    return code;
}

int dir_empty_until(const char *path, const atomic_bool *is_stopped)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct emptying e = {.root_fd = fd, .is_stopped = is_stopped};
    struct stat info;
    if (fd < 0)
        return errno == ENOENT ? 0 : last_error();
    int code = fstat(fd, &info) < 0 ? last_error() : 0;
    e.device = info.st_dev;
    unsigned before;
    do {
        before = e.n_moved;
        int round = code ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (code == 0)
            code = round < 0 ? last_error() : empty_at(&e, round, 0);
    } while (code == 0 && e.n_moved > before);
    (void)close(fd);
    return code;
}

int dir_empty(const char *path)
{
    return dir_empty_until(path, NULL);
}

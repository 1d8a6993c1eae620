/* See used.h. */
#include "cli/used.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bounds.h"
#include "core/err.h"

/* The folder of a path: "" for what lies where we are, else it ends with a slash. */
static const char *folder_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_printf(arena, "%.*s", (int)(slash - path + 1), path) : "";
}

/* What `full` is called below `root`, or NULL when it is not there. */
static const char *below(const char *root, const char *full)
{
    size_t len = strlen(root);
    len -= len > 0 && root[len - 1] == '/';
    return strncmp(root, full, len) == 0 && full[len] == '/' ? full + len + 1 : NULL;
}

static int read_plain(const char *path, struct arena *arena, struct bytes *ret_text,
                      const char **ret_why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    int status = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
    *ret_why = err_text(status);
    if (status == 0 && !S_ISREG(st.st_mode)) {
        status = ERR_INVALID;
        *ret_why = "it is no plain file";
    } else if (status == 0 && st.st_size > JOBFILE_LEN_MAX) {
        status = ERR_BOUND;
        *ret_why = "it is larger than 1 MiB";
    }
    size_t len = 0, cap = status == 0 ? (size_t)st.st_size : 0;
    uint8_t *at = status == 0 ? arena_alloc(arena, cap + 1) : NULL;
    ssize_t n = 1;
    while (at && n > 0 && len < cap) {
        n = read(fd, at + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (status == 0 && (!at || n < 0)) {
        status = at ? -errno : -ENOMEM;
        *ret_why = err_text(status);
    }
    if (fd >= 0)
        (void)close(fd);
    *ret_text = (struct bytes){at, len};
    return status;
}

int used_load(void *ctx, const char *from, const char *name, struct arena *arena,
              const char **ret_path, struct bytes *ret_text, const char **ret_why)
{
    const struct used_root *root = ctx;
    char full[PATH_MAX], top[PATH_MAX];
    const char *folder = folder_of(root->path, arena),
               *at = folder_of(*from ? from : root->path, arena);
    const char *path = at ? arena_printf(arena, "%s%s", at, name) : NULL;
    *ret_why = err_text(-ENOMEM);
    if (!folder || !path)
        return -ENOMEM;
    if (*name == '/' || !*name) {
        *ret_why = "wants a path from this file's folder";
        return ERR_INVALID;
    }
    if (!realpath(path, full) || !realpath(*folder ? folder : ".", top)) {
        int status = -errno;
        *ret_why = err_text(status);
        return status;
    }
    const char *inside = below(top, full);
    if (!inside) {
        *ret_why = "it is outside the job file's folder";
        return ERR_DENIED;
    }
    *ret_path = arena_printf(arena, "%s%s", folder, inside);
    return *ret_path ? read_plain(full, arena, ret_text, ret_why) : -ENOMEM;
}

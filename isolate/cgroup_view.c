/* See cgroup_view.h.  The usual path: a mount namespace of its own, a tmpfs, one mount for each hierarchy; each is the
 * kernel's one and only, with all groups that there are.  What can fail: mounts are forbidden here.
 * Sources: cgroups(7), ip-netns(8). */
#include "isolate/cgroup_view.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "core/arena.h"
#include "isolate/files.h"

#define PLACE "/sys/fs/cgroup"

static const char *const wanted[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu"};

static struct bytes cut(struct bytes *rest, char separator)
{
    const uint8_t *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct bytes word = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = word.len + (end ? 1 : 0);
    *rest = (struct bytes){rest->at + taken, rest->len - taken};
    return word;
}

static bool has_ours(struct bytes list)
{
    while (list.len) {
        struct bytes word = cut(&list, ',');
        for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
            if (bytes_equal(word, bytes_of_text(wanted[i])))
                return true;
    }
    return false;
}

size_t cgroup_view_hierarchies(struct bytes text,
                               char out[CGROUP_CONTROLLERS][CGROUP_VIEW_OPTIONS_MAX])
{
    size_t n = 0;
    while (text.len && n < CGROUP_CONTROLLERS) {
        struct bytes line = cut(&text, '\n');
        (void)cut(&line, ':'); /* its number */
        struct bytes list = cut(&line, ':');
        if (list.len < CGROUP_VIEW_OPTIONS_MAX && has_ours(list))
            (void)snprintf(out[n++], CGROUP_VIEW_OPTIONS_MAX, "%.*s", (int)list.len,
                           (const char *)list.at);
    }
    return n;
}

static int mount_at(const char *type, const char *path, const char *options)
{
    return mount(type, path, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno
                                                                                  : 0;
}

static int mount_v1(char list[CGROUP_CONTROLLERS][CGROUP_VIEW_OPTIONS_MAX], size_t n)
{
    char path[sizeof(PLACE) + CGROUP_VIEW_OPTIONS_MAX];
    int code = mount_at("tmpfs", PLACE, "mode=755,size=64k");
    for (size_t i = 0; i < n && code == 0; i++) {
        (void)snprintf(path, sizeof(path), PLACE "/%s", list[i]);
        code = mkdir(path, 0755) < 0 ? -errno : mount_at("cgroup", path, list[i]);
    }
    return code;
}

int cgroup_view_open(void)
{
    char list[CGROUP_CONTROLLERS][CGROUP_VIEW_OPTIONS_MAX];
    struct arena arena;
    struct bytes text = {0};
    arena_init(&arena, 1 << 20);
    int code = file_read("/proc/self/cgroup", 256 * 1024, &arena, &text);
    size_t n = code ? 0 : cgroup_view_hierarchies(text, list);
    arena_fini(&arena);
    if (code == 0 &&
        (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0))
        code = -errno;
    if (code == 0)
        code = n > 0 ? mount_v1(list, n) : mount_at("cgroup2", PLACE, NULL);
    return code;
}

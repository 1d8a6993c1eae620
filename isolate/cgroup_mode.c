/* See cgroup_mode.h.  The usual path: read where we are, choose, make a group and remove it again.
 * What can fail: any of it; then no task can run here, and why is kept for people.
 *
 * Version 2 lets no group have both processes and groups with controllers below it.  So the root of
 * a container's namespace is emptied first.  And a unit's group is taken for tasks only if the
 * manager puts the unit's processes one level below it, into "agent": else it could not start the
 * unit again as long as tasks live. */
#include "isolate/cgroup_mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/cgroup_view.h"
#include "isolate/files.h"

#define AGENT_GROUP "agent"

enum { MOVE_ROUNDS = 16 }; /* processes may fork while they are moved */

const char *cgroup_mode_name(enum cgroup_mode mode)
{
    static const char *const list[] = {"none", "root", "delegated", "container"};
    return list[mode];
}

const char *cgroup_swap_name(enum cgroup_swap swap)
{
    static const char *const list[] = {"limited", "none", "not-limited"};
    return list[swap];
}

/* ---- choosing ---- */

static void take_base(struct cgroup_host *host, struct bytes path)
{
    while (path.len && path.at[0] == '/')
        path = (struct bytes){path.at + 1, path.len - 1};
    if (path.len + 2 > sizeof(host->base)) {
        host->mode = CGROUP_ROOT;
        (void)snprintf(host->cause, sizeof(host->cause),
                       "the path of the agent's own group is too long");
        return;
    }
    (void)snprintf(host->base, sizeof(host->base), "%.*s%s", (int)path.len,
                   (const char *)path.at, path.len ? "/" : "");
}

void cgroup_mode_choose(const struct cgroup_place *place, struct cgroup_host *ret_host)
{
    *ret_host = (struct cgroup_host){.mode = CGROUP_ROOT};
    const char *own = place->own, *last = strrchr(own, '/');
    bool is_inside =
        strncmp(own, "/../", 4) != 0; /* else no path below the mount leads there */
    if (!place->is_v2 || !last)
        return;
    if (is_inside && place->is_parent_delegated && strcmp(last, "/" AGENT_GROUP) == 0) {
        ret_host->mode = CGROUP_DELEGATED;
        take_base(ret_host, (struct bytes){(const uint8_t *)own, (size_t)(last - own)});
    } else if (place->is_namespace) {
        ret_host->mode = CGROUP_CONTAINER;
    } else if (place->is_own_delegated) {
        (void)snprintf(ret_host->cause, sizeof(ret_host->cause),
                       "the unit has Delegate=yes, but its processes are not in a group "
                       "\"" AGENT_GROUP "\" below its own: it wants "
                       "DelegateSubgroup=" AGENT_GROUP " (systemd 254)");
    }
}

void cgroup_own_read(struct bytes text, char out[static CGROUP_PATH_MAX])
{
    out[0] = '\0';
    while (text.len) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        if (len > 3 && memcmp(text.at, "0::", 3) == 0 && len - 3 < CGROUP_PATH_MAX)
            (void)snprintf(out, CGROUP_PATH_MAX, "%.*s", (int)(len - 3),
                           (const char *)text.at + 3);
        size_t taken = len + (end ? 1 : 0);
        text = (struct bytes){text.at + taken, text.len - taken};
    }
}

/* ---- looking ---- */

/* systemd marks the groups that it gave away. */
static bool is_delegated(const char *mount, const char *group, size_t len)
{
    static const char *const marks[] = {"trusted.delegate", "user.delegate"};
    char path[CGROUP_PATH_MAX + CGROUP_MOUNT_MAX], value[4];
    (void)snprintf(path, sizeof(path), "%s%.*s", mount, (int)len, group);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (getxattr(path, marks[i], value, sizeof(value)) == 1 && value[0] == '1')
            return true;
    return false;
}

static bool is_there(const char *mount, const char *file)
{
    char path[CGROUP_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", mount, file);
    return access(path, F_OK) == 0;
}

static void look(const struct cgroup *g, struct cgroup_host *host)
{
    static char mount[CGROUP_PATH_MAX], own[CGROUP_PATH_MAX];
    struct arena arena;
    struct bytes text = {0};
    (void)snprintf(mount, sizeof(mount), "%.*s", (int)g->dirs[0].mount_len,
                   g->dirs[0].path);
    arena_init(&arena, 1 << 20);
    (void)file_read("/proc/self/cgroup", 256 * 1024, &arena, &text);
    cgroup_own_read(text, own);
    arena_fini(&arena);
    const char *last = strrchr(own, '/');
    struct cgroup_place place = {.is_v2 = g->is_v2, .own = own};
    if (g->is_v2 && last) {
        place.is_namespace =
            is_there(mount, "cgroup.events"); /* the kernel's root has none */
        place.is_own_delegated = own[1] && is_delegated(mount, own, strlen(own));
        place.is_parent_delegated =
            last > own && is_delegated(mount, own, (size_t)(last - own));
    }
    cgroup_mode_choose(&place, host);
}

/* ---- a container's root group ---- */

static int move_one(const char *to, const char *pid, struct err *err)
{
    int code = file_put(to, pid);
    if (code == 0 || code == -ESRCH)
        return 0; /* ended meanwhile */
    return err_set(err, code, "cannot move process %s to %.200s: %s", pid, to,
                   err_text(code));
}

/* Returns how many were there; negative on failure. */
static int move_all(const char *from, const char *to, struct err *err)
{
    struct arena arena;
    struct bytes list = {0};
    int n = 0;
    arena_init(&arena, 4 << 20);
    int code = file_read(from, 1 << 20, &arena, &list);
    char *text = code ? NULL : arena_text_of(&arena, list), *rest = NULL;
    if (code == 0 && !text)
        code = -ENOMEM;
    if (code)
        (void)err_set(err, code, "cannot read %.200s: %s", from, err_text(code));
    for (char *pid = text ? strtok_r(text, "\n", &rest) : NULL; pid && code == 0;
         pid = strtok_r(NULL, "\n", &rest), n++) {
        if (strcmp(pid, "0") == 0)
            code =
                err_set(err, ERR_DENIED,
                        "the root group of this container has a process of another PID "
                        "namespace: it cannot be moved out of the way of tasks");
        else
            code = move_one(to, pid, err);
    }
    arena_fini(&arena);
    return code ? code : n;
}

static int make_room(const struct cgroup *g, struct err *err)
{
    char from[CGROUP_PATH_MAX + 64], to[CGROUP_PATH_MAX + 64];
    int len = (int)g->dirs[0].mount_len, n = 1;
    (void)snprintf(from, sizeof(from), "%.*s/cgroup.procs", len, g->dirs[0].path);
    (void)snprintf(to, sizeof(to), "%.*s/" AGENT_GROUP, len, g->dirs[0].path);
    if (mkdir(to, 0755) < 0 && errno != EEXIST) {
        int code = -errno;
        return err_set(err, code, "cannot make the control group %.200s: %s", to,
                       err_text(code));
    }
    (void)snprintf(to, sizeof(to), "%.*s/" AGENT_GROUP "/cgroup.procs", len,
                   g->dirs[0].path);
    for (int round = 0; round < MOVE_ROUNDS && n > 0; round++)
        n = move_all(from, to, err);
    return n < 0 ? n : 0; /* what is left is told by the first group that is made */
}

/* ---- trying ---- */

static int try_group(struct cgroup_host *host, struct err *err)
{
    char group[CGROUP_BASE_MAX + CGROUP_GROUP_MAX + 16];
    const struct cgroup_limits none = {0};
    struct cgroup g;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC,
                        &now); /* a PID alone may be had twice, by containers */
    (void)snprintf(group, sizeof(group), "%sstratos/%08x%08x/probe", host->base,
                   (unsigned)getpid(), (unsigned)now.tv_nsec);
    int code = cgroup_find(group, &g, err);
    if (code == 0)
        code = cgroup_create(&g, &none, err);
    if (code)
        return code;
    host->swap = cgroup_accounts_swap(&g) ? CGROUP_SWAP_LIMITED
                 : cgroup_host_swaps()    ? CGROUP_SWAP_UNLIMITED
                                          : CGROUP_SWAP_NONE;
    (void)cgroup_remove(&g); /* nothing lives in it */
    cgroup_prune(&g);
    return 0;
}

/* By `ip netns exec` this process has another /sys, without groups: then it gets a view of its own. */
static int find(struct cgroup *g, struct err *err)
{
    int code = cgroup_find("stratos/probe", g, err);
    if (code != ERR_UNSUPPORTED || cgroup_view_open() < 0)
        return code;
    *err = (struct err){0};
    return cgroup_find("stratos/probe", g, err);
}

void cgroup_host_open(struct cgroup_host *ret_host)
{
    struct cgroup_host host = {0};
    struct cgroup g;
    struct err err = {0};
    int code = find(&g, &err);
    if (code == 0)
        look(&g, &host);
    if (code == 0 && host.mode == CGROUP_CONTAINER)
        code = make_room(&g, &err);
    if (code == 0)
        code = try_group(&host, &err);
    if (code) {
        host.mode = CGROUP_NONE;
        (void)snprintf(host.cause, sizeof(host.cause), "%s", err.text);
    }
    *ret_host = host;
}

/* See cgroup.h.  CPU: `cpu_milli` is the share under contention (cpu.weight, cpu.shares): alone, a
 * task has the host's cores to itself.  Only a job that asks for it is capped (quota per 100 ms): a
 * small quota stalls a task for most of each period, whoever else is there. */
#include "isolate/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/hash.h"
#include "isolate/files.h"

enum {
    PERIOD_US = 100000,
    QUOTA_MIN_US = 1000, /* the kernel's least */
    MAKE_TRIES = 8,
    MEMORY_HIGH_PERCENT = 95,
    KILL_ROUNDS = 16, /* a fork bomb needs more than one look at cgroup.procs */
};

static const char *const names[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu"};

/* ---- where ---- */

static struct bytes next_word(struct bytes *rest, char separator)
{
    const uint8_t *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct bytes word = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = word.len + (end ? 1 : 0);
    *rest = (struct bytes){rest->at + taken, rest->len - taken};
    return word;
}

static bool has_word(struct bytes list, char separator, const char *word)
{
    while (list.len)
        if (bytes_equal(next_word(&list, separator), bytes_of_text(word)))
            return true;
    return false;
}

/* All three, in the kernel's list. */
static bool has_controllers(struct bytes list)
{
    bool has_all = true;
    if (list.len && list.at[list.len - 1] == '\n')
        list.len--;
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
        has_all = has_all && has_word(list, ' ', names[i]);
    return has_all;
}

/* The first mount wins; paths that mountinfo had to escape are not where cgroups live. */
static void keep_mount(char *to, struct bytes path)
{
    if (to[0] || path.len >= CGROUP_MOUNT_MAX || path.len == 0 ||
        memchr(path.at, '\\', path.len))
        return;
    memcpy(to, path.at, path.len);
    to[path.len] = '\0';
}

static void read_mount_line(struct bytes line, struct cgroup_mounts *mounts)
{
    struct bytes path = {0};
    for (int i = 0; i < 5; i++) /* id, parent, device, root, mount point */
        path = next_word(&line, ' ');
    while (line.len && !bytes_equal(next_word(&line, ' '), bytes_of_text("-")))
        continue; /* optional fields end with a dash */
    struct bytes type = next_word(&line, ' ');
    (void)next_word(&line, ' '); /* source */
    if (bytes_equal(type, bytes_of_text("cgroup2")))
        keep_mount(mounts->v2, path);
    if (!bytes_equal(type, bytes_of_text("cgroup")))
        return;
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
        if (has_word(line, ',', names[i]))
            keep_mount(mounts->v1[i], path);
}

void cgroup_mounts_read(struct bytes mountinfo, struct cgroup_mounts *ret_mounts)
{
    *ret_mounts = (struct cgroup_mounts){0};
    while (mountinfo.len)
        read_mount_line(next_word(&mountinfo, '\n'), ret_mounts);
}

/* Of "a/b/stratos/x/k" the "/a/b": what is there already and is not ours to make or remove. */
static size_t base_len(const char *group)
{
    const char *own = NULL;
    for (const char *at = group; (at = strstr(at, "stratos/")); at++)
        if (at == group || at[-1] == '/')
            own = at;
    return own && own > group ? (size_t)(own - group) : 0;
}

static int set_path(struct cgroup *g, size_t i, const char *mount, const char *group,
                    struct err *err)
{
    int len = snprintf(g->dirs[i].path, sizeof(g->dirs[i].path), "%s/%s", mount, group);
    if (len < 0 || (size_t)len >= sizeof(g->dirs[i].path))
        return err_set(err, -ENAMETOOLONG, "control group path too long");
    g->dirs[i].mount_len = strlen(mount) + base_len(group);
    return 0;
}

int cgroup_place(const struct cgroup_mounts *mounts, struct bytes controllers,
                 const char *group, struct cgroup *ret_group, struct err *err)
{
    struct cgroup g = {0};
    g.is_v2 = mounts->v2[0] && has_controllers(controllers);
    if (g.is_v2) {
        g.n = 1;
        int code = set_path(&g, 0, mounts->v2, group, err);
        if (code == 0)
            *ret_group = g;
        return code;
    }
    for (size_t i = 0; i < CGROUP_CONTROLLERS; i++, g.n++) {
        if (!mounts->v1[i][0])
            return err_set(
                err, ERR_UNSUPPORTED,
                "this host cannot limit tasks: the '%s' control group controller is "
                "neither in the v2 hierarchy nor mounted as v1",
                names[i]);
        g.dirs[i].controller = (enum cgroup_controller)i;
        int code = set_path(&g, i, mounts->v1[i], group, err);
        if (code)
            return code;
    }
    *ret_group = g;
    return 0;
}

int cgroup_find(const char *group, struct cgroup *ret_group, struct err *err)
{
    struct arena arena;
    struct bytes text = {0}, controllers = {0};
    struct cgroup_mounts mounts;
    char path[CGROUP_MOUNT_MAX + 32];
    arena_init(&arena, 4 << 20);
    int code = file_read("/proc/self/mountinfo", 1 << 20, &arena, &text);
    if (code) {
        (void)err_set(err, code, "cannot read /proc/self/mountinfo: %s", err_text(code));
    } else {
        cgroup_mounts_read(text, &mounts);
        (void)snprintf(path, sizeof(path), "%s/cgroup.controllers", mounts.v2);
        if (mounts.v2[0])
            (void)file_read(path, 4096, &arena, &controllers); /* none: v1 decides */
        code = cgroup_place(&mounts, controllers, group, ret_group, err);
    }
    arena_fini(&arena);
    return code;
}

/* ---- limits ---- */

bool cgroup_swaps_read(struct bytes text)
{
    (void)next_word(&text, '\n'); /* the head of the table */
    return text.len > 0;
}

bool cgroup_host_swaps(void)
{
    struct arena arena;
    struct bytes text = {0};
    arena_init(&arena, 128 * 1024);
    int code = file_read("/proc/swaps", 64 * 1024, &arena, &text);
    bool has_some = code == 0 ? cgroup_swaps_read(text) : code != -ENOENT;
    arena_fini(&arena);
    return has_some; /* a kernel that cannot swap has no such file */
}

bool cgroup_accounts_swap(const struct cgroup *g)
{
    char path[CGROUP_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", g->dirs[0].path,
                   g->is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
    return access(path, F_OK) == 0;
}

static int put(const struct cgroup *g, size_t i, const char *file, const char *text,
               struct err *err)
{
    char path[CGROUP_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", g->dirs[i].path, file);
    int code = file_put(path, text);
    if (code)
        return err_set(err, code, "cannot write '%s' to %.300s: %s", text, path,
                       err_text(code));
    return 0;
}

static int put_number(const struct cgroup *g, size_t i, const char *file, uint64_t value,
                      struct err *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return put(g, i, file, text, err);
}

static uint64_t quota_us(uint32_t cpu_milli)
{
    uint64_t quota = (uint64_t)cpu_milli * PERIOD_US / 1000;
    return quota > QUOTA_MIN_US ? quota : QUOTA_MIN_US;
}

static uint64_t shares_of(uint32_t cpu_milli)
{
    uint64_t shares = (uint64_t)cpu_milli * 1024 / 1000;
    return shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
}

static uint64_t weight_of(uint32_t cpu_milli)
{
    return 1 + (shares_of(cpu_milli) - 2) * 9999 / 262142;
}

/* The file is not there where the kernel does not account for swap.  Then a limit of it holds only
 * as long as the host has none; whoever asked for one is told, and so is the operator
 * (isolate/cgroup_mode.h). */
static int put_swap(const struct cgroup *g, size_t i, const char *file, uint64_t value,
                    const struct cgroup_limits *l, struct err *err)
{
    struct err why = {0};
    int code = put_number(g, i, file, value, &why);
    if (code == -ENOENT && (!l->has_swap || !l->host_swaps))
        return 0;
    if (code == -ENOENT)
        return err_set(
            err, ERR_UNSUPPORTED,
            "limits.swap cannot hold on this node: its kernel does not account "
            "for swap (it has no %s)",
            file);
    if (code && err)
        *err = why;
    return code;
}

static int limit_v2(const struct cgroup *g, const struct cgroup_limits *l,
                    struct err *err)
{
    int code = 0;
    if (l->memory_bytes) {
        code = put_number(g, 0, "memory.max", l->memory_bytes, err);
        if (code == 0) /* near its limit a task is slowed and its cache taken first */
            code = put_number(g, 0, "memory.high",
                              l->memory_bytes / 100 * MEMORY_HIGH_PERCENT, err);
        if (code == 0) /* a limit that swaps is no limit */
            code = put_swap(g, 0, "memory.swap.max", l->swap_bytes, l, err);
        (void)put(g, 0, "memory.oom.group", "1",
                  NULL); /* a task dies whole or not at all */
    }
    if (code == 0 && l->pids)
        code = put_number(g, 0, "pids.max", l->pids, err);
    if (code == 0 && l->cpu_milli)
        code = put_number(g, 0, "cpu.weight", weight_of(l->cpu_milli), err);
    if (code == 0 && l->cpu_cap_milli) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%llu %d",
                       (unsigned long long)quota_us(l->cpu_cap_milli), PERIOD_US);
        code = put(g, 0, "cpu.max", text, err);
    }
    return code;
}

static int limit_v1(const struct cgroup *g, const struct cgroup_limits *l,
                    struct err *err)
{
    int code = 0;
    if (l->memory_bytes) {
        code =
            put_number(g, CGROUP_MEMORY, "memory.limit_in_bytes", l->memory_bytes, err);
        if (code == 0) /* memory and swap together */
            code = put_swap(g, CGROUP_MEMORY, "memory.memsw.limit_in_bytes",
                            l->memory_bytes + l->swap_bytes, l, err);
    }
    if (code == 0 && l->pids)
        code = put_number(g, CGROUP_PIDS, "pids.max", l->pids, err);
    if (code == 0 && l->cpu_milli)
        code = put_number(g, CGROUP_CPU, "cpu.shares", shares_of(l->cpu_milli), err);
    if (code == 0 && l->cpu_cap_milli) {
        code = put_number(g, CGROUP_CPU, "cpu.cfs_period_us", PERIOD_US, err);
        if (code == 0)
            code = put_number(g, CGROUP_CPU, "cpu.cfs_quota_us",
                              quota_us(l->cpu_cap_milli), err);
    }
    return code;
}

int cgroup_limit(const struct cgroup *g, const struct cgroup_limits *limits,
                 struct err *err)
{
    return g->is_v2 ? limit_v2(g, limits, err) : limit_v1(g, limits, err);
}

/* ---- life ---- */

static bool hands_down(const char *path)
{
    struct arena arena;
    struct bytes list = {0};
    arena_init(&arena, 64 * 1024);
    bool has_all = file_read(path, 4096, &arena, &list) == 0 && has_controllers(list);
    arena_fini(&arena);
    return has_all;
}

/* v2 hands controllers down one level at a time.  Where that is done already nothing is written:
 * a manager of the host has its say there. */
static int enable_v2(const char *dir, struct err *err)
{
    char path[CGROUP_PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
    int code = hands_down(path) ? 0 : file_put(path, "+memory +pids +cpu");
    if (code)
        return err_set(err, code,
                       "cannot hand memory, pids and cpu control down in %.300s: %s", dir,
                       err_text(code));
    return 0;
}

static int make_dirs(const struct cgroup *g, size_t i, struct err *err)
{
    char part[CGROUP_PATH_MAX];
    const char *path = g->dirs[i].path;
    size_t len = strlen(path);
    for (size_t at = g->dirs[i].mount_len; at <= len; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        memcpy(part, path, at);
        part[at] = '\0';
        if (at > g->dirs[i].mount_len && mkdir(part, 0755) < 0 && errno != EEXIST) {
            int code = -errno;
            return err_set(err, code, "cannot make the control group %.300s: %s", part,
                           err_text(code));
        }
        int code = g->is_v2 && at < len ? enable_v2(part, err) : 0;
        if (code)
            return code;
    }
    return 0;
}

int cgroup_create(const struct cgroup *g, const struct cgroup_limits *limits,
                  struct err *err)
{
    assert(g->n > 0);
    int code = cgroup_remove(g); /* counters of an earlier run must not be read as ours */
    if (code)
        return err_set(err, code,
                       "an earlier run still lives in the control group %.300s",
                       g->dirs[0].path);
    for (size_t i = 0; i < g->n; i++) {
        for (int tries = 0; tries < MAKE_TRIES; tries++) {
            code = make_dirs(g, i, err);
            if (code != -ENOENT) /* a neighbour that just ended pruned the empty parent */
                break;
        }
        if (code)
            return code;
    }
    return cgroup_limit(g, limits, err);
}

void cgroup_group(const char *identity, char out[static CGROUP_GROUP_MAX])
{
    (void)snprintf(out, CGROUP_GROUP_MAX, "stratos/%016llx",
                   (unsigned long long)hash64(bytes_of_text(identity), 0));
}

/* A whole process is moved only when no process of the host forks or ends, and to be sure of that the
 * kernel waits for all processors, 10 to 30 ms.  A thread that moves itself need not wait: v1 has a file
 * for that, and v2 a place for new processes (isolate/shim.c). */
int cgroup_enter(const struct cgroup *g, struct err *err)
{
    for (size_t i = 0; i < g->n; i++) {
        int code = put(g, i, g->is_v2 ? "cgroup.procs" : "tasks", "0", err);
        if (code)
            return code;
    }
    return 0;
}

/* Returns how many were signalled. */
static size_t kill_members(const char *dir)
{
    char path[CGROUP_PATH_MAX + 64];
    char line[32];
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1 && kill((pid_t)pid, SIGKILL) == 0)
            n++;
    }
    (void)fclose(file);
    return n;
}

void cgroup_kill(const struct cgroup *g)
{
    if (g->n == 0)
        return;
    if (g->is_v2 && put(g, 0, "cgroup.kill", "1", NULL) == 0)
        return;
    for (int round = 0; round < KILL_ROUNDS; round++) /* v1, or a kernel before 5.14 */
        if (kill_members(g->dirs[0].path) == 0)
            return;
}

int cgroup_remove(const struct cgroup *g)
{
    int code = 0;
    for (size_t i = 0; i < g->n; i++)
        if (rmdir(g->dirs[i].path) < 0 && errno != ENOENT)
            code = -errno;
    return code;
}

void cgroup_prune(const struct cgroup *g)
{
    char path[CGROUP_PATH_MAX];
    for (size_t i = 0; i < g->n; i++) {
        memcpy(path, g->dirs[i].path, sizeof(path));
        for (char *slash; (slash = strrchr(path, '/')) &&
                          (size_t)(slash - path) > g->dirs[i].mount_len;) {
            if ((size_t)(slash - path) + sizeof(CGROUP_ASIDE) <= sizeof(path)) {
                (void)strcpy(slash, CGROUP_ASIDE);
                (void)rmdir(path);
            }
            *slash = '\0';
            if (rmdir(path) < 0)
                break; /* others' tasks live below it */
        }
    }
}

bool cgroup_has_oom(const struct cgroup *g)
{
    char path[CGROUP_PATH_MAX + 64], line[128];
    unsigned long long n = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", g->dirs[0].path,
                   g->is_v2 ? "memory.events" : "memory.oom_control");
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (n == 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, "oom_kill ", 9) == 0)
            n = strtoull(line + 9, NULL, 10);
    (void)fclose(file);
    return n > 0;
}

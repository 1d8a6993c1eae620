/* Where control groups are, from mountinfo alone. */
#include "isolate/cgroup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/cgroup_aside.h"
#include "isolate/files.h"

static const char v1[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 master:1 - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "36 31 0:32 / /elsewhere/memory rw - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
static const char v2[] =
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

Test(cgroup, each_controller_is_found_where_it_is_mounted)
{
    static const struct {
        const char *mountinfo, *controllers;
        size_t n;
        const char *paths[3];
        const char *complaint;
    } rows[] = {
        {v1,
         "hugetlb\n",
         3,
         {"/sys/fs/cgroup/memory/stratos/x/k", "/sys/fs/cgroup/pids/stratos/x/k",
          "/sys/fs/cgroup/cpu,cpuacct/stratos/x/k"},
         NULL},
        {v2,
         "cpuset cpu io memory pids\n",
         1,
         {"/sys/fs/cgroup/stratos/x/k", NULL, NULL},
         NULL},
        {v2, "cpu pids\n", 0, {NULL, NULL, NULL}, "'memory'"},
        {"", "", 0, {NULL, NULL, NULL}, "'memory'"},
        {"torn line", "", 0, {NULL, NULL, NULL}, "'memory'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cgroup_mounts mounts;
        struct cgroup g = {0};
        struct err err = {0};
        cgroup_mounts_read(bytes_of_text(rows[i].mountinfo), &mounts);
        int code = cgroup_place(&mounts, bytes_of_text(rows[i].controllers),
                                "stratos/x/k", &g, &err);
        cr_assert(g.n == rows[i].n, "row %zu: %zu dirs, %s", i, g.n, err.text);
        for (size_t j = 0; j < g.n; j++)
            cr_assert_str_eq(g.dirs[j].path, rows[i].paths[j]);
        cr_assert((code == ERR_UNSUPPORTED) == (rows[i].complaint != NULL), "row %zu", i);
        cr_assert(!rows[i].complaint || strstr(err.text, rows[i].complaint), "%s",
                  err.text);
    }
}

Test(cgroup, what_is_above_our_own_groups_is_not_ours)
{
    static const struct {
        const char *group, *base;
    } rows[] = {
        {"stratos/x/k", "/sys/fs/cgroup"},
        {"system.slice/stratos.service/stratos/x/k",
         "/sys/fs/cgroup/system.slice/stratos.service"},
        {"stratos/stratos/x/k", "/sys/fs/cgroup/stratos"},
        {"not-stratos/x", "/sys/fs/cgroup"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cgroup_mounts mounts;
        struct cgroup g;
        cgroup_mounts_read(bytes_of_text(v2), &mounts);
        cr_assert_eq(cgroup_place(&mounts, bytes_of_text("cpu memory pids"),
                                  rows[i].group, &g, NULL),
                     0);
        cr_expect(g.dirs[0].mount_len == strlen(rows[i].base) &&
                      strncmp(g.dirs[0].path, rows[i].base, g.dirs[0].mount_len) == 0,
                  "%s: %.*s", rows[i].group, (int)g.dirs[0].mount_len, g.dirs[0].path);
    }
}

Test(cgroup, a_host_swaps_when_its_table_has_a_row)
{
    static const struct {
        const char *text;
        bool has_some;
    } rows[] = {{"", false},
                {"Filename\tType\tSize\tUsed\tPriority\n", false},
                {"Filename\tType\tSize\tUsed\tPriority\n/swap file 1 0 -2\n", true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(cgroup_swaps_read(bytes_of_text(rows[i].text)), rows[i].has_some);
}

/* A directory with the control files that a kernel has. */
static void make_files(const char *dir, const char *const *names)
{
    char path[256];
    for (; *names; names++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, *names);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        cr_assert(fd >= 0 && close(fd) == 0);
    }
}

static const char *file_in(const char *dir, const char *name)
{
    static char text[64];
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *in = fopen(path, "r");
    size_t len = in ? fread(text, 1, sizeof(text) - 1, in) : 0;
    if (in)
        (void)fclose(in);
    text[len] = '\0';
    return text;
}

/* Kernels that do not account for swap have not got the file. */
Test(cgroup, a_limit_of_swap_holds_or_is_refused)
{
    enum { MEMORY = 100 << 20 };
    static const char *const all_v2[] = {"memory.max", "memory.high", "memory.swap.max",
                                         NULL};
    static const char *const less_v2[] = {"memory.max", "memory.high", NULL};
    static const char *const all_v1[] = {"memory.limit_in_bytes",
                                         "memory.memsw.limit_in_bytes", NULL};
    static const char *const less_v1[] = {"memory.limit_in_bytes", NULL};
    static const struct {
        bool is_v2;
        const char *const *files;
        bool has_swap, host_swaps;
        uint64_t swap;
        const char *file, *said; /* NULL: refused */
    } rows[] = {
        {true, all_v2, false, true, 0, "memory.swap.max", "0"},
        {true, all_v2, true, true, 4096, "memory.swap.max", "4096"},
        {true, all_v2, false, false, 0, "memory.high", "99614720"},
        {true, less_v2, false, true, 0, "memory.max",
         "104857600"}, /* the operator is told */
        {true, less_v2, true, false, 0, "memory.max",
         "104857600"}, /* there is none to take */
        {true, less_v2, true, true, 4096, NULL, NULL},
        {true, less_v2, true, true, 0, NULL, NULL},
        {false, all_v1, false, true, 0, "memory.memsw.limit_in_bytes", "104857600"},
        {false, all_v1, true, true, 4096, "memory.memsw.limit_in_bytes", "104861696"},
        {false, less_v1, false, true, 0, "memory.limit_in_bytes", "104857600"},
        {false, less_v1, true, true, 4096, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cgroup g = {.is_v2 = rows[i].is_v2, .n = rows[i].is_v2 ? 1 : 3};
        struct cgroup_limits limits = {.memory_bytes = MEMORY,
                                       .has_swap = rows[i].has_swap,
                                       .swap_bytes = rows[i].swap,
                                       .host_swaps = rows[i].host_swaps};
        struct err err = {0};
        char dir[] = "/tmp/stratos-cgroup-XXXXXX";
        cr_assert(mkdtemp(dir));
        make_files(dir, rows[i].files);
        for (size_t j = 0; j < g.n; j++)
            (void)snprintf(g.dirs[j].path, sizeof(g.dirs[j].path), "%s", dir);
        int code = cgroup_limit(&g, &limits, &err);
        if (rows[i].file)
            cr_expect(code == 0 && strcmp(file_in(dir, rows[i].file), rows[i].said) == 0,
                      "row %zu: %s, %s", i, err.text, file_in(dir, rows[i].file));
        else
            cr_expect(code == ERR_UNSUPPORTED &&
                          strstr(err.text, "limits.swap cannot hold"),
                      "row %zu: %d %s", i, code, err.text);
        cr_assert(dir_empty(dir) == 0 && rmdir(dir) == 0);
    }
}

Test(cgroup, every_truncation_of_mountinfo_is_survived)
{
    for (size_t len = 0; len < sizeof(v1); len++) {
        struct cgroup_mounts mounts;
        cgroup_mounts_read((struct bytes){(const uint8_t *)v1, len}, &mounts);
        cr_assert(mounts.v1[CGROUP_MEMORY][0] == 0 || len > 200);
    }
}

/* In a child: true when it is in the group beside the tasks', which weighs little. */
static bool goes_aside(const struct cgroup *g)
{
    char text[4096], path[CGROUP_PATH_MAX + 64];
    if (cgroup_go_aside(g) != 0)
        return false;
    FILE *own = fopen("/proc/self/cgroup", "r");
    size_t len = fread(text, 1, sizeof(text) - 1, own);
    text[len] = '\0';
    (void)snprintf(path, sizeof(path), "%s", g->dirs[g->is_v2 ? 0 : CGROUP_CPU].path);
    (void)snprintf(strrchr(path, '/'), 64, "/.shims/%s",
                   g->is_v2 ? "cpu.weight" : "cpu.shares");
    FILE *weight = fopen(path, "r");
    int value = 0;
    return strstr(text, "/.shims\n") && weight && fscanf(weight, "%d", &value) == 1 &&
           value == (g->is_v2 ? 2 : 64);
}

Test(cgroup, who_copies_much_goes_aside_and_leaves_nothing_behind)
{
    struct cgroup g;
    struct err err = {0};
    char name[64], parent[CGROUP_PATH_MAX];
    int status = -1;
    (void)snprintf(name, sizeof(name), "stratos/test%d/d.t.0", (int)getpid());
    if (geteuid() != 0 || cgroup_find(name, &g, &err) ||
        cgroup_create(&g, &(struct cgroup_limits){0}, &err))
        cr_skip_test("needs root and control groups");
    pid_t child = fork();
    if (child == 0)
        _exit(goes_aside(&g) ? 0 : 1);
    cr_assert(waitpid(child, &status, 0) == child && status == 0, "%x", status);
    for (int i = 0; i < 100 && cgroup_remove(&g) != 0; i++)
        usleep(10000);
    (void)snprintf(parent, sizeof(parent), "%s", g.dirs[g.is_v2 ? 0 : CGROUP_CPU].path);
    *strrchr(parent, '/') = '\0';
    for (int i = 0; i < 100 && access(parent, F_OK) == 0; i++) {
        cgroup_prune(&g); /* a child that ended is in its group for a moment yet */
        usleep(10000);
    }
    cr_assert(access(parent, F_OK) < 0);
}

/* Where control groups are, from mountinfo alone. */
#include "isolate/cgroup.h"

#include <criterion/criterion.h>
#include <string.h>

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

Test(cgroup, every_truncation_of_mountinfo_is_survived)
{
    for (size_t len = 0; len < sizeof(v1); len++) {
        struct cgroup_mounts mounts;
        cgroup_mounts_read((struct bytes){(const uint8_t *)v1, len}, &mounts);
        cr_assert(mounts.v1[CGROUP_MEMORY][0] == 0 || len > 200);
    }
}

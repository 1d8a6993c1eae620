/* Where tasks' groups go, as a table, and what this very host says. */
#include "isolate/cgroup_mode.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "isolate/cgroup_view.h"

#define UNIT "/system.slice/stratos.service"

Test(cgroup_mode, the_agents_own_group_decides)
{
    static const struct {
        const char *what;
        struct cgroup_place place;
        enum cgroup_mode mode;
        const char *base, *cause;
    } rows[] = {
        {"v1", {.own = "/"}, CGROUP_ROOT, "", ""},
        {"v1, delegated",
         {.own = UNIT "/agent", .is_parent_delegated = true},
         CGROUP_ROOT,
         "",
         ""},
        {"a shell", {.is_v2 = true, .own = "/user.slice/x.scope"}, CGROUP_ROOT, "", ""},
        {"no group is told", {.is_v2 = true, .own = ""}, CGROUP_ROOT, "", ""},
        {"a unit with DelegateSubgroup",
         {.is_v2 = true, .own = UNIT "/agent", .is_parent_delegated = true},
         CGROUP_DELEGATED,
         "system.slice/stratos.service/",
         ""},
        {"the same in a container",
         {.is_v2 = true,
          .is_namespace = true,
          .own = UNIT "/agent",
          .is_parent_delegated = true},
         CGROUP_DELEGATED,
         "system.slice/stratos.service/",
         ""},
        {"a container whose root was given to it",
         {.is_v2 = true,
          .is_namespace = true,
          .own = "/agent",
          .is_parent_delegated = true},
         CGROUP_DELEGATED,
         "",
         ""},
        {"a group that is merely called agent",
         {.is_v2 = true, .own = "/user.slice/agent"},
         CGROUP_ROOT,
         "",
         ""},
        {"another subgroup",
         {.is_v2 = true, .own = UNIT "/main", .is_parent_delegated = true},
         CGROUP_ROOT,
         "",
         ""},
        {"a unit without a subgroup could not be started again",
         {.is_v2 = true, .own = UNIT, .is_own_delegated = true},
         CGROUP_ROOT,
         "",
         "DelegateSubgroup=agent"},
        {"a container",
         {.is_v2 = true, .is_namespace = true, .own = "/"},
         CGROUP_CONTAINER,
         "",
         ""},
        {"a container, second start",
         {.is_v2 = true, .is_namespace = true, .own = "/agent"},
         CGROUP_CONTAINER,
         "",
         ""},
        {"outside of the namespace",
         {.is_v2 = true,
          .is_namespace = true,
          .own = "/../x/agent",
          .is_parent_delegated = true},
         CGROUP_CONTAINER,
         "",
         ""},
        {"a path that is too long",
         {.is_v2 = true,
          .is_parent_delegated = true,
          .own = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaa"
                 "/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                 "bbbbbbbbb"
                 "/agent"},
         CGROUP_ROOT,
         "",
         "too long"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cgroup_host host;
        cgroup_mode_choose(&rows[i].place, &host);
        cr_expect(host.mode == rows[i].mode && strcmp(host.base, rows[i].base) == 0 &&
                      strstr(host.cause, rows[i].cause) &&
                      (rows[i].cause[0] || !host.cause[0]),
                  "%s: %s '%s' '%s'", rows[i].what, cgroup_mode_name(host.mode),
                  host.base, host.cause);
    }
}

Test(cgroup_mode, the_v2_group_is_read_among_others)
{
    static const char *const rows[][2] = {
        {"0::/a/b\n", "/a/b"}, {"9:name=systemd:/x\n8:pids:/y\n0::/z\n", "/z"},
        {"0::/a", "/a"},       {"", ""},
        {"8:pids:/y\n", ""},   {"10::/y\n0::", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[CGROUP_PATH_MAX];
        cgroup_own_read(bytes_of_text(rows[i][0]), out);
        cr_expect_str_eq(out, rows[i][1]);
    }
}

Test(cgroup_mode, of_this_host_is_told_and_leaves_nothing)
{
    struct cgroup g;
    struct cgroup_host host;
    if (geteuid() != 0)
        cr_skip_test("needs root");
    if (cgroup_find("stratos/probe", &g, NULL))
        cr_skip_test("needs memory, pids and cpu control groups");
    cgroup_host_open(&host);
    cr_assert(host.mode != CGROUP_NONE, "%s", host.cause);
    if (!g.is_v2)
        cr_assert(host.mode == CGROUP_ROOT && !host.base[0] && !host.cause[0]);
    cr_assert(host.swap != CGROUP_SWAP_UNLIMITED || cgroup_host_swaps());
}

Test(cgroup_mode, of_the_hierarchies_those_with_our_controllers_are_mounted_anew)
{
    static const struct {
        const char *text, *options;
    } rows[] = {
        {"0::/user.slice\n", ""},
        {"9:name=systemd:/\n8:pids:/\n5:devices:/\n4:memory:/x/y\n1:cpu:/\n0::/\n",
         "pids;memory;cpu;"},
        {"4:cpu,cpuacct:/\n3:memory:/\n2:pids:/", "cpu,cpuacct;memory;pids;"},
        {"2:net_cls,memory_pressure:/\n1:cpuset:/\n", ""},
        {"", ""},
        {"7\n:::\n3:memory", "memory;"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char list[CGROUP_CONTROLLERS][CGROUP_VIEW_OPTIONS_MAX], got[256] = "";
        size_t n = cgroup_view_hierarchies(bytes_of_text(rows[i].text), list);
        for (size_t k = 0; k < n; k++) {
            strcat(got, list[k]);
            strcat(got, ";");
        }
        cr_expect_str_eq(got, rows[i].options, "row %zu: %s", i, got);
    }
}

/* The confinement as text. */
#include "isolate/sandbox.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *plan_text(const struct shim_launch *l, const struct cgroup *groups,
                             struct arena *arena, struct sandbox *ret_sandbox)
{
    struct user_ids user = {.uid = 33, .gid = 33};
    struct err err = {0};
    cr_assert(sandbox_plan(l, &user, groups, arena, ret_sandbox, &err) == 0, "%s",
              err.text);
    return sandbox_text(ret_sandbox, arena);
}

static size_t line_of(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    cr_assert(at, "no '%s' in:\n%s", line, text);
    return (size_t)(at - text);
}

Test(sandbox, hides_before_it_shows_and_seals_last)
{
    static const char *const hidden[] = {"/srv/secret"};
    static const uint16_t ports[] = {8080, 20001};
    struct shim_launch l = {.key = "default.web.0",
                            .dir = "/var/lib/stratos/tasks/default.web.0",
                            .data_dir = "/var/lib/stratos",
                            .hidden = hidden,
                            .n_hidden = 1,
                            .memory_bytes = 64 << 20,
                            .ports = ports,
                            .n_ports = 2};
    struct cgroup groups = {
        .is_v2 = true, .n = 1, .dirs = {{.path = "/sys/fs/cgroup/stratos/x/k"}}};
    struct arena arena;
    struct sandbox s;
    arena_init(&arena, 0);
    const char *text = plan_text(&l, &groups, &arena, &s);
    size_t order[] = {
        line_of(text, "detach\ntame /\n"),
        line_of(text, "keep from /var/lib/stratos/tasks/default.web.0/work\n"),
        line_of(text, "keep from /sys/fs/cgroup/stratos/x/k\n"),
        line_of(text, "tmpfs /dev mode=755"),
        line_of(text, "device /dev/null\n"),
        line_of(text, "read-only /etc\n"),
        line_of(text, "tmpfs /tmp mode=1777,size=33554432\n"),
        line_of(text, "mask /etc/stratos\n"),
        line_of(text, "mask /run/stratos\n"),
        line_of(text, "mask /srv/secret\n"),
        line_of(text, "mask /var/lib/stratos\n"),
        line_of(text, "bind /var/lib/stratos/tasks/default.web.0/work\n"),
        line_of(text, "bind /sys/fs/cgroup\n"),
        line_of(text, "proc /proc\n"),
        line_of(text, "mask /proc/kcore\n"),
        line_of(text, "read-only /proc/sys\n"),
        line_of(text, "read-only /sys\n"),
        line_of(text, "tcp 8080\ntcp 20001\n"),
    };
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
        cr_assert(order[i - 1] < order[i], "operation %zu is out of order:\n%s", i, text);
    cr_assert_str_eq(s.hostname, "default-web-0");
    cr_assert(s.user.uid == 33);
    arena_fini(&arena);
}

Test(sandbox, the_agents_program_is_there_wherever_it_lies)
{
    struct pair env[] = {{"STRATOS_BIN", "/tmp/clone/build/stratos"}};
    struct shim_launch l = {
        .key = "k", .dir = "/d/tasks/k", .data_dir = "/d", .env = env, .n_env = 1};
    struct cgroup groups = {.is_v2 = true, .n = 1, .dirs = {{.path = "/g/k"}}};
    struct arena arena;
    struct sandbox s;
    arena_init(&arena, 0);
    const char *text = plan_text(&l, &groups, &arena, &s);
    size_t order[] = {line_of(text, "keep from /tmp/clone/build/stratos\n"),
                      line_of(text, "tmpfs /tmp "),
                      line_of(text, "file /tmp/clone/build/stratos\n"),
                      line_of(text, "bind /tmp/clone/build/stratos\n"),
                      line_of(text, "read-only /tmp/clone/build/stratos\n")};
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
        cr_assert(order[i - 1] < order[i], "operation %zu is out of order:\n%s", i, text);
    env[0].value = "/usr/local/bin/stratos"; /* what is seen anyway is left as it is */
    cr_assert(!strstr(plan_text(&l, &groups, &arena, &s), "/usr/local/bin"));
    arena_fini(&arena);
}

Test(sandbox, a_host_with_v1_shows_the_task_its_own_groups_only)
{
    struct shim_launch l = {.key = "k", .dir = "/d/tasks/k", .data_dir = "/d"};
    struct cgroup groups = {.n = 3,
                            .dirs = {{.controller = CGROUP_MEMORY, .path = "/m/k"},
                                     {.controller = CGROUP_PIDS, .path = "/p/k"},
                                     {.controller = CGROUP_CPU, .path = "/c/k"}}};
    struct arena arena;
    struct sandbox s;
    arena_init(&arena, 0);
    const char *text = plan_text(&l, &groups, &arena, &s);
    cr_assert(line_of(text, "tmpfs /sys/fs/cgroup mode=755") <
              line_of(text, "bind /sys/fs/cgroup/memory\n"));
    cr_assert(line_of(text, "bind /sys/fs/cgroup/cpu\n") <
              line_of(text, "read-only /sys\n"));
    arena_fini(&arena);
}

Test(sandbox, a_token_is_a_file_in_memory_and_there_only_where_one_is_given)
{
    struct shim_launch l = {.key = "k", .dir = "/d/tasks/k", .data_dir = "/d"};
    struct cgroup groups = {0};
    struct arena arena;
    struct sandbox s;
    arena_init(&arena, 0);
    cr_assert_null(strstr(plan_text(&l, &groups, &arena, &s), "token"));
    l.has_token = true;
    const char *text = plan_text(&l, &groups, &arena, &s);
    cr_assert(line_of(text, "tmpfs /dev mode=755") <
              line_of(text, "dir /dev/stratos\n"
                            "tmpfs /dev/stratos mode=755,size=32k\n"
                            "token /dev/stratos/token\n"));
    arena_fini(&arena);
}

Test(sandbox, too_much_to_hide_is_refused)
{
    static const char *hidden[SANDBOX_OPS_MAX];
    for (size_t i = 0; i < SANDBOX_OPS_MAX; i++)
        hidden[i] = "/x";
    struct shim_launch l = {.key = "k",
                            .dir = "/d/tasks/k",
                            .data_dir = "/d",
                            .hidden = hidden,
                            .n_hidden = SANDBOX_OPS_MAX};
    struct cgroup groups = {0};
    struct user_ids user = {0};
    struct arena arena;
    static struct sandbox s;
    struct err err = {0};
    arena_init(&arena, 0);
    cr_assert(sandbox_plan(&l, &user, &groups, &arena, &s, &err) == ERR_BOUND);
    arena_fini(&arena);
}

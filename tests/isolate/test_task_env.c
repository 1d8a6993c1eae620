/* Layers of the environment and ${NAME}. */
#include "isolate/task_env.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *value_of(char *const *envp, const char *name)
{
    size_t len = strlen(name);
    const char *found = NULL;
    for (size_t i = 0; envp[i]; i++) {
        if (strncmp(envp[i], name, len) == 0 && envp[i][len] == '=') {
            cr_assert(!found, "%s is there twice", name);
            found = envp[i] + len + 1;
        }
    }
    return found;
}

static struct shim_launch launch_of(const char *const *argv, size_t n_argv)
{
    static const struct pair task_env[] = {{"URL", "http://${HOST}:${PORT}/"},
                                           {"HOST", "h${NONE}"},
                                           {"PORT", "wrong"},
                                           {"HOME", "/mine"},
                                           {"ODD", "${a-b} ${} $PORT ${PORT"}};
    static const struct pair env[] = {{"PORT", "20001"}, {"RAW", "${PORT}"}};
    return (struct shim_launch){.cwd = "sub/${PORT}",
                                .argv = argv,
                                .n_argv = n_argv,
                                .task_env = task_env,
                                .n_task_env = 5,
                                .env = env,
                                .n_env = 2};
}

Test(task_env, layers_override_and_names_expand)
{
    static const char *const words[] = {"./web", "--listen", "0.0.0.0:${PORT}", "${URL}",
                                        NULL};
    struct arena arena;
    arena_init(&arena, 0);
    struct shim_launch l = launch_of(words, 4);
    struct task_env env;
    struct err err = {0};
    cr_assert(task_env_make(&l, "/w", &arena, &env, &err) == 0, "%s", err.text);
    cr_assert_str_eq(value_of(env.envp, "PORT"), "20001");
    cr_assert_str_eq(value_of(env.envp, "URL"), "http://h:20001/");
    cr_assert_str_eq(value_of(env.envp, "RAW"), "${PORT}");
    cr_assert_str_eq(value_of(env.envp, "HOME"), "/mine");
    cr_assert_str_eq(value_of(env.envp, "STRATOS_DIR"), "/w");
    cr_assert_str_eq(value_of(env.envp, "ODD"), "${a-b} ${} $PORT ${PORT");
    cr_assert_str_eq(env.argv[2], "0.0.0.0:20001");
    cr_assert_str_eq(env.argv[3], "http://h:20001/");
    cr_assert(env.argv[4] == NULL);
    cr_assert_str_eq(env.cwd, "/w/sub/20001");
    arena_fini(&arena);
}

Test(task_env, a_shell_text_is_left_to_the_shell)
{
    static const char *const words[] = {
        "/bin/sh", "-c", "for i in 1 2; do echo ${i}; done", "${PORT}", NULL};
    struct arena arena;
    arena_init(&arena, 0);
    struct shim_launch l = launch_of(words, 4);
    struct task_env env;
    cr_assert(task_env_make(&l, "/w", &arena, &env, NULL) == 0);
    cr_assert_str_eq(env.argv[2], words[2]);
    cr_assert_str_eq(env.argv[3], "20001");
    arena_fini(&arena);
}

Test(task_env, in_its_own_value_a_name_is_what_lies_below)
{
    static const char *const words[] = {"${PATH}", "$${HOME}", "a$${b}c$$${PORT}", NULL};
    static const struct pair own[] = {{"PATH", "/opt/app/bin:${PATH}"},
                                      {"NONE", "<${NONE}>"},
                                      {"LIT", "$${HOME} ${LIT2}"},
                                      {"LIT2", "x$${LIT2}${LIT2}"},
                                      {"ALSO", "${PATH}"}};
    struct arena arena;
    arena_init(&arena, 0);
    struct shim_launch l = launch_of(words, 3);
    l.task_env = own;
    l.n_task_env = 5;
    struct task_env env;
    struct err err = {0};
    cr_assert_eq(task_env_make(&l, "/w", &arena, &env, &err), 0, "%s", err.text);
    static const char path[] =
        "/opt/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    cr_expect_str_eq(value_of(env.envp, "PATH"), path);
    cr_expect_str_eq(value_of(env.envp, "ALSO"), path);
    cr_expect_str_eq(value_of(env.envp, "NONE"), "<>");
    cr_expect_str_eq(value_of(env.envp, "LIT"), "${HOME} x${LIT2}");
    cr_expect_str_eq(env.argv[0], path);
    cr_expect_str_eq(env.argv[1], "${HOME}");
    cr_expect_str_eq(env.argv[2], "a${b}c$${PORT}");
    arena_fini(&arena);
}

Test(task_env, circles_are_refused)
{
    static const char *const words[] = {"x", NULL};
    static const struct pair circle[] = {{"A", "${B}${B}"}, {"B", "${A}"}};
    struct arena arena;
    arena_init(&arena, 0);
    struct shim_launch l = launch_of(words, 1);
    l.task_env = circle;
    l.n_task_env = 2;
    struct task_env env;
    struct err err = {0};
    cr_assert(task_env_make(&l, "/w", &arena, &env, &err) == ERR_BOUND);
    cr_assert(strstr(err.text, "refers to itself"));
    arena_fini(&arena);
}

/* See program.h.  The usual path: two looks at the file system.  A file that comes or goes between them and the
 * start is met by the start itself, as ever. */
#include "isolate/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/utf8.h"
#include "isolate/files.h"
#include "isolate/places.h"
#include "isolate/shim.h"
#include "isolate/task_env.h"
#include "isolate/users.h"

/* So much of a path or a name is said; two of them and a sentence have room. */
struct shown {
    char text[200];
};

static struct shown shown(const char *path)
{
    struct shown s;
    (void)utf8_cut(path, s.text, sizeof(s.text));
    return s;
}

struct look {
    const struct shim_launch *l;
    const char *home;
    struct user_ids ids;
    bool knows_user; /* else its shim says who it is that is not there */
    char *why;
    size_t cap;
};

/* Links are followed: what counts is where the file is. */
static bool is_visible(const struct look *k, const char *what, const char *path)
{
    char real[PATH_MAX];
    const char *at = realpath(path, real) ? real : path;
    const char *own = places_program(k->l), *place = places_hide(k->l, path);
    if (!place)
        place = places_hide(k->l, at);
    if (!place || (own && strcmp(own, path) == 0))
        return true; /* the agent's own program is in each sandbox */
    (void)snprintf(k->why, k->cap,
                   "%s%s is not visible to tasks, for each has a %.60s of its own: "
                   "move it to /opt",
                   what, shown(path).text, place);
    return false;
}

/* By the mode alone: a task has no capabilities, also that of root.  Lists of rights may say more, and are left to
 * the kernel. */
static bool may_enter(const struct user_ids *ids, const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0 || getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
        return true;
    if (info.st_uid == ids->uid)
        return (info.st_mode & S_IXUSR) != 0;
    bool is_member = info.st_gid == ids->gid;
    for (size_t i = 0; i < ids->n_groups; i++)
        is_member = is_member || info.st_gid == ids->groups[i];
    return (info.st_mode & (is_member ? S_IXGRP : S_IXOTH)) != 0;
}

/* All directories above it, and itself. */
static bool is_open_to_user(const struct look *k, const char *path, bool is_said)
{
    char real[PATH_MAX];
    const char *user = k->l->user[0] ? k->l->user : "root";
    if (!k->knows_user || !realpath(path, real))
        return true;
    for (char *at = strchr(real + 1, '/');; at = strchr(at + 1, '/')) {
        if (at)
            *at = '\0';
        bool may = may_enter(&k->ids, real);
        if (!may && is_said)
            (void)snprintf(k->why, k->cap,
                           "user %.32s of the task may not run %s: %s%s is closed "
                           "to it",
                           user, shown(path).text, at ? "the directory " : "",
                           shown(real).text);
        if (!may || !at)
            return may;
        *at = '/';
    }
}

static bool is_program(const struct look *k, const char *path, bool is_said)
{
    struct stat info;
    const char *cause = NULL;
    if (stat(path, &info) < 0)
        cause = errno == ENOENT || errno == ENOTDIR ? "is not on this host" : NULL;
    else if (S_ISDIR(info.st_mode))
        cause = "is a directory";
    else if (!(info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
        cause = "may not be executed: chmod +x makes it a program";
    if (cause && is_said)
        (void)snprintf(k->why, k->cap, "the program %s %s", shown(path).text, cause);
    return !cause && is_open_to_user(k, path, is_said);
}

static bool join(char out[static PATH_MAX], const char *dir, size_t len, const char *name)
{
    int all = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, dir, name);
    return all > 0 && all < PATH_MAX;
}

static bool is_in_path(const struct look *k, const char *name, const char *path)
{
    char candidate[PATH_MAX];
    bool is_hidden = false;
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, ":");
        bool is_path = join(candidate, at, len, name);
        at += len + (at[len] == ':');
        if (!is_path || !is_program(k, candidate, false))
            continue;
        if (is_visible(k, "the program ", candidate))
            return true;
        is_hidden = true; /* which is said, unless there is another */
    }
    if (!is_hidden)
        (void)snprintf(k->why, k->cap,
                       "this host has no program %s: it is in no directory of PATH (%s)",
                       shown(name).text, shown(path).text);
    return false;
}

static bool look_at_dir(const struct look *k, const char *dir)
{
    struct stat info;
    if (!is_visible(k, "the directory ", dir))
        return false;
    if (stat(dir, &info) == 0 ? S_ISDIR(info.st_mode)
                              : errno != ENOENT && errno != ENOTDIR)
        return true;
    (void)snprintf(k->why, k->cap, "the directory %s is not on this host",
                   shown(dir).text);
    return false;
}

static bool look_at_program(const struct look *k, const struct task_env *env)
{
    char path[PATH_MAX];
    const char *name = env->argv[0], *dir = env->cwd ? env->cwd : k->home;
    if (!strchr(name, '/')) {
        const char *list = "";
        for (char **pair = env->envp; *pair; pair++)
            if (strncmp(*pair, "PATH=", 5) == 0)
                list = *pair + 5;
        return is_in_path(k, name, list);
    }
    if (name[0] == '/')
        return is_visible(k, "the program ", name) && is_program(k, name, true);
    if (!join(path, dir, strlen(dir), name))
        return true; /* the kernel will say it */
    if (env->cwd)
        return is_visible(k, "the program ", path) && is_program(k, path, true);
    if (is_program(k, path, false))
        return true;
    (void)snprintf(k->why, k->cap,
                   "the program %s is looked for in the task's own directory, which "
                   "is empty: "
                   "give its whole path",
                   shown(name).text);
    return false;
}

static void find_user(struct look *k, struct arena *arena)
{
    struct bytes passwd = {0}, group = {0};
    k->ids = (struct user_ids){.uid = geteuid(), .gid = getegid()};
    k->knows_user = true;
    if (!k->l->user[0])
        return;
    (void)file_read("/etc/passwd", 4 << 20, arena, &passwd);
    (void)file_read("/etc/group", 4 << 20, arena, &group); /* numbers work without */
    k->knows_user = users_find(passwd, group, k->l->user, &k->ids, NULL) == 0;
}

bool program_is_seen(const struct shim_launch *l, char *why, size_t cap)
{
    char home[PATH_MAX];
    struct arena arena;
    struct task_env env;
    struct err err = {0};
    struct look look = {.l = l, .home = home, .why = why, .cap = cap};
    (void)snprintf(home, sizeof(home), "%s/" SHIM_WORK_DIR, l->dir);
    arena_init(&arena, 0);
    find_user(&look, &arena);
    bool is_seen =
        task_env_make(l, home, &arena, &env, &err) < 0 || !env.argv[0] ||
        ((!l->cwd[0] || look_at_dir(&look, env.cwd)) && look_at_program(&look, &env));
    arena_fini(&arena);
    return is_seen;
}

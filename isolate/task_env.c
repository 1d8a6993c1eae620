/* See task_env.h.  The environment has three layers, the later wins: the base (PATH, HOME
 * ...), the task's own from the job file, the agent's (STRATOS_*, PORT_*), which is
 * final. */
#include "isolate/task_env.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 128 * 1024 - 1, /* MAX_ARG_STRLEN of the kernel, less the NUL */
    DEPTH_MAX = 8,             /* values that refer to values; deeper is a circle */
    BASE_N = 4,
};

struct expander {
    const struct shim_launch *l;
    struct pair base[BASE_N];
    struct bytes self; /* the variable whose own value is expanded; empty in words */
    struct writer out;
    int error;
};

static bool is_name(struct bytes text)
{
    if (text.len == 0 || isdigit(text.at[0]))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum(text.at[i]) && text.at[i] != '_')
            return false;
    return true;
}

static const char *find(const struct pair *pairs, size_t n, struct bytes name)
{
    for (size_t i = n; i-- > 0;)
        if (bytes_equal(bytes_of_text(pairs[i].key), name))
            return pairs[i].value;
    return NULL;
}

static void expand(struct expander *x, const char *text, unsigned depth);

static void expand_name(struct expander *x, struct bytes name, unsigned depth)
{
    const char *value = find(x->l->env, x->l->n_env, name);
    if (value) {
        writer_bytes(&x->out, bytes_of_text(value));
        return;
    }
    /* In its own value a name means the layer below. */
    bool is_self = bytes_equal(x->self, name);
    value = is_self ? NULL : find(x->l->task_env, x->l->n_task_env, name);
    if (value && depth == DEPTH_MAX) {
        x->error = ERR_BOUND;
    } else if (value) {
        struct bytes outer = x->self;
        x->self = name;
        expand(x, value, depth + 1);
        x->self = outer;
    } else if ((value = find(x->base, BASE_N, name))) {
        writer_bytes(&x->out, bytes_of_text(value));
    }
}

static void expand(struct expander *x, const char *text, unsigned depth)
{
    while (*text && !x->error && !x->out.error) {
        const char *open = strstr(text, "${");
        const char *close = open ? strchr(open, '}') : NULL;
        if (!close) {
            writer_bytes(&x->out, bytes_of_text(text));
            return;
        }
        if (open > text && open[-1] == '$') { /* $${NAME} is the text ${NAME} */
            writer_put(&x->out, text, (size_t)(open - text) - 1);
            writer_put(&x->out, open, 2);
            text = open + 2;
            continue;
        }
        struct bytes name = {(const uint8_t *)open + 2, (size_t)(close - open) - 2};
        if (!is_name(name)) {
            writer_put(&x->out, text, (size_t)(open - text) + 2);
            text = open + 2;
            continue;
        }
        writer_put(&x->out, text, (size_t)(open - text));
        expand_name(x, name, depth);
        text = close + 1;
    }
}

/* "prefix" + expanded text, in the arena. */
static char *expanded(struct expander *x, struct arena *arena, const char *prefix,
                      const char *text, struct err *err)
{
    x->out.len = 0;
    writer_bytes(&x->out, bytes_of_text(prefix));
    expand(x, text, 0);
    if (x->error || writer_error(&x->out)) {
        (void)err_set(err, ERR_BOUND,
                      "'%.60s' refers to itself, or is longer than 128 KiB", text);
        return NULL;
    }
    char *copy = arena_text_of(arena, writer_done(&x->out));
    if (!copy)
        (void)err_set(err, -ENOMEM, "not enough memory for the environment");
    return copy;
}

static char *final_pair(struct expander *x, struct arena *arena, const struct pair *p,
                        bool is_final, struct err *err)
{
    x->self = bytes_of_text(p->key);
    char *text =
        is_final ? arena_printf(arena, "%s=%s", p->key, p->value)
                 : expanded(x, arena, arena_printf(arena, "%s=", p->key), p->value, err);
    x->self = (struct bytes){0};
    if (!text && is_final)
        (void)err_set(err, -ENOMEM, "not enough memory for the environment");
    return text;
}

static char **make_envp(struct expander *x, struct arena *arena, struct err *err)
{
    const struct shim_launch *l = x->l;
    char **envp =
        arena_array(arena, BASE_N + l->n_task_env + l->n_env + 1, sizeof(*envp));
    size_t n = 0;
    if (!envp) {
        (void)err_set(err, -ENOMEM, "not enough memory for the environment");
        return NULL;
    }
    for (size_t i = 0; i < BASE_N; i++) {
        struct bytes name = bytes_of_text(x->base[i].key);
        if (find(l->env, l->n_env, name) || find(l->task_env, l->n_task_env, name))
            continue;
        if (!(envp[n++] = final_pair(x, arena, &x->base[i], true, err)))
            return NULL;
    }
    for (size_t i = 0; i < l->n_task_env; i++) {
        if (find(l->env, l->n_env, bytes_of_text(l->task_env[i].key)))
            continue;
        if (!(envp[n++] = final_pair(x, arena, &l->task_env[i], false, err)))
            return NULL;
    }
    for (size_t i = 0; i < l->n_env; i++)
        if (!(envp[n++] = final_pair(x, arena, &l->env[i], true, err)))
            return NULL;
    return envp;
}

static char **make_argv(struct expander *x, struct arena *arena, struct err *err)
{
    const struct shim_launch *l = x->l;
    char **argv = arena_array(arena, l->n_argv + 2, sizeof(*argv));
    if (!argv) {
        (void)err_set(err, -ENOMEM, "not enough memory for the command");
        return NULL;
    }
    argv++; /* see task_env.h */
    bool is_shell = l->n_argv >= 3 && strcmp(l->argv[0], "/bin/sh") == 0 &&
                    strcmp(l->argv[1], "-c") == 0;
    for (size_t i = 0; i < l->n_argv; i++) {
        if (is_shell && i == 2)
            argv[i] = arena_text(arena, l->argv[i]);
        else
            argv[i] = expanded(x, arena, "", l->argv[i], err);
        if (!argv[i])
            return NULL;
    }
    return argv;
}

static int make_env(struct expander *x, const char *home, struct arena *arena,
                    struct task_env *ret_env, struct err *err)
{
    const struct shim_launch *l = x->l;
    struct task_env made = {.envp = make_envp(x, arena, err)};
    if (made.envp)
        made.argv = make_argv(x, arena, err);
    if (!made.envp || !made.argv)
        return err ? err->code : ERR_BOUND;
    if (l->cwd[0]) {
        const char *cwd = expanded(x, arena, "", l->cwd, err);
        if (!cwd)
            return err ? err->code : ERR_BOUND;
        made.cwd = cwd[0] == '/' ? cwd : arena_printf(arena, "%s/%s", home, cwd);
    }
    *ret_env = made;
    return 0;
}

/* Of the room for the longest text little is touched, and what is not costs nothing. */
int task_env_make(const struct shim_launch *l, const char *home, struct arena *arena,
                  struct task_env *ret_env, struct err *err)
{
    void *buf = malloc(TEXT_MAX);
    if (!buf)
        return err_set(err, -ENOMEM, "not enough memory for the environment");
    struct expander x = {
        .l = l,
        .base = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                 {"HOME", home},
                 {"STRATOS_DIR", home},
                 {"TMPDIR", "/tmp"}},
        .out = writer_of(buf, TEXT_MAX),
    };
    int code = make_env(&x, home, arena, ret_env, err);
    free(buf);
    return code;
}

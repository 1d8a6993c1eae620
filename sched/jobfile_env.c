/* The names in ${NAME}, checked before anything runs.  See jobfile_env.h. */
#include "sched/jobfile_env.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEEPEST = 7, /* values that refer to values; task_env.c gives up beyond */
    NAME_MAX_LEN = KEY_TEXT_MAX + 1,
    NAMES_SHOWN = 64, /* candidates for "did you mean" */
};

struct seen {
    struct job_reader *r;
    const struct job_spec *spec;
    uint8_t *depth; /* of each variable: 0 unknown, IN_PROGRESS, or 1 + its depth */
};

enum { IN_PROGRESS = 255 };

/* ---- what Stratos sets ---- */

static const char *const always[] = {
    "PATH",
    "HOME",
    "TMPDIR",
    "STRATOS_DIR",
    "STRATOS_JOB",
    "STRATOS_NODE",
    "STRATOS_VERSION",
    "STRATOS_NAMESPACE",
    "STRATOS_BIN",
    "STRATOS_INSTANCE",
    "STRATOS_ADDRESS",
    NULL,
};
static const char *const with_api[] = {"STRATOS_TOKEN_FILE", "STRATOS_API", NULL};

static bool is_among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* "http-admin" -> "PORT_HTTP_ADMIN" */
static void port_variable(const char *prefix, const char *port,
                          char out[static NAME_MAX_LEN])
{
    (void)snprintf(out, NAME_MAX_LEN, "%s%s", prefix, port);
    for (char *c = out; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* Is `word` what port_variable makes of the port, without the prefix?  Asked of every name of a file. */
static bool is_port_word(const char *word, const char *port)
{
    for (; *port && *word; port++, word++)
        if (*word != (*port == '-' ? '_' : (char)toupper((unsigned char)*port)))
            return false;
    return *port == '\0' && *word == '\0';
}

static bool is_port(const struct job_spec *spec, const char *name)
{
    bool is_port = strncmp(name, "PORT", 4) == 0,
         is_address = strncmp(name, "ADDR_", 5) == 0;
    uint64_t index;
    if (!is_port && !is_address)
        return false;
    if (is_port && name[4] == '\0')
        return spec->n_ports > 0;
    if (is_port && text_uint(name + 4, PORTS_MAX, &index) == 0)
        return index < spec->n_ports && (name[4] != '0' || name[5] == '\0');
    for (size_t i = 0; i < spec->n_ports && name[4] == '_'; i++)
        if (is_port_word(name + 5, spec->ports[i].name))
            return true;
    return false;
}

static bool is_given(const struct job_spec *spec, const char *name)
{
    return is_among(always, name) || is_port(spec, name) ||
           (spec->task.api != API_NONE && is_among(with_api, name));
}

/* ---- the task's own ---- */

static int compare_name(const void *key, const void *pair)
{
    return strcmp(key, ((const struct pair *)pair)->key);
}

static const struct pair *variable(const struct job_spec *spec, const char *name)
{
    return spec->task.n_env ? bsearch(name, spec->task.env, spec->task.n_env,
                                      sizeof(*spec->task.env), compare_name)
                            : NULL;
}

/* The next ${...} of a text, without those that are written $${...}; its inside in `out`, "" when it is
 * empty or too long for a name.  NULL at the end. */
static const char *next_name(const char *text, char out[static NAME_MAX_LEN])
{
    const char *open = strstr(text, "${");
    for (; open && open > text && open[-1] == '$'; open = strstr(open + 2, "${"))
        continue;
    const char *close = open ? strchr(open, '}') : NULL;
    if (!close)
        return NULL;
    size_t len = (size_t)(close - open) - 2;
    len = len < NAME_MAX_LEN ? len : 0;
    memcpy(out, open + 2, len);
    out[len] = '\0';
    return open + 2;
}

static bool is_name(const char *text)
{
    if (!*text || isdigit((unsigned char)*text))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

/* ---- complaints ---- */

static const char *nearest(const struct seen *s, const char *name, const char *self,
                           char out[static NAME_MAX_LEN])
{
    const char *names[NAMES_SHOWN + 1] = {NULL};
    size_t n = 0;
    for (size_t i = 0; always[i]; i++)
        names[n++] = always[i];
    for (size_t i = 0; i < s->spec->task.n_env && n < NAMES_SHOWN; i++)
        if (!self || strcmp(self, s->spec->task.env[i].key) != 0)
            names[n++] = s->spec->task.env[i].key;
    const char *near = did_you_mean(name, names);
    if (near)
        return near;
    for (size_t i = 0; i < s->spec->n_ports; i++) {
        const char *one[] = {out, NULL};
        port_variable("PORT_", s->spec->ports[i].name, out);
        if (did_you_mean(name, one))
            return out;
        port_variable("ADDR_", s->spec->ports[i].name, out);
        if (did_you_mean(name, one))
            return out;
    }
    return NULL;
}

static void refuse_name(struct seen *s, const struct doc *at, const char *name,
                        const char *self)
{
    char buf[NAME_MAX_LEN];
    bool is_shown = s->r->complaints->n < COMPLAINTS_MAX;
    const char *near = !is_shown ? NULL : nearest(s, name, self, buf);
    if (self && strcmp(self, name) == 0)
        schema_refuse(
            s->r, at,
            "${%.64s} in its own value is what lies below, and there nothing sets it",
            name);
    else if (near)
        schema_refuse(s->r, at, "nothing sets ${%.64s}; did you mean ${%.64s}?", name,
                      near);
    else
        schema_refuse(s->r, at,
                      "nothing sets ${%.64s}: add it to env, or write $${%.64s} for the "
                      "text itself",
                      name, name);
}

static void check_text(struct seen *s, const struct doc *at, const char *text,
                       const char *self)
{
    char name[NAME_MAX_LEN];
    while ((text = next_name(text, name))) {
        size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_");
        bool is_own = self && strcmp(self, name) == 0;
        if (is_name(name)) {
            if (!is_given(s->spec, name) && (is_own || !variable(s->spec, name)))
                refuse_name(s, at, name, self);
        } else if (len > 0 && strchr(":-=+?#%/,^", name[len]) && name[len]) {
            schema_refuse(
                s->r, at,
                "${%.64s}: only ${NAME} is expanded here, without defaults; write "
                "$${...} for the text itself",
                name);
        }
    }
}

/* ---- circles ---- */

static unsigned depth_of(struct seen *s, size_t i)
{
    char name[NAME_MAX_LEN];
    const struct pair *env = s->spec->task.env;
    if (s->depth[i])
        return s->depth[i];
    s->depth[i] = IN_PROGRESS;
    unsigned deepest = 0;
    for (const char *at = env[i].value; (at = next_name(at, name));) {
        const struct pair *other =
            strcmp(name, env[i].key) == 0 ? NULL : variable(s->spec, name);
        if (!other || is_given(s->spec, name))
            continue;
        unsigned depth = depth_of(s, (size_t)(other - env));
        deepest = depth > deepest ? depth : deepest;
    }
    s->depth[i] = (uint8_t)(deepest + 1 > DEEPEST + 1 ? IN_PROGRESS : deepest + 1);
    return s->depth[i];
}

/* ---- all of it ---- */

static void check_reserved(struct seen *s, const struct doc *at, const char *name)
{
    struct doc key = {.line = at->key_line ? at->key_line : at->line,
                      .column = at->key_line ? at->key_column : at->column,
                      .file = at->file};
    if (strncmp(name, "STRATOS_", 8) == 0)
        schema_refuse(s->r, &key,
                      "env: names that begin with STRATOS_ are Stratos's own: %.64s",
                      name);
    else if (is_port(s->spec, name))
        schema_refuse(s->r, &key, "env: %.64s is set by Stratos, for a port of this job",
                      name);
}

static void check_variable(struct seen *s, const struct doc *item, bool is_list)
{
    if (item->kind != DOC_SCALAR)
        return;
    const char *sign = is_list ? strchr(item->text, '=') : NULL;
    size_t len = is_list ? (size_t)(sign ? sign - item->text : 0) : strlen(item->key);
    if (len == 0 || len >= NAME_MAX_LEN)
        return;
    char name[NAME_MAX_LEN];
    memcpy(name, is_list ? item->text : item->key, len);
    name[len] = '\0';
    check_reserved(s, item, name);
    check_text(s, item, is_list ? sign + 1 : item->text, name);
    const struct pair *pair = variable(s->spec, name);
    if (pair && depth_of(s, (size_t)(pair - s->spec->task.env)) == IN_PROGRESS)
        schema_refuse(
            s->r, item,
            "env: %.64s refers to itself by way of others, or through more than "
            "%d of them",
            name, DEEPEST);
}

/* The words of a list, but for the script of [/bin/sh, -c, script]. */
static void check_command(struct seen *s, const struct doc *list)
{
    const struct task_spec *task = &s->spec->task;
    bool is_shell = task->n_argv >= 3 && task->argv[0] && task->argv[1] &&
                    strcmp(task->argv[0], "/bin/sh") == 0 &&
                    strcmp(task->argv[1], "-c") == 0;
    size_t i = 0;
    for (const struct doc *word = list->child; word; word = word->next, i++)
        if (word->kind == DOC_SCALAR && !(is_shell && i == 2))
            check_text(s, word, word->text, NULL);
}

void jobfile_env_check(struct job_reader *r, const struct doc *task,
                       const struct job_spec *spec)
{
    const struct doc *command = doc_find(task, "command"), *dir = doc_find(task, "dir"),
                     *env = doc_find(task, "env");
    struct seen s = {.r = r, .spec = spec};
    s.depth = arena_alloc(r->arena, spec->task.n_env + 1);
    if (!s.depth) {
        r->error = -ENOMEM;
        return;
    }
    if (command && command->kind == DOC_LIST)
        check_command(&s, command);
    if (dir && dir->kind == DOC_SCALAR)
        check_text(&s, dir, dir->text, NULL);
    for (const struct doc *item = env && env->kind != DOC_SCALAR ? env->child : NULL;
         item; item = item->next)
        check_variable(&s, item, env->kind == DOC_LIST);
}

/* See jobfile_params.h.  ${{name}} may stand in any value, never in a key; what it becomes is not looked
 * at again.  $${{name}} is the text ${{name}}. */
#include "sched/jobfile_params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS_MAX = 128, NAME_SHOWN = 64, DOC_COPIES_MAX = 100000 };

struct param {
    const char *name, *value; /* value NULL: it was complained about */
};

struct expansion {
    struct job_reader *r;
    struct param list[PARAMS_MAX];
    size_t n;
    size_t n_bytes; /* of all texts that were expanded */
    char *text;     /* the one at work */
};

const struct doc *jobfile_take(struct doc *map, const char *key)
{
    for (struct doc **link = &map->child; *link; link = &(*link)->next)
        if (strcmp((*link)->key, key) == 0) {
            const struct doc *found = *link;
            *link = found->next;
            map->n--;
            return found;
        }
    return NULL;
}

/* ---- params ---- */

static const char *given_value(const struct jobfile_params *given, const char *name)
{
    for (size_t i = given ? given->n : 0; i-- > 0;) /* the last one wins */
        if (strcmp(given->list[i].name, name) == 0) {
            given->list[i].is_used = true;
            return given->list[i].value;
        }
    return NULL;
}

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
                    text[i]) ||
            !text[i])
            return false;
    return len > 0 && len <= NAME_SHOWN;
}

static void read_param(struct expansion *x, const struct doc *value,
                       const struct jobfile_params *given)
{
    struct doc at = schema_key_place(value);
    if (!is_name(value->key, strlen(value->key))) {
        schema_refuse(x->r, &at, "params: '%.64s' is no name: letters, digits, _ and -",
                      value->key);
        return;
    }
    if (value->kind != DOC_SCALAR) {
        schema_refuse(x->r, value, "params: %s wants a single value, its default",
                      value->key);
        return;
    }
    const char *text = given_value(given, value->key);
    if (!text && !schema_is_nothing(value))
        text = value->text;
    if (!text)
        schema_refuse(x->r, &at, "params: %s has no default: give it with -p %s=VALUE",
                      value->key, value->key);
    else if (strstr(text, "${{"))
        schema_refuse(x->r, value, "params: %s: a value holds no ${{", value->key);
    x->list[x->n++] = (struct param){value->key, text};
}

static void read_params(struct expansion *x, const struct doc *params,
                        const struct jobfile_params *given)
{
    if (!params || schema_is_nothing(params) || !schema_is_map(x->r, params, PARAMS_MAX))
        return;
    for (const struct doc *value = params->child; value; value = value->next)
        read_param(x, value, given);
}

/* ---- ${{name}} ---- */

static const struct param *find_param(const struct expansion *x, const char *name,
                                      size_t len)
{
    for (size_t i = 0; i < x->n; i++)
        if (strlen(x->list[i].name) == len && memcmp(x->list[i].name, name, len) == 0)
            return &x->list[i];
    return NULL;
}

static void refuse_unknown(struct expansion *x, const struct doc *at, const char *name,
                           size_t len)
{
    const char *names[PARAMS_MAX + 1] = {NULL};
    char shown[NAME_SHOWN + 1];
    len = len > NAME_SHOWN ? NAME_SHOWN : len;
    memcpy(shown, name, len);
    shown[len] = '\0';
    for (size_t i = 0; i < x->n && x->r->complaints->n < COMPLAINTS_MAX; i++)
        names[i] = x->list[i].name;
    const char *near = did_you_mean(shown, names);
    if (near)
        schema_refuse(x->r, at, "${{%s}}: no param is called so; did you mean %s?", shown,
                      near);
    else
        schema_refuse(
            x->r, at,
            "${{%s}}: no param is called so; add it to params, or write $${{%s}} "
            "for the text itself",
            shown, shown);
}

/* One ${{...}} from `open` to `close`, written as what it stands for.  Where ${NAME} is expanded when the
 * task starts, $${{x}} is left for that. */
static void expand_one(struct expansion *x, const struct doc *at, const char *text,
                       const char *open, const char *close, bool is_started,
                       struct writer *out)
{
    size_t before = (size_t)(open - text);
    if (open > text && open[-1] == '$') {
        writer_put(out, text, before - !is_started);
        writer_put(out, open, (size_t)(close + 2 - open));
        return;
    }
    const char *name = open + 3 + strspn(open + 3, " ");
    size_t len = name < close ? (size_t)(close - name) : 0;
    while (len > 0 && name[len - 1] == ' ')
        len--;
    const struct param *param = find_param(x, name, len);
    if (!param)
        refuse_unknown(x, at, name, len);
    writer_put(out, text, before);
    if (param && param->value)
        writer_bytes(out, bytes_of_text(param->value));
    else /* it stays: one mistake, one complaint */
        writer_put(out, open, (size_t)(close + 2 - open));
}

/* The text of one scalar. */
static const char *expand(struct expansion *x, const struct doc *at, bool is_started)
{
    const char *text = at->text, *open;
    if (!x->text)
        x->text = arena_alloc(x->r->arena, TEXT_LEN_MAX);
    if (!x->text) {
        x->r->error = -ENOMEM;
        return "";
    }
    struct writer out = writer_of(x->text, TEXT_LEN_MAX);
    while ((open = strstr(text, "${{"))) {
        const char *close = strstr(open, "}}");
        if (!close)
            break;
        expand_one(x, at, text, open, close, is_started, &out);
        text = close + 2;
    }
    writer_bytes(&out, bytes_of_text(text));
    x->n_bytes += out.len;
    if (writer_error(&out))
        schema_refuse(x->r, at, "may have at most %d bytes", TEXT_LEN_MAX);
    else if (x->n_bytes > JOBFILE_LEN_MAX)
        schema_refuse(x->r, at, "the file has more than 1 MiB with its params expanded");
    if (writer_error(&out) || x->n_bytes > JOBFILE_LEN_MAX)
        return "";
    const char *copy = arena_text_of(x->r->arena, writer_done(&out));
    if (!copy)
        x->r->error = -ENOMEM;
    return copy ? copy : "";
}

/* Everything below `d`.  `is_started`: within a task's command list, env or dir. */
static void expand_all(struct expansion *x, struct doc *d, bool is_started)
{
    if (d->kind == DOC_SCALAR) {
        if (strstr(d->text, "${{")) {
            d->text = expand(x, d, is_started);
            d->is_quoted = true;
        }
        return;
    }
    for (struct doc *c = d->child; c; c = c->next) {
        bool is_script =
            c->key && strcmp(c->key, "command") == 0 && c->kind == DOC_SCALAR;
        bool is_task = d->key && strcmp(d->key, "task") == 0 && c->key &&
                       (strcmp(c->key, "command") == 0 || strcmp(c->key, "env") == 0 ||
                        strcmp(c->key, "dir") == 0);
        expand_all(x, c, is_started || (is_task && !is_script));
    }
}

/* ---- defaults ---- */

static struct doc *find(struct doc *map, const char *key)
{
    for (struct doc *c = map->child; c; c = c->next)
        if (strcmp(c->key, key) == 0)
            return c;
    return NULL;
}

static struct doc *last_link(struct doc *map)
{
    struct doc *last = map->child;
    while (last && last->next)
        last = last->next;
    return last;
}

/* A copy with children of its own, for who changes it; it counts against the file's values. */
static struct doc *copy(struct job_reader *r, const struct doc *from)
{
    struct doc *node =
        r->n_copied++ < DOC_COPIES_MAX ? schema_array(r, 1, sizeof(*node)) : NULL;
    if (!node) {
        if (!r->error)
            schema_refuse(r, from, "defaults: more than %d values with those of all jobs",
                          DOC_COPIES_MAX);
        return NULL;
    }
    *node = *from;
    node->next = NULL;
    node->child = NULL;
    struct doc **tail = &node->child;
    for (const struct doc *c = from->child; c; c = c->next) {
        *tail = copy(r, c);
        if (!*tail)
            return NULL;
        tail = &(*tail)->next;
    }
    return node;
}

void jobfile_lay(struct job_reader *r, struct doc *map, const struct doc *defaults)
{
    struct doc *last = last_link(map);
    for (const struct doc *d = defaults->child; d && !r->error; d = d->next) {
        struct doc *own = find(map, d->key);
        if (own && own->kind == DOC_MAP && d->kind == DOC_MAP) {
            jobfile_lay(r, own, d);
        } else if (!own) {
            struct doc *node = copy(r, d);
            if (!node)
                return;
            *(last ? &last->next : &map->child) = node;
            last = node;
            map->n++;
        }
    }
}

void jobfile_lay_key(struct job_reader *r, struct doc *map, const struct doc *from,
                     const char *key)
{
    const struct doc *value = doc_find(from, key);
    struct doc *own = find(map, key);
    if (!value || schema_is_nothing(value))
        return;
    if (own && schema_is_nothing(own)) {
        (void)jobfile_take(map, key);
        own = NULL;
    }
    struct doc one = {.kind = DOC_MAP, .n = 1};
    if (own && own->kind == DOC_MAP && value->kind == DOC_MAP) {
        jobfile_lay(r, own, value);
    } else if (!own) {
        one.child = copy(r, value);
        if (one.child)
            jobfile_lay(r, map, &one);
    }
}

static void lay_defaults(struct job_reader *r, struct doc *doc,
                         const struct doc *defaults)
{
    struct doc *jobs = find(doc, "jobs");
    if (!jobs) {
        schema_refuse(r, defaults,
                      "defaults stands beside jobs: [...], and is laid under "
                      "each of them");
        return;
    }
    if (!schema_is_map(r, defaults, SIZE_MAX))
        return;
    const struct doc *name = doc_find(defaults, "job");
    if (name)
        schema_refuse(r, name, "defaults: a job's name cannot be that of all");
    for (struct doc *job = jobs->kind == DOC_LIST ? jobs->child : NULL; job;
         job = job->next)
        if (job->kind == DOC_MAP)
            jobfile_lay(r, job, defaults);
}

void jobfile_params_apply(struct job_reader *r, struct doc *doc,
                          const struct jobfile_params *given)
{
    struct expansion x = {.r = r};
    if (doc->kind != DOC_MAP)
        return;
    read_params(&x, jobfile_take(doc, "params"), given);
    expand_all(&x, doc, false);
    const struct doc *defaults = jobfile_take(doc, "defaults");
    if (defaults && !schema_is_nothing(defaults))
        lay_defaults(r, doc, defaults);
}

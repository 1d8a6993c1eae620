/* What changed between two specs, and whether the task can tell.  See spec_diff.h. */
#include "sched/spec_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/doc.h"
#include "proto/seal.h"
#include "sched/jobfile.h"
#include "sched/spec_json.h"

/* A body this version cannot read, written by a newer one, is taken as it stands.  NULL: it is
 * empty, or no JSON. */
static json_t *tree_of(struct bytes body, bool is_full, struct arena *arena)
{
    struct complaints ignored = {.arena = arena};
    struct jobfile file;
    if (body.len == 0)
        return NULL;
    return jobfile_read_stored(body, arena, &ignored, &file) == 0 && file.n_jobs == 1
               ? spec_json(file.jobs, is_full, arena)
               : json_loadb((const char *)body.at, body.len, 0, NULL);
}

/* ---- line by line ---- */

struct leaf {
    const char *path, *text;
};

struct leaves {
    struct arena *arena;
    struct leaf *list;
    size_t n, cap;
    bool is_failed;
};

static void flatten(struct leaves *to, const char *path, json_t *value)
{
    const char *key;
    json_t *child;
    size_t i;
    if (!path) {
        to->is_failed = true;
        return;
    }
    if (json_is_object(value)) {
        json_object_foreach(value, key, child)
            flatten(to,
                    *path ? arena_printf(to->arena, "%s.%s", path, key)
                          : arena_text(to->arena, key),
                    child);
        return;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
            flatten(to, arena_printf(to->arena, "%s[%zu]", path, i), child);
        return;
    }
    if (arena_grow(to->arena, (void **)&to->list, to->n, &to->cap, sizeof(*to->list)) <
        0) {
        to->is_failed = true;
        return;
    }
    const char *text =
        json_is_integer(value)
            ? arena_printf(to->arena, "%lld", (long long)json_integer_value(value))
            : arena_text(to->arena, json_is_string(value) ? json_string_value(value)
                                    : json_is_true(value) ? "true"
                                                          : "false");
    to->list[to->n++] = (struct leaf){path, text ? text : ""};
}

/* [10] after [2], as people count. */
static int compare_leaves(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    return strverscmp(x->path, y->path);
}

/* All that a body says, defaults included. */
static void leaves_of(struct leaves *to, struct bytes body)
{
    json_t *root = tree_of(body, true, to->arena);
    if (root)
        flatten(to, "", root);
    json_decref(root);
    if (to->n)
        qsort(to->list, to->n, sizeof(*to->list), compare_leaves);
}

enum { VALUE_SHOWN_MAX = 200 };

static char *change_text(struct arena *arena, const char *path, const char *before,
                         const char *after)
{
    return arena_printf(arena, "%s: %.*s -> %.*s", path, VALUE_SHOWN_MAX, before,
                        VALUE_SHOWN_MAX, after);
}

int spec_diff(struct bytes before, struct bytes after, struct arena *arena,
              const char *const **ret_lines, size_t *ret_n)
{
    struct leaves old = {.arena = arena}, new = {.arena = arena};
    leaves_of(&old, before);
    leaves_of(&new, after);
    const char **lines = arena_array(arena, old.n + new.n + 1, sizeof(*lines));
    if (!lines || old.is_failed || new.is_failed)
        return -ENOMEM;
    size_t n = 0, i = 0, j = 0;
    while (i < old.n || j < new.n) {
        int order = i == old.n   ? 1
                    : j == new.n ? -1
                                 : strverscmp(old.list[i].path, new.list[j].path);
        const char *path = order <= 0 ? old.list[i].path : new.list[j].path;
        const char *from = order <= 0 ? old.list[i++].text : "none";
        const char *to = order >= 0 ? new.list[j++].text : "none";
        if (order == 0 && strcmp(from, to) == 0)
            continue;
        lines[n] = change_text(arena, path, from, to);
        if (!lines[n++])
            return -ENOMEM;
    }
    *ret_lines = lines;
    *ret_n = n;
    return 0;
}

/* ---- key by key ---- */

/* The value at "labels" or "task.env". */
static const json_t *value_at(const json_t *root, const char *path)
{
    const char *dot = strchr(path, '.');
    return dot ? json_object_get(json_object_get(root, "task"), dot + 1)
               : json_object_get(root, path);
}

/* As bytes, not as sets of keys: the order of ports means something. */
static bool is_same_value(const json_t *a, const json_t *b)
{
    if (!a || !b)
        return a == b;
    char *x = json_dumps(a, JSON_COMPACT | JSON_ENCODE_ANY),
         *y = json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY);
    bool is_same = x && y && strcmp(x, y) == 0;
    free(x);
    free(y);
    return is_same;
}

struct changes {
    struct arena *arena;
    const json_t *before, *after;
    struct spec_change *list;
    size_t n, cap;
    bool is_failed;
};

static void change_add(struct changes *c, const char *path, bool is_seen)
{
    const char *dot = strchr(path, '.');
    char *key = arena_text(c->arena, dot ? dot + 1 : path);
    if (!key ||
        arena_grow(c->arena, (void **)&c->list, c->n, &c->cap, sizeof(*c->list)) < 0)
        c->is_failed = true;
    else
        c->list[c->n++] = (struct spec_change){key, is_seen};
}

static const struct spec_key *find_key(const char *path)
{
    for (size_t i = 0; i < n_spec_keys; i++)
        if (strcmp(spec_keys[i].path, path) == 0)
            return &spec_keys[i];
    return NULL;
}

/* Keys of one side that the table does not have: a newer version's.  What `other` has as well was looked
 * at with it, unless that is NULL. */
static void compare_unknown(struct changes *c, json_t *side, json_t *other,
                            const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach(side, key, value)
    {
        char *path = arena_printf(c->arena, "%s%s", prefix, key);
        bool is_task = strcmp(key, "task") == 0 && !*prefix;
        if (!path)
            c->is_failed = true;
        else if (is_task || find_key(path) || json_object_get(other, key))
            continue;
        else if (!is_same_value(value_at(c->before, path), value_at(c->after, path)))
            change_add(c, path, true);
    }
}

static void compare_keys(struct changes *c, bool is_seen)
{
    for (size_t i = 0; i < n_spec_keys; i++)
        if (spec_keys[i].is_seen == is_seen &&
            !is_same_value(value_at(c->before, spec_keys[i].path),
                           value_at(c->after, spec_keys[i].path)))
            change_add(c, spec_keys[i].path, is_seen);
}

int spec_changes(struct bytes before, struct bytes after, struct arena *arena,
                 const struct spec_change **ret_changes, size_t *ret_n)
{
    json_t *was = tree_of(before, false, arena), *is = tree_of(after, false, arena);
    struct changes c = {.arena = arena, .before = was, .after = is};
    json_t *was_task = json_object_get(was, "task"),
           *is_task = json_object_get(is, "task");
    compare_keys(&c, true);
    compare_unknown(&c, was, NULL, "");
    compare_unknown(&c, is, was, "");
    compare_unknown(&c, was_task, NULL, "task.");
    compare_unknown(&c, is_task, was_task, "task.");
    compare_keys(&c, false);
    json_decref(was);
    json_decref(is);
    if (c.is_failed)
        return -ENOMEM;
    *ret_changes = c.list;
    *ret_n = c.n;
    return 0;
}

/* ---- what the task sees ---- */

static void keep_seen(json_t *map, const char *prefix)
{
    const char *key;
    json_t *value;
    void *next;
    char path[128];
    json_object_foreach_safe(map, next, key, value)
    {
        (void)snprintf(path, sizeof(path), "%s%s", prefix, key);
        const struct spec_key *known = find_key(path);
        if (known && !known->is_seen)
            (void)json_object_del(map, key);
    }
}

struct spec_hash spec_task_hash(const struct job_spec *spec)
{
    struct spec_hash hash = {0};
    struct arena arena;
    arena_init(&arena, 0);
    json_t *root = spec_json(spec, false, &arena);
    keep_seen(root, "");
    keep_seen(json_object_get(root, "task"), "task.");
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    if (text)
        hash = spec_hash_of(bytes_of_text(text));
    free(text);
    json_decref(root);
    arena_fini(&arena);
    return hash;
}

static bool has_check(const struct job_spec *spec, const struct health_spec *check)
{
    for (size_t i = 0; i < spec->n_health; i++)
        if (health_spec_equal(&spec->health[i], check))
            return true;
    return false;
}

/* Checks that go, or stay as they are, can take nothing down. */
enum edit spec_edit(const struct job_spec *was, struct spec_hash was_task,
                    const struct job_spec *is, struct spec_hash is_task)
{
    static const struct spec_hash unknown;
    if (!spec_hash_equal(was_task, is_task) || spec_hash_equal(is_task, unknown))
        return EDIT_RESTART;
    for (size_t i = 0; i < is->n_health; i++)
        if (!has_check(was, &is->health[i]))
            return EDIT_CHECKS;
    return EDIT_UNSEEN;
}

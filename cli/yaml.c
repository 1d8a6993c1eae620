/* A spec as block YAML, in the order in which a job file is told (docs/JOBFILE.md).  Texts are
 * quoted by core/yaml_text.h, as everything is that we write. */
#include "cli/yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/yaml_text.h"

enum { YAML_DEPTH_MAX = 64, FLOW_ITEMS_MAX = 8, FLOW_TEXT_MAX = 40 };

/* What comes first in a map; a word that is not here comes after, by the alphabet. */
static const char *const order[] = {
    "job",      "namespace", "type",    "count",  "priority",  "labels",  "constraints",
    "attr",     "op",        "value",   "task",   "command",   "user",    "dir",
    "env",      "resources", "cpu",     "memory", "pids",      "limits",  "rlimits",
    "stop",     "signal",    "timeout", "logs",   "isolation", "ports",   "to",
    "protocol", "name",      "http",    "tcp",    "port",      "service", "health",
    "interval", "grace",     "kind",    "update", "restart",
};

static size_t rank_of(const char *key)
{
    size_t n = sizeof(order) / sizeof(order[0]);
    for (size_t i = 0; i < n; i++)
        if (strcmp(order[i], key) == 0)
            return i;
    return n;
}

static int compare_keys(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    size_t left = rank_of(*x), right = rank_of(*y);
    return left != right ? (left > right) - (left < right) : strcmp(*x, *y);
}

/* The keys of a map.  Those of the user's own maps stay as they are: the order of ports counts. */
static const char **keys_of(const json_t *map, bool is_own, struct arena *arena,
                            size_t *ret_n)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    const char **keys = arena_array(arena, json_object_size(map) + 1, sizeof(*keys));
    *ret_n = 0;
    if (!keys)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)map, key, value) keys[n++] = key;
    if (!is_own)
        qsort(keys, n, sizeof(*keys), compare_keys);
    *ret_n = n;
    return keys;
}

static bool is_users(const char *key)
{
    return strcmp(key, "env") == 0 || strcmp(key, "labels") == 0 ||
           strcmp(key, "ports") == 0;
}

/* "204-204" is what a body has for one code. */
static const char *status_text(const char *key, const char *text)
{
    bool is_one = key && strcmp(key, "status") == 0 && strlen(text) == 7 &&
                  strncmp(text, text + 4, 3) == 0;
    return is_one ? text + 4 : NULL;
}

static void add_scalar(struct yaml_text *t, const char *key, const json_t *value)
{
    const char *code =
        json_is_string(value) ? status_text(key, json_string_value(value)) : NULL;
    if (code) {
        yaml_add(t, "%s", code);
    } else if (json_is_string(value)) {
        yaml_scalar(t, json_string_value(value));
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        yaml_add(t, "%s", text ? text : "null");
        free(text);
    }
}

static bool is_flow(const json_t *value)
{
    if (json_is_object(value))
        return json_object_size(value) == 0;
    if (!json_is_array(value))
        return true;
    size_t i;
    json_t *one;
    json_array_foreach(value, i, one)
    {
        bool is_scalar = !json_is_object(one) && !json_is_array(one);
        bool is_long = json_is_string(one) && json_string_length(one) > FLOW_TEXT_MAX;
        if (!is_scalar || is_long)
            return false;
    }
    return json_array_size(value) <= FLOW_ITEMS_MAX;
}

static void add_flow(struct yaml_text *t, const char *key, const json_t *value)
{
    size_t i;
    json_t *one;
    if (json_is_object(value)) {
        yaml_add(t, "{}");
        return;
    }
    if (!json_is_array(value)) {
        add_scalar(t, key, value);
        return;
    }
    yaml_add(t, "[");
    json_array_foreach(value, i, one)
    {
        yaml_add(t, "%s", i > 0 ? ", " : "");
        add_scalar(t, NULL, one);
    }
    yaml_add(t, "]");
}

static void add_block(struct yaml_text *t, const char *name, const json_t *value,
                      int indent, bool is_begun);

static void add_list(struct yaml_text *t, const json_t *list, int indent, bool is_begun)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        yaml_add(t, "%*s- ", is_begun ? 0 : indent, "");
        is_begun = false;
        if (is_flow(one)) {
            add_flow(t, NULL, one);
            yaml_add(t, "\n");
        } else {
            add_block(t, "", one, indent + 2, true);
        }
    }
}

/* At `indent`; with `is_begun` the first line's indent is there already (after "- "). */
static void add_block(struct yaml_text *t, const char *name, const json_t *value,
                      int indent, bool is_begun)
{
    if (indent > 2 * YAML_DEPTH_MAX)
        return; /* deeper than a job file can be */
    if (json_is_array(value)) {
        add_list(t, value, indent, is_begun);
        return;
    }
    size_t n;
    const char **keys = keys_of(value, is_users(name), t->arena, &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_object_get(value, keys[i]);
        yaml_add(t, "%*s", is_begun ? 0 : indent, "");
        is_begun = false;
        yaml_scalar(t, keys[i]);
        yaml_add(t, is_flow(one) ? ": " : ":\n");
        if (is_flow(one)) {
            add_flow(t, keys[i], one);
            yaml_add(t, "\n");
        } else {
            add_block(t, keys[i], one, indent + 2, false);
        }
    }
}

int yaml_print(const json_t *value, FILE *out)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct yaml_text t = {.arena = &arena};
    add_block(&t, "", value, 0, false);
    bool is_whole = !t.is_failed;
    if (is_whole && t.at)
        fputs(t.at, out);
    arena_fini(&arena);
    return is_whole ? 0 : -1;
}

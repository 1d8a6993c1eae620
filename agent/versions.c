/* Versions of jobs, and which of them may go.  See versions.h. */
#include "agent/versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/doc.h"
#include "core/err.h"
#include "proto/record.h"

enum { HASH_DIGITS_MIN = 4 }; /* as much of a hash as names a version */

/* ---- what there is ---- */

struct listing {
    const struct table *table;
    struct arena *arena;
    struct version *list;
    size_t n, cap;
};

static int list_add(struct listing *l, const struct job_doc *doc)
{
    if (arena_grow(l->arena, (void **)&l->list, l->n, &l->cap, sizeof(*l->list)) < 0)
        return -ENOMEM;
    l->list[l->n++] = (struct version){.doc = *doc, .state = VERSION_LOST};
    return 0;
}

static int add_version(void *ctx, const struct entry *e)
{
    struct listing *l = ctx;
    struct key_parts parts;
    struct job_doc doc;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_VERSION)
        return 0;
    int status = record_decode_job(e->value, l->arena, &doc);
    if (status < 0)
        return status == -ENOMEM ? status : 0;
    bool is_right = doc.version == parts.version && spec_hash_equal(doc.spec, parts.spec);
    return is_right ? list_add(l, &doc) : 0;
}

static struct version *list_find(const struct listing *l, uint32_t version,
                                 struct spec_hash spec)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->list[i].doc.version == version &&
            spec_hash_equal(l->list[i].doc.spec, spec))
            return &l->list[i];
    return NULL;
}

static struct key prefix_of(const char *kind, const char *ns, const char *job)
{
    struct key key;
    int len = snprintf(key.text, sizeof(key.text), "%s/%.63s/%.63s/", kind, ns, job);
    key.len = (size_t)len;
    return key;
}

/* The job's own record is the word on the current version, also where nothing else came yet. */
static int list_load(struct listing *l, const char *ns, const char *job,
                     const struct job_doc *next, struct version **ret_current)
{
    struct key prefix = prefix_of("version", ns, job), key = key_job(ns, job);
    struct job_doc doc;
    int status = table_each(l->table, key_bytes(&prefix), add_version, l);
    const struct entry *entry = table_get(l->table, key_bytes(&key));
    *ret_current = NULL;
    if (status < 0)
        return status;
    if (next)
        doc = *next;
    else if (!entry || record_decode_job(entry->value, l->arena, &doc) < 0)
        return 0;
    struct version *current = list_find(l, doc.version, doc.spec);
    if (current) {
        current->doc = doc;
    } else {
        status = list_add(l, &doc);
        current = status == 0 ? &l->list[l->n - 1] : NULL;
    }
    *ret_current = current;
    return status;
}

/* ---- which of them stand ---- */

static void follow_line(struct listing *l, struct version *current)
{
    struct version *at = current;
    current->state = VERSION_CURRENT;
    while (at->doc.version > 1) {
        at = list_find(l, at->doc.version - 1, at->doc.previous);
        if (!at)
            return;
        at->state = VERSION_SUPERSEDED;
    }
}

static struct version *standing_at(const struct listing *l, uint32_t version)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->list[i].doc.version == version && l->list[i].state != VERSION_LOST)
            return &l->list[i];
    return NULL;
}

/* Below the end of the line nothing can be said: what is there was simply written over. */
static void judge(struct listing *l, uint32_t lowest, const struct version *current)
{
    for (size_t i = 0; i < l->n; i++) {
        struct version *v = &l->list[i];
        if (v->state != VERSION_LOST)
            continue;
        if (current && v->doc.version < lowest) {
            v->state = VERSION_SUPERSEDED;
            continue;
        }
        struct version *rival = standing_at(l, v->doc.version);
        v->has_conflict = true;
        v->has_rival = rival != NULL;
        if (rival) {
            v->rival = rival->doc.spec;
            rival->has_conflict = true;
        }
    }
}

static int compare_versions(const void *a, const void *b)
{
    const struct version *x = a, *y = b;
    bool is_x_lost = x->state == VERSION_LOST, is_y_lost = y->state == VERSION_LOST;
    if (x->doc.version != y->doc.version)
        return x->doc.version > y->doc.version ? -1 : 1;
    if (is_x_lost != is_y_lost)
        return is_x_lost ? 1 : -1;
    if (x->doc.at_unix_ms != y->doc.at_unix_ms)
        return x->doc.at_unix_ms > y->doc.at_unix_ms ? -1 : 1;
    return spec_hash_compare(x->doc.spec, y->doc.spec);
}

int versions_list(const struct table *table, const char *ns, const char *job,
                  struct arena *arena, struct version **ret_list, size_t *ret_n)
{
    return versions_list_with(table, ns, job, NULL, arena, ret_list, ret_n);
}

int versions_list_with(const struct table *table, const char *ns, const char *job,
                       const struct job_doc *next, struct arena *arena,
                       struct version **ret_list, size_t *ret_n)
{
    struct listing l = {.table = table, .arena = arena};
    struct version *current;
    int status = list_load(&l, ns, job, next, &current);
    if (status < 0)
        return status;
    uint32_t lowest = 0;
    if (current) {
        follow_line(&l, current);
        lowest = current->doc.version;
    }
    for (size_t i = 0; i < l.n; i++)
        if (l.list[i].state != VERSION_LOST && l.list[i].doc.version < lowest)
            lowest = l.list[i].doc.version;
    judge(&l, lowest, current);
    for (size_t i = 0; i < l.n; i++) {
        struct key key = key_spec(ns, job, l.list[i].doc.spec);
        l.list[i].is_kept = table_get(table, key_bytes(&key)) != NULL;
    }
    if (l.n > 0)
        qsort(l.list, l.n, sizeof(*l.list), compare_versions);
    *ret_list = l.list;
    *ret_n = l.n;
    return 0;
}

/* ---- by name ---- */

struct bodies_named {
    struct spec_hash hash;
    size_t n;
};

static int name_body(void *ctx, const struct entry *e)
{
    struct bodies_named *named = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_SPEC)
        return 0;
    named->hash = parts.spec;
    named->n++;
    return 0;
}

static int find_by_hash(const struct table *table, const char *ns, const char *job,
                        const char *word, struct spec_hash *ret_hash)
{
    struct bodies_named named = {0};
    struct key prefix = prefix_of("spec", ns, job);
    size_t len = strlen(word);
    if (len < HASH_DIGITS_MIN || len >= SPEC_HASH_TEXT ||
        strspn(word, "0123456789abcdef") != len)
        return ERR_INVALID;
    memcpy(prefix.text + prefix.len, word, len + 1);
    prefix.len += len;
    (void)table_each(table, key_bytes(&prefix), name_body, &named);
    if (named.n != 1)
        return named.n ? ERR_INVALID : ERR_NOT_FOUND;
    *ret_hash = named.hash;
    return 0;
}

/* Of the list, which is sorted; lost ones only where none of that number stands. */
static int find_by_number(const struct version *list, size_t n, uint32_t version,
                          struct spec_hash *ret_hash)
{
    size_t first = 0, n_same = 0;
    while (first < n && list[first].doc.version != version)
        first++;
    while (first + n_same < n && list[first + n_same].doc.version == version)
        n_same++;
    if (n_same == 0)
        return ERR_NOT_FOUND;
    if (n_same > 1 && list[first].state == VERSION_LOST)
        return ERR_INVALID;
    *ret_hash = list[first].doc.spec;
    return 0;
}

int versions_find(const struct table *table, const char *ns, const char *job,
                  const char *word, struct arena *arena, uint32_t *ret_version,
                  struct spec_hash *ret_hash)
{
    struct version *list;
    struct spec_hash hash;
    size_t n;
    uint64_t number = 0;
    int status = versions_list(table, ns, job, arena, &list, &n);
    if (status < 0)
        return status;
    if (!word) {
        for (size_t i = 0; i < n; i++)
            if (list[i].state == VERSION_CURRENT)
                number = list[i].doc.version;
    } else if (word[0] == 'v' && text_uint(word + 1, UINT32_MAX, &number) < 0) {
        return ERR_INVALID;
    }
    if (!word || word[0] == 'v')
        status = find_by_number(list, n, (uint32_t)number, &hash);
    else
        status = find_by_hash(table, ns, job, word, &hash);
    if (status < 0)
        return status;
    for (size_t i = 0; number == 0 && i < n; i++)
        if (spec_hash_equal(list[i].doc.spec, hash))
            number = list[i].doc.version; /* the newest of it */
    *ret_version = (uint32_t)number;
    *ret_hash = hash;
    return 0;
}

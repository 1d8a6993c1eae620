/* Which versions of a job, and which of their bodies, the table needs no more.  See versions.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/versions.h"
#include "core/err.h"
#include "proto/record.h"

struct body {
    struct key key;
    struct spec_hash hash;
    stamp_t stamp;
    bool is_needed;
};

struct bodies {
    struct arena *arena;
    struct bytes ns, job;
    struct body *list;
    size_t n, cap;
};

static int add_body(void *ctx, const struct entry *e)
{
    struct bodies *b = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_SPEC)
        return 0;
    if (arena_grow(b->arena, (void **)&b->list, b->n, &b->cap, sizeof(*b->list)) < 0)
        return -ENOMEM;
    struct body *body = &b->list[b->n++];
    *body = (struct body){.key.len = e->key.len, .hash = parts.spec, .stamp = e->stamp};
    memcpy(body->key.text, e->key.at, e->key.len);
    return 0;
}

/* The body that is about to be written, again or for the first time, is the newest. */
static int add_next(struct bodies *b, const char *ns, const char *job,
                    struct spec_hash hash)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!spec_hash_equal(b->list[i].hash, hash))
            continue;
        b->list[i].stamp = UINT64_MAX;
        return 0;
    }
    if (arena_grow(b->arena, (void **)&b->list, b->n, &b->cap, sizeof(*b->list)) < 0)
        return -ENOMEM;
    b->list[b->n++] =
        (struct body){.key = key_spec(ns, job, hash), .hash = hash, .stamp = UINT64_MAX};
    return 0;
}

static void need(struct bodies *b, struct spec_hash hash)
{
    for (size_t i = 0; i < b->n; i++)
        b->list[i].is_needed |= spec_hash_equal(b->list[i].hash, hash);
}

static int note_claim(void *ctx, const struct entry *e)
{
    struct bodies *b = ctx;
    struct key_parts parts;
    struct claim_doc claim;
    if (key_parse(e->key, &parts) < 0 || !bytes_equal(parts.name, b->job) ||
        !bytes_equal(parts.ns, b->ns))
        return 0;
    if (record_decode_claim(e->value, b->arena, &claim) == 0)
        need(b, claim.spec);
    return 0;
}

/* Newest first; of one stamp there is one body at most, but the order must not depend on
 * it. */
static int compare_body(const void *a, const void *b)
{
    const struct body *x = a, *y = b;
    if (x->stamp != y->stamp)
        return x->stamp > y->stamp ? -1 : 1;
    return strcmp(x->key.text, y->key.text);
}

/* A loser stays as long as the version of its number would, up to a bound. */
static size_t old_versions(const char *ns, const char *job, const struct version *list,
                           size_t n, struct bodies *bodies, struct key *keys)
{
    size_t n_old = 0, n_standing = 0, n_lost = 0;
    for (size_t i = 0; i < n; i++) {
        const struct version *v = &list[i];
        bool is_lost = v->state == VERSION_LOST;
        bool is_kept = is_lost
                           ? n_standing <= VERSIONS_KEPT && n_lost < VERSIONS_LOST_KEPT
                           : n_standing < VERSIONS_KEPT;
        n_standing += !is_lost;
        n_lost += is_lost;
        if (is_kept || v->state == VERSION_CURRENT)
            need(bodies, v->doc.spec);
        else
            keys[n_old++] = key_version(ns, job, v->doc.version, v->doc.spec);
    }
    return n_old;
}

int versions_old(const struct table *table, const char *ns, const char *job,
                 const struct job_doc *next, struct arena *arena, struct key **ret_keys,
                 size_t *ret_n)
{
    struct version *list;
    size_t n;
    struct bodies b = {
        .arena = arena, .ns = bytes_of_text(ns), .job = bytes_of_text(job)};
    struct key prefix = key_spec(ns, job, (struct spec_hash){0});
    *ret_n = 0;
    int status = versions_list_with(table, ns, job, next, arena, &list, &n);
    if (status < 0 || prefix.len < SPEC_HASH_TEXT)
        return status;
    prefix.len -= SPEC_HASH_TEXT - 1; /* all of this job's */
    status = table_each(table, key_bytes(&prefix), add_body, &b);
    if (status == 0 && next)
        status = add_next(&b, ns, job, next->spec);
    if (status < 0 || n + b.n <= VERSIONS_KEPT)
        return status;
    struct key *keys = arena_array(arena, n + 2 * b.n, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    size_t n_old = old_versions(ns, job, list, n, &b, keys);
    if (b.n > VERSIONS_KEPT) {
        (void)table_each(table, bytes_of_text("claim/"), note_claim, &b);
        qsort(b.list, b.n, sizeof(*b.list), compare_body);
    }
    for (size_t i = VERSIONS_KEPT; i < b.n; i++) {
        if (b.list[i].is_needed)
            continue;
        keys[n_old++] = b.list[i].key;
        keys[n_old] = key_text(ns, job, b.list[i].hash);
        n_old += table_get(table, key_bytes(&keys[n_old])) != NULL;
    }
    *ret_keys = keys;
    *ret_n = n_old;
    return 0;
}

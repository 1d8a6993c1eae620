/* Old bodies of specs.  See versions.h. */
#include "agent/versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

struct body {
    struct key key;
    struct spec_hash hash;
    stamp_t stamp;
    bool is_run;
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

static int note_claim(void *ctx, const struct entry *e)
{
    struct bodies *b = ctx;
    struct key_parts parts;
    struct claim_doc claim;
    if (key_parse(e->key, &parts) < 0 || !bytes_equal(parts.name, b->job) ||
        !bytes_equal(parts.ns, b->ns))
        return 0;
    if (record_decode_claim(e->value, b->arena, &claim) < 0)
        return 0;
    for (size_t i = 0; i < b->n; i++)
        b->list[i].is_run |= spec_hash_equal(b->list[i].hash, claim.spec);
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

int versions_old(const struct table *table, const char *ns, const char *job,
                 struct spec_hash current, struct arena *arena, struct key **ret_keys,
                 size_t *ret_n)
{
    char prefix[KEY_LEN_MAX];
    struct bodies b = {
        .arena = arena, .ns = bytes_of_text(ns), .job = bytes_of_text(job)};
    (void)snprintf(prefix, sizeof(prefix), "spec/%.63s/%.63s/", ns, job);
    int status = table_each(table, bytes_of_text(prefix), add_body, &b);
    *ret_n = 0;
    if (status < 0 || b.n <= VERSIONS_KEPT)
        return status;
    struct key *keys = arena_array(arena, b.n, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    (void)table_each(table, bytes_of_text("claim/"), note_claim, &b);
    qsort(b.list, b.n, sizeof(*b.list), compare_body);
    size_t n_kept = 1; /* the current one, however old its body is */
    for (size_t i = 0; i < b.n; i++) {
        if (spec_hash_equal(b.list[i].hash, current))
            continue;
        if (n_kept < VERSIONS_KEPT)
            n_kept++;
        else if (!b.list[i].is_run)
            keys[(*ret_n)++] = b.list[i].key;
    }
    *ret_keys = keys;
    return 0;
}

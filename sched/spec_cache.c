/* Parsed spec bodies by hash: a body is parsed once, however many views are made of it.
 *
 * A body that does not parse (a newer version wrote it, or it is damaged) is remembered as such,
 * so that it is not tried again with every view. */
#include <stdlib.h>
#include <string.h>

#include "sched/jobfile.h"
#include "sched/spec_diff.h"
#include "sched/view.h"

enum { BUCKETS_MIN = 64 };

struct cached_spec {
    struct cached_spec *next;
    struct spec_hash hash;
    struct arena arena;          /* the spec lives here */
    const struct job_spec *spec; /* NULL: not readable */
    struct spec_hash task; /* what the task sees of it; all zero: not asked for yet */
    bool is_wanted;        /* asked for since the last trim */
};

struct spec_cache {
    struct cached_spec **buckets;
    size_t n_buckets, n; /* n_buckets is a power of two */
};

struct spec_cache *spec_cache_new(void)
{
    struct spec_cache *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->n_buckets = BUCKETS_MIN;
    c->buckets = calloc(c->n_buckets, sizeof(struct cached_spec *));
    if (c->buckets)
        return c;
    free(c);
    return NULL;
}

static void cached_free(struct cached_spec *cached)
{
    arena_fini(&cached->arena);
    free(cached);
}

void spec_cache_free(struct spec_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_buckets; i++) {
        while (c->buckets[i]) {
            struct cached_spec *next = c->buckets[i]->next;
            cached_free(c->buckets[i]);
            c->buckets[i] = next;
        }
    }
    free(c->buckets);
    free(c);
}

/* The hash is cryptographic: any eight bytes of it are as good as a hash of it. */
static size_t bucket_of(const struct spec_cache *c, struct spec_hash hash)
{
    uint64_t word;
    memcpy(&word, hash.at, sizeof(word));
    return (size_t)word & (c->n_buckets - 1);
}

/* More buckets when chains grow long; staying slow is fine when there is no memory. */
static void cache_widen(struct spec_cache *c)
{
    struct spec_cache wide = {.n_buckets = c->n_buckets * 2, .n = c->n};
    wide.buckets = calloc(wide.n_buckets, sizeof(struct cached_spec *));
    if (!wide.buckets)
        return;
    for (size_t i = 0; i < c->n_buckets; i++) {
        while (c->buckets[i]) {
            struct cached_spec *cached = c->buckets[i];
            c->buckets[i] = cached->next;
            size_t at = bucket_of(&wide, cached->hash);
            cached->next = wide.buckets[at];
            wide.buckets[at] = cached;
        }
    }
    free(c->buckets);
    *c = wide;
}

static void cached_parse(struct cached_spec *cached, struct bytes body)
{
    struct jobfile file = {0};
    struct arena scratch;
    arena_init(&scratch, 0);
    struct complaints complaints = {.arena = &scratch};
    if (body.len <= SPEC_LEN_MAX &&
        jobfile_read_stored(body, &cached->arena, &complaints, &file) == 0 &&
        file.n_jobs == 1)
        cached->spec = &file.jobs[0];
    arena_fini(&scratch);
}

static struct cached_spec *cache_find(struct spec_cache *c, struct spec_hash hash,
                                      struct bytes body)
{
    struct cached_spec *cached = c->buckets[bucket_of(c, hash)];
    while (cached && !spec_hash_equal(cached->hash, hash))
        cached = cached->next;
    if (!cached) {
        cached = calloc(1, sizeof(*cached));
        if (!cached)
            return NULL;
        cached->hash = hash;
        arena_init(&cached->arena, 0);
        cached_parse(cached, body);
        if (c->n >= 2 * c->n_buckets)
            cache_widen(c);
        size_t at = bucket_of(c, hash);
        cached->next = c->buckets[at];
        c->buckets[at] = cached;
        c->n++;
    }
    cached->is_wanted = true;
    return cached;
}

const struct job_spec *spec_cache_get(struct spec_cache *c, struct spec_hash hash,
                                      struct bytes body)
{
    struct cached_spec *cached = cache_find(c, hash, body);
    return cached ? cached->spec : NULL;
}

struct spec_hash spec_cache_task(struct spec_cache *c, struct spec_hash hash,
                                 struct bytes body)
{
    static const struct spec_hash unknown;
    struct cached_spec *cached = cache_find(c, hash, body);
    if (!cached || !cached->spec)
        return unknown;
    if (spec_hash_equal(cached->task, unknown))
        cached->task = spec_task_hash(cached->spec);
    return cached->task;
}

void spec_cache_trim(struct spec_cache *c)
{
    for (size_t i = 0; i < c->n_buckets; i++) {
        struct cached_spec **at = &c->buckets[i];
        while (*at) {
            struct cached_spec *cached = *at;
            if (cached->is_wanted) {
                cached->is_wanted = false;
                at = &cached->next;
                continue;
            }
            *at = cached->next;
            cached_free(cached);
            c->n--;
        }
    }
}

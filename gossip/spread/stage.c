/* Holding back own writes.  See stage.h. */
#include "gossip/spread/stage.h"

#include <assert.h>
#include <errno.h>

#include "core/err.h"
#include "core/hash.h"
#include "gossip/table/stored.h"

void stage_open(struct gossip *g)
{
    assert(!g->stage.is_on);
    g->stage = (struct stage){.is_on = true};
}

void stage_close(struct gossip *g)
{
    g->stage = (struct stage){0};
}

uint64_t stage_next_number(const struct gossip *g)
{
    return g->number + g->stage.n + 1;
}

static struct bytes copy_of(struct arena *arena, struct bytes in)
{
    static const uint8_t empty;
    if (!in.at)
        return (struct bytes){0};
    return in.len ? arena_bytes(arena, in) : (struct bytes){&empty, 0};
}

int stage_add(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct stage *s = &g->stage;
    struct table_growth growth = s->growth;
    uint64_t hash = hash64(e->key, 0);
    for (size_t i = 0; i < s->n; i++)
        if (s->hashes[i] == hash && bytes_equal(s->entries[i].key, e->key))
            return ERR_CONFLICT;
    if (table_grow(&g->table, e, &growth) < 0)
        return ERR_BOUND;
    struct entry copy = *e;
    copy.key = copy_of(&fx->arena, e->key);
    copy.value = copy_of(&fx->arena, e->value);
    struct bytes stored = stored_entry_encode(e, &fx->arena);
    size_t n_before = s->batch.n;
    if (!copy.key.at || (e->value.at && !copy.value.at) || !stored.at ||
        arena_grow(&fx->arena, (void **)&s->entries, s->n, &s->cap, sizeof(*s->entries)) <
            0 ||
        arena_grow(&fx->arena, (void **)&s->hashes, s->n, &s->hashes_cap,
                   sizeof(*s->hashes)) < 0)
        return -ENOMEM;
    batch_add(&s->batch, fx, STORE_TABLE, copy.key, stored);
    if (s->batch.n == n_before)
        return -ENOMEM;
    s->hashes[s->n] = hash;
    s->entries[s->n++] = copy;
    s->growth = growth;
    return 0;
}

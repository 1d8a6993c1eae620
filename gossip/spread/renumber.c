/* A walk over own entries of former lives, a part per step.  See renumber.h. */
#include "gossip/spread/renumber.h"

#include <string.h>

#include "gossip/spread/entries.h"
#include "gossip/spread/lives.h"
#include "gossip/spread/water.h"

enum { AGAIN_MS = 1000, STEP_MS = 100, WAIT_MS = 1000, STEP_MAX = 100, LOOK_MAX = 10000 };

/* What is there, and may have been deleted by what we have not heard of yet, waits: a new number would
 * bring it back everywhere.  What an old copy has of its pulled entries may be so before anybody was heard. */
static bool may_be_deleted(const struct gossip *g)
{
    return !g->lives.has_compared || g->lives.is_behind || water_is_stale(g);
}

/* A low-water row speaks of the numbers of its own life. */
static bool is_due(const struct gossip *g, const struct entry *e)
{
    if (water_is_kept(e->key))
        return false;
    return !e->value.at || !lives_know(g, e->epoch, e->number);
}

/* The next one to be numbered, and the cursor on it; false at the end, or when enough was looked at. */
static bool next_due(struct gossip *g, size_t *left, struct entry *ret_entry,
                     uint8_t key[static KEY_LEN_MAX])
{
    struct lives *l = &g->lives;
    struct table_walk walk;
    struct entry e;
    table_from(&g->table, g->self->member.id, l->cursor.epoch, l->cursor.number + 1, &walk);
    for (; *left > 0; --*left) {
        if (!table_next(&g->table, &walk, &e) || !machine_is_self(g, e.writer) ||
            e.epoch >= g->epoch) {
            l->is_walking = l->has_left;
            l->has_left = false;
            l->cursor = (struct life){0};
            return false;
        }
        l->cursor = (struct life){e.epoch, e.number};
        if (!is_due(g, &e))
            continue;
        if (e.value.at && may_be_deleted(g)) {
            l->has_left = true;
            continue;
        }
        *ret_entry = e;
        memcpy(key, e.key.at, e.key.len);
        ret_entry->key.at = key;
        return true;
    }
    return false;
}

static bool is_telling_due(const struct lives *l)
{
    return l->is_behind && !l->is_told && l->n > 0 && l->former[l->n - 1].number > 0;
}

/* Numbers that we did not give, under our present life or a later one; not where there is no room above. */
static bool is_begin_due(const struct gossip *g)
{
    return g->lives.above >= g->epoch && g->lives.above < EPOCH_MAX;
}

void renumber_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct lives *l = &g->lives;
    if (is_telling_due(l)) {
        l->is_told = true;
        (void)effect_add(fx, GOSSIP_OLD_COPY);
    }
    if (is_begin_due(g) && now_ms >= l->again_ms) {
        lives_begin_again(g, fx);
        l->again_ms = now_ms + AGAIN_MS;
    }
    if (!l->is_walking || now_ms < l->next_ms || g->is_leaving)
        return;
    uint8_t key[KEY_LEN_MAX];
    struct entry e;
    size_t left = LOOK_MAX;
    l->next_ms = now_ms + (may_be_deleted(g) ? WAIT_MS : STEP_MS);
    for (unsigned i = 0; i < STEP_MAX && next_due(g, &left, &e, key); i++) {
        if (entries_renumber(g, now_ms, &e, fx) < 0) {
            l->has_left = true; /* the walk is past it: it comes with the next one */
            return;
        }
    }
    if (!l->is_walking)
        lives_settle(g, fx);
}

uint64_t renumber_deadline_ms(const struct gossip *g)
{
    const struct lives *l = &g->lives;
    if (is_begin_due(g) || is_telling_due(l))
        return l->again_ms;
    return l->is_walking && !g->is_leaving ? l->next_ms : UINT64_MAX;
}

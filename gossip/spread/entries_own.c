/* Own writes: drafted against the table as it is, then merged and given to the store in one step, or
 * staged until the store has taken them (stage.h). */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "gossip/spread/entries_inner.h"
#include "gossip/spread/lives.h"
#include "gossip/spread/stage.h"
#include "gossip/table/stored.h"
#include "gossip/spread/water.h"

static const char lost_prefix[] = "lost/";

struct bytes entries_lost_key(struct bytes key, char out[static KEY_LEN_MAX])
{
    size_t prefix = sizeof(lost_prefix) - 1;
    if (key.len + prefix > KEY_LEN_MAX || bytes_start_with(key, bytes_of_text("secret/")) ||
        bytes_start_with(key, bytes_of_text(lost_prefix)))
        return (struct bytes){0};
    memcpy(out, lost_prefix, prefix);
    memcpy(out + prefix, key.at, key.len);
    return (struct bytes){(const uint8_t *)out, prefix + key.len};
}

/* What an own write would be.  Returns 1, 0 when there is nothing to write (then *ret_number is set),
 * or an error. */
static int draft(struct gossip *g, uint64_t now_ms, struct bytes key, struct bytes value,
                 struct entry *ret_entry, uint64_t *ret_number)
{
    struct entry e = {
        .kind = table_kind(key),
        .key = key,
        .value = value,
        .writer = g->self->member.id,
        .epoch = g->epoch,
        .number = stage_next_number(g),
    };
    int err = table_check(&e);
    if (err < 0)
        return err;
    struct entry old = {0};
    bool is_known = table_find(&g->table, key, &old);
    bool is_gone = !value.at && !old.value.at;
    bool is_same = old.value.at && value.at && bytes_equal(value, old.value);
    if (water_is_row(key) && old.epoch != g->epoch)
        is_same = false; /* that speaks of numbers of another life */
    if (is_gone || (is_same && e.kind == ENTRY_ROW)) {
        /* What was written in an earlier epoch, or by others, has no number to ask about. */
        bool is_ours =
            is_known && machine_is_self(g, old.writer) && old.epoch == g->epoch;
        if (ret_number)
            *ret_number = is_ours ? old.number : 0;
        return 0;
    }
    if (e.number > COUNTER_MAX || old.generation >= COUNTER_MAX ||
        g->lives.above >= EPOCH_MAX)
        return ERR_BOUND;
    if (e.kind == ENTRY_RECORD) {
        e.generation = (is_known ? old.generation : g->collect.generation) + 1;
        e.stamp = hybrid_clock_next(&g->clock, machine_unix_ms(g, now_ms));
    }
    *ret_entry = e;
    return 1;
}

/* An own number is given out: with its entry, or for nothing. */
static void use_number(struct gossip *g, uint64_t number)
{
    g->number = number;
    (void)seen_advance(&g->seen, g->self->member.id, g->epoch, 0, number);
}

/* An own entry that is in the table now. */
static void tell_own(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    effect_table(fx, e->key);
    if (e->value.at)
        entries_obey_forget(g, e->key, fx);
    g->metrics->writes++;
}

static int write_now(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    int result = table_merge(&g->table, e, NULL);
    if (result < 0)
        return result;
    use_number(g, e->number);
    g->batch.is_synced = true;
    entries_persist(g, e, fx);
    entries_persist_number(g, fx);
    tell_own(g, e, fx);
    return 0;
}

int entries_write(struct gossip *g, uint64_t now_ms, struct bytes key, struct bytes value,
                  uint64_t *ret_number, struct gossip_effects *fx)
{
    struct entry e;
    int result = draft(g, now_ms, key, value, &e, ret_number);
    if (result <= 0)
        return result;
    result = g->stage.is_on ? stage_add(g, &e, fx) : write_now(g, &e, fx);
    if (result < 0)
        return result;
    if (ret_number)
        *ret_number = e.number;
    char lost[KEY_LEN_MAX];
    struct bytes kept = entries_lost_key(key, lost);
    struct entry loser;
    if (!value.at && e.kind == ENTRY_RECORD && kept.at &&
        table_find(&g->table, kept, &loser) && loser.value.at)
        return entries_write(g, now_ms, kept, value, ret_number, fx);
    return 0;
}

int entries_renumber(struct gossip *g, uint64_t now_ms, const struct entry *e,
                     struct gossip_effects *fx)
{
    struct entry again = *e;
    if (g->number >= COUNTER_MAX)
        return ERR_BOUND;
    again.key = arena_bytes(&fx->arena, e->key); /* merging moves what lies in the table */
    again.value = e->value.len ? arena_bytes(&fx->arena, e->value) : e->value;
    if (!again.key.at || again.value.len != e->value.len)
        return -ENOMEM;
    again.epoch = g->epoch;
    again.number = g->number + 1;
    int result = table_merge(&g->table, &again, NULL);
    if (result < 0)
        return result;
    use_number(g, again.number);
    g->batch.is_synced = true;
    entries_persist(g, &again, fx);
    entries_persist_number(g, fx);
    machine_wake_push(g, now_ms);
    return 0;
}

int entries_staged(struct gossip *g, const struct store_change **ret_changes,
                   size_t *ret_n, struct gossip_effects *fx)
{
    /* What a commit tells its host of each, and of all: that must not fail any more. */
    enum { PER_ENTRY = 2048, OVERHEAD = 16384 };
    struct stage *s = &g->stage;
    size_t wanted = s->n * PER_ENTRY + OVERHEAD;
    struct bytes value =
        stored_number_encode(g->epoch, g->number + s->n, &fx->arena);
    struct bytes key = arena_bytes(&fx->arena, bytes_of_text("number"));
    size_t n_before = s->batch.n;
    *ret_n = 0;
    if (s->n == 0)
        return 0;
    if (fx->arena.limit && fx->arena.used + wanted > fx->arena.limit)
        return -ENOMEM;
    if (value.at)
        batch_add(&s->batch, fx, STORE_LOCAL, key, value);
    if (s->batch.n == n_before)
        return -ENOMEM;
    *ret_changes = s->batch.changes;
    *ret_n = s->batch.n;
    return 0;
}

int entries_commit(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct stage staged = g->stage;
    int result = 0;
    stage_close(g); /* what follows from them is written at once */
    for (size_t i = 0; i < staged.n; i++) {
        int merged = table_merge(&g->table, &staged.entries[i], NULL);
        use_number(g, staged.entries[i].number);
        if (merged < 0)
            result = merged;
        else
            tell_own(g, &staged.entries[i], fx);
    }
    if (staged.n > 0)
        machine_wake_push(g, now_ms);
    return result;
}

/* The disk may bring them back after a restart: their numbers are used up, and as soon as the store
 * takes writes again it gets what stands in their place.  The members hear of the empty numbers, or
 * they would wait for what is in them. */
void entries_burn(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct stage staged = g->stage;
    stage_close(g);
    if (staged.n == 0)
        return;
    use_number(g, g->number + staged.n);
    g->batch.is_synced = true;
    for (size_t i = 0; i < staged.n; i++) {
        struct entry was;
        if (table_find(&g->table, staged.entries[i].key, &was))
            entries_persist(g, &was, fx);
        else
            batch_add(&g->batch, fx, STORE_TABLE, staged.entries[i].key,
                      (struct bytes){0});
    }
    entries_persist_number(g, fx);
    machine_wake_push(g, now_ms);
}

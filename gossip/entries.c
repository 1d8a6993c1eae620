/* The way into the table.  Every change becomes store changes of the step's batch and one
 * TABLE_CHANGED effect; own writes make the batch a synced one. */
#include "gossip/entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/trace.h"
#include "gossip/stored.h"
#include "gossip/water.h"

/* Counters that may be used: with this many left no addition ever wraps.  What we write ourselves
 * keeps to it as well: others would refuse it, and the tables could never be the same again. */
#define COUNTER_MAX ((uint64_t)1 << 60)

static const char forget_prefix[] = "forget/";
static const char seen_prefix[] = "seen/";
static const char lost_prefix[] = "lost/";

/* ---- the store ---- */

static void persist_entry(struct gossip *g, const struct entry *e,
                          struct gossip_effects *fx)
{
    struct arena *a = &fx->arena;
    struct bytes key = arena_bytes(a, e->key);
    struct bytes stored = stored_entry_encode(e, a);
    if (!stored.at || !key.at) {
        fx->n_lost++;
        return;
    }
    batch_add(&g->batch, fx, STORE_TABLE, key, stored);
}

static void persist_seen(struct gossip *g, struct node_id writer,
                         struct gossip_effects *fx)
{
    const struct seen_number *seen = seen_find(&g->seen, writer);
    char key[sizeof(seen_prefix) - 1 + sizeof(writer.at)];
    memcpy(key, seen_prefix, sizeof(seen_prefix) - 1);
    memcpy(key + sizeof(seen_prefix) - 1, writer.at, sizeof(writer.at));
    struct bytes value = stored_number_encode(seen->epoch, seen->number, &fx->arena);
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, arena_bytes(&fx->arena, BYTES_OF(key)),
                  value);
}

static void persist_number(struct gossip *g, struct gossip_effects *fx)
{
    struct bytes value = stored_number_encode(g->epoch, g->number, &fx->arena);
    struct bytes key = arena_bytes(&fx->arena, bytes_of_text("number"));
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, key, value);
    else
        fx->n_lost++;
}

/* ---- forgetting ---- */

static struct bytes forget_key(struct node_id id, char out[static 64])
{
    char text[NODE_ID_TEXT];
    int len = snprintf(out, 64, "%s%s", forget_prefix, node_id_text(id, text));
    return (struct bytes){(const uint8_t *)out, (size_t)len};
}

uint32_t entries_incarnation_after(const struct gossip *g, struct node_id id)
{
    char key[64], number[16] = "";
    const struct entry *e = table_get(&g->table, forget_key(id, key));
    if (!e || e->value.len == 0 || e->value.len >= sizeof(number))
        return 0;
    memcpy(number, e->value.at, e->value.len);
    unsigned long long until = strtoull(number, NULL, 10);
    return until < INCARNATION_MAX - 1 ? (uint32_t)until + 1 : 0;
}

bool entries_is_forgotten(const struct gossip *g, struct node_id id, uint32_t incarnation)
{
    return incarnation < entries_incarnation_after(g, id);
}

static bool is_writer_forgotten(const struct gossip *g, struct node_id writer)
{
    const struct peer *peer = members_peer(&g->members, writer);
    return entries_is_forgotten(g, writer, peer ? peer->member.incarnation : 0);
}

int entries_forget(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                   struct gossip_effects *fx)
{
    char key[64], number[16];
    int len = snprintf(number, sizeof(number), "%u", peer->member.incarnation);
    return entries_write(g, now_ms, forget_key(peer->member.id, key),
                         (struct bytes){(const uint8_t *)number, (size_t)len}, NULL, fx);
}

void entries_drop(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct bytes key = arena_bytes(&fx->arena, e->key);
    batch_add(&g->batch, fx, STORE_TABLE, key, (struct bytes){0});
    if (e->value.at)
        effect_table(fx, e->key);
    table_remove(&g->table, key.at ? key : e->key);
}

bool entries_drop_forgotten(struct gossip *g, struct peer *peer,
                            struct gossip_effects *fx)
{
    static const char *const kinds[] = {"node", "claim", "done", "refuse"};
    struct member gone = peer->member;
    if ((gone.state != MEMBER_DEAD && gone.state != MEMBER_LEFT) ||
        !entries_is_forgotten(g, gone.id, gone.incarnation))
        return false;
    char text[NODE_ID_TEXT], prefix[64];
    (void)node_id_text(gone.id, text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int len = snprintf(prefix, sizeof(prefix), "%s/%s", kinds[i], text);
        struct bytes from = {(const uint8_t *)prefix, (size_t)len};
        struct table_walk walk;
        struct entry e;
        table_from_key(&g->table, from, &walk);
        while (table_next(&g->table, &walk, &e) && bytes_start_with(e.key, from)) {
            entries_drop(g, &e, fx);
            table_from_key(&g->table, from, &walk);
        }
    }
    char key[5 + sizeof(gone.id.at)] = "peer/";
    memcpy(key + 5, gone.id.at, sizeof(gone.id.at));
    batch_add(&g->batch, fx, STORE_LOCAL, arena_bytes(&fx->arena, BYTES_OF(key)),
              (struct bytes){0});
    trace(g->tracer, "forget %s", gone.name);
    rumor_drop(&g->rumors, &peer->rumor);
    enum member_state was = gone.state;
    gone.state = MEMBER_LEFT;
    effect_member(fx, &gone, was);
    members_remove(&g->members, peer);
    return true;
}

/* A record that forgets a member has just been merged. */
static void obey_forget(struct gossip *g, struct bytes key, struct gossip_effects *fx)
{
    struct bytes prefix = bytes_of_text(forget_prefix);
    struct node_id id;
    if (!bytes_start_with(key, prefix) ||
        node_id_parse((struct bytes){key.at + prefix.len, key.len - prefix.len}, &id) < 0)
        return;
    struct peer *peer = members_peer(&g->members, id);
    if (peer && peer != g->self)
        (void)entries_drop_forgotten(g, peer, fx);
    else if (peer && entries_is_forgotten(g, id, peer->member.incarnation))
        g->is_own_forgotten = true; /* we live: the next tick says so */
}

/* ---- conflicts ---- */

/* lost/<key>; empty when that is no key any more, or no record whose losers are kept: a secret that
 * nobody took is of use to nobody but thieves. */
static struct bytes lost_key(struct bytes key, char out[static KEY_LEN_MAX])
{
    size_t prefix = sizeof(lost_prefix) - 1;
    if (key.len + prefix > KEY_LEN_MAX || bytes_start_with(key, bytes_of_text("secret/")) ||
        bytes_start_with(key, bytes_of_text(lost_prefix)))
        return (struct bytes){0};
    memcpy(out, lost_prefix, prefix);
    memcpy(out + prefix, key.at, key.len);
    return (struct bytes){(const uint8_t *)out, prefix + key.len};
}

/* Once per conflict: it may be noticed when the loser comes, and when its writer has kept it. */
static void tell_conflict(struct gossip *g, struct bytes key, struct node_id loser,
                          struct gossip_effects *fx)
{
    struct entry now = {0};
    (void)table_find(&g->table, key, &now);
    uint64_t hash =
        hash_mix(hash64(key, now.generation), hash64(BYTES_OF(loser), now.stamp));
    for (size_t i = 0; i < CONFLICTS_TOLD; i++) {
        if (g->conflicts_told[i] == hash)
            return;
    }
    g->conflicts_told[g->n_conflicts++ % CONFLICTS_TOLD] = hash;
    const struct peer *peer = members_peer(&g->members, loser);
    effect_conflict(fx, key, peer ? &peer->member : NULL);
}

/* What a concurrent write takes from us, copied before it is gone. */
static bool is_ours_at_stake(struct gossip *g, const struct entry *e,
                             struct bytes *ret_value)
{
    struct entry old;
    if (e->kind != ENTRY_RECORD || machine_is_self(g, e->writer) ||
        !table_find(&g->table, e->key, &old) || !machine_is_self(g, old.writer) ||
        old.generation != e->generation || old.value.len > ENTRY_LEN_MAX)
        return false;
    *ret_value = (struct bytes){0};
    if (!old.value.at)
        return true;
    uint8_t *copy = arena_alloc(&g->scratch, old.value.len + 1);
    if (!copy)
        return false;
    memcpy(copy, old.value.at, old.value.len);
    *ret_value = (struct bytes){copy, old.value.len};
    return true;
}

/* Our value lost.  It is kept beside the record, where everyone finds it; that is also how the
 * winner's writer hears of the conflict when it never met the loser itself.  Secrets are not kept:
 * who learns the old one shall not find the new one years later. */
static void keep_lost(struct gossip *g, uint64_t now_ms, struct bytes key,
                      struct bytes value, struct gossip_effects *fx)
{
    static const uint8_t nothing[1];
    char text[KEY_LEN_MAX];
    struct bytes kept = lost_key(key, text);
    bool is_kept = value.at && !bytes_start_with(key, bytes_of_text("secret/"));
    struct bytes kept_value =
        is_kept ? value : (struct bytes){nothing, 0}; /* nor a lost deletion */
    if (kept.at && entries_write(g, now_ms, kept, kept_value, NULL, fx) == 0)
        machine_wake_push(g, now_ms);
}

/* A record has just been deleted by who knew of what our value lost to: that goes with it. */
static void drop_lost(struct gossip *g, uint64_t now_ms, struct bytes key,
                      struct gossip_effects *fx)
{
    char text[KEY_LEN_MAX];
    struct bytes kept = lost_key(key, text);
    struct entry lost;
    if (kept.at && table_find(&g->table, kept, &lost) && lost.value.at &&
        machine_is_self(g, lost.writer) &&
        entries_write(g, now_ms, kept, (struct bytes){0}, NULL, fx) == 0)
        machine_wake_push(g, now_ms);
}

/* A record under lost/ has just been merged: did it lose to us? */
static void hear_lost(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct bytes prefix = bytes_of_text(lost_prefix);
    struct entry winner;
    if (!bytes_start_with(e->key, prefix) || !e->value.at)
        return;
    struct bytes key = {e->key.at + prefix.len, e->key.len - prefix.len};
    if (table_find(&g->table, key, &winner) && machine_is_self(g, winner.writer))
        tell_conflict(g, key, e->writer, fx);
}

/* ---- merging ---- */

/* Peers hold numbers of ours that we do not know: our store went back in time.  Going on
 * from theirs keeps every number unique. */
static void heed_own(struct gossip *g, uint64_t epoch, uint64_t number,
                     struct gossip_effects *fx)
{
    if (seen_compare(epoch, number, g->epoch, g->number) <= 0)
        return;
    g->epoch = epoch;
    g->number = number;
    g->push.told = number;
    (void)seen_advance(&g->seen, g->self->member.id, epoch, 0, number);
    if (fx)
        persist_number(g, fx);
}

static int merge(struct gossip *g, uint64_t now_ms, const struct entry *e,
                 bool is_heard_before, struct gossip_effects *fx)
{
    int err = table_check(e);
    /* A low-water row outlives its writer: what it speaks of is gone for good. */
    bool is_water = water_is_row(e->key);
    if (err == 0 && e->kind == ENTRY_ROW && !is_water &&
        is_writer_forgotten(g, e->writer))
        err = ERR_INVALID;
    if (err < 0)
        return err;
    struct node_id loser = {0};
    struct bytes at_stake = {0};
    bool is_at_stake = is_ours_at_stake(g, e, &at_stake);
    int result = table_merge(&g->table, e, &loser);
    if (result < 0) {
        g->metrics->drop_bound++;
        return result;
    }
    if (machine_is_self(g, e->writer))
        heed_own(g, e->epoch, e->number, fx);
    if (result == MERGE_REPLACED || (result == MERGE_LOST && !is_heard_before))
        tell_conflict(g, e->key, loser, fx);
    if (result == MERGE_STALE || result == MERGE_LOST) {
        g->metrics->entries_stale++;
        return 0;
    }
    g->metrics->entries_merged++;
    if (e->kind == ENTRY_RECORD)
        hybrid_clock_hear(&g->clock, e->stamp, machine_unix_ms(g, now_ms));
    persist_entry(g, e, fx);
    effect_table(fx, e->key);
    if (result == MERGE_REPLACED && is_at_stake)
        keep_lost(g, now_ms, e->key, at_stake, fx);
    else if (result == MERGE_NEW && e->kind == ENTRY_RECORD && !e->value.at)
        drop_lost(g, now_ms, e->key, fx);
    hear_lost(g, e, fx);
    if (is_water)
        water_hear(g, e, fx);
    if (e->value.at)
        obey_forget(g, e->key, fx);
    return 1;
}

static bool is_number_valid(uint64_t epoch, uint64_t number)
{
    return epoch <= COUNTER_MAX && number <= COUNTER_MAX;
}

/* Seen, and not here any more: it was deleted or replaced, perhaps by what is gone itself. */
static bool was_superseded(const struct gossip *g, const struct entry *e)
{
    struct entry now;
    return seen_covers(&g->seen, e->writer, e->epoch, e->number) &&
           (!table_find(&g->table, e->key, &now) || entry_compare(&now, e) < 0);
}

static bool is_range_valid(const struct message_range *range)
{
    if (!is_number_valid(range->epoch, range->through) ||
        (range->through && range->through < range->after))
        return false;
    for (size_t i = 0; i < range->n_entries; i++) {
        const struct message_entry *e = &range->entries[i];
        bool is_inside = e->number > range->after && e->number <= range->through;
        if (e->number == 0 || e->number > COUNTER_MAX || e->generation > COUNTER_MAX ||
            (range->through && !is_inside))
            return false;
    }
    return true;
}

int entries_hear(struct gossip *g, uint64_t now_ms, const struct message_range *range,
                 bool fills_gaps, struct gossip_effects *fx)
{
    if (!is_range_valid(range)) {
        g->metrics->drop_malformed++;
        return ERR_MALFORMED;
    }
    const struct seen_number *seen = seen_find(&g->seen, range->writer);
    struct seen_number was = seen ? *seen : (struct seen_number){.writer = range->writer};
    int news = 0;
    for (size_t i = 0; i < range->n_entries; i++) {
        const struct message_entry *in = &range->entries[i];
        struct entry e = {
            .kind = table_kind(in->key),
            .key = in->key,
            .value = in->value,
            .writer = range->writer,
            .epoch = range->epoch,
            .number = in->number,
            .generation = in->generation,
            .stamp = in->stamp,
        };
        /* Nobody deletes a low-water row.  If it were refused to us, who has it could not be made
         * clean by us, nor we become stale like it. */
        bool may_fill = water_is_row(in->key) ||
                        (range->through == 0 &&
                         (fills_gaps || water_is_stale_bucket(g, table_bucket(in->key))));
        if ((!may_fill && was_superseded(g, &e)) || water_covers(g, &e)) {
            g->metrics->entries_superseded++;
            continue;
        }
        bool is_heard =
            seen_compare(range->epoch, in->number, was.epoch, was.number) <= 0;
        int result = merge(g, now_ms, &e, is_heard, fx);
        if (result == -ENOMEM || (result == ERR_BOUND && table_check(&e) == 0))
            return result;
        news |= result > 0;
    }
    if (range->through == 0)
        return news;
    if (machine_is_self(g, range->writer)) {
        heed_own(g, range->epoch, range->through, fx);
        return news;
    }
    int advanced =
        seen_advance(&g->seen, range->writer, range->epoch, range->after, range->through);
    if (advanced > 0)
        persist_seen(g, range->writer, fx);
    return advanced != 0 ? advanced : news;
}

/* ---- own writes ---- */

int entries_write(struct gossip *g, uint64_t now_ms, struct bytes key, struct bytes value,
                  uint64_t *ret_number, struct gossip_effects *fx)
{
    struct entry e = {
        .kind = table_kind(key),
        .key = key,
        .value = value,
        .writer = g->self->member.id,
        .epoch = g->epoch,
        .number = g->number + 1,
    };
    int err = table_check(&e);
    if (err < 0)
        return err;
    struct entry old = {0};
    bool is_known = table_find(&g->table, key, &old);
    bool is_gone = !value.at && !old.value.at;
    bool is_same = old.value.at && value.at && bytes_equal(value, old.value);
    if (is_gone || (is_same && e.kind == ENTRY_ROW)) {
        /* What was written in an earlier epoch, or by others, has no number to ask about. */
        bool is_ours =
            is_known && machine_is_self(g, old.writer) && old.epoch == g->epoch;
        if (ret_number)
            *ret_number = is_ours ? old.number : 0;
        return 0;
    }
    if (g->number >= COUNTER_MAX || old.generation >= COUNTER_MAX)
        return ERR_BOUND;
    if (e.kind == ENTRY_RECORD) {
        e.generation = (is_known ? old.generation : g->collect.generation) + 1;
        e.stamp = hybrid_clock_next(&g->clock, machine_unix_ms(g, now_ms));
    }
    int result = table_merge(&g->table, &e, NULL);
    if (result < 0)
        return result;
    g->number = e.number;
    (void)seen_advance(&g->seen, e.writer, e.epoch, 0, e.number);
    g->batch.is_synced = true;
    persist_entry(g, &e, fx);
    persist_number(g, fx);
    effect_table(fx, key);
    if (value.at)
        obey_forget(g, key, fx);
    g->metrics->writes++;
    if (ret_number)
        *ret_number = e.number;
    char lost[KEY_LEN_MAX];
    struct bytes kept = lost_key(key, lost);
    struct entry loser;
    if (!value.at && e.kind == ENTRY_RECORD && kept.at &&
        table_find(&g->table, kept, &loser))
        return entries_write(g, now_ms, kept, value, ret_number, fx);
    return 0;
}

/* ---- restoring ---- */

int entries_restore_number(struct gossip *g, struct bytes value)
{
    uint64_t epoch, number;
    if (stored_number_decode(value, &epoch, &number) < 0 ||
        !is_number_valid(epoch, number))
        return ERR_DAMAGED;
    if (seen_compare(epoch, number, g->epoch, g->number) > 0) {
        g->epoch = epoch;
        g->number = number;
    }
    return 0;
}

int entries_restore(struct gossip *g, struct bytes key, struct bytes value)
{
    struct entry e;
    if (stored_entry_decode(key, value, &e) < 0)
        return ERR_DAMAGED;
    e.kind = table_kind(key);
    if (table_check(&e) < 0 || !is_number_valid(e.epoch, e.number) || e.number == 0 ||
        e.generation > COUNTER_MAX)
        return ERR_DAMAGED;
    int result = table_merge(&g->table, &e, NULL);
    if (result < 0)
        return result;
    if (machine_is_self(g, e.writer))
        heed_own(g, e.epoch, e.number, NULL);
    if (water_is_row(key))
        water_restore(g, &e);
    if (e.kind == ENTRY_RECORD && e.stamp > g->clock.last && machine_is_self(g, e.writer))
        g->clock.last = e.stamp;
    return 0;
}

int entries_restore_seen(struct gossip *g, struct bytes key, struct bytes value)
{
    struct node_id writer;
    uint64_t epoch, number;
    if (key.len != sizeof(seen_prefix) - 1 + sizeof(writer.at) ||
        stored_number_decode(value, &epoch, &number) < 0 ||
        !is_number_valid(epoch, number))
        return ERR_DAMAGED;
    memcpy(writer.at, key.at + sizeof(seen_prefix) - 1, sizeof(writer.at));
    int err = seen_advance(&g->seen, writer, epoch, 0, number);
    return err < 0 ? err : 0;
}

void entries_start(struct gossip *g)
{
    (void)seen_advance(&g->seen, g->self->member.id, g->epoch, 0, g->number);
    g->push.told = g->number;
    g->is_own_forgotten =
        entries_is_forgotten(g, g->self->member.id, g->self->member.incarnation);
}

/* The way into the table.  Every change becomes store changes of the step's batch and one
 * TABLE_CHANGED effect; own writes make the batch a synced one. */
#include "gossip/spread/entries_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/trace.h"
#include "gossip/spread/lives.h"
#include "gossip/spread/water.h"

enum { FULL_MS = 30 * 1000 }; /* nobody is asked for what does not fit before then */

static const char lost_prefix[] = "lost/";

/* ---- forgetting ---- */

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
    return entries_write(g, now_ms, entries_forget_key(peer->member.id, key),
                         (struct bytes){(const uint8_t *)number, (size_t)len}, NULL, fx);
}

/* ---- conflicts ---- */

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
 * winner's writer hears of the conflict when it never met the loser itself.  Secrets are not kept (see
 * entries_lost_key): who learns the old one shall not find the new one years later. */
static void keep_lost(struct gossip *g, uint64_t now_ms, struct bytes key,
                      struct bytes value, struct gossip_effects *fx)
{
    static const uint8_t nothing[1];
    char text[KEY_LEN_MAX];
    struct bytes kept = entries_lost_key(key, text);
    struct bytes kept_value =
        value.at ? value : (struct bytes){nothing, 0}; /* nor a lost deletion */
    if (kept.at && entries_write(g, now_ms, kept, kept_value, NULL, fx) == 0)
        machine_wake_push(g, now_ms);
}

/* A record has just been deleted by who knew of what our value lost to: that goes with it. */
static void drop_lost(struct gossip *g, uint64_t now_ms, struct bytes key,
                      struct gossip_effects *fx)
{
    char text[KEY_LEN_MAX];
    struct bytes kept = entries_lost_key(key, text);
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

/* An own entry that we did not know.  False when it has to come again: in the life that is about to
 * begin it is a former one's; and what this start wrote in its place is numbered above it first. */
static bool is_own_timely(struct gossip *g, uint64_t now_ms, const struct entry *e,
                          struct gossip_effects *fx)
{
    struct entry now;
    lives_heed(g, e->epoch, e->number);
    if (e->epoch >= g->epoch)
        return false;
    lives_walk(g);
    bool is_of_this_start = e->kind == ENTRY_ROW && !water_is_kept(e->key) &&
                            table_find(&g->table, e->key, &now) &&
                            (now.epoch == g->epoch ||
                             !lives_know(g, now.epoch, now.number));
    if (!is_of_this_start || now.epoch > e->epoch)
        return true;
    (void)entries_renumber(g, now_ms, &now, fx);
    return false;
}

static void hear_water(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    water_hear(g, e, fx);
    if (seen_find(&g->seen, e->writer)) /* a grave may have raised it */
        entries_persist_line(g, e->writer, fx);
}

static int merge(struct gossip *g, uint64_t now_ms, const struct entry *e,
                 bool is_heard_before, struct gossip_effects *fx)
{
    int err = table_check(e);
    /* A low-water row outlives its writer, and so does a grave: what they speak of is gone for good. */
    bool is_water = water_is_kept(e->key);
    if (err == 0 && e->kind == ENTRY_ROW && !is_water &&
        is_writer_forgotten(g, e->writer))
        err = ERR_INVALID;
    if (err < 0)
        return err;
    bool is_own = machine_is_self(g, e->writer);
    if (is_own && !lives_know(g, e->epoch, e->number) &&
        !is_own_timely(g, now_ms, e, fx))
        return 0;
    struct node_id loser = {0};
    struct bytes at_stake = {0};
    bool is_at_stake = is_ours_at_stake(g, e, &at_stake);
    int result = table_merge(&g->table, e, &loser);
    if (result < 0) {
        g->metrics->drop_bound++;
        return result;
    }
    if (result == MERGE_REPLACED || (result == MERGE_LOST && !is_heard_before))
        tell_conflict(g, e->key, loser, fx);
    if (result == MERGE_STALE || result == MERGE_LOST) {
        g->metrics->entries_stale++;
        return 0;
    }
    g->metrics->entries_merged++;
    if (e->kind == ENTRY_RECORD)
        hybrid_clock_hear(&g->clock, e->stamp, machine_unix_ms(g, now_ms));
    entries_persist(g, e, fx);
    effect_table(fx, e->key);
    if (result == MERGE_REPLACED && is_at_stake)
        keep_lost(g, now_ms, e->key, at_stake, fx);
    else if (result == MERGE_NEW && e->kind == ENTRY_RECORD && !e->value.at)
        drop_lost(g, now_ms, e->key, fx);
    hear_lost(g, e, fx);
    if (is_water)
        hear_water(g, e, fx);
    else if (is_own && e->epoch < g->epoch && !e->value.at)
        lives_walk(g); /* a deletion that was not here when the walk passed */
    if (e->value.at)
        entries_obey_forget(g, e->key, fx);
    return 1;
}

/* Seen, and not here any more: it was deleted or replaced, perhaps by what is gone itself. */
static bool was_superseded(const struct gossip *g, const struct entry *e)
{
    struct entry now;
    bool is_known = machine_is_self(g, e->writer)
                        ? lives_covers(g, e->epoch, e->number)
                        : seen_covers(&g->seen, e->writer, e->epoch, e->number);
    return is_known &&
           (!table_find(&g->table, e->key, &now) || entry_compare_version(&now, e) < 0);
}

static bool is_range_valid(const struct message_range *range)
{
    if (!entries_is_number(range->epoch, range->through) ||
        !entries_is_number(range->before_epoch, range->before_number) ||
        (range->before_epoch && range->before_epoch >= range->epoch) ||
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

/* A newer epoch begins where the one that it follows on was seen to its end.  1 when it was not, which is
 * a gap as any other; 0; an error. */
static int begin_epoch(struct gossip *g, const struct message_range *range)
{
    const struct seen_number *was = seen_find(&g->seen, range->writer);
    if (range->after > 0 || (was && was->epoch >= range->epoch))
        return 0;
    if (!seen_reaches(&g->seen, range->writer, range->before_epoch, range->before_number))
        return 1;
    struct seen_number line = {.writer = range->writer,
                               .epoch = range->epoch,
                               .before_epoch = range->before_epoch,
                               .before_number = range->before_number};
    if (was && was->number > 0)
        line = seen_line_begin(was, range->epoch);
    int err = seen_begin(&g->seen, &line);
    return err < 0 ? err : 0;
}

int entries_hear(struct gossip *g, uint64_t now_ms, const struct message_range *range,
                 bool fills_gaps, struct gossip_effects *fx)
{
    if (!is_range_valid(range)) {
        g->metrics->drop_malformed++;
        return ERR_MALFORMED;
    }
    grave_open(g, range->writer);
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
        bool may_fill = water_is_kept(in->key) ||
                        (range->through == 0 &&
                         (fills_gaps || water_is_stale_bucket(g, table_bucket(in->key))));
        if ((!may_fill && was_superseded(g, &e)) || water_covers(g, &e)) {
            g->metrics->entries_superseded++;
            continue;
        }
        bool is_heard = seen_line_covers(&was, range->epoch, in->number);
        int result = merge(g, now_ms, &e, is_heard, fx);
        bool is_full = result == ERR_BOUND && table_check(&e) == 0;
        if (is_full)
            g->full_ms = now_ms + FULL_MS;
        if (result == -ENOMEM || is_full)
            return result;
        news |= result > 0;
    }
    if (range->through == 0)
        return news;
    if (machine_is_self(g, range->writer)) {
        lives_heed(g, range->epoch, range->through);
        return news;
    }
    int begun = begin_epoch(g, range);
    if (begun != 0)
        return begun < 0 ? begun : news; /* a gap is not kept, so it is no news by itself */
    int advanced =
        seen_advance(&g->seen, range->writer, range->epoch, range->after, range->through);
    if (advanced > 0)
        entries_persist_line(g, range->writer, fx);
    return advanced != 0 ? advanced : news;
}

void entries_start(struct gossip *g, struct gossip_effects *fx)
{
    grave_start(g);
    lives_begin(g, fx);
    g->is_own_forgotten =
        entries_is_forgotten(g, g->self->member.id, g->self->member.incarnation);
}

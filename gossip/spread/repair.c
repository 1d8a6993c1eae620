/* Repair by bucket lists.  Exact: after it both sides hold the union of what they listed.
 */
#include "gossip/spread/repair.h"

#include <stdlib.h>

#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/spread/parcel.h"
#include "gossip/spread/parts.h"
#include "gossip/spread/water.h"

enum {
    LIST_ROOM = 8192, /* hashes in one LIST: 64 KiB; more only for one large bucket, */
    LIST_MAX = 32768, /* which has some 16,000 when the table is full */
    REPAIR_ROOM = 256 << 10, /* of entries sent in answer to one LIST */
    DEAD_MAX = COLLECT_STEP, /* taken out for one LIST; the next comparison goes on */
};

static void send_done(struct gossip *g, uint64_t now_ms, struct stream *s,
                      struct gossip_effects *fx)
{
    struct message m =
        machine_message(g, now_ms, MESSAGE_DONE, members_peer(&g->members, s->peer));
    m.to = s->peer;
    machine_send_frame(g, s->id, &m, fx);
}

/* The hashes of what is in the k-th of the buckets that `what` names; false when they find no room. */
static bool list_bucket(const struct gossip *g, const struct message *what, size_t k,
                        size_t room, struct message *m)
{
    struct table_walk walk;
    struct entry e;
    size_t place = 0;
    while (table_bucket_next(&g->table, what->listed[k], &place, &walk, &e)) {
        if (!parts_speak_of(what, k, e.key))
            continue;
        if (m->n_items == room)
            return false;
        m->items[m->n_items++] = entry_hash(&e);
    }
    return true;
}

/* As many of the buckets, or of the parts of them, as find room. */
static bool send_list(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *what, struct gossip_effects *fx)
{
    struct message m =
        machine_message(g, now_ms, MESSAGE_LIST, members_peer(&g->members, s->peer));
    m.items = arena_array(&g->scratch, LIST_MAX, sizeof(*m.items));
    m.listed = what->listed;
    m.listed_parts = what->listed_parts;
    while (m.items && m.n_listed < what->n_listed) {
        size_t start = m.n_items;
        if (!list_bucket(g, what, m.n_listed, m.n_listed > 0 ? LIST_ROOM : LIST_MAX,
                         &m) &&
            m.n_listed > 0) {
            m.n_items = start;
            break;
        }
        m.n_listed++;
    }
    if (m.listed_parts.len)
        m.listed_parts.len = m.listed_parts.len / what->n_listed * m.n_listed;
    m.buckets = g->table.hashes;
    m.n_buckets = TABLE_BUCKETS;
    if (m.n_listed > 0)
        machine_send_frame(g, s->id, &m, fx);
    return m.n_listed > 0;
}

/* Whole buckets. */
static bool send_buckets(struct gossip *g, uint64_t now_ms, struct stream *s,
                         const bool *is_wanted, struct gossip_effects *fx)
{
    uint32_t listed[TABLE_BUCKETS];
    struct message what = {.listed = listed};
    for (uint32_t bucket = 0; bucket < TABLE_BUCKETS; bucket++) {
        if (is_wanted[bucket])
            listed[what.n_listed++] = bucket;
    }
    return send_list(g, now_ms, s, &what, fx);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static bool is_listed(const struct message *m, const struct entry *e)
{
    uint64_t hash = entry_hash(e);
    return m->n_items &&
           bsearch(&hash, m->items, m->n_items, sizeof(*m->items), compare_hashes);
}

/* Send what is in these buckets here and not there, as single entries. */
static void send_missing(struct gossip *g, uint64_t now_ms, struct stream *s,
                         const struct message *m, struct gossip_effects *fx)
{
    struct parcel p = {.left = REPAIR_ROOM};
    for (size_t i = 0; i < m->n_listed; i++) {
        struct table_walk walk;
        struct entry e;
        size_t place = 0;
        while (table_bucket_next(&g->table, m->listed[i], &place, &walk, &e)) {
            if (!parts_speak_of(m, i, e.key) || is_listed(m, &e))
                continue;
            if (!parcel_range(g, &p, e.writer, e.epoch, 0))
                break;
            if (!parcel_entry(g, &p, &e)) {
                p.n--;
                break;
            }
        }
    }
    if (p.n > 0)
        parcel_send(g, now_ms, s, &p, fx);
}

/* ---- taking out what was deleted ---- */

/* The key of an entry that the other has seen and has no more; false when there is none.  *ret_clean
 * is false when it cannot be told for all. */
static bool next_dead(struct gossip *g, const struct stream *s, const struct message *m,
                      size_t listed, size_t *place, struct entry *ret_entry,
                      bool *is_clean)
{
    struct table_walk walk;
    struct entry e;
    while (table_bucket_next(&g->table, m->listed[listed], place, &walk, &e)) {
        if (!parts_speak_of(m, listed, e.key) || is_listed(m, &e) || water_is_kept(e.key))
            continue;
        struct seen_number theirs = grave_their_seen(g, s, e.writer);
        /* What it had not seen when it greeted it may have let go beyond a gap: the next list tells. */
        bool is_seen = seen_line_covers(&theirs, e.epoch, e.number);
        *is_clean = *is_clean && is_seen && stream_speaks_of(s, e.writer);
        if (!is_seen)
            continue;
        *ret_entry = e;
        ret_entry->key = arena_bytes(&g->scratch, e.key);
        *is_clean = *is_clean && ret_entry->key.at;
        return ret_entry->key.at != NULL;
    }
    return false;
}

/* Our own rows are ours to judge: what others let go of is written once more. */
static void bury(struct gossip *g, uint64_t now_ms, const struct entry *e,
                 struct gossip_effects *fx)
{
    struct bytes value = {0};
    bool is_own = e->kind == ENTRY_ROW && machine_is_self(g, e->writer) && e->value.at;
    if (is_own)
        value = e->value.len ? arena_bytes(&g->scratch, e->value) : bytes_of_text("");
    trace(g->tracer, "%.*s was deleted while we were away", (int)e->key.len,
          (const char *)e->key.at);
    entries_drop(g, e, fx);
    if (value.at && entries_write(g, now_ms, e->key, value, NULL, fx) == 0)
        machine_wake_push(g, now_ms);
}

/* True when the bucket holds nothing any more that the other has let go of. */
static bool take_out_dead(struct gossip *g, uint64_t now_ms, const struct stream *s,
                          const struct message *m, size_t listed, size_t *left,
                          struct gossip_effects *fx)
{
    struct entry *dead = NULL;
    size_t n = 0, cap = 0, place = 0;
    bool is_clean = true, has_room = true;
    while ((has_room = n < *left && arena_grow(&g->scratch, (void **)&dead, n, &cap,
                                               sizeof(*dead)) == 0) &&
           next_dead(g, s, m, listed, &place, &dead[n], &is_clean))
        n++;
    *left -= n;
    for (size_t i = 0; i < n; i++) {
        struct entry e;
        if (table_find(&g->table, dead[i].key, &e)) /* values move when entries go */
            bury(g, now_ms, &e, fx);
    }
    return is_clean && has_room;
}

/* Who is stale learns from every list what was deleted, and is clean in a bucket that is the same or
 * was listed by somebody who missed nothing of what we did.  The hashes of the list are sorted. */
static void clean_buckets(struct gossip *g, uint64_t now_ms, const struct stream *s,
                          const struct message *m, struct gossip_effects *fx)
{
    if (!water_is_stale(g))
        return;
    bool can_clean = water_can_clean(g, s);
    size_t left = DEAD_MAX;
    for (uint32_t i = 0; i < TABLE_BUCKETS && m->n_buckets; i++) {
        if (can_clean && m->buckets[i] == g->table.hashes[i])
            water_clean_bucket(g, i);
    }
    /* A list that is full may not have held all of its bucket. */
    for (size_t i = 0; i < m->n_listed && m->n_items < LIST_MAX; i++) {
        if (water_is_stale_bucket(g, m->listed[i]) &&
            take_out_dead(g, now_ms, s, m, i, &left, fx) && can_clean)
            water_clean_bucket(g, m->listed[i]);
    }
    water_persist(g, fx);
}

void repair_hear_done(struct gossip *g, const struct stream *s, const struct message *m,
                      struct gossip_effects *fx)
{
    if (m->digest != machine_digest(g) || !water_is_stale(g) || !water_can_clean(g, s))
        return;
    for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
        water_clean_bucket(g, i);
    water_persist(g, fx);
}

/* ---- the messages ---- */

void repair_hear_check(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx)
{
    bool is_wanted[TABLE_BUCKETS];
    bool differs = false;
    for (size_t i = 0; i < TABLE_BUCKETS; i++) {
        is_wanted[i] = m->n_buckets && m->buckets[i] != g->table.hashes[i];
        differs = differs || is_wanted[i];
    }
    clean_buckets(g, now_ms, s, m, fx);
    s->is_listing = differs && (parts_are_due(&g->table)
                                    ? parts_send_hashes(g, now_ms, s, is_wanted, fx)
                                    : send_buckets(g, now_ms, s, is_wanted, fx));
    if (!s->is_listing)
        send_done(g, now_ms, s, fx);
}

void repair_hear_parts(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx)
{
    bool is_fine = s->is_listing && (s->is_ours ? parts_answer(g, now_ms, s, m, fx) == 0
                                                : m->listed_parts.len != 0);
    if (!is_fine)
        stream_close(g, s, fx);
    else if (!s->is_ours && !send_list(g, now_ms, s, m, fx))
        send_done(g, now_ms, s, fx);
}

void repair_hear_list(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx)
{
    if (!s->is_listing || m->n_listed > TABLE_BUCKETS || m->n_items > LIST_MAX) {
        stream_close(g, s, fx);
        return;
    }
    if (m->n_items)
        qsort(m->items, m->n_items, sizeof(*m->items), compare_hashes);
    clean_buckets(g, now_ms, s, m, fx);
    if (s->is_ours) {
        if (!send_list(g, now_ms, s, m, fx))
            send_done(g, now_ms, s, fx);
        send_missing(g, now_ms, s, m, fx);
        return;
    }
    s->is_listing = false;
    send_missing(g, now_ms, s, m, fx);
    send_done(g, now_ms, s, fx);
}

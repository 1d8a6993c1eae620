/* Repair by bucket lists.  Exact: after it both sides hold the union of what they listed.
 */
#include "gossip/repair.h"

#include <stdlib.h>

#include "gossip/parcel.h"

enum {
    LIST_MAX = 8192,         /* hashes in one LIST: 64 KiB */
    REPAIR_ROOM = 256 << 10, /* of entries sent in answer to one LIST */
};

static void send_done(struct gossip *g, uint64_t now_ms, struct stream *s,
                      struct gossip_effects *fx)
{
    struct message m =
        machine_message(g, now_ms, MESSAGE_DONE, members_peer(&g->members, s->peer));
    m.to = s->peer;
    machine_send_frame(g, s->id, &m, fx);
}

static bool send_list(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const bool *is_wanted, struct gossip_effects *fx)
{
    uint32_t listed[TABLE_BUCKETS];
    struct message m =
        machine_message(g, now_ms, MESSAGE_LIST, members_peer(&g->members, s->peer));
    uint64_t *items = arena_array(&g->scratch, LIST_MAX, sizeof(*items));
    size_t n = 0, n_listed = 0;
    for (uint32_t bucket = 0; bucket < TABLE_BUCKETS && items; bucket++) {
        size_t start = n, place = 0;
        struct table_walk walk;
        struct entry e;
        bool has_more = is_wanted[bucket];
        if (!is_wanted[bucket])
            continue;
        while (n < LIST_MAX &&
               (has_more = table_bucket_next(&g->table, bucket, &place, &walk, &e)))
            items[n++] = entry_hash(&e);
        if (has_more && n_listed > 0) {
            n = start;
            break;
        }
        listed[n_listed++] = bucket;
    }
    m.listed = listed;
    m.n_listed = n_listed;
    m.items = items;
    m.n_items = n;
    if (n_listed > 0)
        machine_send_frame(g, s->id, &m, fx);
    return n_listed > 0;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Send what is in these buckets here and not there, as single entries. */
static void send_missing(struct gossip *g, uint64_t now_ms, struct stream *s,
                         const struct message *m, struct gossip_effects *fx)
{
    struct parcel p = {.left = REPAIR_ROOM};
    if (m->n_items)
        qsort(m->items, m->n_items, sizeof(*m->items), compare_hashes);
    for (size_t i = 0; i < m->n_listed; i++) {
        struct table_walk walk;
        struct entry e;
        size_t place = 0;
        while (table_bucket_next(&g->table, m->listed[i], &place, &walk, &e)) {
            uint64_t hash = entry_hash(&e);
            if (m->n_items &&
                bsearch(&hash, m->items, m->n_items, sizeof(*m->items), compare_hashes))
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

void repair_hear_check(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx)
{
    bool is_wanted[TABLE_BUCKETS];
    bool differs = false;
    for (size_t i = 0; i < TABLE_BUCKETS; i++) {
        is_wanted[i] = m->n_buckets && m->buckets[i] != g->table.hashes[i];
        differs = differs || is_wanted[i];
    }
    s->is_listing = differs && send_list(g, now_ms, s, is_wanted, fx);
    if (!s->is_listing)
        send_done(g, now_ms, s, fx);
}

void repair_hear_list(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx)
{
    bool is_wanted[TABLE_BUCKETS] = {false};
    if (!s->is_listing || m->n_listed > TABLE_BUCKETS || m->n_items > LIST_MAX) {
        stream_close(s, fx);
        return;
    }
    for (size_t i = 0; i < m->n_listed; i++)
        is_wanted[m->listed[i]] = true;
    if (s->is_ours) {
        if (!send_list(g, now_ms, s, is_wanted, fx))
            send_done(g, now_ms, s, fx);
        send_missing(g, now_ms, s, m, fx);
        return;
    }
    s->is_listing = false;
    send_missing(g, now_ms, s, m, fx);
    send_done(g, now_ms, s, fx);
}

/* Hashing parts, and marking those that differ.  See parts.h. */
#include "gossip/spread/parts.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"

enum {
    PART_ENTRIES_MIN =
        1024, /* in a bucket: from here on its parts' hashes are shorter than its list */
    BIT_BYTES = MESSAGE_PARTS / 8,
};

bool parts_are_due(const struct table *t)
{
    return table_size(t) / TABLE_BUCKETS >= PART_ENTRIES_MIN;
}

bool parts_speak_of(const struct message *m, size_t listed, struct bytes key)
{
    if (!m->listed_parts.len)
        return true;
    uint32_t part = table_part(key);
    return m->listed_parts.at[listed * BIT_BYTES + part / 8] >> part % 8 & 1;
}

static void hash_parts(const struct table *t, uint32_t bucket, uint64_t *parts)
{
    struct table_walk walk;
    struct entry e;
    size_t place = 0;
    memset(parts, 0, MESSAGE_PARTS * sizeof(*parts));
    while (table_bucket_next(t, bucket, &place, &walk, &e))
        parts[table_part(e.key)] ^= entry_hash(&e);
}

static void send(struct gossip *g, uint64_t now_ms, struct stream *s, struct message *m,
                 struct gossip_effects *fx)
{
    struct message whole = machine_message(g, now_ms, MESSAGE_BUCKET_PARTS,
                                           members_peer(&g->members, s->peer));
    whole.listed = m->listed;
    whole.n_listed = m->n_listed;
    whole.parts = m->parts;
    whole.n_parts = m->n_parts;
    whole.listed_parts = m->listed_parts;
    machine_send_frame(g, s->id, &whole, fx);
}

bool parts_send_hashes(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const bool *is_wanted, struct gossip_effects *fx)
{
    uint32_t listed[MESSAGE_PARTED_MAX];
    struct message m = {.listed = listed};
    m.parts = arena_array(&g->scratch, (size_t)MESSAGE_PARTED_MAX * MESSAGE_PARTS,
                          sizeof(*m.parts));
    for (uint32_t bucket = 0;
         m.parts && bucket < TABLE_BUCKETS && m.n_listed < MESSAGE_PARTED_MAX; bucket++) {
        if (!is_wanted[bucket])
            continue;
        hash_parts(&g->table, bucket, m.parts + m.n_listed * MESSAGE_PARTS);
        listed[m.n_listed++] = bucket;
    }
    m.n_parts = m.n_listed * MESSAGE_PARTS;
    if (m.n_listed > 0)
        send(g, now_ms, s, &m, fx);
    return m.n_listed > 0;
}

int parts_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                 const struct message *in, struct gossip_effects *fx)
{
    if (in->n_listed == 0 || in->n_parts != in->n_listed * MESSAGE_PARTS)
        return ERR_MALFORMED;
    uint64_t *ours = arena_array(&g->scratch, MESSAGE_PARTS, sizeof(*ours));
    uint8_t *bits = arena_alloc(&g->scratch, in->n_listed * BIT_BYTES);
    if (!ours || !bits)
        return -ENOMEM;
    memset(bits, 0, in->n_listed * BIT_BYTES);
    for (size_t i = 0; i < in->n_listed; i++) {
        hash_parts(&g->table, in->listed[i], ours);
        for (size_t part = 0; part < MESSAGE_PARTS; part++) {
            if (ours[part] != in->parts[i * MESSAGE_PARTS + part])
                bits[i * BIT_BYTES + part / 8] |= (uint8_t)(1u << part % 8);
        }
    }
    struct message m = {.listed = in->listed,
                        .n_listed = in->n_listed,
                        .listed_parts = {bits, in->n_listed * BIT_BYTES}};
    send(g, now_ms, s, &m, fx);
    return 0;
}

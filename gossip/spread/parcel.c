/* Packing entries.  Their keys are copied; their values stay in the table until the frame is
 * encoded, which is within the same step. */
#include "gossip/spread/parcel.h"

bool parcel_follow(const struct gossip *g, struct message_range *range)
{
    const struct seen_number *line = seen_find(&g->seen, range->writer);
    if (range->after > 0)
        return true;
    if (!line || line->epoch != range->epoch)
        return false;
    range->before_epoch = line->before_epoch;
    range->before_number = line->before_number;
    return true;
}

struct message_range *parcel_range(struct gossip *g, struct parcel *p,
                                   struct node_id writer, uint64_t epoch, uint64_t after)
{
    if (arena_grow(&g->scratch, (void **)&p->ranges, p->n, &p->cap, sizeof(*p->ranges)) <
        0)
        return NULL;
    struct message_range *range = &p->ranges[p->n++];
    *range = (struct message_range){.writer = writer, .epoch = epoch, .after = after};
    (void)parcel_follow(g, range); /* who knows better says so */
    p->entries_cap = 0;
    p->left -= p->left < MESSAGE_RANGE_SIZE ? p->left : MESSAGE_RANGE_SIZE;
    return range;
}

bool parcel_entry(struct gossip *g, struct parcel *p, const struct entry *e)
{
    struct message_range *range = &p->ranges[p->n - 1];
    size_t size = message_entry_size(e->key, e->value);
    bool is_first = p->n == 1 && range->n_entries == 0;
    if (size > p->left && !is_first)
        return false;
    if (arena_grow(&g->scratch, (void **)&range->entries, range->n_entries,
                   &p->entries_cap, sizeof(*range->entries)) < 0)
        return false;
    struct bytes key = arena_bytes(&g->scratch, e->key);
    if (!key.at)
        return false;
    range->entries[range->n_entries++] = (struct message_entry){
        .key = key,
        .value = e->value,
        .number = e->number,
        .generation = e->generation,
        .stamp = e->stamp,
    };
    p->left -= size < p->left ? size : p->left;
    return true;
}

void parcel_send(struct gossip *g, uint64_t now_ms, struct stream *s,
                 const struct parcel *p, struct gossip_effects *fx)
{
    struct message m =
        machine_message(g, now_ms, MESSAGE_ENTRIES, members_peer(&g->members, s->peer));
    m.ranges = p->ranges;
    m.n_ranges = p->n;
    machine_send_frame(g, s->id, &m, fx);
}

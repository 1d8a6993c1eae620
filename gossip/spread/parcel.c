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

/* Where nothing was seen before, the oldest that we know of says whether there was anything. */
static uint64_t oldest_epoch(const struct seen_number *seen)
{
    struct life oldest = {0};
    for (unsigned i = 0; i <= SEEN_OLDER && seen_line_former(seen, i).epoch != 0; i++)
        oldest = seen_line_former(seen, i);
    return oldest.number ? 0 : oldest.epoch;
}

/* A range that goes on where the cursor is; NULL when there is no room. */
static struct message_range *go_on(struct gossip *g, const struct stream *s, struct parcel *p,
                                   const struct seen_number *seen, uint64_t epoch)
{
    bool is_same = s->cursor_epoch == epoch;
    struct message_range *range =
        parcel_range(g, p, seen->writer, epoch, is_same ? s->cursor_number : 0);
    if (range && !is_same) {
        range->before_epoch = s->cursor_epoch ? s->cursor_epoch : oldest_epoch(seen);
        range->before_number = s->cursor_number;
    }
    return range;
}

struct message_range *parcel_follow_on(struct gossip *g, struct stream *s, struct parcel *p,
                                       const struct seen_number *seen, uint64_t epoch)
{
    for (unsigned i = SEEN_OLDER + 1; i-- > 0;) {
        struct life former = seen_line_former(seen, i);
        if (former.number == 0 || former.epoch >= epoch ||
            seen_compare(s->cursor_epoch, s->cursor_number, former.epoch, former.number) >= 0)
            continue;
        struct message_range *rest = go_on(g, s, p, seen, former.epoch);
        if (!rest)
            return NULL;
        rest->through = former.number;
        s->cursor_epoch = former.epoch;
        s->cursor_number = former.number;
    }
    return go_on(g, s, p, seen, epoch);
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

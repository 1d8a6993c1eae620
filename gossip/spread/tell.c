/* Telling ranges, in datagrams where they fit, else on a stream of their own. */
#include "gossip/spread/tell.h"

#include "gossip/machine/family.h"
#include "gossip/spread/unanswered.h"
#include "gossip/spread/water.h"

enum {
    DATAGRAMS_MAX = 16,       /* a range that needs more of them goes by stream */
    PUSH_BYTES_MAX = 2 << 20, /* and one larger than this waits for a comparison */
    FRAME_BYTES = 128 << 10,
};

static const size_t parcel_room = MESSAGE_DATAGRAM_MAX - MESSAGE_HEADER_SIZE;
static const size_t datagram_room =
    MESSAGE_DATAGRAM_MAX - MESSAGE_HEADER_SIZE - MESSAGE_RANGE_SIZE;

/* The next entry of the range; false after its last. */
static bool next_in(const struct gossip *g, struct table_walk *walk,
                    const struct push_range *range, struct entry *ret_entry)
{
    return table_next(&g->table, walk, ret_entry) &&
           node_id_equal(ret_entry->writer, range->writer) &&
           ret_entry->epoch == range->epoch && ret_entry->number <= range->through;
}

struct route {
    struct peer *to;
    uint32_t stream; /* 0: datagrams */
};

static void send_part(struct gossip *g, uint64_t now_ms, struct route where,
                      struct message_range *part, struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PUSH, where.to);
    m.ranges = part;
    m.n_ranges = 1;
    struct stream *s = stream_find(g, where.stream);
    if (s) {
        s->credit++;
        machine_send_frame(g, where.stream, &m, fx);
        return;
    }
    machine_send(g, family_endpoint(g, where.to), where.to, &m, false, fx);
}

/* Send the range in parts of at most `room` bytes, more only for a single entry. */
static void send_parts(struct gossip *g, uint64_t now_ms, struct route where,
                       const struct push_range *range, size_t room,
                       struct gossip_effects *fx)
{
    struct table_walk walk;
    struct entry e;
    table_from(&g->table, range->writer, range->epoch, range->after + 1, &walk);
    struct message_range part = {
        .writer = range->writer, .epoch = range->epoch, .after = range->after};
    size_t left = room, cap = 0;
    part.entries = NULL;
    (void)parcel_follow(g, &part);
    while (next_in(g, &walk, range, &e)) {
        size_t size = message_entry_size(e.key, e.value);
        if (part.n_entries > 0 && size > left) {
            part.through = part.entries[part.n_entries - 1].number;
            send_part(g, now_ms, where, &part, fx);
            part = (struct message_range){
                .writer = range->writer, .epoch = range->epoch, .after = part.through};
            left = room;
            cap = 0;
        }
        if (arena_grow(&g->scratch, (void **)&part.entries, part.n_entries, &cap,
                       sizeof(*part.entries)) < 0)
            return;
        struct bytes key = arena_bytes(&g->scratch, e.key);
        if (!key.at)
            return;
        part.entries[part.n_entries++] = (struct message_entry){
            .key = key,
            .value = e.value,
            .number = e.number,
            .generation = e.generation,
            .stamp = e.stamp,
        };
        left -= size < left ? size : left;
    }
    part.through = range->through;
    send_part(g, now_ms, where, &part, fx);
}

struct tell_size tell_measure(const struct gossip *g, const struct push_range *range)
{
    struct tell_size size = {0};
    struct table_walk walk;
    struct entry e;
    /* Who lacks numbers whose tombstones are gone has to learn that first, by a comparison. */
    struct water w = water_of(g, range->writer);
    size.is_too_large = range->epoch == w.epoch && range->after < w.number;
    /* What the first range of a former life follows on is not known any more. */
    const struct seen_number *line = seen_find(&g->seen, range->writer);
    if (range->after == 0 && (!line || line->epoch != range->epoch))
        size.is_too_large = true;
    table_from(&g->table, range->writer, range->epoch, range->after + 1, &walk);
    while (!size.is_too_large && next_in(g, &walk, range, &e)) {
        size_t len = message_entry_size(e.key, e.value);
        size.bytes += len;
        size.has_records = size.has_records || e.kind == ENTRY_RECORD;
        size.needs_stream = size.needs_stream || len > datagram_room ||
                            size.bytes > DATAGRAMS_MAX * datagram_room;
        size.is_too_large = size.bytes > PUSH_BYTES_MAX;
    }
    return size;
}

void tell_range(struct gossip *g, uint64_t now_ms, struct peer *to,
                const struct push_range *range, struct gossip_effects *fx)
{
    struct tell_size size = tell_measure(g, range);
    if (size.is_too_large) {
        g->metrics->drop_bound++;
        return;
    }
    if (!size.needs_stream) {
        send_parts(g, now_ms, (struct route){.to = to}, range, datagram_room, fx);
        return;
    }
    /* One at a time: the answer to the first tells what is still missing. */
    struct stream *s = stream_to(g, to->member.id, USE_PUSH)
                           ? NULL
                           : stream_connect(g, now_ms, to, USE_PUSH, fx);
    if (s)
        s->range = *range;
}

void tell_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx)
{
    struct peer *to = members_peer(&g->members, s->peer);
    if (!to || tell_measure(g, &s->range).is_too_large) { /* it may have grown meanwhile */
        stream_close(g, s, fx);
        return;
    }
    send_parts(g, now_ms, (struct route){to, s->id}, &s->range, FRAME_BYTES, fx);
}

void tell_hear_seen(struct gossip *g, struct stream *s, struct gossip_effects *fx)
{
    if (s->use == USE_PUSH && s->credit > 0 && --s->credit == 0)
        stream_close(g, s, fx);
}

/* ---- many ranges in few datagrams ---- */

static void send_parcel(struct gossip *g, uint64_t now_ms, struct peer *to, struct parcel *p,
                        struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PUSH, to);
    m.ranges = p->ranges;
    m.n_ranges = p->n;
    if (p->n > 0) {
        m.sequence = p->sequence ? p->sequence : unanswered_add(g, now_ms, to, p->ranges, p->n);
        machine_send(g, family_endpoint(g, to), to, &m, false, fx);
    }
    *p = (struct parcel){.left = parcel_room,
                         .sequence = p->sequence,
                         .has_unkept = p->has_unkept || (p->n > 0 && m.sequence == 0)};
}

void tell_packed(struct gossip *g, uint64_t now_ms, struct peer *to, struct parcel *p,
                 const struct push_range *range, struct gossip_effects *fx)
{
    struct table_walk walk;
    struct entry e;
    uint64_t after = range->after;
    if (p->left < MESSAGE_RANGE_SIZE)
        send_parcel(g, now_ms, to, p, fx);
    struct message_range *part = parcel_range(g, p, range->writer, range->epoch, after);
    table_from(&g->table, range->writer, range->epoch, after + 1, &walk);
    while (part && next_in(g, &walk, range, &e)) {
        if (!parcel_entry(g, p, &e)) {
            /* What is packed so far ends with the entry before; an empty part says nothing. */
            if (part->n_entries == 0)
                p->n--;
            else
                part->through = after;
            send_parcel(g, now_ms, to, p, fx);
            part = parcel_range(g, p, range->writer, range->epoch, after);
            if (!part || !parcel_entry(g, p, &e))
                return;
        }
        after = e.number;
    }
    if (part)
        part->through = range->through;
}

void tell_rest(struct gossip *g, uint64_t now_ms, struct peer *to, struct parcel *p,
               struct gossip_effects *fx)
{
    send_parcel(g, now_ms, to, p, fx);
}

struct parcel tell_parcel(uint32_t sequence)
{
    return (struct parcel){.left = parcel_room, .sequence = sequence};
}

/* The one place that knows protobuf-c.  Its structs are built in and decoded into the
 * caller's arena through an allocator whose free does nothing: the arena is cleared as a
 * whole. */
#include "proto/codec.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "stratos.pb-c.h"

/* ---- encoding ---- */

static ProtobufCBinaryData data_of(struct bytes in)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } at = {.in = in.at}; /* protobuf-c only reads while packing */
    return (ProtobufCBinaryData){.len = in.at ? in.len : 0, .data = at.out};
}

static ProtobufCBinaryData data_of_id(const struct node_id *id)
{
    return node_id_is_zero(*id) ? (ProtobufCBinaryData){0} : data_of(BYTES_OF(*id));
}

static int endpoint_data(const struct endpoint *e, struct arena *a,
                         ProtobufCBinaryData *ret_data)
{
    if (e->family == 0) {
        *ret_data = (ProtobufCBinaryData){0};
        return 0;
    }
    size_t len = e->family == 4 ? 4 : 16;
    uint8_t *out = arena_alloc(a, len + 2);
    if (!out)
        return -ENOMEM;
    memcpy(out, e->address, len);
    out[len] = (uint8_t)(e->port >> 8);
    out[len + 1] = (uint8_t)e->port;
    *ret_data = (ProtobufCBinaryData){.len = len + 2, .data = out};
    return 0;
}

static Stratos__Member *member_wire(const struct message_member *m, struct arena *a)
{
    Stratos__Member *out = arena_alloc(a, sizeof(*out));
    if (!out)
        return NULL;
    stratos__member__init(out);
    out->id = data_of_id(&m->id);
    out->name = arena_text(a, m->name ? m->name : "");
    out->state = (uint32_t)m->state;
    out->incarnation = m->incarnation;
    out->accuser = data_of_id(&m->accuser);
    if (!out->name || endpoint_data(&m->endpoint, a, &out->endpoint) < 0 ||
        endpoint_data(&m->second, a, &out->second) < 0)
        return NULL;
    return out;
}

static Stratos__Entry *entry_wire(const struct message_entry *e, struct arena *a)
{
    Stratos__Entry *out = arena_alloc(a, sizeof(*out));
    if (!out)
        return NULL;
    stratos__entry__init(out);
    out->key = data_of(e->key);
    out->value = data_of(e->value);
    out->deleted = e->value.at == NULL;
    out->number = e->number;
    out->generation = e->generation;
    out->stamp = e->stamp;
    return out;
}

static Stratos__Range *range_wire(const struct message_range *r, struct arena *a)
{
    Stratos__Range *out = arena_alloc(a, sizeof(*out));
    if (!out)
        return NULL;
    stratos__range__init(out);
    out->writer = data_of_id(&r->writer);
    out->epoch = r->epoch;
    out->after = r->after;
    out->through = r->through;
    out->before_epoch = r->before_epoch;
    out->before_number = r->before_number;
    out->entries = arena_array(a, r->n_entries, sizeof(void *));
    if (!out->entries)
        return NULL;
    for (size_t i = 0; i < r->n_entries; i++) {
        out->entries[i] = entry_wire(&r->entries[i], a);
        if (!out->entries[i])
            return NULL;
    }
    out->n_entries = r->n_entries;
    return out;
}

static int older_wire(const struct message_seen *from, struct arena *a, Stratos__Seen *to)
{
    size_t n = 0;
    while (n < MESSAGE_OLDER && from->older[n].epoch != 0)
        n++;
    if (n == 0)
        return 0;
    to->older = arena_array(a, 2 * n, sizeof(*to->older));
    for (size_t i = 0; to->older && i < n; i++) {
        to->older[to->n_older++] = from->older[i].epoch;
        to->older[to->n_older++] = from->older[i].number;
    }
    return to->older ? 0 : -ENOMEM;
}

static int lists_wire(const struct message *m, struct arena *a, Stratos__Message *out)
{
    out->members = arena_array(a, m->n_members, sizeof(void *));
    out->ranges = arena_array(a, m->n_ranges, sizeof(void *));
    out->seen = arena_array(a, m->n_seen, sizeof(void *));
    Stratos__Seen *seen = arena_array(a, m->n_seen, sizeof(*seen));
    if (!out->members || !out->ranges || !out->seen || !seen)
        return -ENOMEM;
    for (out->n_members = 0; out->n_members < m->n_members; out->n_members++) {
        out->members[out->n_members] = member_wire(&m->members[out->n_members], a);
        if (!out->members[out->n_members])
            return -ENOMEM;
    }
    for (out->n_ranges = 0; out->n_ranges < m->n_ranges; out->n_ranges++) {
        out->ranges[out->n_ranges] = range_wire(&m->ranges[out->n_ranges], a);
        if (!out->ranges[out->n_ranges])
            return -ENOMEM;
    }
    for (out->n_seen = 0; out->n_seen < m->n_seen; out->n_seen++) {
        const struct message_seen *from = &m->seen[out->n_seen];
        Stratos__Seen *to = &seen[out->n_seen];
        stratos__seen__init(to);
        to->writer = data_of_id(&from->writer);
        to->epoch = from->epoch;
        to->number = from->number;
        to->is_stale = from->is_stale;
        to->before_epoch = from->before_epoch;
        to->before_number = from->before_number;
        if (older_wire(from, a, to) < 0)
            return -ENOMEM;
        out->seen[out->n_seen] = to;
    }
    return 0;
}

int message_encode(const struct message *m, struct arena *arena, struct bytes *ret_out)
{
    Stratos__Message out = STRATOS__MESSAGE__INIT;
    out.kind = (uint32_t)m->kind;
    out.sender = member_wire(&m->sender, arena);
    out.to = data_of_id(&m->to);
    out.sequence = m->sequence;
    out.target = m->has_target ? member_wire(&m->target, arena) : NULL;
    if (!out.sender || (m->has_target && !out.target))
        return -ENOMEM;
    out.digest = m->digest;
    out.members_digest = m->members_digest;
    out.graves = m->graves;
    out.known_epoch = m->known_epoch;
    out.known_number = m->known_number;
    out.at_unix_ms = m->at_unix_ms;
    out.n_buckets = m->n_buckets;
    out.buckets = m->buckets;
    out.n_listed = m->n_listed;
    out.listed = m->listed;
    out.coordinate = data_of(m->coordinate);
    out.epoch = m->epoch;
    if (endpoint_data(&m->observed, arena, &out.observed) < 0)
        return -ENOMEM;
    out.n_items = m->n_items;
    out.items = m->items;
    out.n_parts = m->n_parts;
    out.parts = m->parts;
    out.listed_parts = data_of(m->listed_parts);
    out.n_differing = m->n_differing;
    out.differing = m->differing;
    out.n_unsaid = m->n_unsaid;
    out.unsaid = m->unsaid;
    if (lists_wire(m, arena, &out) < 0)
        return -ENOMEM;
    size_t len = stratos__message__get_packed_size(&out);
    uint8_t *at = arena_alloc(arena, len);
    if (!at)
        return -ENOMEM;
    (void)stratos__message__pack(&out, at);
    *ret_out = (struct bytes){at, len};
    return 0;
}

/* ---- decoding ---- */

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void release(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer; /* the arena takes everything back at once */
}

static int id_of(ProtobufCBinaryData in, bool may_be_empty, struct node_id *ret_id)
{
    if (in.len == 0 && may_be_empty) {
        *ret_id = (struct node_id){0};
        return 0;
    }
    if (in.len != sizeof(ret_id->at))
        return ERR_MALFORMED;
    memcpy(ret_id->at, in.data, in.len);
    return node_id_is_zero(*ret_id) ? ERR_MALFORMED : 0;
}

static int endpoint_of(ProtobufCBinaryData in, struct endpoint *ret_endpoint)
{
    struct endpoint e = {0};
    if (in.len == 0) {
        *ret_endpoint = e;
        return 0;
    }
    if (in.len != 6 && in.len != 18)
        return ERR_MALFORMED;
    e.family = in.len == 6 ? 4 : 6;
    memcpy(e.address, in.data, in.len - 2);
    e.port = (uint16_t)(in.data[in.len - 2] << 8 | in.data[in.len - 1]);
    *ret_endpoint = e;
    return 0;
}

static int member_of(const Stratos__Member *in, struct message_member *ret_member)
{
    struct message_member m = {
        .name = in->name ? in->name : "",
        .state = (enum member_state)in->state,
        .incarnation = in->incarnation,
    };
    if (in->state > MEMBER_LEFT || strlen(m.name) > NAME_LEN_MAX)
        return ERR_MALFORMED;
    int err = id_of(in->id, false, &m.id);
    if (err == 0)
        err = id_of(in->accuser, true, &m.accuser);
    if (err == 0)
        err = endpoint_of(in->endpoint, &m.endpoint);
    if (err == 0)
        err = endpoint_of(in->second, &m.second);
    if (err == 0 && m.second.family == m.endpoint.family && m.second.family != 0)
        err = ERR_MALFORMED; /* one of each family */
    if (err == 0)
        *ret_member = m;
    return err;
}

static int range_of(const Stratos__Range *in, struct arena *a,
                    struct message_range *ret_range)
{
    struct message_range r = {
        .epoch = in->epoch,
        .after = in->after,
        .through = in->through,
        .before_epoch = in->before_epoch,
        .before_number = in->before_number,
        .entries = arena_array(a, in->n_entries, sizeof(*r.entries)),
        .n_entries = in->n_entries,
    };
    if (!r.entries)
        return -ENOMEM;
    int err = id_of(in->writer, false, &r.writer);
    for (size_t i = 0; i < in->n_entries && err == 0; i++) {
        const Stratos__Entry *from = in->entries[i];
        static const uint8_t none[1];
        if (from->key.len == 0 || from->key.len > KEY_LEN_MAX)
            err = ERR_MALFORMED;
        r.entries[i] = (struct message_entry){
            .key = {from->key.data, from->key.len},
            .value = {from->value.len ? from->value.data : none, from->value.len},
            .number = from->number,
            .generation = from->generation,
            .stamp = from->stamp,
        };
        if (from->deleted)
            r.entries[i].value = (struct bytes){0};
    }
    if (err == 0)
        *ret_range = r;
    return err;
}

static bool are_below(const uint32_t *list, size_t n, uint32_t bound)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] >= bound)
            return false;
    }
    return true;
}

/* How what was seen is compared. */
static int parts_of(const Stratos__Message *in, struct message *m)
{
    bool is_of_buckets = in->kind == MESSAGE_BUCKET_PARTS;
    size_t n_parts = (is_of_buckets ? in->n_listed : 1) * MESSAGE_PARTS;
    if ((in->n_parts != 0 && in->n_parts != n_parts) ||
        (is_of_buckets && in->n_listed > MESSAGE_PARTED_MAX) ||
        (in->listed_parts.len != 0 &&
         in->listed_parts.len != in->n_listed * (MESSAGE_PARTS / 8)) ||
        in->n_differing > MESSAGE_PARTS || in->n_unsaid > MESSAGE_PARTS ||
        !are_below(in->differing, in->n_differing, MESSAGE_PARTS) ||
        !are_below(in->unsaid, in->n_unsaid, MESSAGE_PARTS))
        return ERR_MALFORMED;
    m->parts = in->parts;
    m->n_parts = in->n_parts;
    if (in->listed_parts.len != 0)
        m->listed_parts = (struct bytes){in->listed_parts.data, in->listed_parts.len};
    m->differing = in->differing;
    m->n_differing = in->n_differing;
    m->unsaid = in->unsaid;
    m->n_unsaid = in->n_unsaid;
    return 0;
}

static int older_of(const Stratos__Seen *from, struct message_seen *to)
{
    memset(to->older, 0, sizeof(to->older));
    if (from->n_older > 2 * MESSAGE_OLDER || from->n_older % 2 != 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < from->n_older / 2; i++)
        to->older[i] = (struct message_life){from->older[2 * i], from->older[2 * i + 1]};
    return 0;
}

static int lists_of(const Stratos__Message *in, struct arena *a, struct message *m)
{
    m->members = arena_array(a, in->n_members, sizeof(*m->members));
    m->ranges = arena_array(a, in->n_ranges, sizeof(*m->ranges));
    m->seen = arena_array(a, in->n_seen, sizeof(*m->seen));
    if (!m->members || !m->ranges || !m->seen)
        return -ENOMEM;
    int err = 0;
    for (; m->n_members < in->n_members && err == 0; m->n_members++)
        err = member_of(in->members[m->n_members], &m->members[m->n_members]);
    for (; m->n_ranges < in->n_ranges && err == 0; m->n_ranges++)
        err = range_of(in->ranges[m->n_ranges], a, &m->ranges[m->n_ranges]);
    for (; m->n_seen < in->n_seen && err == 0; m->n_seen++) {
        const Stratos__Seen *from = in->seen[m->n_seen];
        struct message_seen *to = &m->seen[m->n_seen];
        err = id_of(from->writer, false, &to->writer);
        to->epoch = from->epoch;
        to->number = from->number;
        to->is_stale = from->is_stale;
        to->before_epoch = from->before_epoch;
        to->before_number = from->before_number;
        err = err < 0 ? err : older_of(from, to);
    }
    if (!are_below(in->listed, in->n_listed, MESSAGE_BUCKETS) || parts_of(in, m) < 0)
        err = ERR_MALFORMED;
    if (in->coordinate.len != 0 && in->coordinate.len != MESSAGE_COORDINATE)
        err = ERR_MALFORMED;
    if (in->coordinate.len != 0)
        m->coordinate = (struct bytes){in->coordinate.data, in->coordinate.len};
    if (in->n_buckets != 0 && in->n_buckets != MESSAGE_BUCKETS)
        err = ERR_MALFORMED;
    m->buckets = in->buckets;
    m->n_buckets = in->n_buckets;
    m->listed = in->listed;
    m->n_listed = in->n_listed;
    m->items = in->items;
    m->n_items = in->n_items;
    return err;
}

int message_decode(struct bytes in, struct arena *arena, struct message *ret_message)
{
    ProtobufCAllocator allocator = {allocate, release, arena};
    const Stratos__Message *wire = stratos__message__unpack(&allocator, in.len, in.at);
    if (!wire || !wire->sender || wire->kind < MESSAGE_PING ||
        wire->kind >= MESSAGE_KINDS)
        return ERR_MALFORMED;
    struct message m = {
        .kind = (enum message_kind)wire->kind,
        .sequence = wire->sequence,
        .has_target = wire->target != NULL,
        .digest = wire->digest,
        .members_digest = wire->members_digest,
        .graves = wire->graves,
        .known_epoch = wire->known_epoch,
        .known_number = wire->known_number,
        .at_unix_ms = wire->at_unix_ms,
        .epoch = wire->epoch,
    };
    int err = member_of(wire->sender, &m.sender);
    if (err == 0)
        err = id_of(wire->to, true, &m.to);
    if (err == 0 && m.has_target)
        err = member_of(wire->target, &m.target);
    if (err == 0)
        err = endpoint_of(wire->observed, &m.observed);
    if (err == 0)
        err = lists_of(wire, arena, &m);
    if (err == 0)
        *ret_message = m;
    return err;
}

/* ---- sizes ---- */

size_t message_member_size(const struct message_member *member)
{
    /* Tag and length of the whole (2), id and accuser (18 each), endpoint (8 or 20), state
     * (2), incarnation (2 to 6), tag and length of the name (2). */
    size_t size = 2 + 18 + (member->endpoint.family == 4 ? 8 : 20) + 2 + 2;
    size += member->incarnation < 128 ? 2 : 6;
    size += node_id_is_zero(member->accuser) ? 0 : 18;
    size += member->second.family == 0 ? 0 : member->second.family == 4 ? 8 : 20;
    return size + (member->name ? strlen(member->name) : 0);
}

size_t message_entry_size(struct bytes key, struct bytes value)
{
    /* Tags and lengths (4 + 3 + 5), deleted (2), number and generation (11 each), stamp
     * (9). */
    return 45 + key.len + (value.at ? value.len : 0);
}

/* Comparing tables while somebody interferes.
 *
 * Two honest machines, each with entries of its own, talk to each other through streams whose
 * frames may be lost with the stream, and hear in between what a hostile member makes up: on its own
 * streams, in the other's name within theirs, in datagrams.  The input is the script.  Then the
 * hostile member falls silent, and within a bound both hold the same table. */
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/table/table.h"
#include "tests/lib/hostile.h"

enum {
    EVENTS_MAX = 120,
    ENTRIES_SOME = 200, /* of one machine at the start */
    ENTRIES_MANY = 700, /* enough for the table's trees to grow and shrink */
    FRAMES_MAX = 4096,  /* under way at one time */
    LINKS_MAX = 256,    /* streams ever opened; more are refused */
    ARENA = 16 << 20,
    QUIET_MS = 1200 * 1000, /* the bound */
    BEACON_MS = 30 * 1000,
};

static const uint32_t incoming = (uint32_t)1 << 31;

enum event {
    EVENT_DELIVER,
    EVENT_DELIVER_ALL,
    EVENT_TICK,
    EVENT_WRITE,
    EVENT_BREAK,
    EVENT_DATAGRAM,
    EVENT_FRAME,
    EVENT_IN_NAME, /* a hostile frame on a stream of the honest two */
    EVENT_KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct gossip *gossip;
    struct gossip_effects fx;
};

/* A stream between the two: the opener knows it by its own number, the other by the place. */
struct link {
    uint32_t id; /* of the opener */
    unsigned opener;
    bool is_open;
};

struct frame {
    unsigned to;
    size_t link; /* LINKS_MAX: a datagram */
    struct bytes bytes;
};

struct pair_of {
    struct machine side[2];
    struct arena arena;   /* of frames under way */
    struct arena scratch; /* of one event */
    struct link links[LINKS_MAX];
    size_t n_links;
    struct frame frames[FRAMES_MAX];
    size_t first, n_frames;
    uint64_t now_ms;
};

static uint32_t id_at(const struct pair_of *p, unsigned side, size_t link)
{
    const struct link *l = &p->links[link];
    return l->opener == side ? l->id : incoming | (uint32_t)(link + 1);
}

static struct link *find_link(struct pair_of *p, unsigned side, uint32_t id)
{
    for (size_t i = 0; i < p->n_links; i++) {
        if (p->links[i].is_open && id_at(p, side, i) == id)
            return &p->links[i];
    }
    return NULL;
}

/* ---- effects ---- */

static void put_frame(struct pair_of *p, unsigned to, size_t link, struct bytes bytes)
{
    struct bytes copy = arena_bytes(&p->arena, bytes);
    if (!copy.at || p->first + p->n_frames == FRAMES_MAX)
        return;
    p->frames[p->first + p->n_frames++] = (struct frame){to, link, copy};
}

static void perform(struct pair_of *p, unsigned side);

/* To the other machine, or to nobody: then it fails at once. */
static void open_link(struct pair_of *p, unsigned side, const struct gossip_effect *e)
{
    struct endpoint other = hostile_endpoint(1 - side);
    if (!endpoint_equal(&e->endpoint, &other) || p->n_links == LINKS_MAX) {
        gossip_stream_closed(p->side[side].gossip, p->now_ms, e->stream,
                             &p->side[side].fx);
        return;
    }
    p->links[p->n_links++] = (struct link){e->stream, side, true};
    gossip_stream_opened(p->side[1 - side].gossip, p->now_ms,
                         id_at(p, 1 - side, p->n_links - 1), hostile_id(side),
                         &p->side[1 - side].fx);
    gossip_stream_opened(p->side[side].gossip, p->now_ms, e->stream, hostile_id(1 - side),
                         &p->side[side].fx);
}

static void close_link(struct pair_of *p, unsigned side, uint32_t id)
{
    struct link *l = find_link(p, side, id);
    if (!l)
        return;
    /* What was sent before still arrives; then the other side hears of the end. */
    put_frame(p, 1 - side, (size_t)(l - p->links),
              (struct bytes){(const uint8_t *)"", 0});
}

static void perform(struct pair_of *p, unsigned side)
{
    struct machine *m = &p->side[side];
    for (size_t i = 0; i < m->fx.n; i++) { /* some calls below add to the list */
        struct gossip_effect e = m->fx.list[i];
        struct endpoint other = hostile_endpoint(1 - side);
        if (e.kind == GOSSIP_SEND && endpoint_equal(&e.endpoint, &other))
            put_frame(p, 1 - side, LINKS_MAX, e.bytes);
        else if (e.kind == GOSSIP_STREAM_SEND && find_link(p, side, e.stream))
            put_frame(p, 1 - side, (size_t)(find_link(p, side, e.stream) - p->links),
                      e.bytes);
        else if (e.kind == GOSSIP_STREAM_OPEN)
            open_link(p, side, &e);
        else if (e.kind == GOSSIP_STREAM_CLOSE)
            close_link(p, side, e.stream);
    }
    gossip_effects_clear(&m->fx);
    if (p->side[1 - side].fx.n > 0)
        perform(p, 1 - side);
}

static void deliver(struct pair_of *p)
{
    struct frame f = p->frames[p->first++];
    struct machine *m = &p->side[f.to];
    p->n_frames--;
    if (f.link == LINKS_MAX) {
        (void)gossip_receive(m->gossip, p->now_ms, p->now_ms, hostile_endpoint(1 - f.to),
                             f.bytes, &m->fx);
    } else if (p->links[f.link].is_open && f.bytes.len > 0) {
        (void)gossip_stream_frame(m->gossip, p->now_ms, p->now_ms, id_at(p, f.to, f.link),
                                  f.bytes, &m->fx);
    } else if (p->links[f.link].is_open) {
        p->links[f.link].is_open = false;
        gossip_stream_closed(m->gossip, p->now_ms, id_at(p, f.to, f.link), &m->fx);
    }
    perform(p, f.to);
    if (p->n_frames == 0) {
        p->first = 0;
        arena_clear(&p->arena);
    }
}

static void deliver_all(struct pair_of *p)
{
    for (unsigned n = 0; p->n_frames > 0 && n < FRAMES_MAX; n++)
        deliver(p);
}

static void tick(struct pair_of *p)
{
    for (unsigned side = 0; side < 2; side++) {
        gossip_tick(p->side[side].gossip, p->now_ms, p->now_ms, &p->side[side].fx);
        perform(p, side);
    }
}

/* ---- the script ---- */

/* Some entries in common and some not; of many, each is written twice. */
static void write_entries(struct pair_of *p, unsigned side, uint8_t pick)
{
    static const uint8_t value[3000];
    struct machine *m = &p->side[side];
    unsigned n = pick < ENTRIES_SOME ? pick : 2 * ENTRIES_MANY;
    for (unsigned i = 0; i < n; i++) {
        char *key = arena_printf(&p->scratch, "var/%u", i % ENTRIES_MANY * (side + 1));
        struct bytes some = {value, i % 16 == 0 ? sizeof(value) : i % 7 + 1};
        (void)gossip_publish(m->gossip, p->now_ms, p->now_ms, bytes_of_text(key), some,
                             NULL, &m->fx);
        gossip_effects_clear(&m->fx);
        arena_clear(&p->scratch);
    }
}

static void begin(struct pair_of *p, unsigned side, uint8_t pick)
{
    struct endpoint other = hostile_endpoint(1 - side);
    struct machine *m = &p->side[side];
    struct gossip_options options = {
        .id = hostile_id(side),
        .name = side ? "n2" : "n1",
        .endpoint = hostile_endpoint(side),
        .profile = &gossip_profile_local,
        .epoch = 1,
        .seed = 1 + side,
    };
    gossip_effects_init(&m->fx);
    m->gossip = gossip_new(&options, p->now_ms);
    if (!m->gossip)
        abort();
    gossip_join(m->gossip, p->now_ms, &other, side, &m->fx);
    perform(p, side);
    write_entries(p, side, pick);
}

static void hostile(struct pair_of *p, enum event event, unsigned side,
                    struct reader *script)
{
    struct machine *m = &p->side[side];
    uint8_t pick = reader_u8(script);
    struct hostile_truth truth = {
        .number = gossip_number(m->gossip),
        .epoch = gossip_epoch(m->gossip),
        .digest = table_digest(gossip_table(m->gossip)),
        .buckets = gossip_table(m->gossip)->hashes,
    };
    struct message message;
    struct bytes bytes;
    if (!hostile_message(script, &p->scratch, &truth, &message))
        return;
    if (event == EVENT_IN_NAME) {
        message.sender.id = hostile_id(1 - side);
        message.sender.endpoint = hostile_endpoint(1 - side);
        message.sender.name = side ? "n1" : "n2";
    }
    if (message_encode(&message, &p->scratch, &bytes) < 0 || bytes.len > FRAME_MAX)
        return;
    uint32_t stream = incoming | (0x10000u + pick % 4);
    if (event == EVENT_IN_NAME && p->n_links > 0)
        stream = id_at(p, side, p->n_links - 1 - pick % p->n_links);
    if (event == EVENT_DATAGRAM && bytes.len <= MESSAGE_DATAGRAM_MAX)
        (void)gossip_receive(m->gossip, p->now_ms, p->now_ms, hostile_endpoint(pick),
                             bytes, &m->fx);
    if (event == EVENT_FRAME)
        gossip_stream_opened(m->gossip, p->now_ms, stream, (struct node_id){0}, &m->fx);
    if (event != EVENT_DATAGRAM)
        (void)gossip_stream_frame(m->gossip, p->now_ms, p->now_ms, stream, bytes, &m->fx);
    perform(p, side);
}

static void break_link(struct pair_of *p, size_t i)
{
    if (i >= p->n_links || !p->links[i].is_open)
        return;
    for (unsigned side = 0; side < 2; side++)
        gossip_stream_closed(p->side[side].gossip, p->now_ms, id_at(p, side, i),
                             &p->side[side].fx);
    p->links[i].is_open = false;
}

static void step(struct pair_of *p, struct reader *script)
{
    static const uint64_t waits_ms[] = {700000, 5, 20, 50, 100, 200, 1000, 20000};
    uint8_t what = reader_u8(script);
    enum event event = (enum event)(what % EVENT_KINDS);
    unsigned side = what / EVENT_KINDS % 2;
    if (event >= EVENT_DATAGRAM) {
        hostile(p, event, side, script);
    } else if (event == EVENT_DELIVER && p->n_frames > 0) {
        deliver(p);
    } else if (event == EVENT_DELIVER_ALL) {
        deliver_all(p);
    } else if (event == EVENT_TICK) {
        p->now_ms += waits_ms[what / EVENT_KINDS % 8];
        tick(p);
    } else if (event == EVENT_BREAK && p->n_links > 0) {
        break_link(p, p->n_links - 1 - what / EVENT_KINDS % p->n_links);
    } else if (event == EVENT_WRITE) {
        struct bytes key = hostile_key(script, &p->scratch),
                     value = hostile_value(script, &p->scratch);
        if (reader_error(script) == 0)
            (void)gossip_publish(p->side[side].gossip, p->now_ms, p->now_ms, key, value,
                                 NULL, &p->side[side].fx);
        perform(p, side);
    }
}

/* ---- afterwards ---- */

static bool is_equal(const struct pair_of *p)
{
    return table_digest(gossip_table(p->side[0].gossip)) ==
           table_digest(gossip_table(p->side[1].gossip));
}

static void break_all(struct pair_of *p)
{
    deliver_all(p);
    for (size_t i = 0; i < p->n_links; i++)
        break_link(p, i);
    p->n_links = 0;
}

/* Who was told of each other that they left look for nobody: beacons bring them together, which a
 * node that believes to be alone sends and hears for ever. */
static void meet(struct pair_of *p)
{
    for (unsigned side = 0; side < 2; side++) {
        gossip_meet(p->side[side].gossip, p->now_ms, hostile_endpoint(1 - side),
                    &p->side[side].fx);
        perform(p, side);
    }
}

static void settle(struct pair_of *p)
{
    uint64_t end_ms = p->now_ms + QUIET_MS, beacon_ms = p->now_ms;
    break_all(p);
    while (!is_equal(p) && p->now_ms < end_ms) {
        uint64_t next_ms = end_ms;
        for (unsigned side = 0; side < 2; side++) {
            uint64_t at = gossip_deadline_ms(p->side[side].gossip);
            next_ms = at < next_ms ? at : next_ms;
        }
        p->now_ms = next_ms > p->now_ms ? next_ms : p->now_ms + 1;
        if (p->now_ms >= beacon_ms) {
            beacon_ms = p->now_ms + BEACON_MS;
            meet(p);
        }
        if (p->n_links > LINKS_MAX / 2)
            break_all(p);
        tick(p);
        deliver_all(p);
    }
    if (!is_equal(p))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pair_of p;
    struct reader script = reader_of((struct bytes){data, size});
    p = (struct pair_of){.now_ms = 1000};
    arena_init(&p.arena, ARENA);
    arena_init(&p.scratch, ARENA);
    begin(&p, 0, reader_u8(&script));
    begin(&p, 1, reader_u8(&script));
    for (int i = 0; i < EVENTS_MAX && reader_error(&script) == 0; i++) {
        step(&p, &script);
        arena_clear(&p.scratch);
    }
    settle(&p);
    for (unsigned side = 0; side < 2; side++) {
        if (hostile_harm(p.side[side].gossip, hostile_id(side)))
            abort();
        gossip_free(p.side[side].gossip);
        gossip_effects_fini(&p.side[side].fx);
    }
    arena_fini(&p.arena);
    arena_fini(&p.scratch);
    return 0;
}

/* The unsealed step: a hostile member that has the secret, against one whole machine.
 *
 * The input is the number of other members, and a script of what happens: messages as tests/lib/hostile.c makes them up, in datagrams
 * and on streams of either side, streams that open, fail and close, own writes, time that passes, a
 * restart from the store.  Whatever it was, what the machine sends can be decoded and fits, its
 * digests are right, it comes to rest until a deadline that lies ahead, and what it stored brings
 * the same table back. */
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/spread/lives.h"
#include "tests/lib/hostile.h"

enum {
    CROWD_MAX = 48,
    EVENTS_MAX = 200,
    STREAMS_IN = 6,
    RESTLESS_MAX = 256,
    ARENA = 4 << 20
};

enum event {
    EVENT_DATAGRAM,
    EVENT_FRAME,
    EVENT_OWN_FRAME,
    EVENT_TICK,
    EVENT_WRITE,
    EVENT_OPENED,
    EVENT_CLOSED,
    EVENT_REFUSED,
    EVENT_FORGET,
    EVENT_MEET,
    EVENT_LEAVE,
    EVENT_RESTART,
    EVENT_KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct gossip *gossip;
    struct gossip_effects fx;
    struct store *store;
    struct arena arena; /* of one event */
    struct hostile_truth truth;
    uint64_t now_ms, unix_ms;
    uint32_t own_stream; /* the newest we opened */
    bool is_store_behind;
};

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- what the machine does ---- */

static void check_message(struct machine *m, struct bytes bytes, size_t max)
{
    struct message sent;
    must(bytes.len <= max);
    must(message_decode(bytes, &m->arena, &sent) == 0);
    must(node_id_equal(sent.sender.id, hostile_id(0)));
    if (sent.kind == MESSAGE_PING && sent.sequence)
        m->truth.sequence = sent.sequence;
}

static void perform(struct machine *m)
{
    struct err err;
    for (size_t i = 0; i < m->fx.n; i++) {
        const struct gossip_effect *e = &m->fx.list[i];
        if (e->kind == GOSSIP_SEND)
            check_message(m, e->bytes, MESSAGE_DATAGRAM_MAX);
        else if (e->kind == GOSSIP_STREAM_SEND)
            check_message(m, e->bytes, FRAME_MAX);
        else if (e->kind == GOSSIP_STREAM_OPEN)
            m->own_stream = e->stream;
        else if (e->kind == GOSSIP_PERSIST)
            (void)store_write(m->store, e->changes, e->n_changes, e->is_synced, &err);
        arena_clear(&m->arena);
    }
    m->is_store_behind = m->is_store_behind || m->fx.n_lost > 0;
    gossip_effects_clear(&m->fx);
}

static void tick(struct machine *m)
{
    gossip_tick(m->gossip, m->now_ms, m->unix_ms, &m->fx);
    perform(m);
    unsigned n = 0;
    for (; gossip_deadline_ms(m->gossip) <= m->now_ms && n < RESTLESS_MAX; n++) {
        gossip_tick(m->gossip, m->now_ms, m->unix_ms, &m->fx);
        perform(m);
    }
    must(n < RESTLESS_MAX); /* else its host would turn for ever */
}

/* ---- its life ---- */

static void start(struct machine *m)
{
    struct gossip_options options = {
        .id = hostile_id(0),
        .name = "n1",
        .endpoint = hostile_endpoint(0),
        .profile = &gossip_profile_lan,
        .epoch = 1,
        .seed = 1,
    };
    m->gossip = gossip_new(&options, m->now_ms);
    must(m->gossip != NULL);
    m->own_stream = 0;
}

static void join(struct machine *m)
{
    const struct endpoint seed = hostile_endpoint(1);
    gossip_join(m->gossip, m->now_ms, &seed, 1, &m->fx);
    perform(m);
}

struct restoring {
    struct gossip *gossip;
    enum store_space space;
};

static int restore_one(void *ctx, struct bytes key, struct bytes value)
{
    struct restoring *to = ctx;
    must(gossip_restore(to->gossip, to->space, key, value) == 0);
    return 0;
}

static void restart(struct machine *m)
{
    struct gossip *old = m->gossip;
    struct err err;
    start(m);
    for (int space = 0; space < STORE_SPACES; space++) {
        struct restoring to = {m->gossip, (enum store_space)space};
        (void)store_each(m->store, to.space, (struct bytes){0}, restore_one, &to, &err);
    }
    must(m->is_store_behind ||
         table_digest(gossip_table(m->gossip)) == table_digest(gossip_table(old)));
    join(m);
    must(m->is_store_behind || gossip_epoch(m->gossip) > gossip_epoch(old) ||
         gossip_epoch(old) >= EPOCH_MAX);
    gossip_free(old);
}

/* Members that say nothing: beyond some thirty, fresh entries take other ways. */
static void hear_of_crowd(struct machine *m, unsigned n)
{
    struct message_member member[CROWD_MAX];
    struct message message = {.kind = MESSAGE_PING, .members = member, .n_members = n};
    uint32_t stream = (uint32_t)1 << 31 | 99;
    message.sender = (struct message_member){.id = hostile_id(1),
                                             .name = "n2",
                                             .endpoint = hostile_endpoint(1),
                                             .incarnation = 1};
    for (unsigned i = 0; i < n; i++)
        member[i] = (struct message_member){.id = {{(uint8_t)(i + 3), 9}},
                                            .name = "crowd",
                                            .endpoint = hostile_endpoint(2),
                                            .incarnation = 1};
    struct bytes bytes;
    must(message_encode(&message, &m->arena, &bytes) == 0);
    gossip_stream_opened(m->gossip, m->now_ms, stream, (struct node_id){0}, &m->fx);
    (void)gossip_stream_frame(m->gossip, m->now_ms, m->unix_ms, stream, bytes, &m->fx);
    perform(m);
}

static void overhear(struct machine *m)
{
    m->truth.number = gossip_number(m->gossip);
    m->truth.epoch = gossip_epoch(m->gossip);
    m->truth.digest = table_digest(gossip_table(m->gossip));
}

static void hear(struct machine *m, enum event event, struct reader *script)
{
    struct message message;
    struct bytes bytes;
    uint8_t pick = reader_u8(script);
    uint32_t stream = event == EVENT_OWN_FRAME
                          ? m->own_stream
                          : (uint32_t)1 << 31 | (pick % STREAMS_IN + 1u);
    overhear(m);
    if (!hostile_message(script, &m->arena, &m->truth, &message) ||
        message_encode(&message, &m->arena, &bytes) < 0)
        return;
    if (event == EVENT_DATAGRAM) {
        if (bytes.len <= MESSAGE_DATAGRAM_MAX)
            (void)gossip_receive(m->gossip, m->now_ms, m->unix_ms, hostile_endpoint(pick),
                                 bytes, &m->fx);
    } else if (bytes.len <= FRAME_MAX) {
        (void)gossip_stream_frame(m->gossip, m->now_ms, m->unix_ms, stream, bytes,
                                  &m->fx);
    }
    perform(m);
}

static void pass_time(struct machine *m, uint8_t pick)
{
    static const uint64_t waits_ms[] = {
        0,    1,    10,    50,    100,    200,     500,         1000,
        2000, 5000, 20000, 60000, 600000, 3600000, 6 * 3600000, 100 * 3600000};
    uint64_t deadline_ms = gossip_deadline_ms(m->gossip);
    if (pick & 0x80 && deadline_ms != UINT64_MAX && deadline_ms > m->now_ms)
        m->now_ms = deadline_ms;
    else
        m->now_ms += waits_ms[pick % 16];
    if (pick & 0x10)
        gossip_set_us(m->gossip, m->now_ms * 1000 + pick);
    m->unix_ms = pick & 0x40 ? m->unix_ms + (pick & 0x20 ? 1u << 30 : 1u) : m->now_ms;
    tick(m);
}

static void write_own(struct machine *m, struct reader *script)
{
    struct bytes key = hostile_key(script, &m->arena),
                 value = hostile_value(script, &m->arena);
    if (reader_error(script) == 0)
        (void)gossip_publish(m->gossip, m->now_ms, m->unix_ms, key, value, NULL, &m->fx);
    perform(m);
}

static void step(struct machine *m, struct reader *script)
{
    enum event event = (enum event)(reader_u8(script) % EVENT_KINDS);
    if (event <= EVENT_OWN_FRAME) {
        hear(m, event, script);
        return;
    }
    uint8_t pick = event == EVENT_WRITE ? 0 : reader_u8(script);
    uint32_t stream =
        pick & 0x80 ? m->own_stream : (uint32_t)1 << 31 | (pick % STREAMS_IN + 1u);
    struct node_id peer = pick & 0x40 ? hostile_id(pick) : (struct node_id){0};
    if (reader_error(script) != 0)
        return;
    if (event == EVENT_TICK)
        pass_time(m, pick);
    else if (event == EVENT_WRITE)
        write_own(m, script);
    else if (event == EVENT_OPENED)
        gossip_stream_opened(m->gossip, m->now_ms, stream, peer, &m->fx);
    else if (event == EVENT_CLOSED && pick & 0x20)
        gossip_stream_failed(m->gossip, m->now_ms, stream,
                             (enum knock)(pick % (KNOCK_MEMBER + 1)), &m->fx);
    else if (event == EVENT_CLOSED)
        gossip_stream_closed(m->gossip, m->now_ms, stream, &m->fx);
    else if (event == EVENT_REFUSED)
        gossip_refused(m->gossip, m->now_ms, hostile_endpoint(pick), &m->fx);
    else if (event == EVENT_FORGET)
        (void)gossip_forget(m->gossip, m->now_ms, hostile_id(pick), &m->fx);
    else if (event == EVENT_MEET && pick & 0x80)
        (void)gossip_knock(m->gossip, m->now_ms, hostile_endpoint(pick), &m->fx);
    else if (event == EVENT_MEET)
        gossip_meet(m->gossip, m->now_ms, hostile_endpoint(pick), &m->fx);
    else if (event == EVENT_LEAVE && pick == 0)
        gossip_leave(m->gossip, m->now_ms, &m->fx);
    else if (event == EVENT_RESTART)
        restart(m);
    perform(m);
}

/* What hosts ask between steps. */
static int count_one(void *ctx, const struct entry *e)
{
    must(e->value.at != NULL);
    ++*(size_t *)ctx;
    return 0;
}

static void read_all(const struct machine *m)
{
    const struct gossip *g = m->gossip;
    const struct members *members = gossip_members(g);
    size_t n = 0, n_live = members_count_state(members, MEMBER_ALIVE) +
                           members_count_state(members, MEMBER_SUSPECT);
    (void)table_each(gossip_table(g), (struct bytes){0}, count_one, &n);
    must(n == table_count(gossip_table(g)));
    const struct seen_number *seen;
    size_t n_seen = gossip_seen(g, &seen);
    for (size_t i = 1; i < n_seen; i++)
        must(node_id_compare(seen[i - 1].writer, seen[i].writer) < 0);
    int64_t ahead_ms = 0;
    must(gossip_skew(g, m->now_ms, m->unix_ms, &ahead_ms) <= n_live);
    must(gossip_newest_ms(g) <= m->now_ms);
    (void)gossip_rumors(g);
    must(gossip_known_by(g, gossip_number(g)) <= n_live + 1); /* a leaver counts itself */
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *member = members_at(members, i);
        struct peer_view view;
        (void)gossip_peer(g, member->id, &view);
        must(gossip_rtt_us(g, hostile_id(0), member->id) <= 1u << 30);
        (void)members_may_share_name(member);
    }
    must(hostile_harm(g, hostile_id(0)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine m = {.now_ms = 1000, .unix_ms = 1000, .store = store_mem_new()};
    struct reader script = reader_of((struct bytes){data, size});
    must(m.store != NULL);
    gossip_effects_init(&m.fx);
    arena_init(&m.arena, ARENA);
    start(&m);
    join(&m);
    hear_of_crowd(&m, reader_u8(&script) % CROWD_MAX);
    for (int i = 0; i < EVENTS_MAX && reader_error(&script) == 0; i++) {
        step(&m, &script);
        arena_clear(&m.arena);
    }
    read_all(&m);
    m.now_ms += 1;
    tick(&m);
    restart(&m);
    read_all(&m);
    gossip_free(m.gossip);
    gossip_effects_fini(&m.fx);
    arena_fini(&m.arena);
    store_close(m.store);
    return 0;
}

/* Datagrams and streams between simulated nodes.  See wire.h. */
#include "tests/sim/wire.h"

#include <assert.h>
#include <stdlib.h>

#include "core/err.h"
#include "proto/codec.h"
#include "tests/sim/move.h"
#include "tests/sim/seal.h"
#include "tests/sim/secret.h"

enum { STREAM_ACCEPTED = 1u << 31, FLAP_PERIOD_MS = 700 };

/* One stream, seen by both of its ends. */
struct sim_stream {
    struct sim_stream *next;
    struct end {
        unsigned node;
        uint64_t boot;
        uint32_t id;
        uint64_t last_ms; /* frames arrive in order */
        bool is_closed;
    } ends[2];
};

/* ---- datagrams ---- */

static uint64_t delay(struct sim *s)
{
    uint32_t span = s->options.delay_max_ms - s->options.delay_min_ms + 1;
    return s->options.delay_min_ms + rng_below(&s->rng, span);
}

static bool is_cut(const struct sim *s, unsigned from, unsigned to)
{
    bool is_flapping = (from == s->flap[0] && to == s->flap[1]) ||
                       (from == s->flap[1] && to == s->flap[0] && !s->is_flap_one_way);
    bool is_down = s->is_flap_steady || s->now_ms / FLAP_PERIOD_MS % 2;
    if (is_flapping && s->now_ms < s->flap_until_ms && is_down)
        return true;
    if (!s->is_partitioned || s->nodes[from].side == s->nodes[to].side)
        return false;
    return !s->options.is_asymmetric || s->nodes[from].side < s->nodes[to].side;
}

static int node_at(const struct sim *s, const struct endpoint *e)
{
    unsigned i = (unsigned)e->address[2] << 8 | e->address[3];
    bool is_host = i < sim_n_hosts(s) && endpoint_equal(&s->nodes[i].host, e);
    return is_host ? (int)i : -1;
}

/* Count what a cluster at rest has no need to say; see scenario.c. */
static void listen(struct sim *s, struct bytes in)
{
    struct arena arena;
    struct message m;
    arena_init(&arena, 0);
    if (s->is_listening && message_decode(in, &arena, &m) == 0) {
        for (size_t i = 0; i < m.n_members; i++) /* but for who is told of itself */
            s->n_rumors += !node_id_equal(m.members[i].id, m.to);
        s->n_table_messages += m.kind == MESSAGE_PUSH || m.kind == MESSAGE_SEEN ||
                               m.kind == MESSAGE_HAVE || m.kind == MESSAGE_GRAFT ||
                               m.kind == MESSAGE_PRUNE || m.kind == MESSAGE_LIST;
    }
    arena_fini(&arena);
}

/* It arrives, and perhaps once more. */
static void arrive(struct sim *s, enum event_kind kind, unsigned from, unsigned to,
                   struct bytes in)
{
    bool is_copied = rng_chance(&s->rng, s->duplication_now);
    struct sim_nonce nonce = seal_next(s, from, to, is_copied);
    for (int copies = is_copied ? 2 : 1; copies > 0; copies--) {
        struct sim_event *arrival = event_new(s, kind, to, delay(s), in);
        arrival->peer = from;
        arrival->nonce = nonce;
        arrival->sealed = s->nodes[from].keys.secrets[0];
        event_push(s, arrival);
    }
}

void wire_beacon(struct sim *s, unsigned from, unsigned to, struct bytes beacon)
{
    bool is_linked = move_is_bound(&s->nodes[from]) && s->nodes[to].host.family != 0;
    if (is_linked && !is_cut(s, from, to) && !rng_chance(&s->rng, s->loss_now))
        arrive(s, EVENT_BEACON, from, to, beacon);
}

void wire_datagram(struct sim *s, unsigned from, const struct gossip_effect *e)
{
    int to = node_at(s, &e->endpoint);
    s->n_datagrams++;
    listen(s, e->bytes);
    if (to < 0 || !move_is_bound(&s->nodes[from]) || is_cut(s, from, (unsigned)to) ||
        rng_chance(&s->rng, s->loss_now)) {
        s->n_dropped++;
        return;
    }
    if (!s->nodes[to].node || !move_is_bound(&s->nodes[to])) {
        /* the host is there, the agent is not */
        struct sim_event *refused =
            event_new(s, EVENT_REFUSED, from, 2 * delay(s), (struct bytes){0});
        refused->peer = (unsigned)to;
        event_push(s, refused);
        return;
    }
    arrive(s, EVENT_DATAGRAM, from, (unsigned)to, e->bytes);
}

/* ---- streams ---- */

static struct sim_stream *stream_find(struct sim *s, unsigned node, uint32_t id,
                                      int *ret_end)
{
    for (struct sim_stream *at = s->streams; at; at = at->next) {
        for (int i = 0; i < 2; i++) {
            struct end *end = &at->ends[i];
            if (end->node == node && end->id == id && end->boot == s->nodes[node].boot &&
                !end->is_closed) {
                *ret_end = i;
                return at;
            }
        }
    }
    return NULL;
}

static void stream_event(struct sim *s, struct sim_stream *stream, int to,
                         enum event_kind kind, struct bytes payload)
{
    struct end *end = &stream->ends[to];
    uint64_t at = s->now_ms + delay(s);
    if (at < end->last_ms)
        at = end->last_ms;
    end->last_ms = at;
    struct sim_event *e = event_new(s, kind, end->node, at - s->now_ms, payload);
    e->boot = end->boot;
    e->stream = end->id;
    event_push(s, e);
}

/* Who the handshake has proven the other end to be; zero when it has gone meanwhile. */
struct node_id wire_stream_peer(struct sim *s, const struct sim_event *e)
{
    int end;
    struct sim_stream *stream = stream_find(s, e->node, e->stream, &end);
    return stream ? s->nodes[stream->ends[!end].node].id : (struct node_id){0};
}

static enum knock how_it_fails(const struct sim *s, unsigned from, int to)
{
    if (to < 0 || !move_is_bound(&s->nodes[from]) || is_cut(s, from, (unsigned)to) ||
        is_cut(s, (unsigned)to, from))
        return KNOCK_SILENT;
    if (!s->nodes[to].node || !move_is_bound(&s->nodes[to]))
        return KNOCK_NOBODY;
    return secret_opens(&s->nodes[to].keys, &s->nodes[from].keys.secrets[0])
               ? KNOCK_NONE
               : KNOCK_SECRET;
}

void wire_stream_open(struct sim *s, unsigned from, const struct gossip_effect *e)
{
    int to = node_at(s, &e->endpoint);
    enum knock how = how_it_fails(s, from, to);
    if (how != KNOCK_NONE) {
        struct sim_event *closed =
            event_new(s, EVENT_STREAM_CLOSED, from, 3 * delay(s) + 10, (struct bytes){0});
        closed->stream = e->stream;
        closed->how = how;
        event_push(s, closed);
        return;
    }
    struct sim_stream *stream = calloc(1, sizeof(*stream));
    assert(stream);
    struct sim_node *peer = &s->nodes[to];
    stream->ends[0] = (struct end){from, s->nodes[from].boot, e->stream, 0, false};
    stream->ends[1] = (struct end){(unsigned)to, peer->boot,
                                   STREAM_ACCEPTED | peer->next_accepted++, 0, false};
    stream->next = s->streams;
    s->streams = stream;
    stream_event(s, stream, 1, EVENT_STREAM_OPENED, (struct bytes){0});
    stream_event(s, stream, 0, EVENT_STREAM_OPENED, (struct bytes){0});
}

void wire_stream_close(struct sim *s, unsigned node, uint32_t id)
{
    int end;
    struct sim_stream *stream = stream_find(s, node, id, &end);
    if (!stream)
        return;
    stream->ends[end].is_closed = true;
    stream_event(s, stream, end, EVENT_STREAM_CLOSED, (struct bytes){0});
    if (!stream->ends[!end].is_closed)
        stream_event(s, stream, !end, EVENT_STREAM_CLOSED, (struct bytes){0});
}

/* A cut or a crash breaks streams as soon as somebody uses them. */
void wire_stream_send(struct sim *s, unsigned node, const struct gossip_effect *e)
{
    int end;
    struct sim_stream *stream = stream_find(s, node, e->stream, &end);
    if (!stream)
        return;
    const struct end *other = &stream->ends[!end];
    listen(s, e->bytes);
    bool is_broken = !move_is_bound(&s->nodes[node]) ||
                     !move_is_bound(&s->nodes[other->node]) || other->is_closed ||
                     s->nodes[other->node].boot != other->boot ||
                     is_cut(s, node, other->node) || is_cut(s, other->node, node);
    if (is_broken)
        wire_stream_close(s, node, e->stream);
    else
        stream_event(s, stream, !end, EVENT_STREAM_FRAME, e->bytes);
}

void wire_sweep(struct sim *s)
{
    for (struct sim_stream **at = &s->streams; *at;) {
        struct sim_stream *stream = *at;
        bool is_over = true;
        for (int i = 0; i < 2; i++)
            is_over &= stream->ends[i].is_closed ||
                       s->nodes[stream->ends[i].node].boot != stream->ends[i].boot;
        if (!is_over) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        free(stream);
    }
}

void wire_fini(struct sim *s)
{
    while (s->streams) {
        struct sim_stream *next = s->streams->next;
        free(s->streams);
        s->streams = next;
    }
}

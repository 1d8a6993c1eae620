/* The tiny host's network: a queue of messages, and streams as pairs of ids.  See host.h.
 */
#include "host.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { DELAY_MS = 1, ACCEPTED = 1u << 31 };

enum message_kind { DATAGRAM, OPENED, FRAME, CLOSED };

struct host_message {
    enum message_kind kind;
    uint64_t due_ms;
    struct host *to;
    struct endpoint from;
    uint32_t stream;
    uint8_t epoch; /* what a datagram is sealed with; 0: it is not */
    uint8_t *at;
    size_t len;
};

/* One side of a stream; the other side has its own. */
struct host_stream {
    struct host_stream *next;
    struct host *host, *peer;
    uint32_t id, peer_id;
};

static void send_message(struct host *to, enum message_kind kind, struct endpoint from,
                         uint32_t stream, struct bytes in)
{
    struct hosts *all = to->all;
    if (all->n_queue == all->queue_cap) {
        all->queue_cap = all->queue_cap ? 2 * all->queue_cap : 256;
        all->queue = realloc(all->queue, all->queue_cap * sizeof(*all->queue));
        cr_assert_not_null(all->queue);
    }
    struct host_message m = {.kind = kind,
                             .due_ms = all->now_ms + DELAY_MS,
                             .to = to,
                             .from = from,
                             .stream = stream,
                             .len = in.len};
    m.at = malloc(in.len + 1);
    cr_assert_not_null(m.at);
    if (in.len)
        memcpy(m.at, in.at, in.len);
    all->queue[all->n_queue++] = m;
}

static struct host *host_at(struct hosts *all, struct endpoint at)
{
    for (unsigned i = 0; i < all->n; i++)
        if (endpoint_equal(all->hosts[i].nat.family
                               ? &all->hosts[i].nat
                               : &all->hosts[i].options.gossip.endpoint,
                           &at))
            return &all->hosts[i];
    return NULL;
}

static struct host_stream *stream_find(struct host *h, uint32_t id)
{
    for (struct host_stream *s = h->all->streams; s; s = s->next)
        if (s->host == h && s->id == id)
            return s;
    return NULL;
}

static void stream_add(struct host *h, uint32_t id, struct host *peer, uint32_t peer_id)
{
    struct host_stream *s = malloc(sizeof(*s));
    cr_assert_not_null(s);
    *s = (struct host_stream){h->all->streams, h, peer, id, peer_id};
    h->all->streams = s;
}

static void stream_remove(struct host_stream *s)
{
    struct host_stream **at = &s->host->all->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
}

/* Hosts with keys open only what is sealed with one of theirs. */
static uint8_t epoch_of(const struct host *h)
{
    const struct keyring *keys = node_keys(h->node);
    return keys->n ? secret_epoch(&keys->secrets[0]) : 0;
}

static bool opens(const struct host *h, uint8_t epoch)
{
    return epoch == 0 || keyring_find(node_keys(h->node), epoch);
}

void host_net_perform(struct host *h, const struct gossip_effect *e)
{
    const struct bytes none = {0};
    struct endpoint own = h->nat.family ? h->nat : h->options.gossip.endpoint;
    struct host *to = host_at(h->all, e->endpoint);
    struct host_stream *s = stream_find(h, e->stream);
    bool is_reached = to && to->node && !to->is_cut && !h->is_cut;
    if (e->kind == GOSSIP_SEND && is_reached) {
        send_message(to, DATAGRAM, own, 0, e->bytes);
        h->all->queue[h->all->n_queue - 1].epoch = epoch_of(h);
    } else if (e->kind == GOSSIP_STREAM_OPEN &&
               (!is_reached || !opens(to, epoch_of(h)))) {
        send_message(h, CLOSED, own, e->stream, none);
    } else if (e->kind == GOSSIP_STREAM_OPEN) {
        uint32_t accepted = ACCEPTED | ++to->next_accepted;
        stream_add(h, e->stream, to, accepted);
        stream_add(to, accepted, h, e->stream);
        send_message(h, OPENED, own, e->stream, none);
        send_message(to, OPENED, own, accepted, none);
    } else if (e->kind == GOSSIP_STREAM_SEND && s && !h->is_cut && !s->peer->is_cut) {
        send_message(s->peer, FRAME, own, s->peer_id, e->bytes);
    } else if (e->kind == GOSSIP_STREAM_CLOSE && s) {
        send_message(s->peer, CLOSED, own, s->peer_id, none);
        stream_remove(s);
    }
}

static struct node_id stream_peer(struct host *h, uint32_t id)
{
    const struct host_stream *s = stream_find(h, id);
    return s ? s->peer->options.gossip.id : (struct node_id){0};
}

static void deliver(const struct host_message *m)
{
    struct host *h = m->to;
    struct bytes in = {m->at, m->len};
    if (!h->node)
        return;
    h->n_unopened += !opens(h, m->epoch);
    if (!opens(h, m->epoch))
        return;
    if (m->kind == DATAGRAM)
        host_step(
            h, &(struct node_input){.kind = INPUT_DATAGRAM, .datagram = {m->from, in}});
    else if (m->kind == OPENED)
        host_step(h, &(struct node_input){
                         .kind = INPUT_STREAM_OPENED,
                         .stream = {.id = m->stream, .peer = stream_peer(h, m->stream)}});
    else if (m->kind == FRAME)
        host_step(h, &(struct node_input){.kind = INPUT_STREAM_FRAME,
                                          .stream = {.id = m->stream, .frame = in}});
    else if (h->knocked && !stream_find(h, m->stream))
        host_step(h,
                  &(struct node_input){.kind = INPUT_STREAM_FAILED,
                                       .stream = {.id = m->stream, .how = h->knocked}});
    else
        host_step(h, &(struct node_input){.kind = INPUT_STREAM_CLOSED,
                                          .stream = {.id = m->stream}});
    if (m->kind == CLOSED && stream_find(h, m->stream))
        stream_remove(stream_find(h, m->stream));
    host_perform(h);
}

uint64_t host_net_due_ms(const struct hosts *all)
{
    return all->n_queue ? all->queue[0].due_ms : UINT64_MAX;
}

void host_net_deliver(struct hosts *all)
{
    while (all->n_queue && all->queue[0].due_ms <= all->now_ms) {
        struct host_message m = all->queue[0];
        memmove(all->queue, all->queue + 1, --all->n_queue * sizeof(*all->queue));
        deliver(&m);
        free(m.at);
    }
}

void host_net_stop(struct host *h)
{
    for (struct host_stream *s = h->all->streams, *next; s; s = next) {
        next = s->next;
        if (s->peer == h)
            send_message(s->host, CLOSED, h->options.gossip.endpoint, s->id,
                         (struct bytes){0});
        if (s->host == h)
            stream_remove(s);
    }
}

void host_net_fini(struct hosts *all)
{
    while (all->streams)
        stream_remove(all->streams);
    while (all->n_queue)
        free(all->queue[--all->n_queue].at);
    free(all->queue);
}

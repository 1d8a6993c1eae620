/* How streams begin: see uv_stream.c.  The usual path: connect or accept, then the hello.  What can fail: there are
 * too many (of those in the hello the oldest goes), there is no memory, or what should come does not. */
#include <stdlib.h>

#include "gossip/uv_stream_inner.h"

enum {
    ACCEPTED_MAX = 512,  /* a probe round's fallbacks and some syncs, not all members */
    HALF_OPEN_MAX = 128, /* of them in the hello */
    STREAMS_MAX = 1024,  /* with our own */
    HELLO_MS = 5000,     /* connect and hello together; also how long a finish may take */
    IDLE_MS = 60000,     /* gossip streams; API streams live as long as HTTP says */
    KEEPALIVE_S = 30,
};

/* NULL when out of memory.  The handle is open and the stream is in the list. */
static struct uv_gossip_stream *stream_new(struct uv_gossip *g, bool is_accepted,
                                           enum stream_purpose purpose)
{
    struct uv_gossip_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->seal = sealed_stream_new(&g->keys, &g->self, !is_accepted, purpose);
    if (!s->seal || uv_tcp_init(g->loop, &s->tcp) < 0) {
        sealed_stream_free(s->seal);
        free(s);
        return NULL;
    }
    s->tcp.data = s;
    s->gossip = g;
    s->is_accepted = is_accepted;
    s->purpose = purpose;
    s->phase = is_accepted ? HELLO : CONNECTING;
    s->how = KNOCK_SILENT;
    s->moved_ms = uv_now(g->loop);
    uv_stream_link(s);
    return s;
}

static int stream_begin_hello(struct uv_gossip_stream *s)
{
    s->phase = HELLO;
    s->how = KNOCK_FOREIGN;
    (void)uv_tcp_nodelay(&s->tcp, 1);
    (void)uv_tcp_keepalive(&s->tcp, 1, KEEPALIVE_S);
    int error =
        uv_read_start((uv_stream_t *)&s->tcp, uv_stream_on_alloc, uv_stream_on_read);
    if (error == 0)
        uv_stream_write_pending(s);
    return error;
}

/* Close the half-open stream that has had the longest time for its hello. */
static bool drop_oldest_half_open(struct uv_gossip *g)
{
    struct uv_gossip_stream *s = g->first;
    while (s && (!s->is_accepted || s->was_open))
        s = s->next;
    if (!s)
        return false;
    g->metrics->streams_refused++;
    uv_stream_drop(s);
    return true;
}

/* Top bit set, and of no stream that is there. */
static uint32_t accepted_id(struct uv_gossip *g)
{
    uint32_t id;
    do {
        id = UINT32_C(1) << 31 | g->next_id++;
    } while (uv_stream_find(g, id));
    return id;
}

void uv_stream_on_connection(uv_stream_t *listener, int status)
{
    struct uv_gossip *g = ((struct uv_sockets *)listener->data)->gossip;
    if (status < 0 || g->is_closing)
        return;
    bool has_room = g->n_half_open < HALF_OPEN_MAX && g->n_accepted < ACCEPTED_MAX;
    if (!has_room)
        has_room = drop_oldest_half_open(g);
    struct uv_gossip_stream *s = stream_new(g, true, (enum stream_purpose)0);
    if (!s) { /* until it is accepted, libuv holds this connection and takes no other */
        g->accept_waits = true;
        uv_stream_start_sweep(g);
        return;
    }
    s->id = accepted_id(g);
    if (!has_room)
        g->metrics->streams_refused++;
    if (uv_accept(listener, (uv_stream_t *)&s->tcp) < 0 || !has_room ||
        stream_begin_hello(s) < 0)
        uv_stream_drop(s);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct uv_gossip_stream *s = req->data;
    if (s->phase == CLOSING)
        return;
    s->how = status == UV_ECONNREFUSED ? KNOCK_NOBODY : KNOCK_SILENT;
    if (status < 0 || stream_begin_hello(s) < 0)
        uv_stream_drop(s);
}

struct uv_gossip_stream *uv_stream_connect(struct uv_gossip *g, struct endpoint to,
                                           enum stream_purpose purpose)
{
    struct uv_gossip_stream *s = stream_new(g, false, purpose);
    if (!s) {
        g->metrics->drop_bound++;
        return NULL;
    }
    struct sockaddr_storage address;
    uv_gossip_address(&to, &address);
    s->connect.data = s;
    bool has_room = g->n_streams <= STREAMS_MAX;
    g->metrics->drop_bound += !has_room;
    if (!has_room || to.family == 0 ||
        uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&address, on_connected) <
            0)
        uv_stream_drop(s);
    return s;
}

static bool is_overdue(const struct uv_gossip_stream *s, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - s->moved_ms;
    if (s->phase == OPEN)
        return s->purpose == STREAM_GOSSIP && age_ms >= IDLE_MS;
    return age_ms >= HELLO_MS;
}

void uv_stream_on_sweep(uv_timer_t *timer)
{
    struct uv_gossip *g = timer->data;
    uint64_t now_ms = uv_now(g->loop);
    for (struct uv_gossip_stream *s = g->first, *next; s; s = next) {
        next = s->next;
        if (!is_overdue(s, now_ms))
            continue;
        g->metrics->streams_refused += s->is_accepted && !s->was_open;
        uv_stream_drop(s);
    }
    if (g->accept_waits) {
        g->accept_waits = false;
        if (g->sockets)
            uv_stream_on_connection((uv_stream_t *)&g->sockets->listener, 0);
        if (g->second)
            uv_stream_on_connection((uv_stream_t *)&g->second->listener, 0);
    }
}

/* DNS over TCP (RFC 7766): queries may be pipelined, and are answered in order.
 *
 * The usual path: bytes arrive and wait -> the connection's turn comes -> one query is
 * answered.  An idle connection keeps no buffer.  What can fail: a client that is idle,
 * or drips one query for long, or does not read its answers (closed), or asks what is no
 * query (closed). */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netsvc/uv_dns_inside.h"

enum {
    IDLE_MS = 10000,
    QUEUE_MAX = 256 * 1024,   /* answers that the client has not taken */
    WAITING_MAX = 2 + 0xffff, /* the longest query there is; then reading stops */
};

struct dns_conn {
    struct uv_dns *dns;
    struct dns_conn *next, *previous;
    uv_tcp_t tcp;
    struct crowd_member place;
    struct turn turn;
    uint64_t deadline_ms;
    uint8_t *in; /* NULL: nothing waits */
    size_t n_in;
    bool has_ended; /* the client sends no more */
};

/* ---- the end ---- */

static bool is_closing(const struct dns_conn *c)
{
    return uv_is_closing((const uv_handle_t *)&c->tcp);
}

static void on_conn_closed(uv_handle_t *handle)
{
    struct dns_conn *c = handle->data;
    struct uv_dns *d = c->dns;
    free(c->in);
    free(c);
    uv_dns_gone(d);
}

static void conn_close(struct dns_conn *c)
{
    struct uv_dns *d = c->dns;
    if (is_closing(c))
        return;
    if (c->previous)
        c->previous->next = c->next;
    else
        d->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    uv_turns_drop(&d->turns, &c->turn);
    crowd_leave(&d->crowd, &c->place);
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

static void on_second(uv_timer_t *timer)
{
    struct uv_dns *d = timer->data;
    struct dns_conn *next;
    for (struct dns_conn *c = d->connections; c; c = next) {
        next = c->next;
        if (uv_now(d->loop) >= c->deadline_ms && !c->turn.group) /* not held back by us */
            conn_close(c);
    }
    for (size_t i = 0; i < d->crowd.limit && d->crowd.empty_oldest; i++)
        crowd_sweep(&d->crowd, uv_hrtime());
    if (!d->connections && !d->crowd.empty_oldest)
        (void)uv_timer_stop(timer);
}

/* ---- answering ---- */

struct out_write {
    uv_write_t request;
    uint8_t data[];
};

static size_t conn_queued(const struct dns_conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

/* The client has said and heard everything. */
static void close_if_over(struct dns_conn *c)
{
    if (c->has_ended && !c->turn.group && conn_queued(c) == 0)
        conn_close(c);
}

static void on_written(uv_write_t *request, int status)
{
    struct dns_conn *c = request->handle->data;
    free(request); /* the first member */
    if (status < 0)
        conn_close(c);
    else
        close_if_over(c);
}

static void conn_answer(struct dns_conn *c, struct bytes query)
{
    struct uv_dns *d = c->dns;
    size_t len =
        dns_answer(d->catalog, &d->rng, query, DNS_WAY_TCP, d->out + 2, DNS_MESSAGE_MAX);
    uv_dns_count(d, len);
    struct out_write *out = len > 0 ? malloc(sizeof(*out) + 2 + len) : NULL;
    if (!out || conn_queued(c) > QUEUE_MAX) {
        free(out);
        conn_close(c); /* no query, or a client that does not read */
        return;
    }
    struct writer w = writer_of(out->data, 2 + len);
    writer_u16(&w, (uint16_t)len);
    writer_put(&w, d->out + 2, len);
    uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)(2 + len));
    if (uv_write(&out->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written) < 0) {
        free(out);
        conn_close(c);
    }
}

/* ---- reading ---- */

/* The length of the first query that waits, with its prefix; 0: it is not all there. */
static size_t first_query(const struct dns_conn *c)
{
    size_t len = c->n_in < 2 ? 0 : 2 + ((size_t)c->in[0] << 8 | c->in[1]);
    return len <= c->n_in ? len : 0;
}

static void on_conn_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct dns_conn *c = handle->data;
    (void)hint;
    size_t left = WAITING_MAX - c->n_in;
    *buf = uv_buf_init(c->dns->read_buf,
                       (unsigned)(left < DNS_READ_LEN ? left : DNS_READ_LEN));
}

static void on_conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct dns_conn *c = stream->data;
    struct uv_dns *d = c->dns;
    if (n == UV_EOF) {
        c->has_ended = true;
        close_if_over(c);
        return;
    }
    uint8_t *in = n > 0 ? realloc(c->in, c->n_in + (size_t)n) : NULL;
    if (n < 0 || (n > 0 && !in))
        conn_close(c);
    if (!in)
        return;
    memcpy(in + c->n_in, buf->base, (size_t)n);
    c->in = in;
    c->n_in += (size_t)n;
    crowd_touch(&d->crowd, &c->place);
    if (c->n_in == WAITING_MAX)
        (void)uv_read_stop(stream);
    if (first_query(c) > 0)
        uv_turns_add(&d->turns, &c->place.source->turns, &c->turn);
}

/* One query.  Its time is its source's; a slow drip of one does not move the deadline. */
static bool serve(void *ctx, struct turn *t)
{
    struct uv_dns *d = ctx;
    struct dns_conn *c = (struct dns_conn *)((char *)t - offsetof(struct dns_conn, turn));
    size_t len = first_query(c);
    conn_answer(c, (struct bytes){c->in + 2, len - 2});
    if (is_closing(c))
        return true;
    c->deadline_ms = uv_now(d->loop) + IDLE_MS;
    c->n_in -= len;
    memmove(c->in, c->in + len, c->n_in);
    if (c->n_in == 0) {
        free(c->in);
        c->in = NULL;
    }
    if (first_query(c) > 0)
        uv_turns_add(&d->turns, &c->place.source->turns, &c->turn);
    else if (!c->has_ended)
        (void)uv_read_start((uv_stream_t *)&c->tcp, on_conn_alloc, on_conn_read);
    close_if_over(c);
    return true;
}

/* ---- the listener ---- */

static void on_accepted(void *ctx, int fd, struct crowd_source *source)
{
    struct uv_dns *d = ctx;
    struct dns_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)close(fd); /* out of memory */
        return;
    }
    c->dns = d;
    c->deadline_ms = uv_now(d->loop) + IDLE_MS;
    (void)uv_tcp_init(d->loop, &c->tcp); /* cannot fail: no socket is made yet */
    c->tcp.data = c;
    if (!uv_is_active((uv_handle_t *)&d->second))
        (void)uv_timer_start(&d->second, on_second, 1000, 1000);
    c->next = d->connections;
    if (c->next)
        c->next->previous = c;
    d->connections = c;
    d->n_open++;
    crowd_enter(&d->crowd, source, &c->place);
    int status = uv_tcp_open(&c->tcp, fd);
    if (status < 0)
        (void)close(fd); /* it was not taken over */
    if (status < 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_conn_alloc, on_conn_read) < 0)
        conn_close(c);
}

static void on_evict(void *ctx, struct crowd_member *m)
{
    struct uv_dns *d = ctx;
    d->metrics->connections_evicted++;
    conn_close((struct dns_conn *)((char *)m - offsetof(struct dns_conn, place)));
}

static void on_part_closed(void *ctx)
{
    uv_dns_gone(ctx);
}

int uv_dns_tcp_open(struct uv_dns *d, struct endpoint *at, size_t n_connections)
{
    const struct uv_listener_events events = {.accepted = on_accepted,
                                              .evict = on_evict,
                                              .closed = on_part_closed,
                                              .crowd = &d->crowd,
                                              .peer = &d->peer,
                                              .ctx = d};
    crowd_init(&d->crowd, n_connections, rng_next(&d->rng));
    uv_turns_init(d->loop, &d->turns, serve, d);
    d->n_open++;
    int status = uv_listener_tcp(d->loop, at, &events, &d->listener);
    if (status == 0)
        d->n_open++;
    return status;
}

void uv_dns_tcp_close(struct uv_dns *d)
{
    while (d->connections)
        conn_close(d->connections);
    uv_listener_close(d->listener);
    if (d->turns.loop) /* opened */
        uv_turns_close(&d->turns, on_part_closed);
}

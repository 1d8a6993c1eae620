/* The DNS driver: one UDP socket, one TCP listener on the same port, and the current
 * catalog.
 *
 * The usual path: a datagram arrives, dns.c answers into the one buffer, it is sent
 * without being queued.  What can fail: a full socket buffer (the answer is dropped,
 * resolvers ask again), a TCP client that is idle or does not read (closed).  A flood
 * costs answers, never memory. */
#include "netsvc/uv_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

enum {
    TCP_CONNECTIONS_MAX = 128, /* resolvers use TCP for the rare large answer */
    TCP_IDLE_MS = 10000,
    TCP_QUEUE_MAX = 256 * 1024, /* answers that the client has not taken */
    TCP_IN_MAX = 2 + 1024,      /* a query with every option is a few hundred bytes */
    UDP_READ_LEN = 8 * 65536,   /* libuv's recvmmsg wants 64 KiB for each; only the first
                                   page is touched */
    UDP_RECEIVE_BUF = 1 << 20,  /* bursts between two turns of the loop */
    PORT_TRIES = 16,
};

struct dns_conn {
    struct uv_dns *dns;
    struct dns_conn *next, *previous;
    uv_tcp_t tcp;
    uint64_t deadline_ms;
    uint8_t in[TCP_IN_MAX];
    size_t n_in;
};

struct uv_dns {
    uv_loop_t *loop;
    uv_udp_t udp;
    uv_tcp_t tcp;
    uv_timer_t second; /* runs while there are connections */
    struct metrics *metrics;
    struct catalog *catalog;
    struct rng rng;
    struct dns_conn *connections;
    size_t n_connections,
        n_open; /* n_open: handles not closed yet, connections included */
    bool is_closing;
    uint8_t out[2 + DNS_MESSAGE_MAX];
    char read_buf[UDP_READ_LEN];
};

static void count(struct uv_dns *d, size_t answer_len)
{
    if (answer_len > 0)
        d->metrics->dns_queries++;
    else
        d->metrics->dns_malformed++;
}

static void handle_gone(struct uv_dns *d)
{
    if (--d->n_open > 0)
        return;
    catalog_unref(d->catalog);
    free(d);
}

static void on_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

/* ---- datagrams ---- */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct uv_dns *d = handle->data;
    (void)hint;
    *buf = uv_buf_init(d->read_buf, sizeof(d->read_buf));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    struct uv_dns *d = udp->data;
    if (n <= 0 || !from || (flags & UV_UDP_PARTIAL))
        return;
    struct bytes query = {(const uint8_t *)buf->base, (size_t)n};
    size_t len = dns_answer(d->catalog, &d->rng, query, true, d->out, DNS_UDP_MAX);
    count(d, len);
    if (len == 0)
        return;
    uv_buf_t out = uv_buf_init((char *)d->out, (unsigned)len);
    (void)uv_udp_try_send(udp, &out, 1, from); /* a full buffer drops it, as UDP may */
}

/* ---- connections ---- */

static void on_conn_closed(uv_handle_t *handle)
{
    struct dns_conn *c = handle->data;
    struct uv_dns *d = c->dns;
    free(c);
    handle_gone(d);
}

static void conn_close(struct dns_conn *c)
{
    struct uv_dns *d = c->dns;
    if (uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    if (c->previous)
        c->previous->next = c->next;
    else
        d->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    d->n_connections--;
    if (!d->connections && !d->is_closing)
        (void)uv_timer_stop(&d->second);
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

static void on_second(uv_timer_t *timer)
{
    struct uv_dns *d = timer->data;
    struct dns_conn *next;
    for (struct dns_conn *c = d->connections; c; c = next) {
        next = c->next;
        if (uv_now(d->loop) >= c->deadline_ms)
            conn_close(c);
    }
}

struct out_write {
    uv_write_t request;
    uint8_t data[];
};

static void on_written(uv_write_t *request, int status)
{
    struct dns_conn *c = request->handle->data;
    free(request); /* the first member */
    if (status < 0)
        conn_close(c);
}

static void conn_answer(struct dns_conn *c, struct bytes query)
{
    struct uv_dns *d = c->dns;
    size_t len =
        dns_answer(d->catalog, &d->rng, query, false, d->out + 2, DNS_MESSAGE_MAX);
    count(d, len);
    struct out_write *out = len > 0 ? malloc(sizeof(*out) + 2 + len) : NULL;
    if (!out || uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > TCP_QUEUE_MAX) {
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

static void on_conn_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct dns_conn *c = handle->data;
    (void)hint;
    *buf = uv_buf_init((char *)c->in + c->n_in, (unsigned)(TCP_IN_MAX - c->n_in));
}

/* Answer every whole query that is there (RFC 7766: pipelined), keep the rest. */
static void on_conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct dns_conn *c = stream->data;
    (void)buf;
    if (n < 0) {
        conn_close(c);
        return;
    }
    c->n_in += (size_t)n;
    size_t done = 0;
    while (c->n_in - done >= 2 && !uv_is_closing((uv_handle_t *)stream)) {
        size_t len = (size_t)c->in[done] << 8 | c->in[done + 1];
        if (len > TCP_IN_MAX - 2) {
            c->dns->metrics->dns_malformed++;
            conn_close(c);
            return;
        }
        if (c->n_in - done - 2 < len)
            break;
        conn_answer(c, (struct bytes){c->in + done + 2, len});
        done += 2 + len;
    }
    if (done > 0) /* a slow drip of one query does not move the deadline */
        c->deadline_ms = uv_now(c->dns->loop) + TCP_IDLE_MS;
    c->n_in -= done;
    memmove(c->in, c->in + done, c->n_in);
}

static void list_add(struct uv_dns *d, struct dns_conn *c)
{
    if (!d->connections)
        (void)uv_timer_start(&d->second, on_second, 1000, 1000);
    c->next = d->connections;
    if (c->next)
        c->next->previous = c;
    d->connections = c;
    d->n_connections++;
    d->n_open++;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct uv_dns *d = server->data;
    struct dns_conn *c = status == 0 ? calloc(1, sizeof(*c)) : NULL;
    if (!c)
        return;
    c->dns = d;
    c->deadline_ms = uv_now(d->loop) + TCP_IDLE_MS;
    bool is_full = d->n_connections >= TCP_CONNECTIONS_MAX;
    (void)uv_tcp_init(d->loop, &c->tcp); /* cannot fail: no socket is made yet */
    c->tcp.data = c;
    list_add(d, c);
    if (uv_accept(server, (uv_stream_t *)&c->tcp) < 0 || is_full ||
        uv_read_start((uv_stream_t *)&c->tcp, on_conn_alloc, on_conn_read) < 0) {
        d->metrics->drop_bound += is_full;
        conn_close(c);
    }
}

/* ---- opening and closing ---- */

static void address_of(const struct endpoint *e, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (e->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        memcpy(&v6->sin6_addr, e->address, 16);
        return;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(e->port);
    memcpy(&v4->sin_addr, e->address, 4);
}

static int bound_port(const uv_udp_t *udp, uint16_t *ret_port)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    int status = uv_udp_getsockname(udp, (struct sockaddr *)&address, &len);
    if (status == 0)
        *ret_port = ntohs(address.ss_family == AF_INET6
                              ? ((struct sockaddr_in6 *)&address)->sin6_port
                              : ((struct sockaddr_in *)&address)->sin_port);
    return status;
}

static int open_udp(struct uv_dns *d, struct endpoint *at)
{
    struct sockaddr_storage address;
    address_of(at, &address);
    int status = uv_udp_init_ex(d->loop, &d->udp, UV_UDP_RECVMMSG);
    if (status < 0)
        return status;
    d->udp.data = d;
    d->n_open++;
    status = uv_udp_bind(&d->udp, (const struct sockaddr *)&address, 0);
    if (status == 0)
        status = bound_port(&d->udp, &at->port);
    int receive_buf = UDP_RECEIVE_BUF;
    if (status == 0)
        (void)uv_recv_buffer_size((uv_handle_t *)&d->udp,
                                  &receive_buf); /* as much as is allowed */
    return status == 0 ? uv_udp_recv_start(&d->udp, on_alloc, on_datagram) : status;
}

static int open_tcp(struct uv_dns *d, const struct endpoint *at)
{
    struct sockaddr_storage address;
    address_of(at, &address);
    int status = uv_tcp_init(d->loop, &d->tcp);
    if (status < 0)
        return status;
    d->tcp.data = d;
    d->n_open++;
    status = uv_tcp_bind(&d->tcp, (const struct sockaddr *)&address, 0);
    return status == 0 ? uv_listen((uv_stream_t *)&d->tcp, 64, on_connection) : status;
}

static int open_once(uv_loop_t *loop, struct endpoint *at, uint64_t seed,
                     struct metrics *metrics, struct uv_dns **ret_dns)
{
    struct uv_dns *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->loop = loop;
    d->metrics = metrics;
    rng_init(&d->rng, seed);
    int status = uv_timer_init(loop, &d->second);
    if (status < 0) {
        free(d);
        return status;
    }
    d->second.data = d;
    d->n_open = 1;
    status = open_udp(d, at);
    if (status == 0)
        status = open_tcp(d, at);
    if (status < 0) {
        uv_dns_close(d);
        return status;
    }
    *ret_dns = d;
    return 0;
}

int uv_dns_open(uv_loop_t *loop, struct endpoint *bind, uint64_t seed,
                struct metrics *metrics, struct uv_dns **ret_dns, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    int status = 0;
    /* With port 0 the system chooses one for UDP, which may be taken for TCP: choose
     * again. */
    for (int i = 0; i < PORT_TRIES; i++) {
        struct endpoint at = *bind;
        status = open_once(loop, &at, seed, metrics, ret_dns);
        if (status == 0) {
            *bind = at;
            return 0;
        }
        if (bind->port != 0 || status != UV_EADDRINUSE)
            break;
    }
    return err_set(err, status, "dns: %s: %s", endpoint_text(bind, text),
                   err_text(status));
}

void uv_dns_serve(struct uv_dns *d, struct catalog *catalog)
{
    struct catalog *old = d->catalog;
    d->catalog = catalog ? catalog_ref(catalog) : NULL;
    catalog_unref(old);
}

void uv_dns_close(struct uv_dns *d)
{
    if (!d || d->is_closing)
        return;
    d->is_closing = true;
    while (d->connections)
        conn_close(d->connections);
    uv_handle_t *own[] = {(uv_handle_t *)&d->second, (uv_handle_t *)&d->udp,
                          (uv_handle_t *)&d->tcp};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i]->loop) /* opened */
            uv_close(own[i], on_closed);
}

/* The DNS driver: one UDP socket, one TCP listener on the same port, and the current
 * catalog.
 *
 * The usual path: a datagram arrives, dns.c answers into the one buffer, it is sent
 * without being queued.  What can fail: a full socket buffer (the answer is dropped,
 * resolvers ask again); connections are in uv_dns_tcp.c.  A flood costs answers, never
 * memory. */
#include "netsvc/uv_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "netsvc/uv_dns_inside.h"

enum {
    UDP_RECEIVE_BUF = 1 << 20, /* bursts between two turns of the loop */
    PORT_TRIES = 16,
};

static void on_closed(uv_handle_t *handle)
{
    uv_dns_gone(handle->data);
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
    uv_dns_count(d, len);
    if (len == 0)
        return;
    uv_buf_t out = uv_buf_init((char *)d->out, (unsigned)len);
    (void)uv_udp_try_send(udp, &out, 1, from); /* a full buffer drops it, as UDP may */
}

/* ---- opening and closing ---- */

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
    (void)uv_listener_address(at, &address);
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

static int open_once(uv_loop_t *loop, struct endpoint *at, size_t n_connections,
                     uint64_t seed, struct metrics *metrics, struct uv_dns **ret_dns)
{
    struct uv_dns *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->loop = loop;
    d->metrics = metrics;
    rng_init(&d->rng, seed);
    uv_peer_open(&d->peer);
    (void)uv_timer_init(loop, &d->second); /* cannot fail */
    d->second.data = d;
    d->n_open = 1;
    int status = open_udp(d, at);
    if (status == 0)
        status = uv_dns_tcp_open(d, at, n_connections);
    if (status < 0) {
        uv_dns_close(d); /* UDP alone would look as if all were well */
        return status;
    }
    *ret_dns = d;
    return 0;
}

int uv_dns_open(uv_loop_t *loop, struct endpoint *bind, size_t n_connections,
                uint64_t seed, struct metrics *metrics, struct uv_dns **ret_dns,
                struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    int status = 0;
    /* With port 0 the system chooses one for UDP, which may be taken for TCP: choose
     * again. */
    for (int i = 0; i < PORT_TRIES; i++) {
        struct endpoint at = *bind;
        status = open_once(loop, &at, n_connections, seed, metrics, ret_dns);
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
    uv_dns_tcp_close(d);
    if (d->udp.loop) /* opened */
        uv_close((uv_handle_t *)&d->udp, on_closed);
    uv_close((uv_handle_t *)&d->second, on_closed);
}

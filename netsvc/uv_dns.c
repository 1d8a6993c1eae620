/* The DNS driver: one UDP socket, one TCP listener on the same port, and the current
 * catalog.  Datagrams are in uv_dns_udp.c, connections in uv_dns_tcp.c. */
#include "netsvc/uv_dns.h"

#include <errno.h>
#include <stdlib.h>

#include "core/err.h"
#include "netsvc/uv_dns_inside.h"

enum { PORT_TRIES = 16 };

static void on_closed(uv_handle_t *handle)
{
    uv_dns_gone(handle->data);
}

static int open_once(uv_loop_t *loop, struct endpoint *at, size_t n_connections,
                     uint64_t seed, struct metrics *metrics, struct uv_dns **ret_dns)
{
    struct uv_dns *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->loop = loop;
    d->udp_fd = -1;
    d->metrics = metrics;
    rng_init(&d->rng, seed);
    uv_peer_open(&d->peer);
    (void)uv_timer_init(loop, &d->second); /* cannot fail */
    d->second.data = d;
    d->n_open = 1;
    int status = uv_dns_udp_open(d, at);
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
    uv_dns_udp_close(d);
    uv_close((uv_handle_t *)&d->second, on_closed);
}

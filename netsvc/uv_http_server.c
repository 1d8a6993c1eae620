/* What a connection needs of its server: a place in the list, a parser, and the server's end when it
 * was the last.  Listeners and the second hand are in uv_http_listen.c. */
#include <stdlib.h>

#include "netsvc/uv_http_inside.h"

void uv_http_server_drop(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (c->previous)
        c->previous->next = c->next;
    else
        h->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    h->n_connections--;
    h->n_pipes -= c->kind == UV_HTTP_SEALED;
}

void uv_http_server_maybe_free(struct uv_http *h)
{
    if (!h->is_closing || h->n_open > 0 || h->connections)
        return;
    free(h->spare_exchange);
    while (h->n_spares > 0)
        http_parser_free(h->spares[--h->n_spares]);
    crowd_fini(&h->crowds[0]);
    crowd_fini(&h->crowds[1]);
    uv_peer_close(&h->peer);
    free(h);
}

struct http_parser *uv_http_server_parser(struct uv_http *h)
{
    return h->n_spares > 0 ? h->spares[--h->n_spares] : http_parser_new();
}

void uv_http_server_spare(struct uv_http *h, struct http_parser *p)
{
    if (h->n_spares == HTTP_SPARES_MAX || h->is_closing) {
        http_parser_free(p);
        return;
    }
    http_parser_next(p);
    h->spares[h->n_spares++] = p;
}

/* Below both halves of the gossip driver: addresses, and the end of it all.  See uv_inner.h. */
#include "gossip/uv_inner.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void uv_gossip_address(const struct endpoint *e, struct sockaddr_storage *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    if (e->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
        memcpy(&in.sin_addr, e->address, 4);
        memcpy(ret_address, &in, sizeof(in));
    } else if (e->family == 6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
        memcpy(&in6.sin6_addr, e->address, 16);
        memcpy(ret_address, &in6, sizeof(in6));
    }
}

struct endpoint uv_gossip_endpoint(const struct sockaddr *address)
{
    struct endpoint e = {0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        e.family = 4;
        e.port = ntohs(in.sin_port);
        memcpy(e.address, &in.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        e.family = 6;
        e.port = ntohs(in6.sin6_port);
        memcpy(e.address, &in6.sin6_addr, 16);
    }
    return e;
}

void uv_gossip_free(struct uv_gossip *g)
{
    sealer_free(g->sealer);
    explicit_bzero(g, sizeof(*g));
    free(g);
}

void uv_gossip_unref(struct uv_gossip *g)
{
    if (--g->n_handles == 0)
        uv_gossip_free(g);
}

/* Which ports are free.  See uv_ports.h.
 *
 * To know is to bind: a socket of another program may be bound and not listen, so no table of sockets
 * tells it.  Without SO_REUSEADDR a bind to the wildcard address fails if any socket has the port on any
 * address; with it what has ended lately (TIME_WAIT) is no obstacle, and then only to listen shows
 * whether somebody else does. */
#include "agent/uv_ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or EADDRINUSE; whatever else is in the way is no other program's. */
static int try_port(const struct sockaddr *to, socklen_t len, int type, bool is_reused)
{
    int one = 1, status = 0;
    int fd = socket(to->sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (to->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (is_reused)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, to, len) < 0 || (is_reused && listen(fd, 1) < 0))
        status = errno == EADDRINUSE ? EADDRINUSE : 0;
    (void)close(fd);
    return status;
}

static enum port_state look_at(const struct sockaddr *to, socklen_t len, int type)
{
    if (try_port(to, len, type, false) == 0)
        return PORT_FREE;
    if (type == SOCK_STREAM && try_port(to, len, type, true) == 0)
        return PORT_LINGERS;
    return PORT_TAKEN;
}

static enum port_state worse(enum port_state a, enum port_state b)
{
    return a > b ? a : b;
}

static bool is_loopback(struct endpoint e)
{
    return e.family == 4 && e.address[0] == 127;
}

static enum port_state look_at_protocol(struct endpoint own, const struct port_ask *ask,
                                        int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(ask->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(ask->port)};
    bool is_alone = ask->is_fixed && is_loopback(own);
    if (is_alone)
        memcpy(&v4.sin_addr, own.address, sizeof(v4.sin_addr));
    enum port_state state = look_at((struct sockaddr *)&v4, sizeof(v4), type);
    if (state != PORT_TAKEN && !is_alone)
        state = worse(state, look_at((struct sockaddr *)&v6, sizeof(v6), type));
    return state;
}

static enum port_state look_at_one(struct endpoint own, const struct port_ask *ask)
{
    enum port_state state = PORT_FREE;
    if (ask->protocols & PORT_TCP)
        state = look_at_protocol(own, ask, SOCK_STREAM);
    if (state != PORT_TAKEN && ask->protocols & PORT_UDP)
        state = worse(state, look_at_protocol(own, ask, SOCK_DGRAM));
    return state;
}

size_t uv_ports_look(struct endpoint own, const struct port_ask *asks, size_t n,
                     size_t n_wanted, enum port_state *ret_states)
{
    size_t n_free = 0;
    for (size_t i = 0; i < n; i++) {
        ret_states[i] = look_at_one(own, &asks[i]);
        n_free += !asks[i].is_fixed && ret_states[i] == PORT_FREE;
        if (n_wanted && n_free == n_wanted)
            return i + 1;
    }
    return n;
}

/* Which ports are free, with sockets of another program: this one. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/uv_ports.h"

/* A bound socket on `text`; port 0 is chosen.  -1 where there is no such family. */
static int bound(const char *text, int type, bool is_reused, bool listens, uint16_t *port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    bool is_v6 = strchr(text, ':') != NULL;
    int one = 1, fd = socket(is_v6 ? AF_INET6 : AF_INET, type, 0);
    if (fd < 0)
        return -1;
    if (is_reused)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (is_v6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    (void)inet_pton(AF_INET, text, &v4.sin_addr);
    (void)inet_pton(AF_INET6, text, &v6.sin6_addr);
    socklen_t len = is_v6 ? sizeof(v6) : sizeof(v4);
    struct sockaddr *to = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    if (bind(fd, to, len) < 0 || (listens && listen(fd, 4) < 0) ||
        getsockname(fd, to, &len) < 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
    return fd;
}

static enum port_state state_of(uint16_t port, uint8_t protocols, bool is_fixed,
                                struct endpoint own)
{
    const struct port_ask ask = {port, protocols, is_fixed};
    enum port_state state = PORT_FREE;
    cr_assert_eq(uv_ports_look(own, &ask, 1, 0, &state), 1);
    return state;
}

static const struct endpoint outside = {.family = 4, .address = {10, 0, 0, 1}};

Test(uv_ports, a_port_is_taken_whoever_has_it_on_whatever_address)
{
    static const struct {
        const char *address;
        int type;
        bool is_reused, listens;
    } rows[] = {
        {"0.0.0.0", SOCK_STREAM, true, true},     {"127.0.0.9", SOCK_STREAM, false, true},
        {"127.0.0.1", SOCK_STREAM, false, false}, {"::", SOCK_STREAM, true, true},
        {"::1", SOCK_STREAM, false, true},        {"0.0.0.0", SOCK_DGRAM, false, false},
        {"127.0.0.1", SOCK_DGRAM, true, false},   {"::1", SOCK_DGRAM, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t port = 0;
        int fd = bound(rows[i].address, rows[i].type, rows[i].is_reused, rows[i].listens,
                       &port);
        if (fd < 0)
            continue; /* a host without IPv6 */
        bool is_tcp = rows[i].type == SOCK_STREAM;
        cr_assert_eq(state_of(port, PORT_TCP | PORT_UDP, false, outside), PORT_TAKEN,
                     "row %zu", i);
        cr_assert_eq(state_of(port, is_tcp ? PORT_TCP : PORT_UDP, true, outside),
                     PORT_TAKEN, "row %zu", i);
        cr_assert_eq(state_of(port, is_tcp ? PORT_UDP : PORT_TCP, true, outside),
                     PORT_FREE, "row %zu: of the other protocol", i);
        (void)close(fd);
        cr_assert_eq(state_of(port, PORT_TCP | PORT_UDP, false, outside), PORT_FREE,
                     "row %zu", i);
    }
}

Test(uv_ports, a_fixed_port_of_one_of_several_nodes_on_a_host_is_looked_at_on_its_address)
{
    const struct endpoint own = {.family = 4, .address = {127, 0, 0, 2}};
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, true, true, &port);
    cr_assert_geq(fd, 0);
    cr_assert_eq(state_of(port, PORT_TCP, true, own), PORT_FREE);
    cr_assert_eq(state_of(port, PORT_TCP, false, own), PORT_TAKEN,
                 "a dynamic one is not");
    (void)close(fd);
    fd = bound("0.0.0.0", SOCK_STREAM, true, true, &port);
    cr_assert_geq(fd, 0);
    cr_assert_eq(state_of(port, PORT_TCP, true, own), PORT_TAKEN);
    (void)close(fd);
}

Test(uv_ports, connections_that_are_over_only_linger)
{
    uint16_t port = 0, local = 0;
    int listener = bound("127.0.0.1", SOCK_STREAM, true, true, &port);
    int client = bound("127.0.0.1", SOCK_STREAM, false, false, &local);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(port)};
    char byte;
    cr_assert_eq(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    int served = accept(listener, NULL, NULL);
    cr_assert_geq(served, 0);
    (void)close(served); /* the server's side goes first, and has TIME_WAIT */
    cr_assert_eq(read(client, &byte, 1), 0);
    (void)close(client);
    (void)close(listener);
    cr_assert_eq(state_of(port, PORT_TCP, true, outside), PORT_LINGERS);
}

Test(uv_ports, no_more_is_looked_at_than_is_wanted)
{
    struct port_ask asks[4];
    enum port_state states[4];
    uint16_t port = 0;
    int fd = bound("0.0.0.0", SOCK_STREAM, true, true, &port);
    cr_assert_geq(fd, 0);
    for (size_t i = 0; i < 4; i++)
        asks[i] = (struct port_ask){i == 1 ? port : (uint16_t)(61001 + i),
                                    PORT_TCP | PORT_UDP, i == 0};
    asks[0].port = port;
    cr_assert_eq(uv_ports_look(outside, asks, 4, 1, states), 3);
    cr_assert(states[0] == PORT_TAKEN && states[1] == PORT_TAKEN &&
              states[2] == PORT_FREE);
    (void)close(fd);
}

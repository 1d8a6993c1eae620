/* What uv_dns.c (the server), uv_dns_udp.c (its datagrams) and uv_dns_tcp.c (its connections) share.
 * Nobody else includes this. */
#ifndef NETSVC_UV_DNS_INSIDE_H
#define NETSVC_UV_DNS_INSIDE_H

#include "netsvc/uv_accept.h"
#include "netsvc/uv_dns.h"
#include "netsvc/uv_turns.h"

enum { DNS_READ_LEN = 16 * 1024 }; /* of a connection at a time */

struct dns_conn;
struct dns_batch; /* datagrams in hand */

struct uv_dns {
    uv_loop_t *loop;
    uv_poll_t udp;
    int udp_fd; /* -1: none */
    struct dns_batch *batch;
    uv_timer_t second; /* runs while there are connections */
    struct uv_listener *listener;
    struct uv_peer peer;
    struct crowd crowd;
    struct uv_turns turns;
    struct metrics *metrics;
    struct catalog *catalog;
    struct rng rng;
    struct dns_conn *connections;
    size_t n_open; /* what is not closed yet, connections included */
    bool is_closing;
    uint8_t out[2 + DNS_MESSAGE_MAX];
    char read_buf[DNS_READ_LEN];
};

/* ---- uv_dns_inside.c ---- */
void uv_dns_count(struct uv_dns *d, size_t answer_len);
void uv_dns_gone(struct uv_dns *d); /* one of n_open is closed */

/* ---- uv_dns_udp.c ---- */
/* *at is told the port that was chosen for port 0. */
int uv_dns_udp_open(struct uv_dns *d, struct endpoint *at);
void uv_dns_udp_close(struct uv_dns *d);

/* ---- uv_dns_tcp.c ---- */
int uv_dns_tcp_open(struct uv_dns *d, struct endpoint *at, size_t n_connections);
void uv_dns_tcp_close(struct uv_dns *d);

#endif

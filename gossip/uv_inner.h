/* What the two halves of the gossip driver share: uv_gossip.c (sockets, datagrams) and
 * uv_stream.c (sealed streams). */
#ifndef GOSSIP_UV_INNER_H
#define GOSSIP_UV_INNER_H

#include "core/bounds.h"
#include "gossip/uv_gossip.h"

enum {
    /* The kernel's buffers, as far as it lets us: a burst from 10,000 members in one
       probe period. */
    SOCKET_BUFFER = 4 << 20,
    SENDS_QUEUED_MAX = 256, /* datagrams the kernel would not take; later ones drop */
    REFUSALS_AT_ONCE = 64,  /* entries of the error queue read in one turn of the loop */
};

/* What is bound to one address; made anew for another. */
struct uv_sockets {
    uv_udp_t udp;
    uv_tcp_t listener;
    struct uv_gossip *gossip;
    struct endpoint at;
    unsigned n_handles; /* open ones; the last close frees */
};

struct uv_gossip {
    uv_loop_t *loop;
    struct uv_sockets *sockets; /* NULL: bound to nothing */
    struct uv_sockets *second;  /* of the other family; NULL: none */
    uv_timer_t sweep;   /* runs while there are streams */
    unsigned n_handles; /* open ones, streams and sets of sockets included; the last close frees */
    bool is_closing;
    bool heard_since_wake; /* a datagram came out of this wake-up of the UDP socket */
    struct keyring keys;
    struct identity self;
    struct sealer *sealer;
    struct uv_gossip_events events;
    struct metrics *metrics;
    struct uv_gossip_stream *first, *last; /* by age, oldest first */
    unsigned n_streams;                    /* in the list */
    unsigned n_accepted, n_half_open;      /* of them; of those, still in the hello */
    bool accept_waits;                     /* a connection found no memory: try again */
    uint32_t next_id;             /* of the next accepted stream, less the top bit */
    uint8_t in[DATAGRAM_MAX + 1]; /* one more, to see what is too long */
    uint8_t plain[DATAGRAM_MAX + 1];
    uint8_t stream_in[64 * 1024]; /* one read of any stream; consumed before the next */
};

/* ---- uv_inner.c ---- */

void uv_gossip_free(struct uv_gossip *g); /* with no handle open */
/* A handle of `g` has closed. */
void uv_gossip_unref(struct uv_gossip *g);

void uv_gossip_address(const struct endpoint *e, struct sockaddr_storage *ret_address);
/* Family 0 for what is no IP address. */
struct endpoint uv_gossip_endpoint(const struct sockaddr *address);

/* ---- uv_stream.c, uv_stream_begin.c ---- */

void uv_stream_on_connection(uv_stream_t *listener, int status);
void uv_stream_on_sweep(uv_timer_t *timer);
void uv_stream_drop_all(struct uv_gossip *g);

#endif

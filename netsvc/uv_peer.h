/* Who is at the other end of a connection that was accepted, as far as it counts for
 * sharing places. */
#ifndef NETSVC_UV_PEER_H
#define NETSVC_UV_PEER_H

#include "netsvc/crowd.h"

struct uv_peer {
    int diag_fd; /* asks the kernel about sockets of this host; -1: it cannot be asked */
    uint32_t sequence;
};

void uv_peer_open(struct uv_peer *p); /* never fails: see uv_peer_source */
void uv_peer_close(struct uv_peer *p);
/* A unix socket's peer is its user.  So is that of a TCP connection whose other end is on
 * this host: a task may use all of 127.0.0.0/8, and would otherwise be as many sources as
 * it likes.  Any other is its address, of IPv6 the /64; so are those of this host where
 * the kernel cannot be asked, but all of loopback is one then. */
struct source_id uv_peer_source(struct uv_peer *p, int fd);

#endif

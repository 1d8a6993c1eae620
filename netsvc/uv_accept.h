/* A listening socket, TCP or unix, that gives every newcomer a place and never more than
 * a few of them at a time.
 *
 * Why not libuv's own: that takes connections for as long as there are any, so that
 * whoever connects in a loop holds the loop; it does not say who they are before a place
 * is given; and out of descriptors it spins. */
#ifndef NETSVC_UV_ACCEPT_H
#define NETSVC_UV_ACCEPT_H

#include <uv.h>

#include "core/err.h"
#include "core/ids.h"
#include "netsvc/crowd.h"
#include "netsvc/uv_peer.h"

struct uv_listener;

struct uv_listener_events {
    /* Take over `fd`, a connection of `source`; there is a place for it in the crowd. */
    void (*accepted)(void *ctx, int fd, struct crowd_source *source);
    /* Close the connection that `m` is in, and leave the crowd, before this returns. */
    void (*evict)(void *ctx, struct crowd_member *m);
    void (*closed)(void *ctx); /* all memory of the listener is free */
    struct crowd *crowd;       /* of the owner's connections */
    struct uv_peer *peer;
    void *ctx;
};

/* Both may be tried again when they fail.  *bind is told the port that was chosen for
 * port 0. */
int uv_listener_tcp(uv_loop_t *loop, struct endpoint *bind,
                    const struct uv_listener_events *events, struct uv_listener **ret);
/* 0660.  The path is free, and made free again when the listener closes. */
int uv_listener_unix(uv_loop_t *loop, const char *path,
                     const struct uv_listener_events *events, struct uv_listener **ret);
/* The same address as the kernel wants it; returns how long it is. */
socklen_t uv_listener_address(const struct endpoint *e, struct sockaddr_storage *out);
/* Stops listening at once; NULL is fine. */
void uv_listener_close(struct uv_listener *l);

#endif

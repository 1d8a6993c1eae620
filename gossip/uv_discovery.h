/* The discovery driver: sealed beacons by multicast on every interface of this host, on a
 * port that all agents of the host share.  When to send and whom to meet decides
 * discovery.c. */
#ifndef GOSSIP_UV_DISCOVERY_H
#define GOSSIP_UV_DISCOVERY_H

#include <uv.h>

#include "core/err.h"
#include "core/metrics.h"
#include "gossip/gossip.h"
#include "proto/seal.h"

enum { DISCOVERY_PORT = 7782 };

struct uv_discovery;

struct uv_discovery_options {
    struct node_id id;
    /* as peers shall reach us; a loopback address keeps all on loopback */
    struct endpoint endpoint;
    const struct gossip *gossip; /* read: members and readiness; outlives the driver */
    struct sealer *sealer;       /* lent: the driver is closed before it goes */
    uint64_t seed;
    struct metrics *metrics;
    void (*meet)(void *ctx,
                 struct endpoint at); /* a holder of our secret may be found there */
    void (*former)(void *ctx, struct endpoint at,
                   struct node_id id); /* an agent of 0.1 with our secret is there */
    void (*stranger)(void *ctx, struct endpoint from); /* it holds another secret */
    void *ctx;
};

/* Fails when neither IPv4 nor IPv6 gives a socket; a host without any interface yet is
 * fine. */
int uv_discovery_open(uv_loop_t *loop, const struct uv_discovery_options *options,
                      struct uv_discovery **ret_discovery, struct err *err);
/* Frees itself in the last close callback; no event comes after this call. */
void uv_discovery_close(struct uv_discovery *d);

#endif

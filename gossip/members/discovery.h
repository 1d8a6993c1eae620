/* Finding each other on a LAN without being told of anybody: when to send a beacon, and
 * whom to speak to when one is heard.  Pure; the sockets are uv_discovery.c's, and
 * getting in is join.c's: here it is only decided that somebody is worth a ping. */
#ifndef GOSSIP_MEMBERS_DISCOVERY_H
#define GOSSIP_MEMBERS_DISCOVERY_H

#include "core/rng.h"
#include "gossip/face/replica.h"
#include "proto/beacon.h"

enum {
    DISCOVERY_LISTEN_MS =
        1500,            /* a node that knows nobody listens this long for company */
    DISCOVERY_QUICK = 4, /* beacons in a row when there is something new to tell */
    DISCOVERY_ALONE_MS = 3000, /* between the beacons of a node that is alone */
    DISCOVERY_IDLE_MS = 30000, /* between those of one that is not, at least */
    DISCOVERY_SHARE_MS = 4000, /* between any two beacons of a large cluster */
    DISCOVERY_ANSWERS = 4,     /* members that speak to a newcomer, on average */
    DISCOVERY_MEETS_MAX = 16,  /* newcomers spoken to in one second */
};

struct discovery {
    struct node_id self;
    struct rng rng;
    uint64_t next_ms;   /* the next beacon */
    unsigned n_quick;   /* of a row, already sent */
    uint64_t second_ms; /* when the running second of `n_meets` began */
    unsigned n_meets;
};

void discovery_init(struct discovery *d, struct node_id self, uint64_t seed,
                    uint64_t now_ms);
/* Something is new, for instance a network interface: send a quick row again. */
void discovery_stir(struct discovery *d, uint64_t now_ms);
/* True when a beacon is to be sent now. */
bool discovery_tick(struct discovery *d, uint64_t now_ms, const struct members *members);
uint64_t discovery_deadline_ms(const struct discovery *d);
/* A beacon was heard; true when its sender is to be spoken to. */
bool discovery_hear(struct discovery *d, uint64_t now_ms, const struct beacon *heard,
                    const struct members *members);

#endif

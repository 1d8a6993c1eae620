/* Probing: what was asked, for ourselves and for others. */
#ifndef GOSSIP_MACHINE_PART_SWIM_H
#define GOSSIP_MACHINE_PART_SWIM_H

#include "core/ids.h"

enum {
    RELAYS_MAX = 128,      /* probes made for others at one time; each lives one probe period */
};

struct relay {
    struct node_id requester;
    struct endpoint requester_endpoint;
    struct node_id target;
    uint32_t sequence, their_sequence;
    uint64_t nack_ms, expires_ms; /* expires_ms 0: free */
};

/* A question to one member that is not answered yet. */
struct probe {
    struct node_id target; /* zero: none */
    uint32_t sequence, incarnation; /* incarnation: of the target when it was asked */
    uint64_t sent_us, sent_ms, timeout_ms, deadline_ms; /* timeout_ms 0: already indirect */
    uint64_t patient_ms; /* until then it is not over, whoever tried in vain */
    unsigned n_asked, n_nacks;
};

enum { PROBES_MAX = 8 }; /* the first is the latest; others are to members that are far */

struct swim {
    struct probe probes[PROBES_MAX];
    struct probe failed; /* the last that was: its answer may still come, and say how long it took */
    uint32_t next_sequence;
    uint64_t next_ms, rejoin_ms, gossip_ms; /* next probe, next probe of the dead, next rumors */
    size_t cursor, dead_cursor;
    uint64_t turn; /* of the shared order: the period of the wall clock that was probed in last */
    struct relay relays[RELAYS_MAX];
    size_t n_relays; /* those from here on are free */
    uint64_t reap_ms;
    uint64_t left_ms; /* when the leave has been told enough; 0: not leaving */
};

#endif

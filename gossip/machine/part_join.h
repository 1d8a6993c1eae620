/* Getting in. */
#ifndef GOSSIP_MACHINE_PART_JOIN_H
#define GOSSIP_MACHINE_PART_JOIN_H

#include "core/cluster.h"

enum {
    SEEDS_MAX = 64,        /* addresses to join by */
};

struct join {
    struct endpoint seeds[SEEDS_MAX];
    size_t n_seeds;
    bool is_active;
    uint64_t next_ms, wait_ms;
    uint64_t again_ms; /* when a seed that is nobody's address any more is asked again */
    unsigned n_tries;
    uint64_t knock_ms[SEEDS_MAX]; /* when each is asked by TCP why it is silent */
    uint8_t n_knocks[SEEDS_MAX];
    uint64_t alone_ms; /* ready by then even if nobody answers; 0: never */
    uint64_t settle_ms; /* when the list of members is looked at again; 0: it has settled */
    unsigned n_settles; /* left */
    uint32_t listen_ms; /* of the options */
    bool is_expecting;  /* more seeds may come: nobody to ask yet does not mean alone */
    bool is_held;       /* see gossip_hold */
    const char *held_back; /* why it would be ready if it were not held; NULL: it would not */
};

#endif

/* Deletions that everybody has. */
#ifndef GOSSIP_MACHINE_PART_COLLECT_H
#define GOSSIP_MACHINE_PART_COLLECT_H

#include "core/ids.h"

enum {
    COLLECT_DUE_MAX = 32,
    COLLECT_STEP = 8192,   /* entries dropped in one step: 6 MB of effects at the most */
};

/* Tombstones below low-water rows (water.h, collect.h). */
struct collect {
    uint64_t next_ms;          /* when the own number is looked at again */
    uint64_t ripe, ripe_epoch; /* own number that everyone had at the last look */
    uint64_t generation;       /* the greatest that a dropped tombstone may have had */
    uint64_t stale[2];         /* a bit per bucket that may hold what was deleted */
    struct node_id due[COLLECT_DUE_MAX]; /* whose low-water rows came lately */
    size_t n_due;                        /* COLLECT_DUE_MAX: perhaps others too */
    uint64_t n_rows; /* low-water rows that came or were written, each time */
};

#endif

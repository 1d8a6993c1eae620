/* Deletions that everybody has. */
#ifndef GOSSIP_MACHINE_PART_COLLECT_H
#define GOSSIP_MACHINE_PART_COLLECT_H

#include "core/ids.h"

enum {
    COLLECT_DUE_MAX = 32,
    RETIRE_MAX = 256,      /* writers in one look: 36,000 a day */
    COLLECT_STEP = 8192,   /* entries dropped in one step: 6 MB of effects at the most */
};

/* Tombstones below low-water rows (water.h, collect.h). */
struct collect {
    uint64_t next_ms;          /* when the own number is looked at again */
    uint64_t ripe, ripe_epoch; /* own number that everyone had */
    uint64_t ripe_ms;          /* at this look */
    uint64_t generation;       /* the greatest that a dropped tombstone may have had */
    uint64_t stale[2];         /* a bit per bucket that may hold what was deleted */
    struct node_id due[COLLECT_DUE_MAX]; /* whose low-water rows came lately */
    size_t n_due;                        /* COLLECT_DUE_MAX: perhaps others too */
    uint64_t n_rows; /* low-water rows that came or were written, each time */
    bool has_missed_graves; /* stale for their sake */
    uint32_t n_marks;       /* times that we became stale for somebody's sake, and one */
    struct retire_mark {
        struct node_id writer;
        uint64_t epoch, number;
    } looked[RETIRE_MAX]; /* who could be retired at the last look */
    size_t n_looked;
    uint64_t looked_ms;
};

#endif

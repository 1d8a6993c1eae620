/* The lives of this node. */
#ifndef GOSSIP_MACHINE_PART_LIVES_H
#define GOSSIP_MACHINE_PART_LIVES_H

#include "gossip/face/replica.h"

enum { LIVES_MAX = 256 };

/* See lives.h. */
struct lives {
    struct life former[LIVES_MAX]; /* by epoch; the first stands for all before it, too */
    size_t n;
    struct life last;   /* as the store had it */
    uint64_t epoch;     /* that the host proposes for this start */
    uint64_t above;     /* the present life's or above it, with numbers we did not give; 0: none */
    bool has_begun;
    bool has_compared;  /* since the start, with anybody */
    struct seen_number pulled; /* what a peer had seen of us that we had not, and has told us by now */
    bool is_behind;     /* peers know more of us than we do, */
    bool is_told;       /* and the host has heard of it */
    uint64_t again_ms;  /* no other life before */
    bool is_walking;    /* own entries of former lives are looked at, */
    bool has_left;      /* some of them for a later walk, */
    struct life cursor; /* behind this one, */
    uint64_t next_ms;   /* from then on */
};

#endif

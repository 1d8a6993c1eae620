/* How far this node's clock is off the median of its peers'.
 *
 * Each answer to a probe bears its sender's wall clock, which is held against our monotonic clock
 * in the middle of the round trip (Cristian 1989).  So a sample stays true when our own wall clock
 * is set, and that is seen in the same moment.  The newest sample of each of the last few peers
 * counts: less than half of them may lie. */
#ifndef GOSSIP_MEMBERS_SKEW_H
#define GOSSIP_MEMBERS_SKEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ids.h"

enum {
    SKEW_SAMPLES = 15, /* peers that are compared with: seven of them may be wrong */
    SKEW_ENOUGH = 3,   /* fewer say nothing, unless there are no more peers */
    /* Half of it is how wrong one sample can be, and that must not pass for a wrong clock. */
    SKEW_RTT_MAX_MS = 400,
    SKEW_SET_MS = 100, /* a wall clock that moves this much against the other was set */
};

struct skew_sample {
    struct node_id peer;
    int64_t ahead_ms;  /* its wall clock less our monotonic one */
    uint64_t asked_ms; /* monotonic */
};

struct skew {
    struct skew_sample samples[SKEW_SAMPLES];
    size_t n;
    bool has_own;
    int64_t own_ms;  /* our wall clock less our monotonic one, as last seen */
    uint64_t set_ms; /* when that last jumped; 0: never */
};

/* Our own clocks, both, as of this step. */
void skew_look(struct skew *s, uint64_t now_ms, uint64_t at_unix_ms);
/* `peer` was asked at `asked_ms` and has answered `rtt_us` later that it is `at_unix_ms`.  Slow
 * answers and impossible times are left out. */
void skew_hear(struct skew *s, struct node_id peer, uint64_t asked_ms, uint32_t rtt_us,
               uint64_t at_unix_ms);
/* By how many ms `peer` is ahead of us, if it is among those we compare with. */
bool skew_of(const struct skew *s, struct node_id peer, int64_t *ret_ahead_ms);
/* Of the samples not older than `age_max_ms`, of `n_peers` there could be some of: returns how
 * many tell, 0 when it is too early to say, and then by how many ms our clock is ahead of their
 * median (behind: negative).  Of an even number any value between the middle two is a median: the
 * one nearest to our clock is taken. */
size_t skew_tell(const struct skew *s, uint64_t now_ms, uint64_t at_unix_ms,
                 size_t n_peers, uint64_t age_max_ms, int64_t *ret_ahead_ms);

#endif

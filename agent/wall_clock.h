/* Is this host's wall clock fit for stamping?  What gossip finds of it becomes a state, news of its
 * changes, the figure in our row, and the refusal of orders.
 *
 * Two nodes that differ cannot know who is right: then both say so, and both take orders.  Who
 * has nobody to compare with takes orders too. */
#ifndef AGENT_WALL_CLOCK_H
#define AGENT_WALL_CLOCK_H

#include "agent/effects.h"
#include "core/err.h"
#include "core/moment.h"

enum {
    WALL_CLOCK_OFF_MS = 250,    /* from here on it is said */
    WALL_CLOCK_REFUSE_MS = 500, /* beyond it no orders are taken */
    /* This much less takes either back: a clock that trembles at a limit is no news. */
    WALL_CLOCK_SLACK_MS = 50,
    WALL_CLOCK_JUDGES = 2, /* peers that it takes to refuse */
    /* Our row is written again when it is wrong by this, or by an eighth. */
    WALL_CLOCK_TELL_STEP_MS = 100,
    /* Where many clocks are off the figure trembles with whom we compare with: one near the limit is
     * called right when it was so for this long, and our row tells another figure no sooner. */
    WALL_CLOCK_CALM_MS = 60 * 1000,
};

enum wall_clock_state { WALL_CLOCK_RIGHT, WALL_CLOCK_OFF, WALL_CLOCK_REFUSING };

struct wall_clock {
    enum wall_clock_state state; /* as last known */
    size_t n_peers;              /* compared with just now; 0: nothing is known */
    int64_t ahead_ms;            /* of their median; 0 while nothing is known */
    int64_t told_ms;             /* what our row says; 0: it is right */
    uint64_t told_at_ms;         /* since when */
    uint64_t off_ms;             /* when it was last too far off to be called right */
};

/* Look again; emits an event when the state has changed.  True: told_ms is another now. */
bool wall_clock_step(struct wall_clock *w, const struct gossip *gossip, const char *node,
                     struct moment at, struct node_effects *out);
/* Whatever stamps or starts by the wall clock asks this first. */
bool wall_clock_is_trusted(const struct wall_clock *w);
/* ERR_CLOCK, and for people what is wrong and what to do. */
int wall_clock_refuse(const struct wall_clock *w, struct err *err);

#endif

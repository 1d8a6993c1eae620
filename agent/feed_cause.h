/* Which event came of which: every event of the feed that has a cause among those before it names the
 * nearest one, so that whoever follows the names comes to a person's order, a death, an exit or a clock.
 *
 * Pure, and by marks of fixed size: a large cluster tells thousands of events at once. */
#ifndef AGENT_FEED_CAUSE_H
#define AGENT_FEED_CAUSE_H

#include <stddef.h>

#include "agent/effects.h"

enum event_kind {
    EVENT_OTHER,
    EVENT_MEMBER,
    EVENT_JOB,
    EVENT_INSTANCE,
    EVENT_TURN, /* hold, disk, clock, clash, address, table: of one subject, on and off */
};

enum event_state {
    EVENT_PLAIN,
    EVENT_BEGUN,   /* an instance is starting */
    EVENT_ENDING,  /* it is stopping */
    EVENT_BROKEN,  /* it fell, or was given up */
    EVENT_OVER,    /* it is gone */
    EVENT_SUSPECT, /* of members */
    EVENT_DEAD,
    EVENT_LEFT,
    EVENT_REMOVED, /* of jobs */
    EVENT_STOPPED,
};

/* What is remembered of an event; all zero: nothing is there. */
struct event_mark {
    uint64_t id;
    uint64_t who;   /* hash of kind, namespace and subject */
    uint64_t job;   /* the same of the job, for jobs and instances */
    uint64_t node;  /* where it was */
    uint64_t cause; /* the id of another, 0 = none */
    enum event_kind kind;
    enum event_state state;
};

struct event_mark event_mark_of(uint64_t id, const struct node_event *event,
                                const char *node);
/* The id of what `now` came of among the `cap` marks of a ring, where id is at id % cap; 0: none. */
uint64_t event_cause(const struct event_mark *ring, size_t cap,
                     const struct event_mark *now, const struct node_event *event);

#endif

/* A job's condition: one word of how it is, and the instance that makes it so.
 *
 * Pure, of view and plan: every node that believes the same says the same.  Command line, page and API
 * take their words from here. */
#ifndef SCHED_CONDITION_H
#define SCHED_CONDITION_H

#include "sched/plan.h"

/* The first that holds is the job's. */
enum condition_kind {
    CONDITION_STOPPED,   /* a person has stopped it */
    CONDITION_CRASHING,  /* an instance was given up, or falls again and again */
    CONDITION_WAITING,   /* an instance fits nowhere */
    CONDITION_LOST,      /* instances are on dead nodes, and their take-over waits */
    CONDITION_DEPLOYING, /* instances start, or are replaced */
    CONDITION_DEGRADED,  /* fewer are healthy than wanted */
    CONDITION_HEALTHY,
};

struct condition {
    enum condition_kind kind;
    uint32_t wanted, running, healthy; /* instances; none on a dead node runs */
    uint32_t
        current; /* healthy ones that are what the job wants: all that are not to be replaced */
    bool is_untried; /* CRASHING: it was not even tried, for what it needs is not there */
    bool is_replacing; /* some run another version than is in force */
    /* The instance that makes it so; VIEW_NONE where none is worse than the others. */
    uint32_t index, node; /* node: where; VIEW_NONE: nowhere */
    uint32_t restarts;    /* of that instance */
    const char *cause; /* what is known of it; "" = nothing.  The view's or the plan's */
    uint64_t since_unix_ms; /* 0 = not known */
    uint64_t
        again_unix_ms; /* when that instance is started or tried again; 0 = not known */
};

void condition_of(const struct view *v, const struct plan *plan, uint32_t job,
                  uint64_t at_unix_ms, struct condition *ret);
/* "Deploying 2/5", for people. */
enum { CONDITION_TEXT = 48 };
const char *condition_text(const struct condition *c, char out[static CONDITION_TEXT]);
/* The word for programs: running, degraded, updating, crashing, pending or stopped. */
const char *condition_status(const struct condition *c);

/* Does this claim's node keep it only because its take-over waits?  Then nobody knows how the task is. */
bool condition_is_lost(const struct view *v, const struct view_claim *c);
/* The job's placements, which lie together. */
const struct placement *condition_placements(const struct plan *plan, uint32_t job,
                                             size_t *ret_n);

#endif

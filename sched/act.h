/* From plan to deeds: what this node starts, stops and switches.  Each node acts only on what
 * the plan gives to itself. */
#ifndef SCHED_ACT_H
#define SCHED_ACT_H

#include "sched/plan.h"

enum act_kind {
    ACT_START,   /* claim and start: the plan gives it to us and we have no claim of it */
    ACT_STOP,    /* we hold it and should not (any more) */
    ACT_REPLACE, /* ours, but of an old version or before a restart request: stop, start anew */
};

struct act {
    enum act_kind kind;
    uint32_t job;        /* into view.jobs; VIEW_NONE when the job is gone (ACT_STOP) */
    uint32_t index;
    const char *ns, *name;
    uint64_t generation; /* ACT_START */
    const char *reason;  /* shown to people */
};

/* ACT_STOP comes for instances whose job is gone or stopped, whose index is past the count, and
 * for duplicates: the higher generation keeps it, then the older claim, then the smaller id, and
 * the loser stops once the winner is healthy (or at once if the loser is not).
 * ACT_REPLACE follows the rule of evidence: instance i switches once all up to i - max_parallel
 * are switched and proven. */
int act_decide(const struct view *v, const struct plan *plan, struct arena *arena,
               struct act **ret_acts, size_t *ret_n);

#endif

/* From plan to deeds: what this node starts, stops and switches.  Each node acts only on what
 * the plan gives to itself. */
#ifndef SCHED_ACT_H
#define SCHED_ACT_H

#include "sched/plan.h"

enum act_kind {
    ACT_START, /* claim and start: the plan gives it to us and no claim of it runs here */
    ACT_STOP,  /* we hold it and should not (any more) */
    ACT_REPLACE, /* ours, but of an old version or before a restart request: stop, start anew */
    ACT_AMEND, /* ours, of another version that starts the same task: it goes on under the new one */
};

struct act {
    enum act_kind kind;
    uint32_t job; /* into view.jobs; VIEW_NONE when the job is gone (ACT_STOP) */
    uint32_t index;
    const char *ns, *name;
    uint64_t generation; /* ACT_START */
    const char *reason;  /* shown to people */
};

/* ACT_START may come for an instance of which we still show an ended claim: the new one takes its
 * place.
 * ACT_STOP comes for instances whose job is gone or stopped, whose index is past the count (when
 * they may go: sched/surplus.h), for what a leaving node cannot hand on, and for duplicates: the higher generation keeps it, then
 * the older claim, then the smaller id, and the loser stops once the winner is healthy (or at
 * once if the loser is not).  A leaving node's heir has a higher generation.
 * ACT_REPLACE follows the rule of evidence: instance i switches once all up to i - max_parallel
 * are switched and proven, or fit nowhere and were not tried.  It keeps the claim's generation.
 * ACT_AMEND stops nothing.  It comes at once, and in turn like ACT_REPLACE where the new version
 * asks a healthy instance for more than the old one did (EDIT_CHECKS).
 * Acts are said again, in the same words, until the view shows them done.  Stops come before
 * starts.  0 or -ENOMEM; the list lives in `arena`. */
int act_decide(const struct view *v, const struct plan *plan, struct arena *arena,
               struct act **ret_acts, size_t *ret_n);

#endif

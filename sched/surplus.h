/* What is too many: instances past the count, and when they may go.
 *
 * A count that falls together with a new version must not cost more capacity than the rollout
 * may take: what runs past the count runs the version that is known to work. */
#ifndef SCHED_SURPLUS_H
#define SCHED_SURPLUS_H

#include "sched/plan.h"

/* What is known of one job at a time; zeroed: of none. */
struct surplus {
    const struct view *view;
    const struct plan *plan;
    uint32_t job; /* looked at last */
    /* by claim of the job: instances below the claim's with a healthy one */
    uint32_t *n_healthy;
    bool is_rolling; /* something of the job runs another version than it should */
    bool lacks_room; /* a wanted instance fits nowhere, and no node has refused it */
};

void surplus_init(struct surplus *s, const struct view *v, const struct plan *plan);

/* May the instance of this claim, which is past its job's count, stop now?  `is_through`: all that are
 * wanted are current and proven.  `arena` for what is remembered of the job.  1, 0 or -ENOMEM.
 *
 * Who is not healthy may go.  Else:
 * - while the job is rolled, only once it is through, since what is past the count is
 *   what the rollout falls back on;
 * - in a job that is not rolled, once as many instances below this one are healthy as are wanted;
 * - where a wanted instance waits for room: the room has to come from somewhere, so also when as
 *   many as are wanted, less max_parallel, are healthy below this one.
 * All count what is below them only, so however many go at once, so many stay. */
int surplus_may_go(struct surplus *s, uint32_t claim, bool is_through,
                   struct arena *arena);

#endif

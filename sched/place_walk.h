/* The walk: every wanted instance in canonical order, kept or placed. */
#ifndef SCHED_PLACE_WALK_H
#define SCHED_PLACE_WALK_H

#include "sched/place.h"
#include "sched/plan.h"

/* Visit everything before instance `index` of `job`, then turn to that instance without deciding
 * it.  With job == n_jobs everything is visited.  `placements` (may be NULL) has room for one
 * per instance: p->first_instance[n_jobs].  0 or -ENOMEM. */
int place_walk(struct place *p, uint32_t job, uint32_t index,
               struct placement *placements);

/* Decide the instance turned to. */
int place_decide(struct place *p, uint32_t index, struct placement *ret_placement);

#endif

/* The plan as people above see it.  The deciding is in place*.c; see place.h for why the result
 * is a fixed point of its own realization. */
#include "sched/plan.h"

#include <errno.h>

#include "sched/place_walk.h"

int plan_make(const struct view *v, struct arena *arena, struct plan *ret_plan)
{
    struct place p;
    int rc = place_init(&p, v, arena);
    if (rc < 0)
        return rc;
    size_t n = p.first_instance[v->n_jobs];
    struct placement *placements = arena_array(arena, n + 1, sizeof(*placements));
    if (!placements)
        return -ENOMEM;
    rc = place_walk(&p, (uint32_t)v->n_jobs, 0, placements);
    if (rc < 0)
        return rc;
    *ret_plan = (struct plan){placements, n};
    return 0;
}

const struct placement *plan_find(const struct plan *plan, uint32_t job, uint32_t index)
{
    size_t low = 0, high = plan->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct placement *at = &plan->placements[middle];
        if (at->job < job || (at->job == job && at->index < index))
            low = middle + 1;
        else
            high = middle;
    }
    const struct placement *found = low < plan->n ? &plan->placements[low] : NULL;
    return found && found->job == job && found->index == index ? found : NULL;
}

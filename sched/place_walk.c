/* The walk over all instances.  See place_walk.h.
 *
 * Only what the walk has not decided yet can still grow scarcer, so when no node fits one
 * instance of a job, none fits the later ones either (unless a node refused or still runs it,
 * which is its own affair): they share the verdict, and a job too big for the cluster costs one search. */
#include "sched/place_walk.h"

#include <errno.h>

/* *reason_none is the verdict that the job's later instances share; NULL = none yet. */
static int decide(struct place *p, const char **reason_none, uint32_t index,
                  struct placement *ret)
{
    uint32_t holder = p->holders[p->first_instance[p->job] + index];
    *ret = (struct placement){
        .job = p->job, .index = index, .node = VIEW_NONE, .claim = VIEW_NONE};
    if (holder != VIEW_NONE) {
        place_held(p, holder);
        ret->node = p->view->claims[holder].node;
        ret->claim = holder;
        ret->action = PLACEMENT_KEEP;
        ret->generation = p->view->claims[holder].doc.generation;
        ret->reason = "its node is alive, and it fits";
        return 0;
    }
    struct place_choice choice = {.node = VIEW_NONE};
    ret->action = PLACEMENT_NONE;
    ret->reason = *reason_none;
    if (!*reason_none) {
        place_choose(p, index, &choice);
        if (choice.node == VIEW_NONE) {
            ret->reason = place_reason_none(p, &choice);
            *reason_none = p->is_special ? NULL : ret->reason;
        }
    }
    if (choice.node != VIEW_NONE) {
        place_placed(p, choice.node);
        ret->node = choice.node;
        ret->action = PLACEMENT_PLACE;
        ret->generation = p->generation < UINT64_MAX ? p->generation + 1 : UINT64_MAX;
        ret->reason = place_reason_placed(p, &choice);
    }
    return ret->reason ? 0 : -ENOMEM;
}

int place_decide(struct place *p, uint32_t index, struct placement *ret_placement)
{
    const char *reason_none = NULL;
    return decide(p, &reason_none, index, ret_placement);
}

/* The instances [0, n) of a job. */
static int walk_job(struct place *p, uint32_t job, uint32_t n,
                    struct placement *placements)
{
    const char *reason_none = NULL;
    struct placement ignored;
    int rc = place_job(p, job);
    for (uint32_t index = 0; index < n && rc >= 0; index++) {
        place_instance(p, index);
        rc = decide(p, &reason_none, index,
                    placements ? &placements[p->first_instance[job] + index] : &ignored);
    }
    return rc;
}

int place_walk(struct place *p, uint32_t job, uint32_t index,
               struct placement *placements)
{
    int rc = 0;
    for (uint32_t i = 0; i < job && rc >= 0; i++) {
        size_t n = p->first_instance[i + 1] - p->first_instance[i];
        if (n > 0)
            rc = walk_job(p, i, (uint32_t)n, placements);
    }
    if (rc >= 0 && job < p->view->n_jobs) {
        rc = walk_job(p, job, index, placements);
        if (rc >= 0)
            place_instance(p, index);
    }
    return rc;
}

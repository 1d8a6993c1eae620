/* The plan: for every wanted instance of every job, which node should hold it, and why.
 *
 * A pure, sticky function of the view, and a fixed point of its own realization: adding any
 * subset of the plan's own claims to the view does not change the rest of the plan (DESIGN 8). */
#ifndef SCHED_PLAN_H
#define SCHED_PLAN_H

#include "core/arena.h"
#include "sched/view.h"

enum placement_action {
    PLACEMENT_KEEP,
    PLACEMENT_PLACE,
    PLACEMENT_NONE /* nothing fits */
};

struct placement {
    uint32_t job, index; /* into view.jobs; the instance */
    uint32_t node;       /* into view.nodes; VIEW_NONE for PLACEMENT_NONE */
    uint32_t claim;      /* PLACEMENT_KEEP: the claim that wins, into view.claims */
    enum placement_action action;
    uint64_t generation; /* PLACE: the generation to claim under; KEEP: the claim's */
    /* "spread: least loaded of 3 fitting nodes", "no node fits: 2 lack ..." */
    const char *reason;
};

struct plan {
    const struct placement *placements; /* in canonical order */
    size_t n;
};

/* 0 or -ENOMEM.  Jobs without a readable spec, and those that would take the cluster past
 * CLAIMS_MAX instances, have no placements: what holds them is left alone. */
int plan_make(const struct view *v, struct arena *arena, struct plan *ret_plan);
/* NULL when the instance is not planned. */
const struct placement *plan_find(const struct plan *plan, uint32_t job, uint32_t index);

/* For `why`: every node's verdict on one instance, recomputed from the same view. */
enum verdict { VERDICT_CHOSEN, VERDICT_FEASIBLE, VERDICT_REFUSED };
struct candidate {
    uint32_t node;
    enum verdict verdict;
    const char *reason;
    double score;
    unsigned
        passed; /* filters that it got through: of those that refuse, more is nearer */
};
/* The chosen one first, then those that would do by their score, then the nearest misses.  ERR_NOT_FOUND when the instance is not planned. */
int plan_explain(const struct view *v, uint32_t job, uint32_t index, struct arena *arena,
                 struct candidate **ret_candidates, size_t *ret_n);

/* What every node has reserved by live claims: cpu_milli and memory, for `members`. */
struct reserved {
    uint32_t cpu_milli;
    uint64_t memory_bytes;
};
int plan_reserved(const struct view *v, struct arena *arena,
                  struct reserved **ret_by_node);

#endif

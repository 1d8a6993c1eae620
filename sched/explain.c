/* Why: every node's verdict on one instance, and what every node has reserved.
 *
 * Nothing is remembered between plan and question: any node can recompute both from the view. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/err.h"
#include "sched/place_walk.h"
#include "sched/plan.h"

static const char *held_text(struct arena *arena, const struct view_node *node,
                             const struct claim_doc *d)
{
    char since[32];
    uint64_t at = d->started_unix_ms ? d->started_unix_ms : d->claimed_unix_ms;
    bool is_lost = node->state == MEMBER_DEAD && node->away_until_ms == 0;
    return arena_printf(arena, "%sholds it since %s, generation %" PRIu64,
                        is_lost ? "is dead, and take-overs wait; " : "",
                        unix_ms_text(at, since), d->generation);
}

/* Higher is better; a second instance on a node weighs more than any load. */
static double score_number(struct place_score score)
{
    return 100.0 - (double)score.load / 10.24 - 100.0 * score.n_same;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? -1 : 1;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    if (x->passed != y->passed)
        return x->passed > y->passed ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

int plan_explain(const struct view *v, uint32_t job, uint32_t index, struct arena *arena,
                 struct candidate **ret_candidates, size_t *ret_n)
{
    struct place p;
    int rc = place_init(&p, v, arena);
    if (rc < 0)
        return rc;
    if (job >= v->n_jobs || index >= p.first_instance[job + 1] - p.first_instance[job])
        return ERR_NOT_FOUND;
    rc = place_walk(&p, job, index, NULL);
    struct candidate *list = arena_array(arena, v->n_nodes + 1, sizeof(*list));
    if (rc < 0 || !list)
        return rc < 0 ? rc : -ENOMEM;
    for (uint32_t node = 0; node < v->n_nodes; node++) {
        enum fit fit = place_fit(&p, node);
        list[node] = (struct candidate){
            .node = node,
            .verdict = fit == FIT_YES ? VERDICT_FEASIBLE : VERDICT_REFUSED,
            .reason = place_reason_fit(&p, fit, node),
            .score = fit == FIT_YES ? score_number(place_score(&p, index, node)) : 0,
            .passed = fit == FIT_YES ? FITS : fit,
        };
        if (!list[node].reason)
            return -ENOMEM;
    }
    struct placement placement;
    rc = place_decide(&p, index, &placement);
    if (rc < 0)
        return rc;
    if (placement.node != VIEW_NONE) {
        struct candidate *chosen = &list[placement.node];
        chosen->verdict = VERDICT_CHOSEN;
        chosen->reason = placement.action == PLACEMENT_KEEP
                             ? held_text(arena, &v->nodes[placement.node],
                                         &v->claims[placement.claim].doc)
                             : placement.reason;
        if (!chosen->reason)
            return -ENOMEM;
    }
    qsort(list, v->n_nodes, sizeof(*list), compare_candidates);
    *ret_candidates = list;
    *ret_n = v->n_nodes;
    return 0;
}

int plan_reserved(const struct view *v, struct arena *arena,
                  struct reserved **ret_by_node)
{
    struct load *loads = arena_array(arena, v->n_nodes + 1, sizeof(*loads));
    struct reserved *out = arena_array(arena, v->n_nodes + 1, sizeof(*out));
    if (!loads || !out)
        return -ENOMEM;
    for (size_t i = 0; i < v->n_claims; i++) {
        const struct view_claim *c = &v->claims[i];
        const struct job_spec *spec = v->jobs[c->job].spec;
        if (spec && v->nodes[c->node].is_live && claim_runs(&c->doc))
            load_add(&loads[c->node], place_need(spec));
    }
    for (size_t i = 0; i < v->n_nodes; i++) {
        uint64_t cpu = loads[i].cpu_milli;
        out[i].cpu_milli = cpu > UINT32_MAX ? UINT32_MAX : (uint32_t)cpu;
        out[i].memory_bytes = loads[i].memory_bytes;
    }
    *ret_by_node = out;
    return 0;
}

/* From plan to deeds for one node.  See act.h.
 *
 * Rolling needs no coordinator: a node may only switch its instance when the view shows that all
 * instances up to max_parallel before it are switched and proven, but for those that nobody holds
 * because they fit nowhere.  Views are late, never ahead,
 * so at most max_parallel instances of a job are in the making, whoever looks. */
#include "sched/act.h"

#include <errno.h>

#include "sched/place.h"
#include "sched/surplus.h"

struct acts {
    const struct view *v;
    const struct plan *plan;
    struct arena *arena;
    struct act *list;
    size_t n, cap;
    uint32_t evidence_job, evidence; /* the job counted last, and its count */
    struct surplus surplus;
};

static int acts_add(struct acts *a, struct act act)
{
    if (!act.reason ||
        arena_grow(a->arena, (void **)&a->list, a->n, &a->cap, sizeof(act)) < 0)
        return -ENOMEM;
    a->list[a->n++] = act;
    return 0;
}

static int acts_claim(struct acts *a, const struct view_claim *c, enum act_kind kind,
                      const char *reason)
{
    const struct view_job *j = &a->v->jobs[c->job];
    return acts_add(a, (struct act){.kind = kind,
                                    .job = c->job,
                                    .index = c->index,
                                    .ns = j->ns,
                                    .name = j->name,
                                    .generation = c->doc.generation,
                                    .reason = reason});
}

/* Does anybody show a claim of this instance, whatever its state? */
static bool is_claimed(const struct view *v, uint32_t job, uint32_t index)
{
    size_t low = v->jobs[job].first_claim, end = low + v->jobs[job].n_claims, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->claims[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && v->claims[low].index == index;
}

/* An instance that nobody holds and that fits nowhere has nothing a switch could break, and says
 * nothing of the new version: the others need not wait for room to be made for it.  One that
 * crashed everywhere says a lot. */
static bool is_no_evidence(const struct view *v, const struct placement *p)
{
    return p->action == PLACEMENT_NONE && !is_claimed(v, p->job, p->index) &&
           !view_is_refused(v, p->job, p->index);
}

/* How many instances from 0 on are current and proven without a gap. */
static uint32_t evidence_of(struct acts *a, uint32_t job)
{
    if (a->evidence_job == job)
        return a->evidence;
    const struct view_job *j = &a->v->jobs[job];
    const struct placement *p = plan_find(a->plan, job, 0);
    uint32_t n = 0;
    for (; p && n < j->count; n++) {
        if (is_no_evidence(a->v, &p[n]))
            continue;
        if (p[n].action != PLACEMENT_KEEP)
            break;
        const struct view_claim *c = &a->v->claims[p[n].claim];
        if (view_update(j, c) != UPDATE_NONE || !c->doc.is_proven ||
            !claim_is_healthy(c->doc.state, c->doc.health))
            break;
    }
    a->evidence_job = job;
    a->evidence = n;
    return n;
}

/* Is it this instance's turn to be another than it is?  Of the wanted ones at most max_parallel are in
 * the making at once. */
static bool is_its_turn(struct acts *a, const struct view_claim *c)
{
    const struct update_spec *update = &a->v->jobs[c->job].spec->update;
    uint32_t max_parallel = update->max_parallel ? update->max_parallel : 1;
    return c->index < max_parallel || c->index - max_parallel < evidence_of(a, c->job);
}

/* What the task cannot see is taken over in place, and without waiting: nothing changes for who uses it,
 * so there is nothing that could go wrong in many places at once.  New or changed health checks could,
 * so they come to healthy instances in turn, as a new start would; who is not healthy has nothing to lose. */
static bool is_taken_over_at_once(const struct view_job *j, const struct view_claim *c)
{
    bool is_same = spec_hash_equal(c->doc.spec, j->doc.spec);
    if (is_same) /* the same text may have a new number: the way back */
        return c->doc.version != j->doc.version;
    return c->edit == EDIT_UNSEEN ||
           (c->edit == EDIT_CHECKS && !claim_is_healthy(c->doc.state, c->doc.health));
}

/* An instance that we hold and keep. */
static int act_on_kept(struct acts *a, const struct view_claim *c)
{
    const struct view_job *j = &a->v->jobs[c->job];
    enum claim_update update = view_update(j, c);
    const char *reason = "a restart was requested";
    if (is_taken_over_at_once(j, c))
        return acts_claim(a, c, ACT_AMEND, "");
    /* Where no file can be written the new one could not start: what works stays until then. */
    bool is_barred =
        update == UPDATE_RESTART && a->v->nodes[a->v->self].doc.disk != DISK_OK;
    if (update == UPDATE_NONE || is_barred || !is_its_turn(a, c))
        return 0;
    bool is_same = spec_hash_equal(c->doc.spec, j->doc.spec);
    if (!is_same && (c->edit == EDIT_RESTART || update == UPDATE_IN_PLACE))
        reason = arena_printf(a->arena, "update from v%u to v%u", c->doc.version,
                              j->doc.version);
    return acts_claim(a, c, update == UPDATE_RESTART ? ACT_REPLACE : ACT_AMEND, reason);
}

/* A better claim is there: ours goes, but not before the other one works, unless ours is of no
 * use anyway.  Claims only ever give way to better ones, so of all that run the best stays. */
static int act_on_lost(struct acts *a, const struct view_claim *c,
                       const struct view_claim *winner)
{
    const struct claim_doc *w = &winner->doc;
    if (!claim_is_healthy(w->state, w->health) &&
        claim_is_healthy(c->doc.state, c->doc.health))
        return 0;
    const char *name = a->v->nodes[winner->node].doc.name;
    return acts_claim(
        a, c, ACT_STOP,
        arena_printf(a->arena, "held by %.63s", name ? name : "another node"));
}

/* The best claim of the same instance whose task has not ended, and how many there are. */
static uint32_t find_best(const struct view *v, uint32_t claim, uint32_t *ret_n)
{
    const struct view_claim *c = &v->claims[claim];
    uint32_t first = claim, best = VIEW_NONE;
    *ret_n = 0;
    while (first > 0 && v->claims[first - 1].job == c->job &&
           v->claims[first - 1].index == c->index)
        first--;
    for (uint32_t i = first;
         i < v->n_claims && v->claims[i].job == c->job && v->claims[i].index == c->index;
         i++) {
        if (!claim_runs(&v->claims[i].doc) || v->claims[i].is_former ||
            !v->nodes[v->claims[i].node].is_live)
            continue;
        best = best == VIEW_NONE ? i : best;
        ++*ret_n;
    }
    return best;
}

static int act_on_wanted(struct acts *a, uint32_t claim, const struct placement *p)
{
    const struct view *v = a->v;
    const struct view_claim *c = &v->claims[claim];
    uint32_t n_running, best = find_best(v, claim, &n_running);
    bool is_leaving = v->nodes[v->self].doc.state == AGENT_LEAVING;
    if (best == VIEW_NONE || (p->action == PLACEMENT_PLACE && p->node == v->self))
        return 0; /* ours has ended: it shows why until somebody takes over, maybe we */
    if (best != claim)
        return act_on_lost(a, c, &v->claims[best]);
    if (p->action == PLACEMENT_KEEP)
        return act_on_kept(a, c);
    if (p->action == PLACEMENT_NONE && is_leaving && n_running == 1)
        return acts_claim(a, c, ACT_STOP, "this node leaves, and no other can take it");
    return 0; /* nobody has taken it over yet: what is running keeps running */
}

/* Past the count: it goes, but no sooner than the others can do without it. */
static int act_on_surplus(struct acts *a, uint32_t claim)
{
    const struct view *v = a->v;
    const struct view_claim *c = &v->claims[claim];
    const struct view_job *j = &v->jobs[c->job];
    uint32_t n_running, best = find_best(v, claim, &n_running);
    bool is_through = evidence_of(a, c->job) >= j->count;
    int may_go = 1; /* of a node that leaves: nobody takes over what is too many */
    if (v->nodes[v->self].doc.state != AGENT_LEAVING)
        may_go = surplus_may_go(&a->surplus, claim, is_through, a->arena);
    if (may_go < 0)
        return may_go;
    if (may_go)
        return acts_claim(a, c, ACT_STOP,
                          j->control.is_stopped
                              ? "the job is stopped"
                              : arena_printf(a->arena, "scaled to %u", j->count));
    return best != VIEW_NONE && best != claim ? act_on_lost(a, c, &v->claims[best]) : 0;
}

static int act_on_claim(struct acts *a, uint32_t claim)
{
    const struct view_claim *c = &a->v->claims[claim];
    const struct view_job *j = &a->v->jobs[c->job];
    if (c->is_former)
        return acts_claim(a, c, ACT_STOP, "its job was removed");
    if (!j->spec)
        return 0;
    if (c->index >= j->count)
        return act_on_surplus(a, claim);
    const struct placement *p = plan_find(a->plan, c->job, c->index);
    return p ? act_on_wanted(a, claim, p) : 0;
}

static int act_on_orphan(struct acts *a, const struct view_orphan *o)
{
    return acts_add(a, (struct act){.kind = ACT_STOP,
                                    .job = VIEW_NONE,
                                    .index = o->index,
                                    .ns = o->ns,
                                    .name = o->name,
                                    .reason = "the job is gone"});
}

static int act_on_placed(struct acts *a, const struct placement *p)
{
    const struct view_job *j = &a->v->jobs[p->job];
    return acts_add(a, (struct act){.kind = ACT_START,
                                    .job = p->job,
                                    .index = p->index,
                                    .ns = j->ns,
                                    .name = j->name,
                                    .generation = p->generation,
                                    .reason = p->reason});
}

/* Stops come first: what they free may be what a start needs. */
int act_decide(const struct view *v, const struct plan *plan, struct arena *arena,
               struct act **ret_acts, size_t *ret_n)
{
    struct acts a = {.v = v, .plan = plan, .arena = arena, .evidence_job = VIEW_NONE};
    int rc = 0;
    surplus_init(&a.surplus, v, plan);
    for (size_t i = 0; v->self != VIEW_NONE && i < v->n_orphans && rc >= 0; i++)
        if (v->orphans[i].node == v->self)
            rc = act_on_orphan(&a, &v->orphans[i]);
    for (uint32_t i = 0; v->self != VIEW_NONE && i < v->n_claims && rc >= 0; i++)
        if (v->claims[i].node == v->self)
            rc = act_on_claim(&a, i);
    for (size_t i = 0; v->self != VIEW_NONE && i < plan->n && rc >= 0; i++)
        if (plan->placements[i].action == PLACEMENT_PLACE &&
            plan->placements[i].node == v->self)
            rc = act_on_placed(&a, &plan->placements[i]);
    if (rc < 0)
        return rc;
    *ret_acts = a.list;
    *ret_n = a.n;
    return 0;
}

/* Who holds what, from the claims alone: before anything is placed, and independent of it.
 *
 * Of an instance's claims whose holder is live and whose task has not ended, the best one (the
 * view's order: highest generation, older, smaller id) holds it, if its node is staying, has no
 * broken disk and satisfies the current spec, and if it does not clash with the holders of earlier
 * instances over a unique value, a fixed port or capacity (a new version may want more than the
 * old).  When the best does not hold, none of the lesser ones is taken instead: they are on their way
 * out, and a stale view may not show that they are gone.
 * What this plan places never clashes with a claim, so adding its own claims to the view
 * changes no holder. */
#include <errno.h>

#include "sched/place.h"

/* A node whose row has not arrived keeps what it claims: nothing says that it should not. */
static bool is_claim_valid(const struct place *p, const struct view_claim *c)
{
    const struct view_node *node = &p->view->nodes[c->node];
    if (!node->has_doc)
        return true;
    if (node->doc.state == AGENT_LEAVING || node->doc.disk == DISK_BROKEN)
        return false;
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        if (!rule_holds(&p->rules, p->rules_of_job[i], c->node))
            return false;
    return true;
}

/* `held` is what the holders of earlier instances have reserved, by node. */
static bool is_clashing(const struct place *p, const struct load *held,
                        const struct view_claim *c)
{
    const struct view_node *node = &p->view->nodes[c->node];
    struct load total = held[c->node];
    load_add(&total, place_need(p->view->jobs[c->job].spec));
    if (node->has_doc && (total.cpu_milli > node->doc.cpu_milli ||
                          total.memory_bytes > node->doc.memory_bytes))
        return true;
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        if (rule_is_taken(p->rules_of_job[i], c->node, p->round))
            return true;
    return place_ports_taken(p, c->job, c->node);
}

static void claims_take(struct place *p, struct load *held, const struct view_claim *c)
{
    struct load need = place_need(p->view->jobs[c->job].spec);
    load_add(&held[c->node], need);
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        rule_take(p->rules_of_job[i], c->node, p->round);
    place_ports_take(p, c->job, c->node);
    if (c->doc.is_proven)
        load_add(&p->scored[c->node], need);
}

static int claims_of_job(struct place *p, struct load *held, uint32_t job)
{
    const struct view_job *j = &p->view->jobs[job];
    uint32_t *holders = p->holders + p->first_instance[job];
    size_t n = p->first_instance[job + 1] - p->first_instance[job];
    if (n == 0)
        return 0;
    int rc = place_job_rules(p, job);
    if (rc < 0)
        return rc;
    uint32_t decided = VIEW_NONE; /* the index whose best claim was met last */
    for (uint32_t at = j->first_claim; at < j->first_claim + j->n_claims; at++) {
        const struct view_claim *c = &p->view->claims[at];
        if (c->index >= n || c->index == decided || c->is_former ||
            !p->view->nodes[c->node].is_live || !claim_runs(&c->doc))
            continue;
        decided = c->index;
        if (!is_claim_valid(p, c) || is_clashing(p, held, c))
            continue;
        holders[c->index] = at;
        claims_take(p, held, c);
    }
    return 0;
}

/* Losers and leavers hold nothing, but until they stop they use what they use. */
static void reserve_all(struct place *p)
{
    for (size_t i = 0; i < p->view->n_claims; i++) {
        const struct view_claim *c = &p->view->claims[i];
        const struct job_spec *spec = p->view->jobs[c->job].spec;
        if (!spec || !p->view->nodes[c->node].is_live || !claim_runs(&c->doc))
            continue;
        load_add(&p->reserved[c->node], place_need(spec));
        place_ports_take(p, c->job, c->node);
    }
}

int place_claims(struct place *p)
{
    struct load *held = arena_array(p->arena, p->view->n_nodes + 1, sizeof(*held));
    if (!held)
        return -ENOMEM;
    for (uint32_t job = 0; job < p->view->n_jobs; job++) {
        int rc = claims_of_job(p, held, job);
        if (rc < 0)
            return rc;
    }
    reserve_all(p);
    return 0;
}

/* How a job is, from what its instances are.  See condition.h. */
#include "sched/condition.h"

#include <stdio.h>

enum {
    FALLS_OFTEN = 3, /* restarts after which an instance that is not proven crashes */
    STEADY_MS =
        2000, /* what was given up elsewhere is believed after running this long */
};

const struct placement *condition_placements(const struct plan *plan, uint32_t job,
                                             size_t *ret_n)
{
    size_t low = 0, high = plan->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->placements[middle].job < job)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < plan->n && plan->placements[high].job == job;)
        high++;
    *ret_n = high - low;
    return plan->placements + low;
}

bool condition_is_lost(const struct view *v, const struct view_claim *c)
{
    const struct view_node *node = &v->nodes[c->node];
    return node->state == MEMBER_DEAD && node->away_until_ms == 0;
}

/* The refusal of an instance as it is wanted now that was no matter of room or ports: those end with
 * their cause and have no time. */
static const struct view_refuse *given_up(const struct view *v, uint32_t job,
                                          uint32_t index)
{
    size_t low = 0, high = v->n_refusals;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct view_refuse *r = &v->refusals[middle];
        if (r->job < job || (r->job == job && r->index < index))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < v->n_refusals && v->refusals[low].job == job &&
           v->refusals[low].index == index;
         low++)
        if (v->refusals[low].doc.until_unix_ms > 0 &&
            spec_hash_equal(v->refusals[low].doc.spec, v->jobs[job].doc.spec))
            return &v->refusals[low];
    return NULL;
}

/* What one instance would make of its job. */
struct finding {
    enum condition_kind kind;
    uint32_t node, restarts;
    const char *cause;
    uint64_t since_unix_ms, again_unix_ms;
    bool is_untried;
};

/* Of an instance that a live node holds. */
static struct finding look_at_held(const struct view *v, const struct view_claim *c,
                                   const struct view_refuse *refusal, uint64_t at_unix_ms)
{
    const struct claim_doc *d = &c->doc;
    bool is_healthy = claim_is_healthy(d->state, d->health);
    bool is_steady =
        is_healthy && (d->is_proven || at_unix_ms >= d->started_unix_ms + STEADY_MS);
    bool has_fallen = d->restarts > 0 || d->has_exit;
    struct finding f = {CONDITION_HEALTHY,
                        c->node,
                        d->restarts,
                        d->reason ? d->reason : "",
                        d->check.since_unix_ms,
                        d->state == INSTANCE_PENDING ? d->again_unix_ms : 0,
                        false};
    if (d->restarts >= FALLS_OFTEN && !d->is_proven) {
        f.kind = CONDITION_CRASHING;
    } else if (refusal && !is_steady) {
        f.kind = CONDITION_CRASHING;
        f.cause = has_fallen ? f.cause : refusal->doc.reason;
        f.node = has_fallen ? c->node : refusal->node;
    } else if (condition_is_lost(v, c)) {
        f.kind = CONDITION_LOST;
    } else if (!is_healthy) {
        f.kind = has_fallen || d->health == HEALTH_FAILING ? CONDITION_DEGRADED
                                                           : CONDITION_DEPLOYING;
    }
    return f;
}

static struct finding look_at(const struct view *v, const struct placement *p,
                              uint64_t at_unix_ms)
{
    const struct view_refuse *refusal = given_up(v, p->job, p->index);
    if (p->action == PLACEMENT_KEEP)
        return look_at_held(v, &v->claims[p->claim], refusal, at_unix_ms);
    if (refusal)
        return (struct finding){
            CONDITION_CRASHING,         refusal->node,          0, refusal->doc.reason, 0,
            refusal->doc.until_unix_ms, refusal->doc.is_untried};
    return (struct finding){p->action == PLACEMENT_NONE ? CONDITION_WAITING
                                                        : CONDITION_DEPLOYING,
                            p->node,
                            0,
                            p->reason,
                            0,
                            0,
                            false};
}

static void count_claim(const struct view *v, const struct view_claim *c,
                        struct condition *ret)
{
    bool is_lost = condition_is_lost(v, c);
    bool is_healthy = !is_lost && claim_is_healthy(c->doc.state, c->doc.health);
    bool is_old = view_update(&v->jobs[c->job], c) != UPDATE_NONE;
    ret->running += !is_lost && c->doc.state == INSTANCE_RUNNING;
    ret->healthy += is_healthy;
    ret->current += is_healthy && !is_old;
    ret->is_replacing = ret->is_replacing || is_old;
}

void condition_of(const struct view *v, const struct plan *plan, uint32_t job,
                  uint64_t at_unix_ms, struct condition *ret)
{
    size_t n;
    const struct placement *p = condition_placements(plan, job, &n);
    const struct view_job *j = &v->jobs[job];
    *ret = (struct condition){.kind = CONDITION_HEALTHY,
                              .wanted = j->count,
                              .index = VIEW_NONE,
                              .node = VIEW_NONE,
                              .cause = ""};
    for (size_t i = 0; i < n; i++) {
        if (p[i].action == PLACEMENT_KEEP)
            count_claim(v, &v->claims[p[i].claim], ret);
        struct finding f = look_at(v, &p[i], at_unix_ms);
        if (f.kind >= ret->kind)
            continue;
        ret->kind = f.kind;
        ret->index = p[i].index;
        ret->node = f.node;
        ret->restarts = f.restarts;
        ret->cause = f.cause ? f.cause : "";
        ret->since_unix_ms = f.since_unix_ms;
        ret->again_unix_ms = f.again_unix_ms;
        ret->is_untried = f.is_untried;
    }
    if (ret->kind > CONDITION_DEPLOYING && ret->is_replacing)
        ret->kind = CONDITION_DEPLOYING;
    if (ret->kind == CONDITION_DEPLOYING)
        ret->since_unix_ms = j->doc.at_unix_ms;
    if (!j->spec &&
        !j->control.is_stopped) /* the body has not come: nothing is decided */
        ret->kind = ret->wanted ? CONDITION_DEPLOYING : CONDITION_HEALTHY;
    if (j->control.is_stopped)
        ret->kind = CONDITION_STOPPED;
    bool has_cause = ret->kind == CONDITION_CRASHING || ret->kind == CONDITION_WAITING ||
                     ret->kind == CONDITION_DEGRADED;
    ret->cause =
        has_cause ? ret->cause : ""; /* why it was placed is no cause of how it is */
}

const char *condition_text(const struct condition *c, char out[static CONDITION_TEXT])
{
    static const char *const words[] = {"Stopped", "Crashing",  "Waiting for room",
                                        "Lost",    "Deploying", "Degraded",
                                        "Healthy"};
    bool is_counted = c->kind == CONDITION_DEPLOYING || c->kind == CONDITION_DEGRADED;
    uint32_t done =
        c->is_replacing && c->kind == CONDITION_DEPLOYING ? c->current : c->healthy;
    if (is_counted)
        (void)snprintf(out, CONDITION_TEXT, "%s %u/%u", words[c->kind], done, c->wanted);
    else
        (void)snprintf(out, CONDITION_TEXT, "%s",
                       c->kind == CONDITION_CRASHING && c->is_untried ? "Cannot start"
                                                                      : words[c->kind]);
    return out;
}

const char *condition_status(const struct condition *c)
{
    switch (c->kind) {
    case CONDITION_STOPPED:
        return "stopped";
    case CONDITION_CRASHING:
        return "crashing";
    case CONDITION_WAITING:
        return "pending";
    case CONDITION_DEPLOYING:
        return c->is_replacing ? "updating" : "pending";
    case CONDITION_LOST:
    case CONDITION_DEGRADED:
        return "degraded";
    case CONDITION_HEALTHY:
        break;
    }
    return "running";
}

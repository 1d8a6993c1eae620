/* When what is too many may go.  See surplus.h. */
#include "sched/surplus.h"

#include <errno.h>

#include "sched/place.h"

void surplus_init(struct surplus *s, const struct view *v, const struct plan *plan)
{
    *s = (struct surplus){.view = v, .plan = plan, .job = VIEW_NONE};
}

static bool is_healthy(const struct view *v, const struct view_claim *c)
{
    return v->nodes[c->node].is_live && !c->is_former &&
           claim_is_healthy(c->doc.state, c->doc.health);
}

/* Claims are sorted by index: one pass counts the instances, whoever holds them. */
static void count_healthy(struct surplus *s)
{
    const struct view *v = s->view;
    const struct view_job *j = &v->jobs[s->job];
    uint32_t n_below = 0;
    bool is_counted = false; /* the index at hand */
    for (uint32_t i = 0; i < j->n_claims; i++) {
        const struct view_claim *c = &v->claims[j->first_claim + i];
        if (i > 0 && c[-1].index != c->index) {
            n_below += is_counted;
            is_counted = false;
        }
        s->n_healthy[i] = n_below;
        is_counted = is_counted || is_healthy(v, c);
    }
}

static bool is_rolled(const struct view *v, const struct view_job *j)
{
    for (uint32_t i = j->first_claim; i < j->first_claim + j->n_claims; i++) {
        const struct view_claim *c = &v->claims[i];
        if (claim_runs(&c->doc) && v->nodes[c->node].is_live && !c->is_former &&
            view_update(j, c) == UPDATE_RESTART)
            return true;
    }
    return false;
}

static bool is_short_of_room(const struct surplus *s)
{
    const struct placement *p = plan_find(s->plan, s->job, 0);
    for (uint32_t i = 0; p && i < s->view->jobs[s->job].count; i++)
        if (p[i].action == PLACEMENT_NONE && !view_is_refused(s->view, s->job, i))
            return true;
    return false;
}

static int look_at(struct surplus *s, uint32_t job, struct arena *arena)
{
    const struct view_job *j = &s->view->jobs[job];
    if (s->job == job)
        return 0;
    s->n_healthy = arena_array(arena, j->n_claims + 1u, sizeof(*s->n_healthy));
    if (!s->n_healthy)
        return -ENOMEM;
    s->job = job;
    s->is_rolling = is_rolled(s->view, j);
    s->lacks_room = is_short_of_room(s);
    count_healthy(s);
    return 0;
}

int surplus_may_go(struct surplus *s, uint32_t claim, bool is_through,
                   struct arena *arena)
{
    const struct view_claim *c = &s->view->claims[claim];
    const struct view_job *j = &s->view->jobs[c->job];
    if (is_through || !is_healthy(s->view, c))
        return 1;
    int rc = look_at(s, c->job, arena);
    if (rc < 0)
        return rc;
    uint32_t below = s->n_healthy[claim - j->first_claim];
    if (s->lacks_room && (uint64_t)below + j->spec->update.max_parallel >= j->count)
        return 1;
    return !s->is_rolling && below >= j->count;
}

/* The short texts that tell people why an instance is where it is, or nowhere.  See place.h. */
#include <stdio.h>

#include "core/doc.h"
#include "sched/constraint.h"
#include "sched/place.h"

enum { MISSES_TEXT = 80 * FITS };

const char *place_reason_placed(const struct place *p, const struct place_choice *choice)
{
    const char *job = p->view->jobs[p->job].name;
    uint32_t n = choice->n[FIT_YES];
    if (n == 1)
        return "the only fitting node";
    if (choice->is_fewest)
        return arena_printf(p->arena, "spread: fewest %s instances of %u fitting nodes",
                            job, n);
    if (choice->is_least_loaded)
        return arena_printf(p->arena, "spread: least loaded of %u fitting nodes", n);
    return arena_printf(p->arena, "first by hash of %u equally fitting nodes", n);
}

/* What `n` nodes fail, as the rest of a sentence that begins with n. */
static void fit_text(const struct place *p, enum fit fit, uint32_t n, char *out,
                     size_t cap)
{
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    char size[SIZE_TEXT];
    switch (fit) {
    case FIT_NO_WORK:
        (void)snprintf(out, cap, "%u %s no work now", n, n == 1 ? "takes" : "take");
        break;
    case FIT_CONSTRAINT:
        (void)snprintf(out, cap, "%u %s a constraint", n, n == 1 ? "fails" : "fail");
        break;
    case FIT_RUNS_IT:
        (void)snprintf(out, cap, "%u still %s it", n, n == 1 ? "runs" : "run");
        break;
    case FIT_UNIQUE:
        (void)snprintf(out, cap, "%u %s an instance already (unique)", n,
                       n == 1 ? "has" : "have");
        break;
    case FIT_PORT:
        (void)snprintf(out, cap, "%u %s the port taken", n, n == 1 ? "has" : "have");
        break;
    case FIT_CPU:
        (void)thousandths_text(spec->task.cpu_milli, size);
        (void)snprintf(out, cap, "%u %s cpu (%s wanted)", n, n == 1 ? "lacks" : "lack",
                       size);
        break;
    case FIT_MEMORY:
        (void)size_text(spec->task.memory_bytes, size);
        (void)snprintf(out, cap, "%u %s memory (%s wanted)", n, n == 1 ? "lacks" : "lack",
                       size);
        break;
    case FIT_REFUSED:
        (void)snprintf(out, cap, "%u refused", n);
        break;
    case FIT_YES:
    case FITS:
        (void)snprintf(out, cap, "%u fit", n);
        break;
    }
}

/* All filters that nodes failed but `without`, with their counts. */
static void misses_text(const struct place *p, const struct place_choice *choice,
                        enum fit without, char *out, size_t cap)
{
    char part[80];
    size_t len = 0;
    out[0] = '\0';
    for (enum fit fit = FIT_NO_WORK; fit < FITS && len < cap; fit++) {
        uint32_t n = fit == FIT_NO_WORK ? p->n_no_work : choice->n[fit];
        if (n == 0 || fit == without)
            continue;
        fit_text(p, fit, n, part, sizeof(part));
        len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "", part);
    }
}

static const char *near_text(struct place *p)
{
    if (p->n_near + p->n_ring > PLACE_NEAR_MAX)
        return "";
    p->n_near += p->n_ring;
    return place_near(p);
}

/* It was tried, and that is why it is nowhere: what the other nodes miss comes second. */
static const char *refused_text(struct place *p, const struct place_choice *choice)
{
    char text[MISSES_TEXT];
    const struct view_refuse *r = &p->view->refusals[choice->refusal];
    uint32_t n = choice->n[FIT_REFUSED];
    const char *where = p->view->nodes[r->node].doc.name, *near;
    if (n > 1)
        where = arena_printf(p->arena, "%u nodes", n);
    misses_text(p, choice, FIT_REFUSED, text, sizeof(text));
    near = *text ? near_text(p) : "";
    if (!where || !near)
        return NULL;
    return arena_printf(p->arena, "%s %s%s: %s%s%s%s",
                        r->doc.until_unix_ms ? "given up on" : "cannot start on", where,
                        r->doc.until_unix_ms ? "" : " yet",
                        r->doc.reason ? r->doc.reason : "it says no more",
                        *text ? "; no other node fits: " : "", text, near);
}

/* Is there no other reason than that the task of a removed job has not ended yet? */
static bool waits_for_former(const struct place *p, const struct place_choice *choice)
{
    uint32_t n = 0;
    for (enum fit fit = FIT_NO_WORK; fit < FITS; fit++)
        n += choice->n[fit];
    return p->has_former && n == choice->n[FIT_RUNS_IT];
}

const char *place_reason_none(struct place *p, const struct place_choice *choice)
{
    char text[MISSES_TEXT];
    if (choice->refusal != VIEW_NONE)
        return refused_text(p, choice);
    if (waits_for_former(p, choice))
        return "waits until the task of the removed job has ended";
    misses_text(p, choice, FITS, text, sizeof(text));
    const char *near = *text ? near_text(p) : "";
    return near ? arena_printf(p->arena, "no node fits: %s%s",
                               *text ? text : "there is no live node", near)
                : NULL;
}

static const char *constraint_text(const struct place *p, uint32_t node)
{
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    for (size_t i = 0; i < p->n_rules_of_job; i++) {
        if (rule_holds(&p->rules, p->rules_of_job[i], node))
            continue;
        const struct constraint *c = &spec->constraints[i];
        if (c->op == CONSTRAINT_UNIQUE)
            return arena_printf(p->arena, "constraint: has no attribute %.64s", c->attr);
        const char *namesake = p->view->nodes[node].namesake;
        if (namesake && constraint_is_of_name(c))
            return arena_printf(
                p->arena, "constraint: %.64s is not %s%.64s (another node keeps %.63s)",
                c->attr, c->op == CONSTRAINT_LIKE ? "like " : "",
                c->value ? c->value : "", namesake);
        return arena_printf(p->arena, "constraint: %.64s is not %s%.64s", c->attr,
                            c->op == CONSTRAINT_LIKE ? "like " : "",
                            c->value ? c->value : "");
    }
    return "constraint";
}

static const char *no_work_text(const struct place *p, const struct view_node *node)
{
    if (node->state == MEMBER_DEAD && node->away_until_ms > 0)
        return "is away for a moment: what it runs stays";
    if (node->state == MEMBER_DEAD && node->is_live)
        return "is dead: take-overs wait, for many vanished at once";
    if (!node->is_live)
        return node->state == MEMBER_LEFT ? "has left" : "is dead";
    if (!node->has_doc)
        return "has not introduced itself yet";
    if (node->doc.state == AGENT_LEAVING)
        return "is draining";
    if (node->doc.state == AGENT_AWAY)
        return "is away for a moment";
    if (node->doc.disk == DISK_OK && !node_runs_tasks(&node->doc)) {
        const char *why = node_attribute(&node->doc, ATTRIBUTE_TASKS_CAUSE);
        return arena_printf(p->arena, "cannot run tasks: %.150s",
                            why ? why : "it does not say why");
    }
    return node->doc.disk == DISK_BROKEN ? "its disk is broken" : "its disk is full";
}

const char *place_reason_fit(const struct place *p, enum fit fit, uint32_t node)
{
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    const struct view_node *n = &p->view->nodes[node];
    struct load used = p->reserved[node];
    char want[SIZE_TEXT], left[SIZE_TEXT];
    switch (fit) {
    case FIT_NO_WORK:
        return no_work_text(p, n);
    case FIT_CONSTRAINT:
        return constraint_text(p, node);
    case FIT_RUNS_IT:
        return p->has_former ? "still ends the task of the removed job of this name"
                             : "still runs it under a claim that does not hold";
    case FIT_UNIQUE:
        return "unique: another instance has this place";
    case FIT_PORT:
        return "a fixed port is taken";
    case FIT_CPU:
        (void)thousandths_text(spec->task.cpu_milli, want);
        (void)thousandths_text(n->doc.cpu_milli - (used.cpu_milli < n->doc.cpu_milli
                                                       ? used.cpu_milli
                                                       : n->doc.cpu_milli),
                               left);
        return arena_printf(p->arena, "lacks cpu: %s wanted, %s left", want, left);
    case FIT_MEMORY:
        (void)size_text(spec->task.memory_bytes, want);
        (void)size_text_below(n->doc.memory_bytes -
                                  (used.memory_bytes < n->doc.memory_bytes
                                       ? used.memory_bytes
                                       : n->doc.memory_bytes),
                              left);
        return arena_printf(p->arena, "lacks memory: %s wanted, %s left", want, left);
    case FIT_REFUSED: {
        const char *why = p->view->refusals[p->refused_by[node]].doc.reason;
        return arena_printf(p->arena, "%s", why ? why : "it gave it up and says no more");
    }
    case FIT_YES:
    case FITS:
        break;
    }
    return n->state == MEMBER_SUSPECT ? "fits, but does not answer: suspected" : "fits";
}

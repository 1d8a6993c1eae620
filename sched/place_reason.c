/* The short texts that tell people why an instance is where it is, or nowhere.  See place.h. */
#include <inttypes.h>
#include <stdio.h>

#include "core/doc.h"
#include "sched/constraint.h"
#include "sched/place.h"

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

static void cpu_text(uint64_t milli, char *out, size_t cap)
{
    (void)snprintf(out, cap, milli % 1000 ? "%" PRIu64 ".%03" PRIu64 : "%" PRIu64,
                   milli / 1000, milli % 1000);
    size_t len = 0;
    while (out[len])
        len++;
    while (milli % 1000 && out[len - 1] == '0')
        out[--len] = '\0';
}

/* What `n` nodes fail, as the rest of a sentence that begins with n. */
static void fit_text(const struct place *p, enum fit fit, uint32_t n, char *out,
                     size_t cap)
{
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    char size[32];
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
        cpu_text(spec->task.cpu_milli, size, sizeof(size));
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

const char *place_reason_none(const struct place *p, const struct place_choice *choice)
{
    char text[REASON_LEN_MAX], part[80];
    size_t len = 0;
    text[0] = '\0';
    for (enum fit fit = FIT_NO_WORK; fit < FITS; fit++) {
        uint32_t n = fit == FIT_NO_WORK ? p->n_no_work : choice->n[fit];
        if (n == 0)
            continue;
        fit_text(p, fit, n, part, sizeof(part));
        int more =
            snprintf(text + len, sizeof(text) - len, "%s%s", len ? ", " : "", part);
        len += (size_t)more;
        if (len >= sizeof(text))
            break; /* cut short is better than nothing */
    }
    if (choice->refusal == VIEW_NONE)
        return arena_printf(p->arena, "no node fits: %.120s",
                            len ? text : "there is no live node");
    const char *why = p->view->refusals[choice->refusal].doc.reason;
    return arena_printf(p->arena, "no node fits: %.120s: %.160s", text,
                        why ? why : "it says no more");
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
    char want[32], left[32];
    switch (fit) {
    case FIT_NO_WORK:
        return no_work_text(p, n);
    case FIT_CONSTRAINT:
        return constraint_text(p, node);
    case FIT_RUNS_IT:
        return "still runs it under a claim that does not hold";
    case FIT_UNIQUE:
        return "unique: another instance has this place";
    case FIT_PORT:
        return "a fixed port is taken";
    case FIT_CPU:
        cpu_text(spec->task.cpu_milli, want, sizeof(want));
        cpu_text(n->doc.cpu_milli - (used.cpu_milli < n->doc.cpu_milli
                                         ? used.cpu_milli
                                         : n->doc.cpu_milli),
                 left, sizeof(left));
        return arena_printf(p->arena, "lacks cpu: %s wanted, %s left", want, left);
    case FIT_MEMORY:
        (void)size_text(spec->task.memory_bytes, want);
        (void)size_text(n->doc.memory_bytes - (used.memory_bytes < n->doc.memory_bytes
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

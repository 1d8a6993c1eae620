/* What a person has to know first.  See verdict.h.
 *
 * Needs are gathered as they are met, in the order split, jobs, members, this node, and sorted by level;
 * of one level the order stays. */
#include "agent/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/doc.h"

struct making {
    const struct verdict_facts *facts;
    struct arena *arena;
    struct cluster_verdict *out;
    struct need *all;
    size_t n, cap;
    uint32_t n_jobs, wanted, healthy;
    bool has_failed; /* out of memory */
};

const char *verdict_state_name(enum verdict_state state)
{
    static const char *const names[] = {"ok", "attention", "split"};
    return names[state];
}

const char *need_level_name(enum need_level level)
{
    static const char *const names[] = {"note", "warn", "bad"};
    return names[level];
}

static void add(struct making *m, struct need need)
{
    if (m->has_failed || !need.text || !need.subject ||
        arena_grow(m->arena, (void **)&m->all, m->n, &m->cap, sizeof(need)) < 0) {
        m->has_failed = true;
        return;
    }
    m->all[m->n++] = need;
}

/* ---- jobs ---- */

/* As it is typed: "web", "shop/web". */
static const char *job_name(struct making *m, const struct view_job *j)
{
    if (strcmp(j->ns, "default") == 0)
        return j->name;
    return arena_printf(m->arena, "%s/%s", j->ns, j->name);
}

/* "; again in 41s". */
static const char *again_text(struct making *m, const struct condition *c)
{
    char span[SPAN_TEXT];
    if (c->again_unix_ms <= m->facts->at.at_unix_ms)
        return "";
    return arena_printf(m->arena, "; again in %s",
                        span_text(c->again_unix_ms - m->facts->at.at_unix_ms, span));
}

static const char *crash_text(struct making *m, const struct condition *c,
                              const char *instance, const char *node)
{
    const char *times = c->restarts > 1
                            ? arena_printf(m->arena, " (restarted %u times)", c->restarts)
                            : "";
    return arena_printf(m->arena, "%s %s%s%s: %s%s%s", instance,
                        c->is_untried ? "cannot start" : "crashes", *node ? " on " : "",
                        node, *c->cause ? c->cause : "it says no more", times,
                        again_text(m, c));
}

static const char *deploy_text(struct making *m, const struct view_job *j,
                               const struct condition *c, const char *name)
{
    if (c->is_replacing)
        return arena_printf(m->arena, "%s v%u: %u/%u replaced, %u serving", name,
                            j->doc.version, c->current, c->wanted, c->healthy);
    return arena_printf(m->arena, "%s: %u/%u healthy, the others start", name, c->healthy,
                        c->wanted);
}

static const char *lost_text(struct making *m, const struct condition *c,
                             const char *name, const char *instance, const char *node)
{
    const char *wait = sight_wait_text(&m->facts->sight, m->arena);
    return arena_printf(m->arena, "%s: %u of %u healthy; %s is lost: %s is dead%s%s",
                        name, c->healthy, c->wanted, instance, node,
                        wait && *wait ? "; " : "", wait ? wait : "");
}

/* What fits nowhere says itself whether that is for room, for a port or for a task that has yet to end. */
static const char *waiting_text(struct making *m, const struct condition *c,
                                const char *instance)
{
    static const char room[] = "no node fits";
    bool is_room = strncmp(c->cause, room, sizeof(room) - 1) == 0;
    return arena_printf(m->arena, "%s %s%s", instance, is_room ? "waits for room: " : "",
                        c->cause);
}

/* One sentence: how the job is, why, and what comes next. */
static const char *job_text(struct making *m, const struct view_job *j,
                            const struct condition *c)
{
    const struct view *v = m->facts->view;
    const char *name = job_name(m, j);
    const char *node = c->node == VIEW_NONE ? "" : v->nodes[c->node].doc.name;
    const char *instance =
        c->index == VIEW_NONE ? name : arena_printf(m->arena, "%s.%u", name, c->index);
    if (!name || !instance)
        return NULL;
    switch (c->kind) {
    case CONDITION_CRASHING:
        return crash_text(m, c, instance, node);
    case CONDITION_WAITING:
        return waiting_text(m, c, instance);
    case CONDITION_LOST:
        return lost_text(m, c, name, instance, node);
    case CONDITION_DEGRADED:
        return arena_printf(m->arena, "%s: %u of %u healthy; %s%s%s: %s", name,
                            c->healthy, c->wanted, instance, *node ? " on " : "", node,
                            *c->cause ? c->cause : "it is not healthy");
    case CONDITION_DEPLOYING:
        return deploy_text(m, j, c, name);
    case CONDITION_STOPPED:
        return arena_printf(m->arena, "%s is stopped: `stratos start %s` starts it", name,
                            name);
    case CONDITION_HEALTHY:
        break;
    }
    if (c->wanted == 0)
        return arena_printf(m->arena, "%s wants no instance", name);
    return arena_printf(m->arena, "%s: %u of %u healthy", name,
                        c->healthy < c->wanted ? c->healthy : c->wanted, c->wanted);
}

const char *verdict_of_job(const struct verdict_facts *facts, uint32_t job,
                           struct arena *arena)
{
    struct making m = {.facts = facts, .arena = arena};
    struct condition c;
    condition_of(facts->view, facts->plan, job, facts->at.at_unix_ms, &c);
    return job_text(&m, &facts->view->jobs[job], &c);
}

static void look_at_job(struct making *m, uint32_t job)
{
    const struct view_job *j = &m->facts->view->jobs[job];
    struct condition c;
    if (m->facts->shows && !m->facts->shows(m->facts->who, j->ns))
        return;
    condition_of(m->facts->view, m->facts->plan, job, m->facts->at.at_unix_ms, &c);
    m->n_jobs++;
    m->wanted += c.wanted;
    m->healthy += c.healthy < c.wanted ? c.healthy : c.wanted;
    if (c.kind == CONDITION_HEALTHY || c.kind == CONDITION_STOPPED)
        return;
    const char *name = job_name(m, j);
    const char *instance =
        c.index == VIEW_NONE ? name : arena_printf(m->arena, "%s.%u", name, c.index);
    enum need_level level = LEVEL_BAD;
    if (c.kind == CONDITION_DEGRADED || c.kind == CONDITION_LOST)
        level = LEVEL_WARN;
    else if (c.kind == CONDITION_DEPLOYING)
        level = LEVEL_NOTE;
    bool is_waiting = c.kind == CONDITION_WAITING;
    add(m, (struct need){
               level, j->ns, instance, job_text(m, j, &c), *c.cause ? c.cause : NULL,
               arena_printf(m->arena, "stratos %s %s", is_waiting ? "why" : "status",
                            is_waiting ? instance : name),
               c.since_unix_ms});
}

/* ---- members ---- */

static uint64_t since(struct making *m, uint64_t silent_ms)
{
    bool is_known = silent_ms < m->facts->at.at_unix_ms;
    return is_known ? m->facts->at.at_unix_ms - silent_ms : 0;
}

static void look_at_sight(struct making *m)
{
    const struct sight *s = &m->facts->sight;
    bool is_split = sight_is_split(s);
    if (s->n_gone > 0) {
        const char *gone = sight_gone_text(s, m->arena),
                   *wait = sight_wait_text(s, m->arena);
        const char *text =
            is_split ? sight_text(s, m->arena)
                     : arena_printf(m->arena, "dead: %s%s%s", gone ? gone : "",
                                    wait && *wait ? "; " : "", wait ? wait : "");
        add(m,
            (struct need){is_split ? LEVEL_BAD : LEVEL_WARN, NULL, s->gone[0].name, text,
                          NULL, "stratos members", since(m, s->gone[0].silent_ms)});
    }
    for (size_t i = 0; i < s->n_away; i++) {
        char span[SPAN_TEXT];
        add(m, (struct need){
                   LEVEL_NOTE, NULL, s->away[i].name,
                   arena_printf(m->arena,
                                "%s is away for at most %s more: what it runs stays",
                                s->away[i].name, span_text(s->away[i].silent_ms, span)),
                   NULL, "stratos members", 0});
    }
}

static void look_at_clock_and_disk(struct making *m, const struct verdict_member *one)
{
    const struct node_doc *d = one->doc;
    long long off_ms = d->clock_skew_ms < 0 ? -d->clock_skew_ms : d->clock_skew_ms;
    if (off_ms > 0)
        add(m, (struct need){LEVEL_WARN, NULL, one->name,
                             arena_printf(m->arena,
                                          "the clock of %s is %lld ms %s its peers'",
                                          one->name, off_ms,
                                          d->clock_skew_ms > 0 ? "ahead of" : "behind"),
                             NULL, "stratos members", 0});
    if (d->disk != DISK_OK)
        add(m,
            (struct need){LEVEL_WARN, NULL, one->name,
                          arena_printf(m->arena, "%s's disk is %s: %s", one->name,
                                       disk_state_name(d->disk),
                                       d->disk == DISK_FULL
                                           ? "it gets no new work, and may refuse orders"
                                           : "its work moves to other nodes"),
                          NULL, "stratos members", d->disk_since_unix_ms});
    if (!node_runs_tasks(d)) {
        const char *why = node_attribute(d, ATTRIBUTE_TASKS_CAUSE);
        add(m, (struct need){LEVEL_NOTE, NULL, one->name,
                             arena_printf(m->arena,
                                          "%s cannot run tasks, and is given none: %s",
                                          one->name, why ? why : "it does not say why"),
                             NULL, "stratos members", 0});
    }
    if (d->state == AGENT_LEAVING)
        add(m, (struct need){LEVEL_NOTE, NULL, one->name,
                             arena_printf(m->arena,
                                          "%s leaves: its work moves to other nodes",
                                          one->name),
                             NULL, "stratos members", 0});
}

static void look_at_member(struct making *m, const struct verdict_member *one)
{
    char span[SPAN_TEXT];
    if (one->state != MEMBER_ALIVE && one->state != MEMBER_SUSPECT)
        return;
    if (one->state == MEMBER_SUSPECT && one->silent_ms != SILENT_SINCE_START)
        add(m, (struct need){LEVEL_WARN, NULL, one->name,
                             arena_printf(m->arena,
                                          "%s does not answer: silent %s, suspected",
                                          one->name, span_text(one->silent_ms, span)),
                             NULL, "stratos members", since(m, one->silent_ms)});
    else if (one->state == MEMBER_SUSPECT)
        add(m, (struct need){
                   LEVEL_WARN, NULL, one->name,
                   arena_printf(m->arena, "%s does not answer: suspected", one->name),
                   NULL, "stratos members", 0});
    else if (one->late_ms > 0)
        add(m, (struct need){
                   LEVEL_WARN, NULL, one->name,
                   arena_printf(m->arena,
                                "%s is late: for %s it has lacked what is known here",
                                one->name, span_text(one->late_ms, span)),
                   NULL, "stratos gossip", since(m, one->late_ms)});
    if (one->doc && !one->is_self)
        look_at_clock_and_disk(m, one);
}

enum { VERSIONS_MAX = 8, NAMES_SAID_MAX = 5 };

static bool runs_a_version(const struct verdict_member *one)
{
    return one->doc && (one->state == MEMBER_ALIVE || one->state == MEMBER_SUSPECT);
}

/* The version that most live nodes run, of two that as many run the one met first. */
static const char *common_version(const struct verdict_facts *f, size_t *ret_n_live)
{
    struct {
        const char *version;
        size_t n;
    } seen[VERSIONS_MAX];
    size_t n_seen = 0, most = 0;
    *ret_n_live = 0;
    for (size_t i = 0; i < f->n_members; i++) {
        size_t k = 0;
        if (!runs_a_version(&f->members[i]))
            continue;
        ++*ret_n_live;
        while (k < n_seen && strcmp(seen[k].version, f->members[i].doc->version) != 0)
            k++;
        if (k == VERSIONS_MAX)
            continue;
        if (k == n_seen) {
            seen[n_seen].version = f->members[i].doc->version;
            seen[n_seen++].n = 0;
        }
        seen[k].n++;
        most = seen[k].n > seen[most].n ? k : most;
    }
    return n_seen > 1 ? seen[most].version : NULL;
}

static void look_at_versions(struct making *m)
{
    const struct verdict_facts *f = m->facts;
    size_t n_live, n_other = 0;
    const char *most = common_version(f, &n_live), *other = "", *names = "";
    for (size_t i = 0; most && i < f->n_members && names; i++) {
        const struct verdict_member *one = &f->members[i];
        if (!runs_a_version(one) || strcmp(one->doc->version, most) == 0)
            continue;
        bool is_same = n_other == 0 || strcmp(other, one->doc->version) == 0;
        other = is_same ? one->doc->version : "other versions";
        if (n_other++ < NAMES_SAID_MAX)
            names =
                arena_printf(m->arena, "%s%s%s", names, *names ? ", " : "", one->name);
    }
    if (n_other > 0 && names)
        add(m, (struct need){
                   LEVEL_NOTE, NULL, "versions",
                   arena_printf(m->arena, "%zu of %zu nodes run %s (%s%s), the others %s",
                                n_other, n_live, other, names,
                                n_other > NAMES_SAID_MAX ? " and more" : "", most),
                   NULL, "stratos members", 0});
}

/* ---- the whole ---- */

static void sort(struct making *m)
{
    struct cluster_verdict *out = m->out;
    for (int level = LEVEL_BAD; level >= LEVEL_NOTE; level--) {
        for (size_t i = 0; i < m->n; i++) {
            if (m->all[i].level != (enum need_level)level)
                continue;
            if (out->n < NEEDS_MAX)
                out->needs[out->n++] = m->all[i];
            else
                out->n_more++;
        }
    }
}

static const char *agree_text(struct making *m)
{
    size_t n_live = m->facts->sight.within, n_late = 0;
    for (size_t i = 0; i < m->facts->n_members; i++)
        n_late += m->facts->members[i].late_ms > 0;
    if (n_live == 1)
        return "this node is alone";
    return arena_printf(m->arena, "%zu nodes%s", n_live, n_late ? "" : " agree");
}

static const char *count_text(struct making *m)
{
    const char *jobs = m->n_jobs == 1 ? "" : "s";
    if (m->n_jobs == 0)
        return "No jobs yet";
    if (m->healthy < m->wanted)
        return arena_printf(m->arena, "%u of %u instances of %u job%s healthy",
                            m->healthy, m->wanted, m->n_jobs, jobs);
    return arena_printf(m->arena, "%s%u instance%s of %u job%s healthy",
                        m->wanted > 1 ? "All " : "", m->wanted, m->wanted == 1 ? "" : "s",
                        m->n_jobs, jobs);
}

static const char *say(struct making *m)
{
    size_t n_needs = 0;
    for (size_t i = 0; i < m->n; i++)
        n_needs += m->all[i].level > LEVEL_NOTE;
    const struct need *first = m->out->needs;
    if (m->out->state == CLUSTER_SPLIT)
        return first->text;
    if (n_needs > 0)
        return arena_printf(m->arena, "%zu %s you: %s", n_needs,
                            n_needs == 1 ? "needs" : "need", first->text);
    const char *count = count_text(m), *agree = agree_text(m);
    if (!count || !agree)
        return NULL;
    return arena_printf(m->arena, "%s, %s%s%s", count, agree, m->n > 0 ? "; " : "",
                        m->n > 0 ? first->text : "");
}

int verdict_make(const struct verdict_facts *facts, struct arena *arena,
                 struct cluster_verdict *ret)
{
    *ret = (struct cluster_verdict){0};
    struct making m = {.facts = facts, .arena = arena, .out = ret};
    look_at_sight(&m);
    for (uint32_t job = 0; job < facts->view->n_jobs; job++)
        look_at_job(&m, job);
    for (size_t i = 0; i < facts->n_own; i++)
        add(&m, facts->own[i]);
    for (size_t i = 0; i < facts->n_members; i++)
        look_at_member(&m, &facts->members[i]);
    look_at_versions(&m);
    if (m.has_failed)
        return -ENOMEM;
    sort(&m);
    bool needs_you = ret->n > 0 && ret->needs[0].level > LEVEL_NOTE;
    ret->state = sight_is_split(&facts->sight) ? CLUSTER_SPLIT
                 : needs_you                   ? CLUSTER_ATTENTION
                                               : CLUSTER_OK;
    ret->text = say(&m);
    return ret->text ? 0 : -ENOMEM;
}

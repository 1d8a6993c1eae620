/* A job's instances, and why one is where it is, as JSON.  See report.h. */
#include "agent/report.h"

#include <stdio.h>
#include <string.h>

#include "agent/report_put.h"
#include "agent/sight.h"
#include "agent/verdict.h"
#include "core/doc.h"
#include "core/err.h"
#include "sched/condition.h"

/* ---- instances ---- */

/* `code` or `signal`, and neither where nobody saw the end. */
static json_t *exit_json(const struct exit_fact *fact)
{
    char words[REASON_LEN_MAX];
    bool is_code = fact->kind == EXIT_BY_CODE, is_signal = fact->kind == EXIT_BY_SIGNAL;
    json_t *out = json_object();
    (void)json_object_set_new(out, "code",
                              is_code ? json_integer(fact->number) : json_null());
    (void)json_object_set_new(out, "signal",
                              is_signal ? json_integer(fact->number) : json_null());
    (void)json_object_set_new(out, "oom", json_boolean(fact->is_oom));
    (void)json_object_set_new(out, "lost", json_boolean(fact->kind == EXIT_LOST));
    put_text(out, "text", exit_words(fact, words, sizeof(words)));
    return out;
}

/* The check that keeps the instance from passing, or null. */
static void set_check(json_t *out, const struct claim_doc *doc)
{
    if (!doc->check.name || !*doc->check.name) {
        (void)json_object_set_new(out, "check", json_null());
        return;
    }
    json_t *check = json_object();
    put_text(check, "name", doc->check.name);
    put_text(check, "said", doc->check.said);
    put_int(check, "failures", doc->check.failures);
    put_time(check, "since", doc->check.since_unix_ms);
    (void)json_object_set_new(out, "check", check);
}

static json_t *instance_json(const struct report *r, uint32_t job, uint32_t index,
                             const struct view_claim *claim, uint32_t node,
                             const char *reason)
{
    static const struct claim_doc none = {.state = INSTANCE_PENDING, .reason = ""};
    const struct claim_doc *doc = claim ? &claim->doc : &none;
    const struct view_node *holder = node == VIEW_NONE ? NULL : &r->view.nodes[node];
    char name[NAME_LEN_MAX + 16];
    json_t *out = json_object(), *ports = json_object();
    (void)snprintf(name, sizeof(name), "%.63s.%u", r->view.jobs[job].name, index);
    put_text(out, "name", name);
    put_text(out, "node", holder ? holder->doc.name : NULL);
    put_text(out, "state", instance_state_name(doc->state));
    put_text(out, "health", health_name(doc->health));
    set_check(out, doc);
    put_version(out, claim ? doc->version : r->view.jobs[job].doc.version);
    put_text(out, "address", claim && holder ? holder->doc.address : NULL);
    for (size_t i = 0; i < doc->n_ports; i++)
        put_int(ports, doc->ports[i].name, doc->ports[i].port);
    (void)json_object_set_new(out, "ports", ports);
    (void)json_object_set_new(out, "pid",
                              doc->pid ? json_integer(doc->pid) : json_null());
    put_time(out, "started_at", doc->started_unix_ms);
    put_int(out, "restarts", doc->restarts);
    (void)json_object_set_new(out, "last_exit",
                              doc->has_exit ? exit_json(&doc->last_exit) : json_null());
    if (claim)
        report_put_wait(r, out, *doc->reason ? doc->reason : reason, "started again",
                        doc->state == INSTANCE_PENDING ? doc->again_unix_ms : 0);
    else
        report_put_wait(r, out, reason, "tried again",
                        node == VIEW_NONE ? report_refused_until(r, job, index, VIEW_NONE)
                                          : 0);
    put_int(out, "generation", doc->generation);
    put_text(out, "update", NULL);
    return out;
}

/* Of what a dead node held nobody knows how it is. */
static void set_lost(const struct report *r, json_t *out, const struct view_claim *claim)
{
    char reason[REASON_LEN_MAX], span[SPAN_TEXT];
    bool is_asking;
    uint64_t wait_ms = node_takeover_wait_ms(r->node, r->at.now_ms, &is_asking);
    put_text(out, "last_state", instance_state_name(claim->doc.state));
    put_text(out, "state", instance_state_name(INSTANCE_LOST));
    put_text(out, "health", health_name(HEALTH_UNKNOWN));
    int len = snprintf(reason, sizeof(reason), "%.63s is dead",
                       r->view.nodes[claim->node].doc.name);
    if (wait_ms)
        (void)snprintf(reason + len, sizeof(reason) - (size_t)len,
                       "; its take-over waits %s%s more", is_asking ? "at most " : "",
                       span_text(wait_ms, span));
    put_text(out, "reason", reason);
}

/* What is yet to become of it: null, it is as its job wants it. */
static void say_update(json_t *out, const struct view_job *job,
                       const struct view_claim *claim)
{
    static const char *const words[] = {[UPDATE_NONE] = NULL,
                                        [UPDATE_IN_PLACE] = "in place",
                                        [UPDATE_RESTART] = "restart"};
    if (claim)
        put_text(out, "update", words[view_update(job, claim)]);
}

/* How many nodes refuse what is wanted now, and does it wait because they gave it up?  Without a holder
 * its own row cannot say so. */
static void set_refusals(const struct report *r, uint32_t job, const struct placement *p,
                         json_t *out)
{
    uint64_t n = 0, n_given_up = 0;
    for (size_t i = 0; i < r->view.n_refusals; i++) {
        const struct view_refuse *f = &r->view.refusals[i];
        if (f->job != job || f->index != p->index ||
            !spec_hash_equal(f->doc.spec, r->view.jobs[job].doc.spec))
            continue;
        n++;
        n_given_up += f->doc.until_unix_ms > 0;
    }
    put_int(out, "refused_by", n);
    (void)json_object_set_new(
        out, "given_up", json_boolean(p->action == PLACEMENT_NONE && n_given_up > 0));
}

/* Claims the plan does not count: duplicates to be retired, instances past the count that are
 * stopping.  People want to see them until they are gone. */
static void append_leftovers(const struct report *r, uint32_t job, json_t *list)
{
    const struct view_job *j = &r->view.jobs[job];
    for (uint32_t c = j->first_claim; c < j->first_claim + j->n_claims; c++) {
        const struct view_claim *claim = &r->view.claims[c];
        size_t n;
        const struct placement *placements = condition_placements(&r->plan, job, &n);
        bool is_counted = claim->index < n &&
                          placements[claim->index].action == PLACEMENT_KEEP &&
                          placements[claim->index].claim == c;
        if (is_counted || !r->view.nodes[claim->node].is_live)
            continue;
        const char *reason =
            claim->is_former ? "of the removed job of this name: it is stopped"
            : claim->index < j->count
                ? "to be stopped"
                : "past the count: it goes when the others can do without it";
        json_t *one = instance_json(r, job, claim->index, claim, claim->node, reason);
        put_text(one, "update", "stop");
        if (claim->is_former)
            (void)json_object_set_new(one, "former", json_true());
        (void)json_array_append_new(list, one);
    }
}

/* The sentence of the cluster's verdict that is about this job, also when nothing is wrong with it. */
static void set_verdict(struct report *r, uint32_t job, json_t *out)
{
    struct verdict_facts facts = {.at = r->at, .view = &r->view, .plan = &r->plan};
    struct sight *sight = r->sight ? NULL : arena_alloc(&r->arena, sizeof(*sight));
    if (sight && sight_of(r->node, r->self, r->at.now_ms, &r->arena, sight) == 0)
        r->sight = sight;
    if (r->sight)
        facts.sight = *r->sight;
    put_text(out, "verdict", r->sight ? verdict_of_job(&facts, job, &r->arena) : NULL);
}

json_t *report_status(struct report *r, uint32_t job)
{
    json_t *out = report_job(r, job), *list = json_array();
    size_t n;
    const struct placement *placements = condition_placements(&r->plan, job, &n);
    for (size_t i = 0; i < n; i++) {
        const struct placement *p = &placements[i];
        const struct view_claim *claim =
            p->action == PLACEMENT_KEEP ? &r->view.claims[p->claim] : NULL;
        json_t *one = instance_json(r, job, p->index, claim, p->node, p->reason);
        set_refusals(r, job, p, one);
        say_update(one, &r->view.jobs[job], claim);
        if (claim && condition_is_lost(&r->view, claim))
            set_lost(r, one, claim);
        (void)json_array_append_new(list, one);
    }
    append_leftovers(r, job, list);
    set_verdict(r, job, out);
    (void)json_object_set_new(out, "instances", list);
    return out;
}

/* Where it is placed is half of the question when it does not work there. */
static void set_health(json_t *out, const struct claim_doc *doc)
{
    put_text(out, "state", instance_state_name(doc->state));
    put_text(out, "health", health_name(doc->health));
    set_check(out, doc);
    put_text(out, "trouble",
             doc->check.name && *doc->check.name && *doc->reason ? doc->reason : NULL);
}

/* Of a node that does not answer: for how long. */
static const char *with_silence(struct report *r, const struct candidate *c)
{
    const struct view_node *node = &r->view.nodes[c->node];
    struct peer_view peer;
    char span[SPAN_TEXT];
    bool is_silent = node->state == MEMBER_SUSPECT || node->state == MEMBER_DEAD;
    if (!is_silent || !gossip_peer(r->gossip, node->id, &peer) || peer.heard_ms == 0)
        return c->reason;
    const char *text = arena_printf(&r->arena, "%s (silent %s)", c->reason,
                                    span_text(r->at.now_ms - peer.heard_ms, span));
    return text ? text : c->reason;
}

json_t *report_why(struct report *r, uint32_t job, uint32_t index)
{
    static const char *const verdicts[] = {"chosen", "feasible", "refused"};
    struct candidate *candidates;
    size_t n;
    char name[NAME_LEN_MAX + 16];
    bool stays = false;
    if (plan_explain(&r->view, job, index, &r->arena, &candidates, &n) < 0)
        return NULL;
    json_t *out = json_object(), *list = json_array();
    (void)snprintf(name, sizeof(name), "%.63s.%u", r->view.jobs[job].name, index);
    put_text(out, "instance", name);
    size_t n_placements;
    const struct placement *placements =
        condition_placements(&r->plan, job, &n_placements);
    if (index < n_placements) {
        const struct placement *p = &placements[index];
        put_text(out, "node",
                 p->node == VIEW_NONE ? NULL : r->view.nodes[p->node].doc.name);
        bool is_nowhere = p->node == VIEW_NONE;
        report_put_wait(r, out, p->reason, "tried again",
                        is_nowhere ? report_refused_until(r, job, index, VIEW_NONE) : 0);
        stays = p->action == PLACEMENT_KEEP;
        const struct claim_doc *doc = stays ? &r->view.claims[p->claim].doc : NULL;
        put_time(out, "since",
                 !doc                   ? 0
                 : doc->started_unix_ms ? doc->started_unix_ms
                                        : doc->claimed_unix_ms);
        if (stays)
            set_health(out, doc);
        if (stays && condition_is_lost(&r->view, &r->view.claims[p->claim]))
            set_lost(r, out, &r->view.claims[p->claim]);
    }
    (void)json_object_set_new(out, "stays", json_boolean(stays));
    for (size_t i = 0; i < n; i++) {
        const struct candidate *c = &candidates[i];
        bool is_refused = c->verdict == VERDICT_REFUSED;
        json_t *one = json_pack("{s:s,s:s,s:o}", "node", r->view.nodes[c->node].doc.name,
                                "verdict", verdicts[c->verdict], "score",
                                stays ? json_null() : json_real(c->score));
        report_put_wait(r, one, with_silence(r, c), "tried again",
                        is_refused ? report_refused_until(r, job, index, c->node) : 0);
        (void)json_array_append_new(list, one);
    }
    (void)json_object_set_new(out, "candidates", list);
    return out;
}

/* Members, jobs and instances as JSON.  See report.h; gossip and services are in
 * report_cluster.c. */
#include "agent/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/record.h"

enum { REPORT_ARENA_MAX = 512 << 20 };

int report_open(struct report *r, struct node *node, const char *self, struct moment at)
{
    *r = (struct report){
        .at = at, .node = node, .gossip = node_gossip(node), .self = self};
    arena_init(&r->arena, REPORT_ARENA_MAX);
    int status = node_view(node, at, &r->arena, &r->view);
    if (status == 0)
        status = plan_make(&r->view, &r->arena, &r->plan);
    if (status < 0)
        report_close(r);
    return status;
}

void report_close(struct report *r)
{
    arena_fini(&r->arena);
}

static void set_text(json_t *object, const char *key, const char *value)
{
    (void)json_object_set_new(object, key, value ? json_string(value) : json_null());
}

static void set_int(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_time(json_t *object, const char *key, uint64_t unix_ms)
{
    char text[32];
    set_text(object, key, unix_ms ? unix_ms_text(unix_ms, text) : NULL);
}

static void set_version(json_t *object, uint32_t version)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "v%u", version);
    set_text(object, "version", text);
}

static json_t *resources(uint32_t cpu_milli, uint64_t memory_bytes)
{
    return json_pack("{s:f,s:I}", "cpu", cpu_milli / 1000.0, "memory",
                     (json_int_t)memory_bytes);
}

/* ---- members ---- */

static void member_details(const struct report *r, json_t *out,
                           const struct view_node *node, const struct reserved *reserved)
{
    json_t *attributes = json_object();
    for (size_t i = 0; i < node->doc.n_attributes; i++)
        set_text(attributes, node->doc.attributes[i].key, node->doc.attributes[i].value);
    set_text(out, "version", node->doc.version);
    (void)json_object_set_new(out, "attributes", attributes);
    (void)json_object_set_new(out, "capacity",
                              resources(node->doc.cpu_milli, node->doc.memory_bytes));
    (void)json_object_set_new(out, "reserved",
                              resources(reserved ? reserved->cpu_milli : 0,
                                        reserved ? reserved->memory_bytes : 0));
    (void)json_object_set_new(out, "draining",
                              json_boolean(node->doc.state == AGENT_LEAVING));
    set_int(out, "key_epoch", node->doc.key_epoch);
    set_int(out, "other_key_epoch", node->doc.other_key_epoch);
    (void)json_object_set_new(out, "clock_skew_ms",
                              json_integer(node->doc.clock_skew_ms));
    if (node->away_until_ms > 0)
        set_time(out, "away_until",
                 r->at.at_unix_ms + node->away_until_ms - r->at.now_ms);
    else if (node->doc.state == AGENT_AWAY && node->is_live)
        set_time(out, "away_until", node->doc.away_until_unix_ms);
}

static json_t *member_json(const struct report *r, const struct member *m,
                           const struct reserved *reserved)
{
    char id[NODE_ID_TEXT], address[ADDRESS_TEXT_MAX];
    json_t *out = json_object();
    uint32_t node = view_find_node(&r->view, m->id);
    set_text(out, "id", node_id_text(m->id, id));
    set_text(out, "name", m->name);
    set_text(out, "address", endpoint_host_text(&m->endpoint, address));
    set_text(out, "gossip", endpoint_text(&m->endpoint, address));
    set_text(out, "state", member_state_name(m->state));
    set_int(out, "incarnation", m->incarnation);
    (void)json_object_set_new(out, "rtt_ms",
                              m->rtt_us ? json_real(m->rtt_us / 1000.0) : json_null());
    if (node != VIEW_NONE)
        member_details(r, out, &r->view.nodes[node], reserved ? &reserved[node] : NULL);
    else
        (void)json_object_update_new(out, json_pack("{s:s,s:{},s:o,s:o,s:b}", "version",
                                                    "", "attributes", "capacity",
                                                    resources(0, 0), "reserved",
                                                    resources(0, 0), "draining", 0));
    return out;
}

static int compare_names(const void *a, const void *b)
{
    const struct member *const *left = a, *const *right = b;
    int order = strverscmp((*left)->name, (*right)->name);
    return order ? order : node_id_compare((*left)->id, (*right)->id);
}

const struct member **report_sorted(struct report *r)
{
    const struct members *members = gossip_members(r->gossip);
    size_t n = members_count(members);
    const struct member **list = arena_array(&r->arena, n, sizeof(*list));
    for (size_t i = 0; list && i < n; i++)
        list[i] = members_at(members, i);
    if (list)
        qsort(list, n, sizeof(*list), compare_names);
    return list;
}

json_t *report_members(struct report *r)
{
    const struct members *members = gossip_members(r->gossip);
    const struct member **sorted = report_sorted(r);
    struct arena arena;
    struct reserved *reserved = NULL;
    json_t *list = json_array();
    arena_init(&arena, REPORT_ARENA_MAX);
    if (plan_reserved(&r->view, &arena, &reserved) < 0)
        reserved = NULL;
    for (size_t i = 0; sorted && i < members_count(members); i++)
        (void)json_array_append_new(list, member_json(r, sorted[i], reserved));
    arena_fini(&arena);
    return list;
}

/* ---- jobs ---- */

struct tally {
    uint32_t running, healthy, old, failed, placed, held;
};

/* The job's slice of the plan, which is in the order of the view's jobs. */
static const struct placement *placements_of(const struct report *r, uint32_t job,
                                             size_t *ret_n)
{
    size_t low = 0, high = r->plan.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->plan.placements[middle].job < job)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < r->plan.n && r->plan.placements[high].job == job;)
        high++;
    *ret_n = high - low;
    return r->plan.placements + low;
}

static struct tally tally_job(const struct report *r, uint32_t job)
{
    struct tally t = {0};
    size_t n;
    const struct placement *placements = placements_of(r, job, &n);
    for (size_t i = 0; i < n; i++) {
        const struct placement *p = &placements[i];
        t.placed += p->node != VIEW_NONE;
        if (p->action != PLACEMENT_KEEP)
            continue;
        const struct claim_doc *doc = &r->view.claims[p->claim].doc;
        t.held++;
        t.running += doc->state == INSTANCE_RUNNING;
        t.healthy += claim_is_healthy(doc->state, doc->health);
        t.failed += doc->state == INSTANCE_FAILED;
        t.old += !spec_hash_equal(doc->spec, r->view.jobs[job].doc.spec);
    }
    return t;
}

static const char *status_of(const struct view_job *job, const struct tally *t)
{
    if (job->control.is_stopped)
        return "stopped";
    if (t->old)
        return "updating";
    if (t->healthy >= job->count)
        return "running";
    return t->failed ? "failed" : "pending";
}

const char *report_job_status(const struct report *r, uint32_t job)
{
    struct tally t = tally_job(r, job);
    return status_of(&r->view.jobs[job], &t);
}

static json_t *job_json(const struct report *r, uint32_t index)
{
    static const char *const types[] = {"service", "system", "batch", "cron"};
    const struct view_job *job = &r->view.jobs[index];
    struct tally t = tally_job(r, index);
    json_t *out = json_object();
    set_text(out, "namespace", job->ns);
    set_text(out, "job", job->name);
    set_text(out, "type", job->spec ? types[job->spec->type] : "service");
    set_version(out, job->doc.version);
    set_time(out, "stamp", job->doc.at_unix_ms);
    set_int(out, "count", job->count);
    set_int(out, "running", t.running);
    set_int(out, "healthy", t.healthy);
    set_text(out, "status", status_of(job, &t));
    return out;
}

json_t *report_jobs(const struct report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->view.n_jobs; i++)
        (void)json_array_append_new(list, job_json(r, i));
    return list;
}

/* ---- instances ---- */

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
    set_text(out, "name", name);
    set_text(out, "node", holder ? holder->doc.name : NULL);
    set_text(out, "state", instance_state_name(doc->state));
    set_text(out, "health", health_name(doc->health));
    set_version(out, claim ? doc->version : r->view.jobs[job].doc.version);
    set_text(out, "address", claim && holder ? holder->doc.address : NULL);
    for (size_t i = 0; i < doc->n_ports; i++)
        set_int(ports, doc->ports[i].name, doc->ports[i].port);
    (void)json_object_set_new(out, "ports", ports);
    (void)json_object_set_new(out, "pid",
                              doc->pid ? json_integer(doc->pid) : json_null());
    set_time(out, "started_at", doc->started_unix_ms);
    set_int(out, "restarts", doc->restarts);
    (void)json_object_set_new(out, "last_exit",
                              doc->has_exit ? json_integer(doc->last_exit) : json_null());
    set_text(out, "reason", claim && *doc->reason ? doc->reason : reason);
    set_int(out, "generation", doc->generation);
    return out;
}

/* How many nodes have tried and gave it up: without a holder its own row cannot say so. */
static uint64_t count_refusals(const struct report *r, uint32_t job, uint32_t index)
{
    uint64_t n = 0;
    for (size_t i = 0; i < r->view.n_refusals; i++)
        n += r->view.refusals[i].job == job && r->view.refusals[i].index == index;
    return n;
}

/* Claims the plan does not count: duplicates to be retired, instances past the count that are
 * stopping.  People want to see them until they are gone. */
static void append_leftovers(const struct report *r, uint32_t job, json_t *list)
{
    const struct view_job *j = &r->view.jobs[job];
    for (uint32_t c = j->first_claim; c < j->first_claim + j->n_claims; c++) {
        const struct view_claim *claim = &r->view.claims[c];
        size_t n;
        const struct placement *placements = placements_of(r, job, &n);
        bool is_counted = claim->index < n &&
                          placements[claim->index].action == PLACEMENT_KEEP &&
                          placements[claim->index].claim == c;
        if (!is_counted && r->view.nodes[claim->node].is_live)
            (void)json_array_append_new(
                list,
                instance_json(r, job, claim->index, claim, claim->node, "to be stopped"));
    }
}

json_t *report_status(const struct report *r, uint32_t job)
{
    json_t *out = job_json(r, job), *list = json_array();
    size_t n;
    const struct placement *placements = placements_of(r, job, &n);
    for (size_t i = 0; i < n; i++) {
        const struct placement *p = &placements[i];
        const struct view_claim *claim =
            p->action == PLACEMENT_KEEP ? &r->view.claims[p->claim] : NULL;
        json_t *one = instance_json(r, job, p->index, claim, p->node, p->reason);
        set_int(one, "refused_by", count_refusals(r, job, p->index));
        (void)json_array_append_new(list, one);
    }
    append_leftovers(r, job, list);
    (void)json_object_set_new(out, "instances", list);
    return out;
}

json_t *report_why(struct report *r, uint32_t job, uint32_t index)
{
    static const char *const verdicts[] = {"chosen", "feasible", "refused"};
    struct candidate *candidates;
    size_t n;
    char name[NAME_LEN_MAX + 16];
    if (plan_explain(&r->view, job, index, &r->arena, &candidates, &n) < 0)
        return NULL;
    json_t *out = json_object(), *list = json_array();
    (void)snprintf(name, sizeof(name), "%.63s.%u", r->view.jobs[job].name, index);
    set_text(out, "instance", name);
    size_t n_placements;
    const struct placement *placements = placements_of(r, job, &n_placements);
    if (index < n_placements) {
        const struct placement *p = &placements[index];
        set_text(out, "node",
                 p->node == VIEW_NONE ? NULL : r->view.nodes[p->node].doc.name);
        set_text(out, "reason", p->reason);
        set_time(out, "since",
                 p->action == PLACEMENT_KEEP
                     ? r->view.claims[p->claim].doc.claimed_unix_ms
                     : 0);
    }
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:f}", "node",
                            r->view.nodes[candidates[i].node].doc.name, "verdict",
                            verdicts[candidates[i].verdict], "reason",
                            candidates[i].reason, "score", candidates[i].score));
    (void)json_object_set_new(out, "candidates", list);
    return out;
}

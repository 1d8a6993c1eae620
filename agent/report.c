/* Members and jobs as JSON.  See report.h; instances are in report_status.c, gossip and services in
 * report_cluster.c. */
#include "agent/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fill.h"
#include "agent/report_put.h"
#include "core/err.h"
#include "proto/record.h"
#include "sched/condition.h"

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
        put_text(attributes, node->doc.attributes[i].key, node->doc.attributes[i].value);
    put_text(out, "version", node->doc.version);
    (void)json_object_set_new(out, "attributes", attributes);
    (void)json_object_set_new(out, "capacity",
                              resources(node->doc.cpu_milli, node->doc.memory_bytes));
    (void)json_object_set_new(out, "reserved",
                              resources(reserved ? reserved->cpu_milli : 0,
                                        reserved ? reserved->memory_bytes : 0));
    (void)json_object_set_new(out, "draining",
                              json_boolean(node->doc.state == AGENT_LEAVING));
    put_int(out, "key_epoch", node->doc.key_epoch);
    put_int(out, "other_key_epoch", node->doc.other_key_epoch);
    (void)json_object_set_new(out, "clock_skew_ms",
                              json_integer(node->doc.clock_skew_ms));
    if (node->away_until_ms > 0)
        put_time(out, "away_until",
                 r->at.at_unix_ms + node->away_until_ms - r->at.now_ms);
    else if (node->doc.state == AGENT_AWAY && node->is_live)
        put_time(out, "away_until", node->doc.away_until_unix_ms);
}

/* Absent while it is well.  Of our own disk we know more than our row says. */
static void set_disk(const struct report *r, json_t *out, struct node_id id,
                     const struct view_node *node)
{
    const struct disk *own = node_own_disk(r->node);
    bool is_own = node_id_equal(id, gossip_id(r->gossip));
    enum disk_state state = is_own ? own->state : node ? node->doc.disk : DISK_OK;
    if (state == DISK_OK)
        return;
    json_t *disk = json_object();
    put_text(disk, "state", disk_state_name(state));
    put_time(disk, "since", is_own ? own->since_unix_ms : node->doc.disk_since_unix_ms);
    if (is_own)
        put_text(disk, "cause", own->cause);
    if (is_own && node_is_waiting(r->node))
        (void)json_object_set_new(disk, "waiting", json_true());
    (void)json_object_set_new(out, "disk", disk);
}

const char *report_name(const struct report *r, struct node_id id,
                        char out[static NODE_ID_TEXT])
{
    uint32_t node = view_find_node(&r->view, id);
    return node == VIEW_NONE ? node_id_text(id, out) : r->view.nodes[node].doc.name;
}

/* Absent while others reach it where it says. */
static void set_address(const struct report *r, json_t *out, const struct member *m,
                        const struct view_node *node)
{
    bool is_own = node_id_equal(m->id, gossip_id(r->gossip));
    const struct address *own = node_own_address(r->node);
    if (is_own && m->endpoint.family == 0)
        put_text(out, "no_address", own->last.family ? "cut off" : "waiting");
    if (node && node->doc.nat && *node->doc.nat)
        put_text(out, "nat", node->doc.nat);
}

/* Absent while there is room enough; of the node that is asked. */
static void set_table(const struct report *r, json_t *out, struct node_id id)
{
    char cause[FILL_TEXT];
    struct gossip_fill fill;
    if (!node_id_equal(id, gossip_id(r->gossip)))
        return;
    (void)fill_cause(r->gossip, r->at.now_ms, &fill, cause);
    if (fill.percent < FILL_WARNS)
        return;
    json_t *table = json_object();
    put_int(table, "percent", fill.percent);
    put_text(table, "of", fill.are_bytes ? "bytes" : "entries");
    put_text(table, "cause", cause);
    (void)json_object_set_new(out, "table", table);
}

/* Since it was heard last; null: it is this node, or it was not heard since this agent started. */
static void set_silence(const struct report *r, json_t *out, const struct member *m)
{
    struct peer_view peer;
    bool is_heard = gossip_peer(r->gossip, m->id, &peer) && peer.heard_ms;
    (void)json_object_set_new(
        out, "silent_ms",
        is_heard ? json_integer((json_int_t)(r->at.now_ms - peer.heard_ms))
                 : json_null());
}

static json_t *member_json(const struct report *r, const struct member *m,
                           const struct reserved *reserved)
{
    char id[NODE_ID_TEXT], called[NODE_ID_TEXT], address[ADDRESS_TEXT_MAX];
    json_t *out = json_object();
    uint32_t node = view_find_node(&r->view, m->id);
    const char *namesake = node == VIEW_NONE ? NULL : r->view.nodes[node].namesake;
    put_text(out, "id", node_id_text(m->id, id));
    put_text(out, "name", report_name(r, m->id, called));
    if (namesake) /* absent where a node keeps its name, as nearly all do */
        put_text(out, "namesake", namesake);
    put_text(out, "address", endpoint_host_text(&m->endpoint, address));
    put_text(out, "gossip", endpoint_text(&m->endpoint, address));
    put_text(out, "state", member_state_name(m->state));
    put_int(out, "incarnation", m->incarnation);
    if (away_former_ms(gossip_members(r->gossip), m, r->at.now_ms))
        (void)json_object_set_new(out, "other_version", json_true());
    bool is_gone = m->state == MEMBER_DEAD || m->state == MEMBER_LEFT;
    (void)json_object_set_new(out, "rtt_ms",
                              m->rtt_us && !is_gone ? json_real(m->rtt_us / 1000.0)
                                                    : json_null());
    set_silence(r, out, m);
    if (node != VIEW_NONE)
        member_details(r, out, &r->view.nodes[node], reserved ? &reserved[node] : NULL);
    else
        (void)json_object_update_new(out, json_pack("{s:s,s:{},s:o,s:o,s:b}", "version",
                                                    "", "attributes", "capacity",
                                                    resources(0, 0), "reserved",
                                                    resources(0, 0), "draining", 0));
    set_address(r, out, m, node != VIEW_NONE ? &r->view.nodes[node] : NULL);
    struct endpoint other;
    if (gossip_twin(r->gossip, m->id, &other)) /* absent while it lives once */
        put_text(out, "cloned_at", endpoint_text(&other, address));
    if (m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT)
        set_disk(r, out, m->id, node != VIEW_NONE ? &r->view.nodes[node] : NULL);
    set_table(r, out, m->id);
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

const char *report_job_status(const struct report *r, uint32_t job)
{
    struct condition c;
    condition_of(&r->view, &r->plan, job, r->at.at_unix_ms, &c);
    return condition_status(&c);
}

json_t *report_job(const struct report *r, uint32_t index)
{
    static const char *const types[] = {"service", "system", "batch", "cron"};
    static const char *const apis[] = {"none", "read", "write"};
    const struct view_job *job = &r->view.jobs[index];
    struct condition c;
    char condition[CONDITION_TEXT];
    json_t *out = json_object();
    condition_of(&r->view, &r->plan, index, r->at.at_unix_ms, &c);
    put_text(out, "namespace", job->ns);
    put_text(out, "job", job->name);
    put_text(out, "type", job->spec ? types[job->spec->type] : "service");
    put_version(out, job->doc.version);
    put_time(out, "stamp", job->doc.at_unix_ms);
    put_int(out, "count", job->count);
    put_int(out, "running", c.running);
    put_int(out, "healthy", c.healthy);
    put_text(out, "status", condition_status(&c));
    put_text(out, "condition", condition_text(&c, condition));
    if (c.kind == CONDITION_LOST && c.node != VIEW_NONE)
        (void)json_object_set_new(
            out, "cause", json_sprintf("%s is dead", r->view.nodes[c.node].doc.name));
    else
        put_text(out, "cause", *c.cause ? c.cause : NULL);
    put_time(out, "since", c.since_unix_ms);
    json_t *isolation = json_object(); /* every weakening of it is to be seen */
    put_text(isolation, "api", apis[job->spec ? job->spec->task.api : API_NONE]);
    (void)json_object_set_new(out, "isolation", isolation);
    json_t *labels = json_object();
    for (size_t i = 0; job->spec && i < job->spec->n_labels; i++)
        put_text(labels, job->spec->labels[i].key, job->spec->labels[i].value);
    (void)json_object_set_new(out, "labels", labels);
    return out;
}

json_t *report_jobs(const struct report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->view.n_jobs; i++)
        (void)json_array_append_new(list, report_job(r, i));
    return list;
}

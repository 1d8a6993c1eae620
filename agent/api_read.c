/* Reading: lists and single things, from one report each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/api.h"
#include "agent/assets.h"
#include "agent/params.h"
#include "gossip/table/table.h"
#include "isolate/log_lost.h"
#include "netsvc/metrics_text.h"

void route_page(struct agent *a, struct api_call *call)
{
    const struct asset *page = asset_find("/");
    (void)a;
    uv_http_set_header(call->x, "Content-Security-Policy", page->policy);
    uv_http_answer(call->x, 200, page->type, page->body);
}

/* ---- lists ---- */

/* Answer with what `make` reads out of one report; `make` returns NULL when out of memory. */
static void answer_report(struct agent *a, struct api_call *call,
                          json_t *(*make)(struct report *r, struct api_call *call))
{
    struct report r;
    json_t *data = NULL;
    if (report_open(&r, a->node, a->name, agent_now(a)) == 0) {
        data = make(&r, call);
        report_close(&r);
    }
    if (!data)
        api_error(a, call->x, -ENOMEM, "out of memory");
    else if (json_is_array(data))
        api_list(a, call, data);
    else
        api_data(a, call->x, data);
}

static json_t *make_verdict(struct report *r, struct api_call *call)
{
    return report_verdict(r, api_shows, &call->who);
}

void route_verdict(struct agent *a, struct api_call *call)
{
    answer_report(a, call, make_verdict);
}

static json_t *make_members(struct report *r, struct api_call *call)
{
    (void)call;
    return report_members(r);
}

void route_members(struct agent *a, struct api_call *call)
{
    answer_report(a, call, make_members);
}

static json_t *make_jobs(struct report *r, struct api_call *call)
{
    (void)call;
    return report_jobs(r);
}

void route_jobs(struct agent *a, struct api_call *call)
{
    answer_report(a, call, make_jobs);
}

static json_t *make_gossip(struct report *r, struct api_call *call)
{
    bool has_map = false;
    (void)param_switch(uv_http_query(call->x, "map"), &has_map);
    return report_gossip(r, has_map);
}

void route_gossip(struct agent *a, struct api_call *call)
{
    bool has_map;
    if (param_switch(uv_http_query(call->x, "map"), &has_map) < 0)
        api_bad(a, call->x, "map wants 1 or 0");
    else
        answer_report(a, call, make_gossip);
}

static json_t *make_variables(struct report *r, struct api_call *call)
{
    (void)call;
    return report_variables(r);
}

void route_variables(struct agent *a, struct api_call *call)
{
    answer_report(a, call, make_variables);
}

void route_services(struct agent *a, struct api_call *call)
{
    api_list(a, call, report_services(a->catalog, uv_http_query(call->x, "name")));
}

/* ---- single things ---- */

void route_variable(struct agent *a, struct api_call *call)
{
    const char *name = route_word(&call->match, "name");
    const char *ns = api_namespace(call);
    struct key key = key_var(ns, name);
    const struct entry *entry =
        key.len ? table_get(gossip_table(node_gossip(a->node)), key_bytes(&key)) : NULL;
    if (!entry) {
        char text[400];
        (void)snprintf(text, sizeof(text), "no variable '%.*s' in namespace '%.63s'",
                       VAR_NAME_LEN_MAX, name, ns);
        api_error(a, call->x, ERR_NOT_FOUND, text);
    } else {
        api_data(a, call->x, report_variable(entry));
    }
}

/* A word alone is mostly meant as a service; of other domains nothing is known here. */
static void say_no_name(const char *name, char *out, size_t cap)
{
    static const char domain[] = ".stratos";
    size_t len = strlen(name), suffix = sizeof(domain) - 1;
    len -= len > 0 && name[len - 1] == '.';
    bool is_ours = len > suffix && strncasecmp(name + len - suffix, domain, suffix) == 0;
    if (is_ours)
        (void)snprintf(out, cap, "no name '%.300s'", name);
    else if (!memchr(name, '.', len))
        (void)snprintf(out, cap, "no name '%.300s': try %.300s.service.stratos", name,
                       name);
    else
        (void)snprintf(
            out, cap, "'%.300s' is not ours: this cluster's names end in .stratos", name);
}

void route_resolve(struct agent *a, struct api_call *call)
{
    const char *name = uv_http_query(call->x, "name");
    char text[768];
    json_t *data;
    if (!name || !*name) {
        api_bad(a, call->x, "resolve wants ?name=, for example web.service.stratos");
        return;
    }
    int status = report_resolve(a->catalog, name, &data);
    if (status == 0) {
        api_data(a, call->x, data);
        return;
    }
    if (status == ERR_NOT_FOUND)
        say_no_name(name, text, sizeof(text));
    else
        (void)snprintf(text, sizeof(text), "%s", err_text(status));
    api_error(a, call->x, status, text);
}

/* A bare array, as Prometheus wants it. */
void route_sd_prometheus(struct agent *a, struct api_call *call)
{
    json_t *targets = report_targets(a->catalog);
    char *text = json_dumps(targets, JSON_COMPACT);
    json_decref(targets);
    uv_http_set_header(call->x, "Cache-Control", "no-store");
    uv_http_answer(call->x, text ? 200 : 500, "application/json",
                   bytes_of_text(text ? text : ""));
    free(text);
}

/* ---- figures ---- */

/* One for each job with a task here, also while it has lost nothing: what appears out of nothing is no
 * increase to Prometheus. */
static size_t put_lost(const struct log_lost *lost, struct metrics_gauge *out)
{
    const struct metrics_gauge each = {
        .name = "log_lost_bytes",
        .help = "bytes of tasks' output that this node could not store",
        .label = "job",
        .is_counter = true};
    for (size_t i = 0; i < lost->n; i++) {
        out[i] = each;
        out[i].label_value = lost->jobs[i].name;
        out[i].value = (double)lost->jobs[i].bytes;
    }
    out[lost->n] = each;
    out[lost->n].label_value = LOG_LOST_OTHERS;
    out[lost->n].value = (double)lost->other_bytes;
    return lost->n + (lost->other_bytes > 0);
}

void route_metrics(struct agent *a, struct api_call *call)
{
    const struct gossip *g = node_gossip(a->node);
    const struct members *m = gossip_members(g);
    const struct log_lost none = {0}; /* while this node waits for room on its disk */
    const struct log_lost *lost = a->runner ? uv_runner_lost(a->runner) : &none;
    const struct metrics_gauge gauges[] = {
        {.name = "members_alive",
         .help = "members believed alive",
         .value = (double)members_count_state(m, MEMBER_ALIVE)},
        {.name = "members_suspect",
         .help = "members under suspicion",
         .value = (double)members_count_state(m, MEMBER_SUSPECT)},
        {.name = "members_dead",
         .help = "members believed dead",
         .value = (double)members_count_state(m, MEMBER_DEAD)},
        {.name = "table_entries",
         .help = "live entries of the table",
         .value = (double)table_count(gossip_table(g))},
        {.name = "table_percent",
         .help = "of the table's bound of entries or bytes, whichever is nearer",
         .value = (double)table_percent(gossip_table(g))},
        {.name = "ready",
         .help = "1 after the first sync",
         .value = gossip_is_ready(g) ? 1 : 0},
        {.name = "disk_free_bytes",
         .help = "room on the file system of the data directory",
         .value = (double)node_own_disk(a->node)->facts.room.free_bytes},
        {.name = "disk_state",
         .help = "of the disk that holds the data: 0 ok, 1 full, 2 broken",
         .value = (double)node_own_disk(a->node)->state},
        {.name = "clock_skew_ms",
         .help = "how far this node's clock is ahead of the median of its peers'",
         .value = (double)node_wall(a->node)->ahead_ms},
        {.name = "clock_trusted",
         .help = "0 while orders are refused because this node's clock is off",
         .value = wall_clock_is_trusted(node_wall(a->node)) ? 1 : 0},
    };
    struct arena arena;
    arena_init(&arena, 4 << 20);
    size_t n = sizeof(gauges) / sizeof(gauges[0]);
    struct metrics_gauge *all = arena_array(&arena, n + lost->n + 1, sizeof(*all));
    char *text = NULL;
    if (all) {
        memcpy(all, gauges, sizeof(gauges));
        n += put_lost(lost, all + n);
        text = metrics_text(&a->metrics, all, n, &arena);
    }
    uv_http_answer(call->x, text ? 200 : 500, METRICS_TEXT_TYPE, bytes_of_text(text));
    arena_fini(&arena);
}

/* For load balancers: may this node be used?  With `live`, for supervisors: need it be restarted?  No
 * restart makes room on a disk. */
void route_health(struct agent *a, struct api_call *call)
{
    const struct disk *disk = node_own_disk(a->node);
    bool is_ready = gossip_is_ready(node_gossip(a->node)), is_live;
    char text[512] = "ok\n";
    if (param_switch(uv_http_query(call->x, "live"), &is_live) < 0) {
        api_bad(a, call->x, "live wants 1 or 0");
        return;
    }
    bool is_well = is_live || (is_ready && disk->state == DISK_OK);
    if (!is_well && disk->state != DISK_OK)
        (void)snprintf(text, sizeof(text), "disk %s: %s%s\n",
                       disk_state_name(disk->state), disk->cause,
                       a->is_waiting ? "; this node joins the others when it can" : "");
    else if (!is_well && gossip_endpoint(node_gossip(a->node)).family == 0)
        (void)snprintf(text, sizeof(text),
                       "not ready: this host has no address that peers could reach\n");
    else if (!is_well)
        (void)snprintf(text, sizeof(text), "not ready: no sync with a peer yet\n");
    uv_http_answer(call->x, is_well ? 200 : 503, "text/plain", bytes_of_text(text));
}

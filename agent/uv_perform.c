/* Performing a node's effects.  What must be durable is written first, in one batch per step:
 * several writes of one submission are on the disk together or not at all.  An order is written before
 * it is anything at all (agent_order). */
#include "agent/uv_perform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backlog.h"
#include "agent/pace.h"
#include "agent/recorder.h"
#include "agent/task_token.h"
#include "agent/uv_address.h"
#include "agent/uv_disk.h"
#include "agent/uv_ports.h"
#include "core/log.h"

enum { CATALOG_DELAY_MS = 20, BACKLOG_RETRY_MS = 1000 };

/* ---- the store ---- */

/* The effect number `i`, where it is one for the store; NULL. */
static const struct gossip_effect *persist_at(const struct agent *a, size_t i)
{
    const struct node_effect *e = &a->fx.list[i];
    bool is_one = e->kind == NODE_GOSSIP && e->gossip.kind == GOSSIP_PERSIST;
    return is_one ? &e->gossip : NULL;
}

/* All changes that the effects ask for and that were not written yet, in one array. */
static struct store_change *gather(struct agent *a, size_t n, bool *ret_is_synced)
{
    struct store_change *all = arena_array(node_effects_arena(&a->fx), n, sizeof(*all));
    *ret_is_synced = false;
    for (size_t i = a->n_persisted, at = 0; all && i < a->fx.n; i++) {
        const struct gossip_effect *e = persist_at(a, i);
        if (!e)
            continue;
        memcpy(all + at, e->changes, e->n_changes * sizeof(*all));
        at += e->n_changes;
        *ret_is_synced |= e->is_synced;
    }
    return all;
}

/* Give the store what it has not got: first what it refused before, then what the effects ask for.
 * What it refuses now is kept.  Returns what it said; 0 when there was nothing. */
static int persist(struct agent *a, bool is_urgent, struct err *err)
{
    size_t n = 0;
    bool is_synced;
    for (size_t i = a->n_persisted; i < a->fx.n; i++)
        n += persist_at(a, i) ? persist_at(a, i)->n_changes : 0;
    uint64_t now_ms = agent_now(a).now_ms;
    bool is_due = a->backlog.n > 0 && (is_urgent || now_ms >= a->backlog_retry_ms);
    struct store_change *all = n > 0 || is_due ? gather(a, n, &is_synced) : NULL;
    a->n_persisted = a->fx.n;
    if (n == 0 && !is_due)
        return 0;
    a->backlog_retry_ms = now_ms + BACKLOG_RETRY_MS;
    int status = all ? backlog_write(&a->backlog, a->home.store, all, n, is_synced, err)
                     : err_set(err, -ENOMEM, "out of memory");
    if (status < 0) {
        a->metrics.store_errors++;
        uv_disk_failed(a->disk, err);
        agent_step(a, &(struct node_input){.kind = INPUT_STORE_FAILED, .why = err->text});
    } else {
        agent_step(a, &(struct node_input){.kind = INPUT_STORE_MENDED});
        uv_disk_written(a->disk);
    }
    return status;
}

/* The order's own writes go to the store or nowhere: no backlog, for what is answered with an error
 * must not happen later. */
static int write_staged(struct agent *a, const struct store_change *changes, size_t n,
                        struct err *err)
{
    int status = persist(a, true, err); /* what came before it is older */
    if (status < 0)
        return ERR_STORE;
    status = store_write(a->home.store, changes, n, true, err);
    if (status < 0) {
        a->metrics.store_errors++;
        uv_disk_failed(a->disk, err);
        log_line(LOG_ERROR, "store", "state", "failing", "error", err->text, "order",
                 status == ERR_UNSURE ? "may stand" : "refused", NULL);
    }
    return status;
}

void agent_order(struct agent *a, const struct order *command)
{
    struct err err = {0};
    size_t n;
    uv_disk_look(a->disk);
    (void)persist(a, true,
                  &err); /* if the store takes writes again, the order finds it so */
    agent_step(a, &(struct node_input){.kind = INPUT_ORDER, .order = command});
    const struct store_change *changes = node_staged(a->node, &n);
    if (changes) {
        int status = write_staged(a, changes, n, &err);
        agent_step(a, &(struct node_input){.kind = INPUT_COMMITTED,
                                           .committed = {status, err.text}});
    }
    agent_perform(a);
}

/* ---- tasks ---- */

static void look_at_ports(struct agent *a, const struct node_effect *e)
{
    enum port_state states[PORT_ASKS_MAX];
    struct endpoint own = node_work(a->node)->options.address;
    size_t n = uv_ports_look(own, e->asks, e->n_asks, e->n_wanted, states);
    agent_step(a, &(struct node_input){.kind = INPUT_PORTS, .ports = {e, states, n}});
}

static void launch(struct agent *a, const struct node_effect *e)
{
    char token[TOKEN_TEXT];
    const struct launch order = {.key = e->key,
                                 .task = e->task,
                                 .env = e->env,
                                 .n_env = e->n_env,
                                 .ports = e->ports,
                                 .n_ports = e->n_ports,
                                 .version = e->version,
                                 .is_quick = e->is_quick,
                                 .token = e->task->api ? token : NULL,
                                 .note = e->note};
    if (e->task->api && task_token_make(a, e->task->api, e->ns, e->key, token) < 0) {
        agent_step(a, &(struct node_input){
                          .kind = INPUT_TASK_FAILED,
                          .task = {.key = e->key, .why = "its token could not be made"}});
        return;
    }
    uv_prober_forget(a->prober, e->key);
    uv_runner_launch(a->runner, &order);
    explicit_bzero(token, sizeof(token));
}

static void probe(struct agent *a, const struct node_effect *e)
{
    const struct probe_order order = {
        .key = e->key, .check = e->check, .health = e->health, .to = e->endpoint};
    bool may_ask = e->endpoint.family != 0; /* else this host has no address now */
    if (!may_ask || uv_probe(a->prober, &order) < 0)
        agent_step(a, &(struct node_input){.kind = INPUT_PROBED,
                                           .probed = {e->key, e->check, false, NULL}});
}

/* ---- catalog ---- */

static const char *const *catalog_names(const struct view *v, struct arena *arena)
{
    const char **names = arena_array(arena, v->n_nodes + 1, sizeof(*names));
    for (size_t i = 0; names && i < v->n_nodes; i++)
        names[i] = v->nodes[i].doc.name;
    return names;
}

static const struct catalog_rule *catalog_rules(const struct view *v, struct arena *arena,
                                                size_t *ret_n)
{
    *ret_n = 0;
    struct catalog_rule *rules = arena_array(arena, v->n_jobs, sizeof(*rules));
    for (size_t i = 0; rules && i < v->n_jobs; i++) {
        const struct job_spec *spec = v->jobs[i].spec;
        if (!spec || !spec->service_name)
            continue;
        const struct port_spec *port =
            spec->n_ports ? &spec->ports[spec->service_port] : NULL;
        rules[(*ret_n)++] =
            (struct catalog_rule){.ns = spec->ns,
                                  .job = spec->name,
                                  .service = spec->service_name,
                                  .port_name = port ? port->name : NULL,
                                  .protocol = port ? port->protocol : "tcp"};
    }
    return rules;
}

static void on_catalog_timer(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    struct arena arena;
    struct view v = {0};
    size_t n;
    uint64_t start_ns = uv_hrtime();
    const struct gossip *g = node_gossip(a->node);
    arena_init(&arena, 0);
    if (node_view(a->node, agent_now(a), &arena, &v) < 0)
        v = (struct view){0};
    const char *const *names = v.n_nodes > 0 ? catalog_names(&v, &arena) : NULL;
    const struct catalog_rule *rules = catalog_rules(&v, &arena, &n);
    struct catalog *catalog =
        catalog_build(gossip_members(g), gossip_table(g), names, rules, n,
                      gossip_is_ready(g), ++a->catalog_serial);
    arena_fini(&arena);
    a->catalog_cost_ms = (uv_hrtime() - start_ns) / 1000000;
    if (!catalog)
        return;
    catalog_unref(a->catalog);
    a->catalog = catalog;
    if (a->dns_driver)
        uv_dns_serve(a->dns_driver, catalog);
}

static void refresh_catalog(struct agent *a)
{
    if (!uv_is_active((uv_handle_t *)&a->catalog_timer))
        (void)uv_timer_start(&a->catalog_timer, on_catalog_timer,
                             pace_ms(CATALOG_DELAY_MS, a->catalog_cost_ms, 1), 0);
    a->above->changed(a);
}

/* ---- events ---- */

static void tell(struct agent *a, const struct node_event *event)
{
    const char *where = event->where ? event->where : a->name;
    uint64_t id = feed_add(&a->feed, agent_now(a).at_unix_ms, where, event);
    if (event->is_own) {
        bool is_job = strcmp(event->kind, "job") == 0;
        bool is_version = is_job && event->state && event->state[0] == 'v';
        bool is_warning =
            strcmp(event->kind, "conflict") == 0 || strcmp(event->kind, "clash") == 0 ||
            (strcmp(event->kind, "hold") == 0 && strcmp(event->state, "on") == 0) ||
            strcmp(event->kind, "store") == 0 ||
            (strcmp(event->kind, "clock") == 0 && strcmp(event->state, "right") != 0) ||
            (strcmp(event->kind, "disk") == 0 && strcmp(event->state, "ok") != 0) ||
            (strcmp(event->kind, "table") == 0 && strcmp(event->state, "ok") != 0) ||
            (strcmp(event->kind, "address") == 0 && event->cause);
        bool is_cloned = strcmp(event->kind, "identity") == 0;
        log_line(is_cloned    ? LOG_ERROR
                 : is_warning ? LOG_WARN
                              : LOG_INFO,
                 event->kind, "name", event->subject, is_version ? "version" : "state",
                 event->state, "namespace",
                 strcmp(event->kind, "var") == 0 ? event->ns : NULL,
                 is_cloned ? "at" : "cause", event->cause, NULL);
    }
    a->above->event(a, id);
}

/* ---- one effect ---- */

static void perform_gossip(struct agent *a, const struct gossip_effect *e)
{
    char address[ADDRESS_TEXT_MAX];
    if (e->kind == GOSSIP_SEND)
        uv_gossip_send(a->gossip, e->endpoint, e->bytes);
    else if (e->kind == GOSSIP_STREAM_OPEN)
        uv_gossip_stream_connect(a->gossip, e->stream, e->endpoint);
    else if (e->kind == GOSSIP_STREAM_SEND)
        uv_gossip_stream_send(a->gossip, e->stream, e->bytes);
    else if (e->kind == GOSSIP_STREAM_CLOSE)
        uv_gossip_stream_finish(a->gossip, e->stream);
    else if (e->kind == GOSSIP_KNOCKED)
        log_line(LOG_WARN, "join", "peer", endpoint_text(&e->endpoint, address), "state",
                 "silent", "cause", knock_text(e->knock), NULL);
}

/* Use them, and write them down: after a restart the secret file is all we have of them. */
static void change_keys(struct agent *a)
{
    struct err err = {0};
    uv_gossip_set_keys(a->gossip, node_keys(a->node));
    if (home_write_secret(a->options->secret_file, node_keys(a->node), &err) < 0)
        log_line(LOG_ERROR, "secret", "error", err.text, "remedy",
                 "copy the secret file of another node before this agent restarts", NULL);
    task_token_renew(a, NULL);
}

static void perform_one(struct agent *a, const struct node_effect *e)
{
    switch (e->kind) {
    case NODE_GOSSIP:
        perform_gossip(a, &e->gossip);
        break;
    case NODE_PORTS:
        look_at_ports(a, e);
        break;
    case NODE_LAUNCH:
        launch(a, e);
        break;
    case NODE_NOTE:
        uv_runner_note(a->runner, e->key, e->note);
        break;
    case NODE_SIGNAL:
        uv_runner_stop(a->runner, e->key,
                       &(struct stop_order){.signal = e->signal,
                                            .to_main = e->to_main,
                                            .grace_ms = e->grace_ms});
        break;
    case NODE_KILL:
        uv_runner_kill(a->runner, e->key);
        break;
    case NODE_REMOVE:
        uv_runner_remove(a->runner, e->key);
        break;
    case NODE_PROBE:
        probe(a, e);
        break;
    case NODE_EVENT:
        tell(a, &e->event);
        break;
    case NODE_CATALOG:
        refresh_catalog(a);
        break;
    case NODE_KEYS:
        change_keys(a);
        break;
    case NODE_LOOK:
        uv_address_look(a);
        break;
    case NODE_DONE:
        a->above->done(a, e->token, &e->result);
        break;
    case NODE_EXIT:
        agent_end(a);
        break;
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    agent_step(a, &(struct node_input){.kind = INPUT_TICK});
    agent_perform(a);
}

/* Effects that found no memory: peers repair what that costs, but somebody should know. */
static void note_lost(struct agent *a)
{
    char n[24];
    if (a->fx.gossip.n_lost == 0)
        return;
    a->metrics.effects_lost += a->fx.gossip.n_lost;
    (void)snprintf(n, sizeof(n), "%zu", a->fx.gossip.n_lost);
    log_line(LOG_ERROR, "agent", "effects_lost", n, "error",
             "one step wanted more memory than it may have", NULL);
    a->fx.gossip.n_lost = 0;
}

void agent_perform(struct agent *a)
{
    if (a->is_performing)
        return; /* the outer call sees what was added */
    a->is_performing = true;
    size_t done = 0;
    do { /* also with nothing to do: the backlog may wait for a disk with room */
        struct err err = {0};
        (void)persist(a, false, &err); /* what it refused is kept */
        for (size_t end = a->fx.n; done < end; done++) {
            struct node_effect effect = a->fx.list[done]; /* the list may move */
            perform_one(a, &effect);
        }
    } while (done < a->fx.n);
    note_lost(a);
    node_effects_clear(&a->fx);
    recorder_cleared(a->recorder);
    a->n_persisted = 0;
    a->is_performing = false;
    a->above->settled(a);
    uint64_t deadline = node_deadline_ms(a->node), now = agent_now(a).now_ms;
    if (deadline != UINT64_MAX && !uv_is_closing((uv_handle_t *)&a->timer))
        (void)uv_timer_start(&a->timer, on_deadline, deadline > now ? deadline - now : 0,
                             0);
}

/* ---- HTTP over sealed streams ---- */

struct api_pipe {
    struct uv_http_pipe *http;
    struct uv_gossip_stream *stream;
};

static void pipe_write(void *ctx, struct bytes out)
{
    struct api_pipe *p = ctx;
    if (p->stream)
        uv_gossip_stream_write(p->stream, out);
}

static void pipe_finish(void *ctx)
{
    struct api_pipe *p = ctx;
    if (p->stream)
        uv_gossip_stream_close(p->stream);
}

static size_t pipe_queued(void *ctx)
{
    const struct api_pipe *p = ctx;
    return p->stream ? uv_gossip_stream_queued(p->stream) : 0;
}

static void pipe_data(void *ctx, struct bytes in)
{
    struct api_pipe *p = ctx;
    uv_http_pipe_data(p->http, in);
}

static void pipe_closed(void *ctx)
{
    struct api_pipe *p = ctx;
    p->stream = NULL;
    uv_http_pipe_closed(p->http);
    free(p);
}

void perform_api_stream(struct agent *a, struct uv_gossip_stream *stream)
{
    struct api_pipe *p = calloc(1, sizeof(*p));
    if (p) {
        p->stream = stream;
        p->http = uv_http_pipe_new(a->http_driver, pipe_write, pipe_finish, p);
    }
    if (!p || !p->http) {
        free(p);
        uv_gossip_stream_close(stream);
        return;
    }
    uv_http_pipe_watch(p->http, pipe_queued);
    const struct uv_gossip_pipe events = {
        .data = pipe_data, .closed = pipe_closed, .ctx = p};
    uv_gossip_stream_start(stream, &events);
}

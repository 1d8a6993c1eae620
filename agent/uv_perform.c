/* Performing a node's effects.  What must be durable is written first, in one batch per step:
 * several writes of one submission are on the disk together or not at all. */
#include "agent/uv_perform.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/backlog.h"
#include "agent/pace.h"
#include "core/log.h"
#include "isolate/uv_probe.h"

enum { CATALOG_DELAY_MS = 20, BACKLOG_RETRY_MS = 1000 };

/* ---- the store ---- */

static void persist(struct agent *a, size_t from)
{
    size_t n = 0;
    bool is_synced = false;
    for (size_t i = from; i < a->fx.n; i++)
        if (a->fx.list[i].kind == NODE_GOSSIP &&
            a->fx.list[i].gossip.kind == GOSSIP_PERSIST)
            n += a->fx.list[i].gossip.n_changes;
    uint64_t now_ms = agent_now(a).now_ms;
    if (n == 0 && (a->backlog.n == 0 || now_ms < a->backlog_retry_ms))
        return;
    a->backlog_retry_ms = now_ms + BACKLOG_RETRY_MS;
    struct store_change *all = arena_array(node_effects_arena(&a->fx), n, sizeof(*all));
    struct err err = {0};
    int status = all ? 0 : err_set(&err, -ENOMEM, "out of memory");
    n = 0;
    for (size_t i = from; all && i < a->fx.n; i++) {
        const struct gossip_effect *e = &a->fx.list[i].gossip;
        if (a->fx.list[i].kind != NODE_GOSSIP || e->kind != GOSSIP_PERSIST)
            continue;
        memcpy(all + n, e->changes, e->n_changes * sizeof(*all));
        n += e->n_changes;
        is_synced |= e->is_synced;
    }
    if (status == 0)
        status = backlog_write(&a->backlog, a->home.store, all, n, is_synced, &err);
    if (status < 0) {
        a->metrics.store_errors++;
        log_line(LOG_ERROR, "store", "state", "failing", "error", err.text, NULL);
        node_store_failed(a->node, agent_now(a), err.text, &a->fx);
    } else {
        node_store_mended(a->node);
    }
}

/* ---- tasks ---- */

/* A dynamic port may belong to a stranger: try it before the task does. */
static bool is_port_free(const struct agent *a, uint16_t port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (a->bind.family != 4)
        return true;
    memcpy(&sin.sin_addr, a->bind.address, 4);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0)
        return true;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool is_free =
        bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 || errno != EADDRINUSE;
    (void)close(fd);
    return is_free;
}

static void launch(struct agent *a, const struct node_effect *e)
{
    for (size_t i = 0; i < e->n_ports; i++) {
        if (e->ports[i] && is_port_free(a, e->ports[i]))
            continue;
        char why[64];
        (void)snprintf(why, sizeof(why),
                       e->ports[i] ? "port %u is in use on this host"
                                   : "no port of --ports is free",
                       e->ports[i]);
        node_task_failed(a->node, agent_now(a), e->key, why, &a->fx);
        return;
    }
    const struct launch order = {.key = e->key,
                                 .task = e->task,
                                 .env = e->env,
                                 .n_env = e->n_env,
                                 .note = e->note};
    uv_runner_launch(a->runner, &order);
}

struct probe {
    struct agent *agent;
    unsigned check;
    char key[];
};

static void on_probed(void *ctx, bool is_ok, const char *detail)
{
    struct probe *p = ctx;
    struct agent *a = p->agent;
    if (!a->is_ending) {
        node_probed(a->node, agent_now(a), p->key, p->check, is_ok, detail, &a->fx);
        agent_perform(a);
    }
    free(p);
}

static void probe(struct agent *a, const struct node_effect *e)
{
    size_t len = strlen(e->key) + 1;
    struct probe *p = malloc(sizeof(*p) + len);
    if (p) {
        *p = (struct probe){.agent = a, .check = e->check};
        memcpy(p->key, e->key, len);
        if (uv_probe(&a->loop, e->health, e->endpoint, on_probed, p) == 0)
            return;
    }
    free(p);
    node_probed(a->node, agent_now(a), e->key, e->check, false,
                "the probe found no memory", &a->fx);
}

/* ---- catalog ---- */

static const struct catalog_rule *catalog_rules(struct agent *a, struct arena *arena,
                                                size_t *ret_n)
{
    struct view v;
    *ret_n = 0;
    if (node_view(a->node, agent_now(a), arena, &v) < 0)
        return NULL;
    struct catalog_rule *rules = arena_array(arena, v.n_jobs, sizeof(*rules));
    for (size_t i = 0; rules && i < v.n_jobs; i++) {
        const struct job_spec *spec = v.jobs[i].spec;
        if (!spec)
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
    size_t n;
    uint64_t start_ns = uv_hrtime();
    arena_init(&arena, 0);
    const struct catalog_rule *rules = catalog_rules(a, &arena, &n);
    struct catalog *catalog = catalog_build(
        gossip_members(node_gossip(a->node)), gossip_table(node_gossip(a->node)), rules,
        n, gossip_is_ready(node_gossip(a->node)), ++a->catalog_serial);
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
    api_changed(a);
}

/* ---- events ---- */

static void tell(struct agent *a, const struct node_event *event)
{
    uint64_t id = feed_add(&a->feed, agent_now(a).at_unix_ms, a->name, event);
    if (event->is_own) {
        bool is_job = strcmp(event->kind, "job") == 0;
        bool is_version = is_job && event->state && event->state[0] == 'v';
        bool is_warning =
            strcmp(event->kind, "conflict") == 0 ||
            (strcmp(event->kind, "clock") == 0 && strcmp(event->state, "right") != 0);
        log_line(is_warning ? LOG_WARN : LOG_INFO, event->kind, "name", event->subject,
                 is_version ? "version" : "state", event->state, "cause", event->cause,
                 NULL);
    }
    api_event(a, id);
}

/* ---- one effect ---- */

static void perform_gossip(struct agent *a, const struct gossip_effect *e)
{
    if (e->kind == GOSSIP_SEND)
        uv_gossip_send(a->gossip, e->endpoint, e->bytes);
    else if (e->kind == GOSSIP_STREAM_OPEN)
        uv_gossip_stream_connect(a->gossip, e->stream, e->endpoint);
    else if (e->kind == GOSSIP_STREAM_SEND)
        uv_gossip_stream_send(a->gossip, e->stream, e->bytes);
    else if (e->kind == GOSSIP_STREAM_CLOSE)
        uv_gossip_stream_finish(a->gossip, e->stream);
}

/* Use them, and write them down: after a restart the secret file is all we have of them. */
static void change_keys(struct agent *a)
{
    struct err err = {0};
    uv_gossip_set_keys(a->gossip, node_keys(a->node));
    if (home_write_secret(a->options->secret_file, node_keys(a->node), &err) < 0)
        log_line(LOG_ERROR, "secret", "error", err.text, "remedy",
                 "copy the secret file of another node before this agent restarts", NULL);
}

static void perform_one(struct agent *a, const struct node_effect *e)
{
    switch (e->kind) {
    case NODE_GOSSIP:
        perform_gossip(a, &e->gossip);
        break;
    case NODE_LAUNCH:
        launch(a, e);
        break;
    case NODE_NOTE:
        uv_runner_note(a->runner, e->key, e->note);
        break;
    case NODE_SIGNAL:
        uv_runner_signal(a->runner, e->key, e->signal);
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
    case NODE_DONE:
        api_done(a, e->token, &e->result);
        break;
    case NODE_EXIT:
        agent_end(a);
        break;
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    node_tick(a->node, agent_now(a), &a->fx);
    agent_perform(a);
}

void agent_perform(struct agent *a)
{
    if (a->is_performing)
        return; /* the outer call sees what was added */
    a->is_performing = true;
    size_t done = 0;
    do { /* also with nothing to do: the backlog may wait for a disk with room */
        persist(a, done);
        for (size_t end = a->fx.n; done < end; done++) {
            struct node_effect effect = a->fx.list[done]; /* the list may move */
            perform_one(a, &effect);
        }
    } while (done < a->fx.n);
    node_effects_clear(&a->fx);
    a->is_performing = false;
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

/* The agent: the composition root and the node's host on a real machine.
 *
 * The usual path: a driver calls up with an event, the node steps, its effects are performed in
 * order, the timer is re-armed at its deadline.  What can fail: starting (texts for people, exit
 * code 1), the store (counted; the write is not acknowledged), a task's start (told to the node). */
#include "agent/uv_agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/memory.h"
#include "agent/settings.h"
#include "agent/uv_perform.h"
#include "agent/uv_seeds.h"
#include "core/log.h"
#include "gossip/discovery.h"

enum {
    AWAY_MS = 120000,    /* tasks of an agent that was stopped are left alone this long */
    JOIN_LATE_MS = 5000, /* a peer that is there answers within one */
    LAST_WORDS_MS = 300, /* between the last datagram and the end of the process */
    STARTED_MS = 15000,  /* a start and its joining are over by then */
    TIDY_MS = 30000,     /* what later work left lying */
};

struct moment agent_now(struct agent *a)
{
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    uv_update_time(&a->loop);
    if (a->node)
        node_set_us(a->node, uv_hrtime() / 1000);
    return (struct moment){.now_ms = uv_now(&a->loop),
                           .at_unix_ms = (uint64_t)wall.tv_sec * 1000 +
                                         (uint64_t)wall.tv_nsec / 1000000};
}

/* ---- events of the drivers ---- */

static void on_datagram(void *ctx, struct endpoint from, struct bytes plain)
{
    struct agent *a = ctx;
    node_datagram(a->node, agent_now(a), from, plain, &a->fx);
    agent_perform(a);
}

static void on_refused(void *ctx, struct endpoint to)
{
    struct agent *a = ctx;
    node_refused(a->node, agent_now(a), to, &a->fx);
    agent_perform(a);
}

static void on_stream_opened(void *ctx, uint32_t stream, struct node_id peer)
{
    struct agent *a = ctx;
    node_stream_opened(a->node, agent_now(a), stream, peer, &a->fx);
    agent_perform(a);
}

static void on_stream_frame(void *ctx, uint32_t stream, struct bytes frame)
{
    struct agent *a = ctx;
    node_stream_frame(a->node, agent_now(a), stream, frame, &a->fx);
    agent_perform(a);
}

static void on_stream_closed(void *ctx, uint32_t stream)
{
    struct agent *a = ctx;
    node_stream_closed(a->node, agent_now(a), stream, &a->fx);
    agent_perform(a);
}

static void on_task_started(void *ctx, const char *key, uint32_t pid)
{
    struct agent *a = ctx;
    node_task_started(a->node, agent_now(a), key, pid, &a->fx);
    agent_perform(a);
}

static void on_task_failed(void *ctx, const char *key, const char *why)
{
    struct agent *a = ctx;
    log_line(LOG_WARN, "task", "key", key, "error", why, NULL);
    node_task_failed(a->node, agent_now(a), key, why, &a->fx);
    agent_perform(a);
}

static void on_task_exited(void *ctx, const char *key, int32_t status, bool is_oom)
{
    struct agent *a = ctx;
    node_task_exited(a->node, agent_now(a), key, status, is_oom, &a->fx);
    agent_perform(a);
}

static void on_task_found(void *ctx, const char *key, uint32_t pid,
                          uint64_t started_unix_ms, struct bytes note)
{
    struct agent *a = ctx;
    if (node_adopt(a->node, agent_now(a), key, pid, started_unix_ms, note)) {
        log_line(LOG_INFO, "task", "key", key, "state", pid ? "adopted" : "ended", NULL);
        return;
    }
    log_line(LOG_WARN, "task", "key", key, "state", "unknown", "action", "removed", NULL);
    uv_runner_kill(a->runner, key);
    uv_runner_remove(a->runner, key);
}

/* ---- ending ---- */

static void on_end(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void agent_end(struct agent *a)
{
    if (a->is_ending)
        return;
    a->is_ending = true;
    (void)uv_timer_start(&a->exit_timer, on_end, LAST_WORDS_MS, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;
    struct moment at = agent_now(a);
    if (a->is_ending)
        return;
    log_line(LOG_INFO, "agent", "state", "stopping", "signal",
             number == SIGINT ? "INT" : "TERM", "tasks",
             a->options->tasks_die ? "stop" : "stay", NULL);
    settings_notify("STOPPING=1");
    node_away(a->node, at, a->options->tasks_die ? 0 : AWAY_MS, &a->fx);
    agent_perform(a);
    agent_end(a);
}

/* ---- starting ---- */

static int open_home(struct agent *a, struct keyring *keys, struct err *err)
{
    struct moment at = agent_now(a);
    if (seal_init() < 0)
        return err_set(err, ERR_DENIED, "this host has no source of randomness");
    int status = home_read_secret(a->options->secret_file, keys, err);
    if (status == 0)
        status = home_open(&a->home, a->options->data_dir, at.at_unix_ms, err);
    return status;
}

static int open_node(struct agent *a, const struct settings *s,
                     const struct keyring *keys, struct err *err)
{
    struct moment at = agent_now(a);
    struct node_options options = {
        .gossip = {.id = a->home.identity.id,
                   .name = a->name,
                   .endpoint = s->advertise,
                   .profile = s->profile,
                   .epoch = a->home.epoch,
                   .metrics = &a->metrics,
                   .listen_ms = a->options->no_discover ? 0 : DISCOVERY_LISTEN_MS},
        .self = s->self,
        .port_min = s->port_min,
        .port_max = s->port_max,
        .binary = s->binary,
        .keys = *keys,
    };
    random_bytes(&options.gossip.seed, sizeof(options.gossip.seed));
    options.gossip.endpoint.port = a->bind.port;
    a->advertise = options.gossip.endpoint;
    for (int attempt = 0; attempt < 2; attempt++) {
        a->node = node_new(&options, at);
        if (!a->node)
            return err_set(err, -ENOMEM, "out of memory");
        int status = home_restore(&a->home, a->node, err);
        if (status != ERR_DAMAGED)
            return status;
        node_free(a->node);
        a->node = NULL;
        status = home_set_aside(&a->home, a->options->data_dir, at.at_unix_ms, err);
        if (status < 0)
            return status;
        options.gossip.epoch = a->home.epoch;
    }
    return err_set(err, ERR_DAMAGED,
                   "the store is damaged again right after it was made anew");
}

static void on_api_stream(void *ctx, struct uv_gossip_stream *stream)
{
    struct agent *a = ctx;
    perform_api_stream(a, stream);
}

static int open_network(struct agent *a, const struct keyring *keys, struct err *err)
{
    const struct uv_gossip_events events = {.datagram = on_datagram,
                                            .refused = on_refused,
                                            .stream_opened = on_stream_opened,
                                            .stream_frame = on_stream_frame,
                                            .stream_closed = on_stream_closed,
                                            .api_stream = on_api_stream,
                                            .ctx = a};
    return uv_gossip_open(&a->loop, &a->bind, keys, &a->home.identity, &events,
                          &a->metrics, &a->gossip, err);
}

static int open_services(struct agent *a, struct err *err)
{
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    const char *const hidden[] = {a->options->secret_file, a->options->socket, NULL};
    const struct uv_runner_options runner = {.data_dir = a->options->data_dir,
                                             .name = a->name,
                                             .hidden = hidden,
                                             .tasks_die = a->options->tasks_die};
    const struct uv_runner_events events = {.started = on_task_started,
                                            .failed = on_task_failed,
                                            .exited = on_task_exited,
                                            .ctx = a};
    int status = uv_runner_open(&a->loop, &runner, &events, &a->runner, err);
    if (status == 0)
        status = uv_http_open(&a->loop, api_handle, a, &a->metrics, &a->http_driver, err);
    if (status == 0)
        status = uv_http_listen_unix(a->http_driver, a->options->socket, err);
    if (status == 0 && a->http.family)
        status = uv_http_listen_tcp(a->http_driver, &a->http, err);
    if (status == 0 && a->dns.family)
        status = uv_dns_open(&a->loop, &a->dns, seed, &a->metrics, &a->dns_driver, err);
    return status;
}

static int open_all(struct agent *a, const struct settings *s, struct err *err)
{
    struct keyring keys;
    int status = open_home(a, &keys, err);
    if (status == 0)
        status = open_network(a, &keys, err);
    if (status == 0)
        status = open_node(a, s, &keys, err);
    explicit_bzero(&keys, sizeof(keys));
    if (status == 0)
        status = open_services(a, err);
    return status;
}

static void on_tidy(uv_timer_t *timer)
{
    (void)timer;
    memory_give_back();
}

static void open_handles(struct agent *a)
{
    uv_timer_t *timers[] = {&a->timer, &a->catalog_timer, &a->exit_timer, &a->join_timer,
                            &a->tidy_timer};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        (void)uv_timer_init(&a->loop, timers[i]);
        timers[i]->data = a;
    }
    (void)uv_timer_start(&a->tidy_timer, on_tidy, STARTED_MS, TIDY_MS);
    (void)uv_signal_init(&a->loop, &a->sigterm);
    (void)uv_signal_init(&a->loop, &a->sigint);
    a->sigterm.data = a->sigint.data = a;
    (void)uv_signal_start(&a->sigterm, on_signal, SIGTERM);
    (void)uv_signal_start(&a->sigint, on_signal, SIGINT);
}

static void close_all(struct agent *a)
{
    uv_handle_t *own[] = {(uv_handle_t *)&a->timer,      (uv_handle_t *)&a->catalog_timer,
                          (uv_handle_t *)&a->exit_timer, (uv_handle_t *)&a->join_timer,
                          (uv_handle_t *)&a->sigterm,    (uv_handle_t *)&a->sigint,
                          (uv_handle_t *)&a->tidy_timer};
    a->is_ending = true;
    api_watchers_close(a);
    if (a->http_driver)
        uv_http_close(a->http_driver);
    if (a->dns_driver)
        uv_dns_close(a->dns_driver);
    uv_discovery_close(a->discovery);
    uv_seeds_close(a->seeds);
    if (a->gossip)
        uv_gossip_close(a->gossip);
    if (a->runner)
        uv_runner_close(a->runner);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        uv_close(own[i], NULL);
    (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&a->loop);
    api_close(a);
    catalog_unref(a->catalog);
    node_free(a->node);
    node_effects_fini(&a->fx);
    feed_fini(&a->feed);
    backlog_fini(&a->backlog);
    home_close(&a->home);
    arena_fini(&a->arena);
}

static void on_meet(void *ctx, struct endpoint at)
{
    struct agent *a = ctx;
    char text[ADDRESS_TEXT_MAX];
    if (a->is_ending)
        return;
    log_line(LOG_DEBUG, "discovery", "heard", endpoint_text(&at, text), NULL);
    node_meet(a->node, agent_now(a), at, &a->fx);
    agent_perform(a);
}

/* A host without multicast is no error: --join is there for it. */
static void discover(struct agent *a)
{
    struct err err = {0};
    struct uv_discovery_options options = {.id = a->home.identity.id,
                                           .endpoint = a->advertise,
                                           .gossip = node_gossip(a->node),
                                           .sealer = uv_gossip_sealer(a->gossip),
                                           .metrics = &a->metrics,
                                           .meet = on_meet,
                                           .ctx = a};
    random_bytes(&options.seed, sizeof(options.seed));
    if (uv_discovery_open(&a->loop, &options, &a->discovery, &err) < 0)
        log_line(LOG_WARN, "discovery", "state", "off", "error", err.text, NULL);
}

static bool is_alone(void *ctx)
{
    struct agent *a = ctx;
    const struct members *members = gossip_members(node_gossip(a->node));
    return members_count_state(members, MEMBER_ALIVE) < 2;
}

/* With another secret the peers are silent, as if they were not there: nothing else would say why
 * this node stays alone. */
static void on_join_late(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    if (!a->is_ending && is_alone(a))
        log_line(LOG_WARN, "join", "state", "alone", "error",
                 "no peer of --join has answered yet: is it up, can its port be reached "
                 "by TCP and "
                 "UDP, and is the secret the same?",
                 NULL);
}

static void on_seeds(void *ctx, const struct endpoint *seeds, size_t n, size_t n_unknown)
{
    struct agent *a = ctx;
    if (a->is_ending)
        return;
    bool is_first = !a->has_joined;
    a->has_joined = true;
    node_join(a->node, agent_now(a), seeds, n, n_unknown > 0, &a->fx);
    agent_perform(a);
    if (!is_first)
        return;
    if (!a->options->no_discover)
        discover(a);
    if (a->options->n_join > 0)
        (void)uv_timer_start(&a->join_timer, on_join_late, JOIN_LATE_MS, 0);
}

static void announce(struct agent *a)
{
    char bind[ADDRESS_TEXT_MAX], http[ADDRESS_TEXT_MAX], dns[ADDRESS_TEXT_MAX],
        id[NODE_ID_TEXT];
    log_line(LOG_INFO, "agent", "name", a->name, "version", STRATOS_VERSION, "id",
             node_id_text(a->home.identity.id, id), "bind", endpoint_text(&a->bind, bind),
             "http", a->http.family ? endpoint_text(&a->http, http) : NULL, "dns",
             a->dns.family ? endpoint_text(&a->dns, dns) : NULL, "socket",
             a->options->socket, NULL);
    if (a->home.was_damaged)
        log_line(LOG_ERROR, "store", "state", "damaged", "action",
                 "set aside; the table is pulled from the peers", "kept",
                 a->options->data_dir, NULL);
}

/* What to do about an address that cannot be had; NULL when the error says it itself. */
static const char *hint_of(int status)
{
    if (status == -EADDRINUSE)
        return "another agent or program has it: choose other addresses with --bind, "
               "--http and --dns";
    if (status == -EADDRNOTAVAIL)
        return "this host has no such address: choose one of its own with --bind, --http "
               "and --dns";
    return NULL;
}

int agent_run(const struct agent_options *options)
{
    struct agent *a = calloc(1, sizeof(*a));
    struct settings settings;
    struct err err = {0};
    if (!a)
        return 1;
    a->options = options;
    arena_init(&a->arena, 0);
    node_effects_init(&a->fx);
    feed_init(&a->feed);
    backlog_init(&a->backlog);
    (void)signal(SIGPIPE, SIG_IGN);
    if (options->is_debug)
        log_level_set(LOG_DEBUG);
    (void)uv_loop_init(&a->loop);
    open_handles(a);
    int status = settings_read(a, &settings, &err);
    if (status == 0)
        status = open_all(a, &settings, &err);
    if (status == 0) {
        announce(a);
        uv_runner_found(a->runner, on_task_found, a);
        const struct uv_seeds_events events = {
            .found = on_seeds, .is_alone = is_alone, .ctx = a};
        status = uv_seeds_open(&a->loop, options->join, options->n_join, a->bind.port,
                               &events, &a->seeds, &err);
    }
    if (status == 0) {
        settings_notify("READY=1");
        (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    } else {
        log_line(LOG_ERROR, "agent", "state", "failed", "error", err.text, "hint",
                 hint_of(status), NULL);
        a->exit_code = status == ERR_INVALID ? 2 : 1;
    }
    close_all(a);
    int code = a->exit_code;
    free(a);
    return code;
}

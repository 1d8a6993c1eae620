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
#include <unistd.h>

#include "agent/memory.h"
#include "agent/recorder.h"
#include "agent/settings.h"
#include "agent/task_token.h"
#include "agent/uv_disk.h"
#include "agent/uv_host.h"
#include "agent/uv_network.h"
#include "agent/uv_perform.h"
#include "core/log.h"
#include "gossip/members/discovery.h"

enum {
    AWAY_MS = 120000,   /* tasks of an agent that was stopped are left alone this long */
    STARTED_MS = 15000, /* a start and its joining are over by then */
    TIDY_MS = 30000,    /* what later work left lying, and what failed behind our back */
    TIDY_SOON_MS = 2000,
};

struct own_ports agent_own_ports(const struct agent *a)
{
    return (struct own_ports){.gossip = a->bind.port,
                              .http = a->http.family ? a->http.port : 0,
                              .dns = a->dns.family ? a->dns.port : 0};
}

/* ---- events of the drivers ---- */

static void on_task_started(void *ctx, const char *key, uint32_t pid)
{
    struct agent *a = ctx;
    agent_step(a, &(struct node_input){.kind = INPUT_TASK_STARTED,
                                       .task = {.key = key, .pid = pid}});
    agent_perform(a);
}

static void on_task_failed(void *ctx, const char *key, const char *why)
{
    struct agent *a = ctx;
    log_line(LOG_WARN, "task", "key", key, "error", why, NULL);
    agent_step(a, &(struct node_input){.kind = INPUT_TASK_FAILED,
                                       .task = {.key = key, .why = why}});
    agent_perform(a);
}

static void on_task_refused(void *ctx, const char *key, const char *why)
{
    struct agent *a = ctx;
    log_line(LOG_WARN, "task", "key", key, "state", "not tried", "cause", why, NULL);
    agent_step(a, &(struct node_input){.kind = INPUT_TASK_REFUSED, .task = {.key = key, .why = why}});
    agent_perform(a);
}

static void on_task_exited(void *ctx, const char *key, const struct exit_fact *fact)
{
    struct agent *a = ctx;
    agent_step(a, &(struct node_input){.kind = INPUT_TASK_EXITED,
                                       .task = {.key = key, .fact = *fact}});
    agent_perform(a);
}

static void on_task_found(void *ctx, const struct task_found *task)
{
    struct agent *a = ctx;
    struct moment at = agent_now(a);
    struct recorded what = {
        .kind = RECORDED_TASK,
        .at = at,
        .task = {task->key, task->doubt, task->pid, task->started_unix_ms, task->note}};
    recorder_put(a->recorder, &what);
    if (node_adopt(a->node, at, task->key, task->pid, task->started_unix_ms, task->note,
                   task->doubt)) {
        const char *state = task->pid ? "adopted" : task->doubt ? "unclear" : "ended";
        log_line(task->doubt ? LOG_WARN : LOG_INFO, "task", "key", task->key, "state",
                 state, "cause", task->doubt, NULL);
        if (task->pid)
            task_token_renew(a, task->key);
        return;
    }
    log_line(LOG_WARN, "task", "key", task->key, "state", "unknown", "action", "removed",
             NULL);
    uv_runner_kill(a->runner, task->key);
    uv_runner_remove(a->runner, task->key);
}

static void on_probed(void *ctx, const char *key, unsigned check, bool is_ok,
                      const char *words)
{
    struct agent *a = ctx;
    if (a->is_ending)
        return;
    agent_step(a, &(struct node_input){.kind = INPUT_PROBED,
                                       .probed = {key, check, is_ok, words}});
    agent_perform(a);
}

/* ---- ending ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;
    if (a->is_ending)
        return;
    log_line(LOG_INFO, "agent", "state", "stopping", "signal",
             number == SIGINT ? "INT" : "TERM", "tasks",
             a->options->tasks_die ? "stop" : "stay", NULL);
    settings_notify("STOPPING=1");
    agent_step(a, &(struct node_input){.kind = INPUT_AWAY,
                                       .away_ms = a->options->tasks_die ? 0 : AWAY_MS});
    agent_perform(a);
    agent_end(a);
}

/* ---- memory ---- */

static void on_tidy(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    if (!a->is_ending)
        uv_disk_check(a->disk);
    settings_notify("WATCHDOG=1"); /* the loop turns */
    memory_give_back();
}

/* Many clients left at once: what they needed is given back soon, not at the next round. */
static void on_shrunk(void *ctx)
{
    struct agent *a = ctx;
    if (!a->is_ending)
        (void)uv_timer_start(&a->tidy_timer, on_tidy, TIDY_SOON_MS, TIDY_MS);
}

/* ---- starting ---- */

static int open_home(struct agent *a, struct keyring *keys, struct err *err)
{
    struct moment at = agent_now(a);
    if (seal_init() < 0)
        return err_set(err, ERR_DENIED, "this host has no source of randomness");
    int status = home_read_secret(a->options->secret_file, keys, err);
    if (status == 0)
        status = home_open(&a->home, a->options->data_dir, a->options->machine,
                           at.at_unix_ms, err);
    return status;
}

static int new_node(struct agent *a, struct node_options *options, struct moment at,
                    struct err *err)
{
    random_bytes(&options->gossip.seed, sizeof(options->gossip.seed));
    options->gossip.epoch = home_life(at.at_unix_ms);
    a->node = node_new(options, at);
    if (a->recorder) {
        struct recorded what = {
            .kind = RECORDED_BEGIN,
            .at = at,
            .begin = {.version = STRATOS_VERSION, .options = *options}};
        recorder_put(a->recorder, &what);
        explicit_bzero(&what.begin.options.keys, sizeof(what.begin.options.keys));
    }
    return a->node ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static void leap(struct agent *a)
{
    struct recorded what = {.kind = RECORDED_LEAP};
    recorder_put(a->recorder, &what);
    node_leap(a->node);
}

/* The node as it was stored; where its store is damaged, one that starts with an empty one.  On a full
 * disk that may have to wait for room. */
static int restore_node(struct agent *a, struct node_options *options, struct err *err)
{
    struct moment at = agent_now(a);
    for (int attempt = 0; attempt < 2; attempt++) {
        bool is_image = a->home.stage == HOME_READING;
        int status = new_node(a, options, at, err);
        if (status == 0)
            status = home_restore(&a->home, a->node, a->recorder, err);
        if (status != ERR_DAMAGED) {
            if (status == 0 && a->home.is_unwritten)
                leap(a);
            return status;
        }
        node_free(a->node);
        a->node = NULL;
        if (is_image) {
            home_wait(&a->home, err);
            return 0;
        }
        status = home_set_aside(&a->home, a->options->data_dir, at.at_unix_ms, err);
        if (status < 0)
            return status;
    }
    return err_set(err, ERR_DAMAGED,
                   "the store is damaged again right after it was made anew");
}

/* In its place, until the disk lets the real one be: who asks is answered. */
static int wait_for_disk(struct agent *a, struct node_options *options, struct err *err)
{
    options->is_waiting = a->is_waiting = true;
    return new_node(a, options, agent_now(a), err);
}

static int open_node(struct agent *a, struct err *err)
{
    const struct settings *s = a->settings;
    struct disk disk;
    struct node_options options = {
        .gossip = {.id = a->home.identity.id,
                   .name = a->name,
                   .profile = &s->profile,
                   .metrics = &a->metrics,
                   .listen_ms = a->options->no_discover ? 0 : DISCOVERY_LISTEN_MS},
        .self = s->self,
        .port_min = s->port_min,
        .port_max = s->port_max,
        .own_ports = agent_own_ports(a),
        .api = s->api,
        .binary = s->binary,
        .ack = s->ack,
        .lone_ms = s->lone_ms,
        .keys = a->keys,
    };
    if (a->node) { /* one that waited */
        disk = *node_own_disk(a->node);
        options.disk = &disk;
        node_free(a->node);
        a->node = NULL;
    }
    a->is_waiting = false;
    int status = a->home.stage == HOME_WAITING ? 0 : restore_node(a, &options, err);
    if (status == 0 && a->home.stage == HOME_WAITING)
        status = wait_for_disk(a, &options, err);
    explicit_bzero(&options.keys, sizeof(options.keys));
    if (!a->is_waiting)
        explicit_bzero(&a->keys, sizeof(a->keys));
    return status;
}

static int open_runner(struct agent *a, struct err *err)
{
    const char *const hidden[] = {a->options->secret_file, a->options->socket, NULL};
    char identity[NODE_ID_TEXT];
    const struct uv_runner_options runner = {
        .data_dir = a->options->data_dir,
        .name = a->name,
        .identity = node_id_text(a->home.identity.id, identity),
        .groups = a->cgroups.base,
        .hidden = hidden,
        .tasks_die = a->options->tasks_die};
    const struct uv_runner_events events = {.started = on_task_started,
                                            .failed = on_task_failed,
                                            .refused = on_task_refused,
                                            .exited = on_task_exited,
                                            .ctx = a};
    int status = uv_runner_open(&a->loop, &runner, &events, &a->runner, err);
    if (status == 0 && uv_prober_open(&a->loop, on_probed, a, &a->prober) < 0)
        status = err_set(err, -ENOMEM, "out of memory");
    return status;
}

static int open_services(struct agent *a, struct err *err)
{
    const struct uv_http_handlers http = {
        .gate = api_gate, .handle = api_handle, .shrunk = on_shrunk};
    int status = uv_http_open(&a->loop, &http, a, &a->metrics, &a->http_driver, err);
    return status == 0 ? uv_listen_open(a, err) : status;
}

static int open_recorder(struct agent *a, struct err *err)
{
    if (!a->options->record)
        return 0;
    a->recorder = recorder_open(a->options->record, err);
    if (!a->recorder)
        return err->code;
    log_line(LOG_WARN, "recording", "state", "on", "file", a->options->record, "meaning",
             "all that this node is told goes into it, the secret and all variables too",
             NULL);
    return 0;
}

static int open_all(struct agent *a, struct err *err)
{
    int status = open_recorder(a, err);
    if (status == 0)
        status = open_home(a, &a->keys, err);
    if (status == 0 && a->home.has_identity)
        status = uv_network_open(a, err);
    if (status == 0)
        status = open_node(a, err);
    if (status == 0 && !a->is_waiting)
        status = uv_address_open(a, err);
    if (status == 0)
        status = open_services(a, err);
    return status;
}

static void open_handles(struct agent *a)
{
    uv_timer_t *timers[] = {&a->timer, &a->catalog_timer, &a->exit_timer, &a->tidy_timer};
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
                          (uv_handle_t *)&a->exit_timer, (uv_handle_t *)&a->sigterm,
                          (uv_handle_t *)&a->sigint,     (uv_handle_t *)&a->tidy_timer};
    a->is_ending = true;
    api_watchers_close(a);
    api_waits_close(a);
    uv_listen_close(a);
    if (a->http_driver)
        uv_http_close(a->http_driver);
    if (a->dns_driver)
        uv_dns_close(a->dns_driver);
    uv_network_close(a);
    uv_prober_close(a->prober);
    if (a->runner)
        uv_runner_close(a->runner);
    uv_disk_close(a->disk);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        uv_close(own[i], NULL);
    (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&a->loop);
    api_close(a);
    catalog_unref(a->catalog);
    recorder_close(a->recorder, "its agent has ended");
    node_free(a->node);
    node_effects_fini(&a->fx);
    feed_fini(&a->feed);
    backlog_fini(&a->backlog);
    home_close(&a->home);
    explicit_bzero(&a->keys, sizeof(a->keys));
    arena_fini(&a->arena);
}

static void announce(struct agent *a)
{
    char bind[ADDRESS_TEXT_MAX], http[ADDRESS_TEXT_MAX], dns[ADDRESS_TEXT_MAX],
        id[NODE_ID_TEXT];
    bool is_http = a->http.family && a->listen.http.text[0] == '\0';
    log_line(LOG_INFO, "agent", "name", a->name, "version", STRATOS_VERSION, "id",
             a->home.has_identity ? node_id_text(a->home.identity.id, id) : NULL, "bind",
             a->bind.family ? endpoint_text(&a->bind, bind) : NULL, "http",
             is_http ? endpoint_text(&a->http, http) : NULL, "dns",
             a->dns_driver ? endpoint_text(&a->dns, dns) : NULL, "socket",
             a->options->socket, NULL);
    uv_host_announce(a);
    if (a->http.family && a->options->http_open)
        log_line(LOG_WARN, "http", "state", "open", "meaning",
                 "every program on this host, tasks included, may run anything on every "
                 "node: leave --http-open away, and use `stratos token`",
                 NULL);
    if (a->home.was_damaged)
        log_line(LOG_ERROR, "store", "state", "damaged", "action",
                 "set aside; the table is pulled from the peers", "kept",
                 a->options->data_dir, NULL);
}

/* What to do about an address that another has; NULL when the error says it itself. */
static const char *hint_of(int status)
{
    if (status == -EADDRINUSE)
        return "another agent or program has it: choose other addresses with --bind, "
               "--http and --dns, and another --socket";
    return NULL;
}

/* The node is there, with what was stored: find its tasks, and its peers. */
static int begin(struct agent *a, struct err *err)
{
    int status = open_runner(a, err);
    if (status < 0)
        return status;
    uv_runner_found(a->runner, on_task_found, a);
    status = uv_network_join(a, err);
    if (status == 0)
        agent_perform(
            a); /* what the first look at the addresses left to do, if that waits for names */
    return status;
}

static void fail(struct agent *a, int status, const struct err *err)
{
    log_line(LOG_ERROR, "agent", "state", "failed", "error", err->text, "hint",
             hint_of(status), NULL);
    a->exit_code = status == ERR_INVALID ? 2 : 1;
}

/* There is room at last, and the store is open. */
static void on_disk_ready(struct agent *a)
{
    struct err err = {0};
    backlog_fini(&a->backlog); /* of a node that was none */
    backlog_init(&a->backlog);
    int status = a->gossip ? 0 : uv_network_open(a, &err);
    if (status == 0)
        status = open_node(a, &err);
    if (status == 0 && !a->is_waiting)
        status = uv_address_open(a, &err);
    if (status == 0 && !a->is_waiting)
        status = begin(a, &err);
    if (status == 0)
        return;
    fail(a, status, &err);
    agent_end(a);
}

static int start(struct agent *a, struct err *err)
{
    int status = open_all(a, err);
    if (status < 0)
        return status;
    announce(a);
    if (a->is_waiting)
        log_line(LOG_WARN, "agent", "state", "waiting", "for",
                 "its disk: this node joins the others when its store can be opened",
                 NULL);
    if (!uv_disk_open(a, on_disk_ready))
        return err_set(err, -ENOMEM, "out of memory");
    return a->is_waiting ? 0 : begin(a, err);
}

static const struct agent_above above = {
    .perform = agent_perform,
    .moved = uv_network_moved,
    .settled = api_settled,
    .done = api_done,
    .event = api_event,
    .changed = api_changed,
};

int agent_run(const struct agent_options *options)
{
    struct agent *a = calloc(1, sizeof(*a));
    struct settings settings;
    struct err err = {0};
    if (!a)
        return 1;
    a->options = options;
    a->settings = &settings;
    a->above = &above;
    arena_init(&a->arena, 0);
    node_effects_init(&a->fx);
    feed_init(&a->feed);
    backlog_init(&a->backlog);
    (void)signal(SIGPIPE, SIG_IGN);
    if (options->is_debug)
        log_level_set(LOG_DEBUG);
    (void)uv_loop_init(&a->loop);
    open_handles(a);
    uv_host_look(a);
    int status = settings_read(a, &settings, &err);
    bool is_usage = status == ERR_INVALID;
    if (status == 0)
        status = start(a, &err);
    if (is_usage) { /* said as every command says what is wrong with its words */
        fprintf(stderr, "stratos: %s\n", err.text);
        a->exit_code = 2;
    } else if (status == 0) {
        settings_notify("READY=1");
        (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    } else {
        fail(a, status, &err);
    }
    close_all(a);
    int code = a->exit_code;
    free(a);
    return code;
}

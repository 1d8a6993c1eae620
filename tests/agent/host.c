/* A tiny host for whole nodes.  See host.h. */
#include "host.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "sched/jobfile.h"

enum { START_UNIX_S = 1700000000, RETRY_MS = 1000, STEPS_MAX = 200000 };

struct moment hosts_now(const struct hosts *all)
{
    uint64_t wall_ms = START_UNIX_S * 1000ull + all->now_ms;
    return (struct moment){.now_ms = all->now_ms,
                           .at_unix_ms = wall_ms + (uint64_t)all->wall_step_ms};
}

void host_step(struct host *h, const struct node_input *in)
{
    tape_step(&h->tape, h->node, host_now(h), in, &h->fx);
}

struct moment host_now(const struct host *h)
{
    struct moment at = hosts_now(h->all);
    at.at_unix_ms += (uint64_t)h->skew_ms;
    return at;
}

static void __attribute__((format(printf, 2, 3)))
note(struct host *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(h->log + h->log_len, sizeof(h->log) - h->log_len, format, args);
    va_end(args);
    cr_assert_lt(h->log_len + (size_t)n, sizeof(h->log), "the log is full");
    h->log_len += (size_t)n;
}

bool host_said(const struct host *h, const char *text)
{
    return strstr(h->log, text) != NULL;
}

/* ---- the disk ---- */

/* What the effects ask for and was not written yet, behind what the store refused before. */
static int persist(struct host *h, bool is_urgent, struct err *err)
{
    struct store_change all[4096];
    size_t n = 0;
    for (; h->n_persisted < h->fx.n; h->n_persisted++) {
        const struct gossip_effect *e = &h->fx.list[h->n_persisted].gossip;
        if (h->fx.list[h->n_persisted].kind != NODE_GOSSIP || e->kind != GOSSIP_PERSIST)
            continue;
        cr_assert_leq(n + e->n_changes, sizeof(all) / sizeof(all[0]));
        memcpy(all + n, e->changes, e->n_changes * sizeof(all[0]));
        n += e->n_changes;
    }
    if (n == 0 && (h->backlog.n == 0 || (!is_urgent && h->all->now_ms < h->retry_ms)))
        return 0;
    h->retry_ms = h->all->now_ms + RETRY_MS;
    int status = backlog_write(&h->backlog, h->store, all, n, true, err);
    if (status < 0)
        host_step(h, &(struct node_input){.kind = INPUT_STORE_FAILED, .why = err->text});
    else
        host_step(h, &(struct node_input){.kind = INPUT_STORE_MENDED});
    return status;
}

static int write_staged(struct host *h, const struct store_change *changes, size_t n,
                        struct err *err)
{
    return persist(h, true, err) < 0 ? ERR_STORE
                                     : store_write(h->store, changes, n, true, err);
}

/* ---- tasks ---- */

struct host_task *host_task(struct host *h, const char *key)
{
    for (size_t i = 0; i < h->n_tasks; i++)
        if (strcmp(h->tasks[i].key, key) == 0)
            return &h->tasks[i];
    return NULL;
}

static void task_note(struct host_task *t, struct bytes in)
{
    cr_assert_leq(in.len, sizeof(t->note));
    memcpy(t->note, in.at, in.len);
    t->note_len = in.len;
}

static void launch(struct host *h, const struct node_effect *e)
{
    struct host_task *t = host_task(h, e->key);
    if (!t) {
        cr_assert_lt(h->n_tasks, HOST_TASKS_MAX);
        t = &h->tasks[h->n_tasks++];
        *t = (struct host_task){0};
        (void)snprintf(t->key, sizeof(t->key), "%s", e->key);
    }
    cr_assert_not(t->is_running, "%s is launched while it runs", e->key);
    cr_assert_not_null(e->task->argv[0]);
    t->n_launches++;
    t->n_ports = e->n_ports;
    memcpy(t->ports, e->ports, e->n_ports * sizeof(t->ports[0]));
    for (size_t i = 0; i < e->n_ports; i++)
        cr_assert(e->ports[i] && (!port_set_has(&h->strangers, e->ports[i]) ||
                                  port_set_has(&h->free_by_udp, e->ports[i])),
                  "%s gets port %u, which a stranger has", e->key, e->ports[i]);
    for (size_t i = 0; i < e->n_env; i++) {
        if (strcmp(e->env[i].key, "STRATOS_VERSION") == 0)
            (void)snprintf(t->version, sizeof(t->version), "%s", e->env[i].value);
        else if (strcmp(e->env[i].key, "STRATOS_ADDRESS") == 0)
            (void)snprintf(t->address, sizeof(t->address), "%s", e->env[i].value);
    }
    task_note(t, e->note);
    note(h, "launch %s %s\n", e->key, t->version);
    if (h->holds_starts)
        return;
    t->is_running = true;
    t->pid = ++h->all->next_pid;
    t->started_unix_ms = host_now(h).at_unix_ms;
    host_step(h, &(struct node_input){.kind = INPUT_TASK_STARTED,
                                      .task = {.key = t->key, .pid = t->pid}});
}

static void end_task(struct host *h, struct host_task *t, int32_t status)
{
    cr_assert(t && t->is_running);
    t->is_running = false;
    if (h->node) {
        const struct exit_fact fact = exit_of_status(status, false);
        host_step(h, &(struct node_input){.kind = INPUT_TASK_EXITED,
                                          .task = {.key = t->key, .fact = fact}});
    }
}

void host_exit(struct host *h, const char *key, int32_t status)
{
    end_task(h, host_task(h, key), status);
    if (h->node)
        host_perform(h);
}

static void perform_task(struct host *h, const struct node_effect *e)
{
    struct host_task *t = host_task(h, e->key);
    if (!t && e->kind == NODE_REMOVE)
        return; /* it was not launched, for lack of a port */
    cr_assert_not_null(t, "%s is not here", e->key);
    if (e->kind == NODE_NOTE) {
        task_note(t, e->note);
    } else if (e->kind == NODE_SIGNAL) {
        t->n_signals++;
        note(h, "signal %s %d\n", e->key, e->signal);
        if (h->obeys && t->is_running)
            end_task(h, t, 128 + e->signal);
    } else if (e->kind == NODE_KILL) {
        t->n_kills++;
        note(h, "kill %s\n", e->key);
        if (t->is_running)
            end_task(h, t, 137);
    } else if (e->kind == NODE_REMOVE) {
        note(h, "remove %s\n", e->key);
        cr_assert_not(t->is_running, "%s is removed while it runs", e->key);
        *t = h->tasks[--h->n_tasks];
    } else if (e->kind == NODE_PROBE) {
        t->n_probes++;
        note(h, "probe %s check %u port %u\n", e->key, e->check, e->endpoint.port);
        host_step(h, &(struct node_input){.kind = INPUT_PROBED,
                                          .probed = {e->key, e->check, h->passes_probes,
                                                     "connection refused"}});
    }
}

static void look_at_ports(struct host *h, const struct node_effect *e)
{
    enum port_state states[PORT_ASKS_MAX];
    size_t n = 0, n_free = 0;
    h->n_looks++;
    while (n < e->n_asks && (e->n_wanted == 0 || n_free < e->n_wanted)) {
        const struct port_ask *ask = &e->asks[n];
        bool is_taken =
            port_set_has(&h->strangers, ask->port) &&
            (ask->protocols != PORT_UDP || !port_set_has(&h->free_by_udp, ask->port));
        for (size_t i = 0; i < h->n_tasks; i++)
            for (size_t k = 0; h->tasks[i].is_running && k < h->tasks[i].n_ports; k++)
                is_taken |= h->tasks[i].ports[k] == ask->port;
        states[n++] = is_taken ? PORT_TAKEN : PORT_FREE;
        n_free += !ask->is_fixed && !is_taken;
    }
    host_step(h, &(struct node_input){.kind = INPUT_PORTS, .ports = {e, states, n}});
}

/* ---- effects ---- */

static void keep_done(struct host *h, const struct node_effect *e)
{
    cr_assert_lt(h->n_done, HOST_DONE_MAX);
    struct host_done *done = &h->done[h->n_done++];
    *done = (struct host_done){.token = e->token, .result = e->result};
    (void)snprintf(done->text, sizeof(done->text), "%s", e->result.text);
    (void)snprintf(done->told, sizeof(done->told), "%s", e->result.told);
    cr_assert_leq(e->result.n_has + e->result.n_missing, HOST_NAMES_MAX);
    for (size_t i = 0; i < e->result.n_has; i++) {
        (void)snprintf(done->names[i], sizeof(done->names[i]), "%s", e->result.has[i]);
        done->has[i] = done->names[i];
    }
    for (size_t i = 0; i < e->result.n_missing; i++) {
        char *name = done->names[e->result.n_has + i];
        (void)snprintf(name, sizeof(done->names[0]), "%s", e->result.missing[i].name);
        done->missing[i] = e->result.missing[i];
        done->missing[i].name = name;
    }
    done->result.text = done->text;
    done->result.told = done->told;
    done->result.has = done->has;
    done->result.missing = done->missing;
}

static void look(struct host *h)
{
    struct endpoint at = h->options.gossip.endpoint;
    const struct host_address own = {.at = at, .is_up = true};
    const struct address_facts facts = {
        .bind = {.port = 7780}, .list = &own, .n = at.family != 0};
    host_step(h, &(struct node_input){.kind = INPUT_ADDRESSED, .address = {&facts, at}});
}

static void perform_one(struct host *h, const struct node_effect *e)
{
    switch (e->kind) {
    case NODE_GOSSIP:
        host_net_perform(h, &e->gossip);
        break;
    case NODE_PORTS:
        look_at_ports(h, e);
        break;
    case NODE_LAUNCH:
        launch(h, e);
        break;
    case NODE_NOTE:
    case NODE_SIGNAL:
    case NODE_KILL:
    case NODE_REMOVE:
    case NODE_PROBE:
        perform_task(h, e);
        break;
    case NODE_EVENT:
        note(h, "event %s %s %s: %s\n", e->event.kind, e->event.subject,
             e->event.state ? e->event.state : "-", e->event.text);
        break;
    case NODE_CATALOG:
        break;
    case NODE_LOOK:
        look(h);
        break;
    case NODE_KEYS:
        h->options.keys =
            *node_keys(h->node); /* as its secret file would bring them back */
        break;
    case NODE_DONE:
        keep_done(h, e);
        break;
    case NODE_EXIT:
        h->has_exited = true;
        break;
    }
}

void host_perform(struct host *h)
{
    size_t done = 0;
    do {
        struct err err = {0};
        (void)persist(h, false, &err);
        for (size_t end = h->fx.n; done < end; done++) {
            struct node_effect effect = h->fx.list[done]; /* the list may move */
            perform_one(h, &effect);
        }
    } while (done < h->fx.n);
    node_effects_clear(&h->fx);
    tape_cleared(&h->tape);
    h->n_persisted = 0;
}

/* ---- time ---- */

static uint64_t next_due_ms(const struct hosts *all)
{
    uint64_t due = host_net_due_ms(all);
    for (unsigned i = 0; i < all->n; i++) {
        const struct host *h = &all->hosts[i];
        uint64_t own = h->node && !h->has_exited ? node_deadline_ms(h->node) : UINT64_MAX;
        due = own < due ? own : due;
    }
    return due;
}

void hosts_run(struct hosts *all, uint64_t ms)
{
    uint64_t end = all->now_ms + ms, due;
    for (unsigned steps = 0; (due = next_due_ms(all)) <= end; steps++) {
        cr_assert_lt(steps, STEPS_MAX, "time does not go on");
        all->now_ms = due > all->now_ms ? due : all->now_ms;
        host_net_deliver(all);
        for (unsigned i = 0; i < all->n; i++) {
            struct host *h = &all->hosts[i];
            if (!h->node || h->has_exited || node_deadline_ms(h->node) > all->now_ms)
                continue;
            host_step(h, &(struct node_input){.kind = INPUT_TICK});
            host_perform(h);
        }
    }
    all->now_ms = end;
}

/* ---- life ---- */

struct hosts *hosts_new(unsigned n)
{
    static const struct pair attributes[] = {{"os.arch", "amd64"}, {"rack", "r1"}};
    struct hosts *all = calloc(1, sizeof(*all));
    cr_assert(all && n <= HOSTS_MAX);
    all->n = n;
    all->now_ms = 1000;
    for (unsigned i = 0; i < n; i++) {
        struct host *h = &all->hosts[i];
        h->all = all;
        h->obeys = h->passes_probes = true;
        h->store = store_mem_new();
        cr_assert_not_null(h->store);
        backlog_init(&h->backlog);
        node_effects_init(&h->fx);
        (void)snprintf(h->name, sizeof(h->name), "n%u", (i + 1) % 10);
        h->options = (struct node_options){
            .gossip = {.id = {.at = {(uint8_t)(i + 1)}},
                       .name = h->name,
                       .endpoint = {4, {127, 0, 0, (uint8_t)(i + 1)}, 7780},
                       .profile = &gossip_profile_local,
                       .epoch = 1,
                       .seed = i + 1,
                       .metrics = &h->metrics},
            .self = {.version = "test",
                     .address = "127.0.0.1",
                     .cpu_milli = 4000,
                     .memory_bytes = 8ull << 30,
                     .attributes = attributes,
                     .n_attributes = 2},
            .port_min = 20000,
            .port_max = 20099,
            .hold_ms = 2000,
            .lone_ms = 3 * gossip_profile_local.probe_period_ms,
            .binary = "/bin/stratos",
        };
    }
    return all;
}

void host_move(struct host *h, struct endpoint to)
{
    h->options.gossip.endpoint = to;
    look(h);
    host_perform(h);
}

void host_stop(struct host *h)
{
    node_free(h->node);
    h->node = NULL;
    node_effects_clear(&h->fx);
    h->n_persisted = 0;
    host_net_stop(h);
}

void hosts_free(struct hosts *all)
{
    for (unsigned i = 0; i < all->n; i++) {
        struct host *h = &all->hosts[i];
        node_free(h->node);
        node_effects_fini(&h->fx);
        const char *wrong = tape_check(&h->tape);
        cr_assert_null(wrong, "%s: %s", h->name, wrong);
        tape_fini(&h->tape);
        backlog_fini(&h->backlog);
        store_close(h->store);
    }
    host_net_fini(all);
    free(all);
}

struct restore {
    struct host *host;
    enum store_space space;
};

static int restore(void *ctx, struct bytes key, struct bytes value)
{
    struct restore *r = ctx;
    cr_assert_eq(tape_restore(&r->host->tape, r->host->node, r->space, key, value), 0);
    return 0;
}

void host_start(struct host *h)
{
    struct hosts *all = h->all;
    struct endpoint seeds[HOSTS_MAX];
    size_t n_seeds = 0;
    cr_assert_null(h->node);
    if (!h->tape.is_on)
        tape_on(&h->tape);
    h->node = tape_new(&h->tape, &h->options, host_now(h));
    cr_assert_not_null(h->node);
    for (int space = 0; space < STORE_SPACES; space++) {
        struct restore r = {h, (enum store_space)space};
        (void)store_each(h->store, r.space, (struct bytes){0}, restore, &r, NULL);
    }
    for (size_t i = 0; i < h->n_tasks;) {
        struct host_task *t = &h->tasks[i];
        struct bytes kept = {t->note, t->note_len};
        bool is_known =
            tape_adopt(&h->tape, h->node, host_now(h), t->key, t->is_running ? t->pid : 0,
                       t->started_unix_ms, kept, NULL);
        if (is_known)
            i++;
        else
            *t = h->tasks[--h->n_tasks];
    }
    for (unsigned i = 0; i < all->n; i++)
        if (&all->hosts[i] != h && !h->has_no_seeds)
            seeds[n_seeds++] = all->hosts[i].options.gossip.endpoint;
    host_step(h,
              &(struct node_input){.kind = INPUT_JOIN, .join = {seeds, n_seeds, false}});
    host_perform(h);
}

struct hosts *hosts_settled(unsigned n)
{
    struct hosts *all = hosts_new(n);
    for (unsigned i = 0; i < n; i++)
        host_start(&all->hosts[i]);
    hosts_run(all, 3000);
    for (unsigned i = 0; i < n; i++) {
        const struct gossip *g = node_gossip(all->hosts[i].node);
        cr_assert(gossip_is_ready(g));
        cr_assert_eq(members_count_state(gossip_members(g), MEMBER_ALIVE), n);
    }
    return all;
}

/* ---- commands ---- */

void host_command(struct host *h, const struct order *command)
{
    struct err err = {0};
    size_t n;
    (void)persist(h, true, &err);
    host_step(h, &(struct node_input){.kind = INPUT_ORDER, .order = command});
    const struct store_change *changes = node_staged(h->node, &n);
    if (changes) {
        int status = write_staged(h, changes, n, &err);
        host_step(h, &(struct node_input){.kind = INPUT_COMMITTED,
                                          .committed = {status, err.text}});
    }
    host_perform(h);
}

static uint64_t next_token(void)
{
    static uint64_t token;
    return ++token;
}

uint64_t host_submit(struct host *h, const char *file, uint32_t if_version, int ack)
{
    struct arena arena;
    struct complaints complaints = {.arena = &arena};
    struct jobfile jobs;
    arena_init(&arena, 0);
    int status = jobfile_read(bytes_of_text(file), &arena, &complaints, &jobs);
    cr_assert_eq(status, 0, "%s", complaints.n ? complaints.list[0].text : "unreadable");
    struct order command = {.kind = ORDER_SUBMIT,
                            .token = next_token(),
                            .jobs = jobs.jobs,
                            .n_jobs = jobs.n_jobs,
                            .if_version = if_version,
                            .ack = ack,
                            .note = "a note"};
    host_command(h, &command);
    arena_fini(&arena);
    return command.token;
}

uint64_t host_order(struct host *h, enum order_kind kind, const char *name,
                    uint32_t count)
{
    struct order command = {.kind = kind,
                            .token = next_token(),
                            .ns = "default",
                            .name = name,
                            .count = count};
    host_command(h, &command);
    return command.token;
}

const struct host_done *host_done(const struct host *h, uint64_t token)
{
    const struct host_done *found = NULL;
    for (size_t i = 0; i < h->n_done; i++) {
        if (h->done[i].token != token)
            continue;
        cr_assert_null(found, "answered twice");
        found = &h->done[i];
    }
    return found;
}

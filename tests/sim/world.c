/* Performing effects and delivering events on virtual time.  See world.h. */
#include "tests/sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "gossip/members/skew.h"
#include "proto/key.h"
#include "tests/sim/ail.h"
#include "tests/sim/disk.h"
#include "tests/sim/edit.h"
#include "tests/sim/lan.h"
#include "tests/sim/move.h"
#include "tests/sim/order.h"
#include "tests/sim/pair.h"
#include "tests/sim/seal.h"
#include "tests/sim/secret.h"
#include "tests/sim/task.h"
#include "tests/sim/var.h"
#include "tests/sim/wire.h"

enum { UNIX_BASE_S = 1700000000, RESTORE_MS = 3, AT_ONCE_MAX = 20000 };

struct moment sim_moment(const struct sim *s, const struct sim_node *n)
{
    uint64_t wall = UNIX_BASE_S * 1000ull + s->now_ms;
    return (struct moment){.now_ms = s->now_ms + 1000,
                           .at_unix_ms = wall + (uint64_t)n->skew_ms};
}

void sim_fail(struct sim *s, const char *format, ...)
{
    va_list args;
    if (s->failure[0])
        return;
    va_start(args, format);
    (void)vsnprintf(s->failure, sizeof(s->failure), format, args);
    va_end(args);
}

bool sim_is_refusal(int code)
{
    return code < 0 && code != ERR_UNSURE;
}

/* ---- performing ---- */

static void answered(struct sim *s, const struct node_effect *e)
{
    if (e->token == SIM_NO_TOKEN)
        return;
    if (e->token >= PAIR_TOKEN) {
        pair_answered(s, e);
        return;
    }
    if (e->token >= ORDER_TOKEN) {
        order_answered(s, e);
        return;
    }
    if (e->token >= VAR_TOKEN) {
        var_answered(s, e);
        return;
    }
    if (e->token >= SECRET_TOKEN) {
        secret_answered(s, e);
        return;
    }
    struct sim_job *job = &s->jobs[e->token];
    job->n_open--;
    if (sim_is_refusal(e->result.code))
        s->is_refused = true;
    else if (e->result.code == 0)
        job->is_acked = true;
    else
        job->is_unsure = true;
}

static void perform_gossip(struct sim *s, unsigned node, const struct gossip_effect *e)
{
    if (e->kind == GOSSIP_SEND)
        wire_datagram(s, node, e);
    else if (e->kind == GOSSIP_STREAM_OPEN)
        wire_stream_open(s, node, e);
    else if (e->kind == GOSSIP_STREAM_SEND)
        wire_stream_send(s, node, e);
    else if (e->kind == GOSSIP_STREAM_CLOSE)
        wire_stream_close(s, node, e->stream);
    else if (e->kind == GOSSIP_KNOCKED)
        s->nodes[node].n_knocked[e->knock]++;
}

static void told(struct sim *s, struct sim_node *n, const struct node_event *e)
{
    bool is_member = strcmp(e->kind, "member") == 0;
    s->n_suspicions += is_member && strcmp(e->state, "suspect") == 0;
    s->n_deaths += is_member && strcmp(e->state, "dead") == 0;
    n->n_told_clone += strcmp(e->kind, "identity") == 0;
    n->n_told_conflict += strcmp(e->kind, "conflict") == 0;
    edit_watch(s, n, e);
    if (s->is_verbose)
        printf("%8llu %-5s %s %s %s | %s\n", (unsigned long long)s->now_ms, n->name,
               e->kind, e->subject, e->state ? e->state : "-", e->text);
}

static void perform_one(struct sim *s, unsigned node, const struct node_effect *e)
{
    struct sim_node *n = &s->nodes[node];
    switch (e->kind) {
    case NODE_GOSSIP:
        perform_gossip(s, node, &e->gossip);
        break;
    case NODE_PORTS:
        task_ports(s, node, e);
        break;
    case NODE_LAUNCH:
        task_launch(s, node, e);
        break;
    case NODE_NOTE:
        if (task_find(n, e->key))
            task_note(task_find(n, e->key), e->note);
        break;
    case NODE_SIGNAL:
        task_end(s, node, e->key, 10 + rng_below(&s->rng, 500), 0);
        break;
    case NODE_KILL:
        task_end(s, node, e->key, 1, 137);
        break;
    case NODE_REMOVE:
        task_remove(n, e->key);
        break;
    case NODE_PROBE:
        task_probe(s, node, e);
        break;
    case NODE_EVENT:
        told(s, n, &e->event);
        break;
    case NODE_DONE:
        answered(s, e);
        break;
    case NODE_KEYS:
        n->keys = *node_keys(n->node);
        n->n_changes++;
        break;
    case NODE_CATALOG:
    case NODE_LOOK:
    case NODE_EXIT:
        break;
    }
}

static void arm(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    uint64_t deadline = node_deadline_ms(n->node);
    if (deadline == UINT64_MAX)
        return;
    uint64_t at = deadline > s->now_ms + 1000 ? deadline - 1000 : s->now_ms;
    if (n->tick_ms > s->now_ms && n->tick_ms <= at)
        return; /* the armed timer comes first and re-arms */
    if (n->tick_ms == s->now_ms && at == s->now_ms)
        at = s->now_ms + 1; /* a deadline that stays in the past must not stop time */
    n->tick_ms = at;
    event_push(s, event_new(s, EVENT_TICK, node, at - s->now_ms, (struct bytes){0}));
}

static void perform(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    ail_look(s, node);
    for (size_t i = 0; i < n->fx.n; i++) {
        struct err err;
        (void)disk_persist(s, n, false, &err); /* what must be durable comes first */
        struct node_effect e = n->fx.list[i];
        perform_one(s, node, &e);
    }
    if (n->fx.gossip.n_lost)
        sim_fail(s, "%s lost %zu effects", n->name, n->fx.gossip.n_lost);
    node_effects_clear(&n->fx);
    tape_cleared(&n->tape);
    n->n_persisted = 0;
    arm(s, node);
}

/* ---- delivering ---- */

static void note_step(struct sim *s, const struct sim_event *e)
{
    uint64_t what =
        hash64((struct bytes){e->bytes, e->len}, (uint64_t)e->kind << 32 | e->node);
    s->trace_hash = hash_mix(s->trace_hash ^ what, s->now_ms + 1);
    s->n_steps++;
    s->n_at_once = s->now_ms == s->at_once_ms ? s->n_at_once + 1 : 0;
    s->at_once_ms = s->now_ms;
    if (s->n_at_once > AT_ONCE_MAX)
        sim_fail(s, "%s runs without end and does not get on", s->nodes[e->node].name);
}

static void deliver_task(struct sim *s, const struct sim_event *e, struct moment at)
{
    struct sim_node *n = &s->nodes[e->node];
    struct sim_task *t = task_find(n, e->key);
    if (!t || t->boot != e->task_boot)
        return;
    if (e->kind == EVENT_TASK_STARTED) {
        t->is_running = t->has_started = true;
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_TASK_STARTED,
                                       .task = {.key = e->key, .pid = t->pid}},
                  &n->fx);
    } else {
        t->is_running = false;
        t->boot = 0; /* it ends only once */
        const struct exit_fact never = {.kind = EXIT_NEVER};
        const struct exit_fact fact =
            e->status == TASK_NEVER ? never : exit_of_status(e->status, false);
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_TASK_EXITED,
                                       .task = {.key = e->key, .fact = fact}},
                  &n->fx);
    }
}

static bool is_readable(struct sim *s, const struct sim_event *e)
{
    struct sim_node *n = &s->nodes[e->node];
    bool is_sealed = e->kind == EVENT_DATAGRAM || e->kind == EVENT_BEACON;
    if (is_sealed && !secret_opens(&n->keys, &e->sealed)) {
        n->n_unopened++;
        return false;
    }
    if (is_sealed)
        seal_open(s, e);
    return true;
}

static void deliver(struct sim *s, const struct sim_event *e)
{
    struct sim_node *n = &s->nodes[e->node];
    if (!is_readable(s, e))
        return;
    struct bytes payload = {e->bytes, e->len};
    struct moment at = sim_moment(s, n);
    switch (e->kind) {
    case EVENT_DATAGRAM:
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_DATAGRAM,
                                       .datagram = {s->nodes[e->peer].endpoint, payload}},
                  &n->fx);
        break;
    case EVENT_BEACON:
        lan_hear(s, e);
        break;
    case EVENT_BEACON_DUE:
        lan_due(s, e->node);
        break;
    case EVENT_REFUSED:
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_REFUSED,
                                       .endpoint = s->nodes[e->peer].endpoint},
                  &n->fx);
        break;
    case EVENT_STREAM_OPENED:
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){
                      .kind = INPUT_STREAM_OPENED,
                      .stream = {.id = e->stream, .peer = wire_stream_peer(s, e)}},
                  &n->fx);
        break;
    case EVENT_STREAM_FRAME:
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_STREAM_FRAME,
                                       .stream = {.id = e->stream, .frame = payload}},
                  &n->fx);
        break;
    case EVENT_STREAM_CLOSED:
        if (e->how == KNOCK_NONE)
            tape_step(&n->tape, n->node, at,
                      &(struct node_input){.kind = INPUT_STREAM_CLOSED,
                                           .stream = {.id = e->stream}},
                      &n->fx);
        else
            tape_step(&n->tape, n->node, at,
                      &(struct node_input){.kind = INPUT_STREAM_FAILED,
                                           .stream = {.id = e->stream, .how = e->how}},
                      &n->fx);
        break;
    case EVENT_TASK_STARTED:
    case EVENT_TASK_EXITED:
        deliver_task(s, e, at);
        break;
    case EVENT_PROBED:
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){
                      .kind = INPUT_PROBED,
                      .probed = {e->key, e->check, e->status,
                                 e->status ? "answered 200 OK" : "answered 500 No"}},
                  &n->fx);
        break;
    case EVENT_TICK:
        if (n->tick_ms == e->at_ms)
            tape_step(&n->tape, n->node, at, &(struct node_input){.kind = INPUT_TICK},
                      &n->fx);
        break;
    case EVENT_ADDRESS:
        if (!endpoint_equal(&n->endpoint, &n->host))
            move_look(s, e->node);
        break;
    }
}

/* The agent is gone, but its task may end all the same: the next agent sees it then. */
static void end_orphan(struct sim *s, const struct sim_event *e)
{
    struct sim_task *t = task_find(&s->nodes[e->node], e->key);
    bool is_end = e->kind == EVENT_TASK_EXITED && t && t->boot == e->task_boot;
    bool is_start = e->kind == EVENT_TASK_STARTED && t && t->boot == e->task_boot;
    if (is_end)
        t->is_running = false;
    else if (is_start)
        t->is_running = true;
}

/* A task that the present agent took over ends for what its predecessor did: it watches it. */
static bool is_watched(struct sim *s, const struct sim_event *e)
{
    struct sim_node *n = &s->nodes[e->node];
    const struct sim_task *t = task_find(n, e->key);
    return e->kind == EVENT_TASK_EXITED && n->node && t && t->boot == e->task_boot &&
           t->is_running;
}

void sim_run(struct sim *s, uint64_t until_ms)
{
    while (s->n_events && s->heap[0]->at_ms <= until_ms && !s->failure[0]) {
        struct sim_event *e = event_pop(s);
        struct sim_node *n = &s->nodes[e->node];
        s->now_ms = e->at_ms;
        if (n->node && (n->boot == e->boot || is_watched(s, e))) {
            note_step(s, e);
            deliver(s, e);
            if (n->metrics.drop_malformed)
                sim_fail(s, "%s could not read a message of an honest peer", n->name);
            perform(s, e->node);
        } else {
            end_orphan(s, e);
        }
        if ((s->n_steps & 1023) == 0)
            wire_sweep(s);
        free(e);
    }
    if (s->now_ms < until_ms)
        s->now_ms = until_ms;
}

/* ---- nodes ---- */

static int restore_visit(void *ctx, struct bytes key, struct bytes value)
{
    struct {
        struct sim_node *n;
        enum store_space space;
    } *restore = ctx;
    return tape_restore(&restore->n->tape, restore->n->node, restore->space, key, value);
}

static void restore(struct sim *s, struct sim_node *n)
{
    for (int space = 0; space < STORE_SPACES; space++) {
        struct {
            struct sim_node *n;
            enum store_space space;
        } ctx = {n, (enum store_space)space};
        if (store_each(n->store, ctx.space, (struct bytes){0}, restore_visit, &ctx,
                       NULL) < 0)
            sim_fail(s, "%s cannot read its own store back", n->name);
    }
}

static void adopt(struct sim *s, struct sim_node *n, unsigned index)
{
    for (struct sim_task *t = n->tasks, *next; t; t = next) {
        next = t->next;
        bool is_known =
            tape_adopt(&n->tape, n->node, sim_moment(s, n), t->key,
                       t->is_running ? t->pid : 0, t->started_unix_ms, t->note, NULL);
        if (!is_known)
            task_remove(n, t->key);
        else if (!t->is_running)
            task_event(s, index, t, EVENT_TASK_EXITED, 1,
                       t->has_started ? 1 : TASK_NEVER);
    }
}

/* As a host proposes it. */
static uint64_t epoch_of(struct sim *s, const struct sim_node *n)
{
    return sim_moment(s, n).at_unix_ms / 1000 << 28 | rng_below(&s->rng, 1 << 28);
}

void sim_boot(struct sim *s, unsigned index)
{
    struct sim_node *n = &s->nodes[index];
    if (n->node)
        return;
    n->boot++;
    n->tick_ms = 0;
    n->metrics = (struct metrics){0};
    seal_boot(s, index);
    const struct sim_node *original = n->twin_of ? &s->nodes[n->twin_of - 1] : n;
    uint64_t id[2] = {hash_mix(s->options.seed + 1, index + 1),
                      hash_mix(n->disk + 1, index + 7)};
    if (original == n)
        memcpy(n->id.at, id, sizeof(id));
    /* Reading the store takes its time. */
    struct moment begun = sim_moment(s, n), at = begun;
    begun.now_ms -= RESTORE_MS;
    struct pair attributes[] = {{"hostname", original->name},
                                {"rack", index % 2 ? "b" : "a"}};
    struct node_options options = {
        .gossip = {.id = n->id,
                   .name = original->name,
                   .profile = &s->profile,
                   .epoch = n->goes_on ? 0 : epoch_of(s, n),
                   .seed = rng_next(&s->rng),
                   .metrics = &n->metrics,
                   .listen_ms = n->meeting == MEET_BEACONS ? DISCOVERY_LISTEN_MS : 0},
        .self = {.version = "sim",
                 .address = "",
                 .cpu_milli = 4000,
                 .memory_bytes = 8ull << 30,
                 .attributes = attributes,
                 .n_attributes = 2},
        .port_min = PORTS_LOW,
        .port_max = PORTS_LOW + (s->options.has_strangers ? PORTS_FEW : 1000) - 1,
        .binary = "/bin/stratos",
        .keys = n->keys,
    };
    if (s->options.is_taped && !n->tape.is_on)
        tape_on(&n->tape);
    n->node = tape_new(&n->tape, &options, begun);
    assert(n->node);
    restore(s, n);
    move_look(s, index);
    adopt(s, n, index);
    ail_boot(s, index);
    struct endpoint seeds[2] = {move_address(0, 0),
                                move_address(s->options.nodes / 2, 0)};
    tape_step(
        &n->tape, n->node, at,
        &(struct node_input){.kind = INPUT_JOIN,
                             .join = {seeds, n->meeting == MEET_SEEDS ? 2 : 0, false}},
        &n->fx);
    if (n->meeting == MEET_BEACONS)
        lan_start(s, index);
    perform(s, index);
}

void sim_crash(struct sim *s, unsigned index, bool kills_tasks)
{
    struct sim_node *n = &s->nodes[index];
    if (!n->node)
        return;
    if (n->ails)
        ail_crash(s, index);
    else /* what it refused once has reached it by now; a disk that goes on refusing is an ailing one */
        disk_mend(s, index);
    seal_down(s, index);
    node_free(n->node);
    n->node = NULL;
    n->boot++;
    node_effects_clear(&n->fx);
    n->n_persisted = 0;
    for (struct sim_task *t = n->tasks; kills_tasks && t; t = t->next)
        t->is_running = false;
    /* Orphans still end when they were told to: their events carry the old boot. */
}

void sim_wipe(struct sim *s, unsigned index)
{
    struct sim_node *n = &s->nodes[index];
    (void)s;
    store_close(n->store);
    n->store = store_mem_new();
    n->ails = n->is_unwritten = false;
    n->disk++;
    while (n->tasks)
        task_remove(n, n->tasks->key);
}

void sim_task_exit(struct sim *s, unsigned index)
{
    for (struct sim_task *t = s->nodes[index].tasks; t; t = t->next) {
        if (t->is_running) {
            task_event(s, index, t, EVENT_TASK_EXITED, 0, 1);
            return;
        }
    }
}

void sim_order(struct sim *s, unsigned node, const struct order *command)
{
    struct sim_node *n = &s->nodes[node];
    struct err err = {0};
    size_t n_changes;
    (void)disk_persist(s, n, true, &err);
    tape_step(&n->tape, n->node, sim_moment(s, n),
              &(struct node_input){.kind = INPUT_ORDER, .order = command}, &n->fx);
    const struct store_change *changes = node_staged(n->node, &n_changes);
    if (changes) {
        int status = disk_write_staged(s, n, changes, n_changes, &err);
        tape_step(&n->tape, n->node, sim_moment(s, n),
                  &(struct node_input){.kind = INPUT_COMMITTED,
                                       .committed = {status, err.text}},
                  &n->fx);
    }
    perform(s, node);
}

bool sim_command(struct sim *s, unsigned node, struct order *command, size_t job)
{
    struct sim_node *n = &s->nodes[node];
    struct key key = key_control("default", s->jobs[job].name);
    const struct table *table = gossip_table(node_gossip(n->node));
    const struct entry *was = table_get(table, key_bytes(&key));
    uint64_t generation = was ? was->generation : 0;
    command->token = job;
    s->is_refused = false;
    s->jobs[job].n_open++;
    sim_order(s, node, command);
    const struct entry *is = table_get(table, key_bytes(&key));
    if (s->is_refused && (is ? is->generation : 0) != generation)
        sim_fail(s, "%s refused an order and wrote it", n->name);
    return !s->is_refused;
}

void sim_node_init(struct sim *s, unsigned index, struct store *store)
{
    struct sim_node *n = &s->nodes[index];
    n->host = n->endpoint = move_address(index, 0);
    n->store = store;
    backlog_init(&n->backlog);
    node_effects_init(&n->fx);
}

unsigned sim_n_hosts(const struct sim *s)
{
    return s->options.nodes + s->n_clones;
}

void sim_init(struct sim *s, const struct sim_options *options)
{
    memset(s, 0, sizeof(*s));
    s->options = *options;
    s->ack = 2;
    s->profile = gossip_profile_lan;
    if (options->reap_ms) {
        s->profile.reap_after_ms = options->reap_ms;
        s->profile.collect_hold_ms = options->reap_ms / SIM_HOLD_PART;
        s->profile.collect_lag_ms = options->reap_ms / SIM_LAG_PART;
    }
    s->loss_now = options->loss;
    s->duplication_now = options->duplication;
    rng_init(&s->rng, options->seed);
    /* In a large cluster each node compares with some others, now with these, now with those: clocks
     * that were off by nearly as much as is said in the table (250 ms) would be said and taken back for ever. */
    uint64_t spread_ms = options->nodes > 1 + SKEW_SAMPLES ? 50 : 100;
    for (unsigned i = 0; i < options->nodes; i++) {
        struct sim_node *n = &s->nodes[i];
        sim_node_init(s, i, store_mem_new());
        (void)snprintf(n->name, sizeof(n->name), "n%u", i + 1);
        n->meeting = options->meeting;
        n->cluster = options->clusters > 1 ? i % options->clusters : 0;
        struct secret secret = secret_drawn(options->seed, n->cluster);
        n->keys = keyring_of(&secret);
        if (options->has_skew)
            n->skew_ms = (int64_t)rng_below(&s->rng, 2 * spread_ms) - (int64_t)spread_ms;
    }
}

void sim_fini(struct sim *s)
{
    for (unsigned i = 0; i < sim_n_hosts(s); i++) {
        struct sim_node *n = &s->nodes[i];
        seal_down(s, i);
        node_free(n->node);
        node_effects_fini(&n->fx);
        tape_fini(&n->tape);
        backlog_fini(&n->backlog);
        store_close(n->store);
        if (n->copy)
            store_close(n->copy);
        while (n->tasks)
            task_remove(n, n->tasks->key);
    }
    for (size_t i = 0; i < s->n_events; i++)
        free(s->heap[i]);
    free(s->heap);
    wire_fini(s);
}

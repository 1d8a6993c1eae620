/* The work this node holds.  See work.h. */
#include "agent/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/launch.h"
#include "core/err.h"
#include "proto/record.h"
#include "sched/jobfile.h"

void work_init(struct work *w, const struct work_options *options, uint64_t seed)
{
    *w = (struct work){.options = *options};
    rng_init(&w->rng, seed);
}

static void item_free(struct work_item *item)
{
    arena_fini(&item->arena);
    free(item);
}

void work_fini(struct work *w)
{
    while (w->items) {
        struct work_item *next = w->items->next;
        item_free(w->items);
        w->items = next;
    }
    w->n_items = 0;
}

const char *work_key(const char *ns, const char *name, uint32_t index,
                     char out[static WORK_KEY_MAX])
{
    (void)snprintf(out, WORK_KEY_MAX, "%.63s.%.63s.%u", ns, name, index);
    return out;
}

struct work_item *work_find(struct work *w, const char *key)
{
    for (struct work_item *item = w->items; item; item = item->next)
        if (strcmp(item->key, key) == 0)
            return item;
    return NULL;
}

void work_remove(struct work *w, struct work_item *item)
{
    for (struct work_item **at = &w->items; *at; at = &(*at)->next) {
        if (*at == item) {
            *at = item->next;
            w->n_items--;
            item_free(item);
            return;
        }
    }
}

/* Read the order's spec into a fresh arena and set the item to it. */
static int item_assign(struct work_item *item, const struct work_order *order)
{
    struct arena arena;
    struct complaints complaints = {.arena = &arena};
    struct jobfile file;
    arena_init(&arena, 8 * SPEC_LEN_MAX);
    int status = jobfile_read(order->body, &arena, &complaints, &file);
    bool is_one = status == 0 && file.n_jobs == 1;
    if (status == 0 && (!is_one || strcmp(file.jobs[0].name, order->name) != 0 ||
                        strcmp(file.jobs[0].ns, order->ns) != 0))
        status = ERR_MALFORMED;
    if (status < 0) {
        arena_fini(&arena);
        return status;
    }
    struct bytes body = arena_bytes(&arena, order->body); /* may be the item's own */
    if (!body.at) {
        arena_fini(&arena);
        return -ENOMEM;
    }
    arena_fini(&item->arena);
    item->arena = arena;
    item->body = body;
    item->spec = &file.jobs[0];
    item->index = order->index;
    item->hash = order->hash;
    item->version = order->version;
    item->restart_at = order->restart_at;
    item->generation = order->generation;
    return 0;
}

static int item_new(struct work *w, struct moment at, const struct work_order *order,
                    struct work_item **ret_item)
{
    struct work_item *item = calloc(1, sizeof(*item));
    if (!item)
        return -ENOMEM;
    int status = item_assign(item, order);
    if (status < 0) {
        item_free(item);
        return status;
    }
    (void)work_key(order->ns, order->name, order->index, item->key);
    item->claimed_unix_ms = at.at_unix_ms;
    item->needs_ports = true;
    item->next = w->items;
    w->items = item;
    w->n_items++;
    *ret_item = item;
    return 0;
}

/* u16 length of the claim, the claim, the body. */
static struct bytes item_note(const struct work_item *item, struct arena *arena)
{
    enum { CLAIM_MAX = 8192 };
    uint8_t claim_buf[CLAIM_MAX];
    struct claim_doc claim = work_claim(item);
    struct writer claim_bytes = writer_of(claim_buf, sizeof(claim_buf));
    size_t cap = sizeof(uint16_t) + CLAIM_MAX + item->body.len;
    void *buf = arena_alloc(arena, cap);
    struct writer w = writer_of(buf, buf ? cap : 0);
    if (record_encode_claim(&claim, &claim_bytes) < 0)
        return (struct bytes){0};
    writer_u16(&w, (uint16_t)claim_bytes.len);
    writer_bytes(&w, writer_done(&claim_bytes));
    writer_bytes(&w, item->body);
    return writer_error(&w) ? (struct bytes){0} : writer_done(&w);
}

int work_note_read(struct bytes note, struct arena *arena, struct claim_doc *ret_claim,
                   struct bytes *ret_body)
{
    struct reader r = reader_of(note);
    struct bytes claim = reader_take(&r, reader_u16(&r));
    *ret_body = reader_rest(&r);
    return reader_error(&r) ? ERR_MALFORMED : record_decode_claim(claim, arena, ret_claim);
}

static void item_launch(struct work *w, struct work_item *item, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    if (item->needs_ports)
        launch_ports(w, item);
    item->needs_ports = false;
    struct node_effect *effect = node_effects_add(out, NODE_LAUNCH);
    effect->key = arena_text(arena, item->key);
    effect->task = &item->spec->task;
    effect->env = launch_env(w, item, arena, &effect->n_env);
    effect->note = item_note(item, arena);
    uint16_t *ports = arena_array(arena, item->spec->n_ports, sizeof(*ports));
    for (size_t i = 0; ports && i < item->spec->n_ports; i++)
        ports[i] = item->ports[i].port;
    effect->ports = ports;
    effect->n_ports = ports ? item->spec->n_ports : 0;
    w->options.metrics->tasks_started++;
}

static void item_probe(struct work *w, struct work_item *item, struct node_effects *out)
{
    for (unsigned i = 0; i < item->spec->n_health; i++) {
        if (!item->life.checks[i].is_due)
            continue;
        item->life.checks[i].is_due = false;
        struct node_effect *effect = node_effects_add(out, NODE_PROBE);
        effect->key = arena_text(node_effects_arena(out), item->key);
        effect->check = i;
        effect->health = &item->spec->health[i];
        effect->endpoint = w->options.address;
        effect->endpoint.port = item->ports[item->spec->health[i].port_index].port;
    }
}

static void simple_effect(struct work_item *item, enum node_effect_kind kind, int signal,
                          struct node_effects *out)
{
    struct node_effect *effect = node_effects_add(out, kind);
    effect->key = arena_text(node_effects_arena(out), item->key);
    effect->signal = signal;
}

/* Turn what a lifecycle asked for into effects. */
static void item_perform(struct work *w, struct work_item *item, unsigned wants,
                         struct node_effects *out)
{
    if (wants & LIFECYCLE_LAUNCH)
        item_launch(w, item, out);
    if (wants & LIFECYCLE_SIGNAL)
        simple_effect(item, NODE_SIGNAL, item->spec->task.stop_signal, out);
    if (wants & LIFECYCLE_KILL)
        simple_effect(item, NODE_KILL, 0, out);
    if (wants & LIFECYCLE_PROBE)
        item_probe(w, item, out);
    if (wants & LIFECYCLE_CHANGED)
        item->is_unpublished = true;
    if (wants & LIFECYCLE_GONE) {
        item->is_gone = true;
        item->gave_up = (wants & LIFECYCLE_GAVE_UP) != 0;
        if (!item->is_replacing)
            simple_effect(item, NODE_REMOVE, 0, out);
    }
}

void work_abandon(struct work *w, struct node_effects *out)
{
    for (struct work_item *item = w->items; item; item = item->next)
        simple_effect(item, NODE_KILL, 0, out);
}

uint32_t work_stop_timeout_ms(const struct work *w)
{
    uint32_t longest_ms = 0;
    for (const struct work_item *item = w->items; item; item = item->next)
        if (item->spec->task.stop_timeout_ms > longest_ms)
            longest_ms = item->spec->task.stop_timeout_ms;
    return longest_ms;
}

int work_start(struct work *w, struct moment at, const struct work_order *order,
               struct node_effects *out)
{
    char key[WORK_KEY_MAX];
    struct work_item *item;
    if (work_find(w, work_key(order->ns, order->name, order->index, key)))
        return ERR_CONFLICT;
    int status = item_new(w, at, order, &item);
    if (status < 0)
        return status;
    item->is_unpublished = true;
    item_perform(w, item, lifecycle_start(&item->life, item->spec, at.now_ms), out);
    return 0;
}

/* Ports keep the numbers the running task was given; names come from the spec. */
static void item_take_ports(struct work_item *item, const struct claim_doc *claim)
{
    for (size_t i = 0; i < item->spec->n_ports; i++) {
        item->ports[i].name = item->spec->ports[i].name;
        for (size_t k = 0; k < claim->n_ports; k++)
            if (strcmp(claim->ports[k].name, item->ports[i].name) == 0)
                item->ports[i].port = claim->ports[k].port;
    }
}

int work_adopt(struct work *w, struct moment at, const struct work_order *order,
               const struct claim_doc *claim, uint32_t pid)
{
    struct work_item *item;
    int status = item_new(w, at, order, &item);
    if (status < 0)
        return status;
    item->claimed_unix_ms = claim->claimed_unix_ms;
    item_take_ports(item, claim);
    item->needs_ports = false;
    item->is_unpublished = true;
    struct claim_doc now = *claim;
    now.pid = pid ? pid : claim->pid;
    (void)lifecycle_adopt(&item->life, item->spec, &now, at.now_ms, at.at_unix_ms);
    return 0;
}

void work_stop(struct work *w, struct work_item *item, struct moment at, const char *why,
               struct node_effects *out)
{
    item->is_replacing = false;
    if (!item->is_gone)
        item_perform(w, item, lifecycle_stop(&item->life, at.now_ms, why), out);
}

void work_replace(struct work *w, struct work_item *item, struct moment at,
                  const char *why, struct node_effects *out)
{
    if (item->is_gone || item->is_replacing || item->life.state == INSTANCE_STOPPING)
        return;
    item->is_replacing = true;
    item_perform(w, item, lifecycle_stop(&item->life, at.now_ms, why), out);
}

int work_renew(struct work *w, struct work_item *item, struct moment at,
               const struct work_order *order, struct node_effects *out)
{
    struct work_order renewed = *order;
    renewed.generation = item->generation;
    int status = item_assign(item, &renewed);
    if (status < 0)
        return status;
    item->is_gone = item->is_replacing = item->gave_up = false;
    item->needs_ports = item->is_unpublished = true;
    item_perform(w, item, lifecycle_start(&item->life, item->spec, at.now_ms), out);
    return 0;
}

void work_started(struct work *w, struct moment at, const char *key, uint32_t pid,
                  struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    if (!item)
        return;
    item_perform(w, item, lifecycle_started(&item->life, at.now_ms, at.at_unix_ms, pid),
                 out);
    struct node_effect *effect = node_effects_add(out, NODE_NOTE);
    effect->key = arena_text(node_effects_arena(out), item->key);
    effect->note = item_note(item, node_effects_arena(out));
}

void work_failed(struct work *w, struct moment at, const char *key, const char *why,
                 struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    if (!item)
        return;
    item->needs_ports = true;
    item_perform(w, item, lifecycle_start_failed(&item->life, at.now_ms, why), out);
}

void work_exited(struct work *w, struct moment at, const char *key, int32_t status,
                 bool is_oom, struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    w->options.metrics->tasks_exited++;
    if (item)
        item_perform(w, item, lifecycle_exited(&item->life, at.now_ms, status, is_oom),
                     out);
}

void work_probed(struct work *w, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    w->options.metrics->health_failures += !is_ok;
    if (item && check < item->spec->n_health)
        item_perform(w, item,
                     lifecycle_probed(&item->life, at.now_ms, check, is_ok, detail), out);
}

void work_tick(struct work *w, struct moment at, struct node_effects *out)
{
    for (struct work_item *item = w->items; item; item = item->next)
        if (!item->is_gone && lifecycle_deadline_ms(&item->life) <= at.now_ms)
            item_perform(w, item, lifecycle_tick(&item->life, at.now_ms), out);
}

uint64_t work_deadline_ms(const struct work *w)
{
    uint64_t deadline = UINT64_MAX;
    for (const struct work_item *item = w->items; item; item = item->next) {
        uint64_t own = item->is_gone ? UINT64_MAX : lifecycle_deadline_ms(&item->life);
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}

struct claim_doc work_claim(const struct work_item *item)
{
    const struct lifecycle *life = &item->life;
    return (struct claim_doc){
        .generation = item->generation,
        .spec = item->hash,
        .version = item->version,
        .restart_at = item->restart_at,
        .state = life->state,
        .health = life->health,
        .is_proven = life->is_proven,
        .claimed_unix_ms = item->claimed_unix_ms,
        .started_unix_ms = life->started_unix_ms,
        .pid = life->pid,
        .restarts = life->restarts,
        .has_exit = life->has_exit,
        .last_exit = life->last_exit,
        .reason = life->reason,
        .ports = item->ports,
        .n_ports = item->spec->n_ports,
    };
}

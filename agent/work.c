/* The work this node holds.  See work.h. */
#include "agent/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/task_ports.h"
#include "core/err.h"
#include "proto/record.h"
#include "sched/jobfile.h"
#include "sched/spec_diff.h"

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

/* Read the order's spec into a fresh arena and set the item to it; *ret_old has what it was set to. */
static int item_assign(struct work_item *item, const struct assignment *order,
                       struct arena *ret_old)
{
    struct arena arena;
    struct complaints complaints = {.arena = &arena};
    struct jobfile file;
    arena_init(&arena, 8 * SPEC_LEN_MAX);
    int status = jobfile_read_stored(order->body, &arena, &complaints, &file);
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
    *ret_old = item->arena;
    item->arena = arena;
    item->body = body;
    item->spec = &file.jobs[0];
    item->index = order->index;
    item->hash = order->hash;
    item->version = order->version;
    item->restart_at = order->restart_at;
    item->retry_at = order->retry_at;
    item->born = order->born;
    item->generation = order->generation;
    return 0;
}

static int item_new(struct work *w, struct moment at, const struct assignment *order,
                    struct work_item **ret_item)
{
    struct arena none;
    struct work_item *item = calloc(1, sizeof(*item));
    if (!item)
        return -ENOMEM;
    int status = item_assign(item, order, &none);
    if (status < 0) {
        item_free(item);
        return status;
    }
    (void)work_key(order->ns, order->name, order->index, item->key);
    item->claimed_unix_ms = at.at_unix_ms;
    item->next = w->items;
    w->items = item;
    w->n_items++;
    *ret_item = item;
    return 0;
}

int work_note_read(struct bytes note, struct arena *arena, struct claim_doc *ret_claim,
                   struct bytes *ret_body)
{
    struct reader r = reader_of(note);
    struct bytes claim = reader_take(&r, reader_u16(&r));
    *ret_body = reader_rest(&r);
    return reader_error(&r) ? ERR_MALFORMED
                            : record_decode_claim(claim, arena, ret_claim);
}

/* A check as effects name it: an answer may come when it has become another one's number. */
static unsigned check_name(const struct work_item *item, unsigned check)
{
    return (unsigned)item->n_amended << 16 | check;
}

static void item_probe(struct work *w, struct work_item *item, struct node_effects *out)
{
    for (unsigned i = 0; i < item->spec->n_health; i++) {
        if (!item->life.checks.list[i].is_due)
            continue;
        item->life.checks.list[i].is_due = false;
        struct node_effect *effect = node_effects_add(out, NODE_PROBE);
        effect->key = arena_text(node_effects_arena(out), item->key);
        effect->check = check_name(item, i);
        effect->health = &item->spec->health[i];
        effect->endpoint = w->options.address;
        effect->endpoint.port = item->ports[item->spec->health[i].port_index].port;
    }
}

static struct node_effect *simple_effect(struct work_item *item,
                                         enum node_effect_kind kind,
                                         struct node_effects *out)
{
    struct node_effect *effect = node_effects_add(out, kind);
    effect->key = arena_text(node_effects_arena(out), item->key);
    return effect;
}

static void item_signal(struct work_item *item, struct node_effects *out)
{
    struct node_effect *effect = simple_effect(item, NODE_SIGNAL, out);
    effect->signal = item->spec->task.stop_signal;
    effect->to_main = item->spec->task.stop_main;
    effect->grace_ms = item->spec->task.stop_timeout_ms;
}

/* Turn what a lifecycle asked for into effects. */
static void item_perform(struct work *w, struct work_item *item, struct moment at,
                         unsigned wants, struct node_effects *out)
{
    char why[REASON_WHOLE_MAX];
    if (wants & LIFECYCLE_LAUNCH) {
        item->is_port_refused =
            task_ports_begin(w, item, at, out, why) == TASK_PORTS_REFUSED;
        if (item->is_port_refused)
            wants |= lifecycle_refuse(&item->life, why);
    }
    if (wants & LIFECYCLE_SIGNAL)
        item_signal(item, out);
    if (wants & LIFECYCLE_KILL)
        (void)simple_effect(item, NODE_KILL, out);
    if (wants & LIFECYCLE_PROBE)
        item_probe(w, item, out);
    if (wants & LIFECYCLE_CHANGED)
        item->is_unpublished = true;
    if (wants & LIFECYCLE_GONE) {
        item->is_gone = true;
        item->gave_up = (wants & LIFECYCLE_GAVE_UP) != 0;
        if (!item->is_replacing)
            (void)simple_effect(item, NODE_REMOVE, out);
    }
}

void work_stop_all(struct work *w, struct moment at, const char *why,
                   struct node_effects *out)
{
    for (struct work_item *item = w->items; item; item = item->next)
        work_stop(w, item, at, why, out);
}

void work_abandon(struct work *w, struct node_effects *out)
{
    for (struct work_item *item = w->items; item; item = item->next)
        (void)simple_effect(item, NODE_KILL, out);
}

uint32_t work_stop_timeout_ms(const struct work *w)
{
    uint32_t longest_ms = 0;
    for (const struct work_item *item = w->items; item; item = item->next)
        if (item->spec->task.stop_timeout_ms > longest_ms)
            longest_ms = item->spec->task.stop_timeout_ms;
    return longest_ms;
}

int work_start(struct work *w, struct moment at, const struct assignment *order,
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
    item_perform(w, item, at, lifecycle_start(&item->life, item->spec, at.now_ms), out);
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

int work_adopt(struct work *w, struct moment at, const struct assignment *order,
               const struct claim_doc *claim, uint32_t pid)
{
    struct work_item *item;
    int status = item_new(w, at, order, &item);
    if (status < 0)
        return status;
    item->claimed_unix_ms = claim->claimed_unix_ms;
    item_take_ports(item, claim);
    item->is_unpublished = true;
    struct claim_doc now = *claim;
    now.pid = pid ? pid : claim->pid;
    (void)lifecycle_adopt(&item->life, item->spec, &now, at.now_ms, at.at_unix_ms);
    lifecycle_spread(&item->life, at.now_ms, rng_next(&w->rng));
    return 0;
}

/* One whose ports are still looked for was not launched: nobody would say that it has ended. */
static void item_stop(struct work *w, struct work_item *item, struct moment at,
                      const char *why, struct node_effects *out)
{
    unsigned wants = lifecycle_stop(&item->life, at.now_ms, why);
    if (item->is_drawing && item->life.state == INSTANCE_STOPPING) {
        item->is_drawing = false;
        wants = lifecycle_refuse(&item->life, why);
    }
    item_perform(w, item, at, wants, out);
}

void work_stop(struct work *w, struct work_item *item, struct moment at, const char *why,
               struct node_effects *out)
{
    item->is_replacing = false;
    if (!item->is_gone)
        item_stop(w, item, at, why, out);
}

void work_replace(struct work *w, struct work_item *item, struct moment at,
                  const char *why, struct node_effects *out)
{
    if (item->is_gone || item->is_replacing || item->life.state == INSTANCE_STOPPING)
        return;
    item->is_replacing = true;
    item_stop(w, item, at, why, out);
}

int work_renew(struct work *w, struct work_item *item, struct moment at,
               const struct assignment *order, struct node_effects *out)
{
    struct assignment renewed = *order;
    struct arena old;
    renewed.generation = item->generation;
    int status = item_assign(item, &renewed, &old);
    if (status < 0)
        return status;
    arena_fini(&old);
    item->is_gone = item->is_replacing = item->gave_up = item->is_untried = false;
    item->is_doubted = item->is_unpublished = true;
    item_perform(w, item, at, lifecycle_start(&item->life, item->spec, at.now_ms), out);
    return 0;
}

static void item_put_note(const struct work_item *item, struct node_effects *out)
{
    struct node_effect *effect = node_effects_add(out, NODE_NOTE);
    effect->key = arena_text(node_effects_arena(out), item->key);
    effect->note = work_note(item, node_effects_arena(out));
}

int work_amend(struct work *w, struct work_item *item, struct moment at,
               const struct assignment *order, struct node_effects *out)
{
    struct assignment amended = *order;
    struct arena old;
    amended.generation = item->generation;
    amended.restart_at = item->restart_at;
    if (item->is_gone || item->is_replacing || !lifecycle_may_amend(&item->life))
        return 0;
    int status = item_assign(item, &amended, &old);
    if (status < 0)
        return status;
    item->n_amended++;
    for (size_t i = 0; i < item->spec->n_ports; i++)
        item->ports[i].name =
            item->spec->ports[i].name; /* the same ones, in the same order */
    unsigned wants = lifecycle_amend(&item->life, item->spec, at.now_ms);
    if (node_effects_keep(out, &old) <
        0)                    /* effects of this very step may point into it */
        out->gossip.n_lost++; /* better leaked than freed too early */
    item_perform(w, item, at, wants, out);
    item_put_note(item, out);
    return 0;
}

void work_started(struct work *w, struct moment at, const char *key, uint32_t pid,
                  struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    if (!item)
        return;
    item_perform(w, item, at,
                 lifecycle_started(&item->life, at.now_ms, at.at_unix_ms, pid), out);
    item_put_note(item, out);
}

void work_failed(struct work *w, struct moment at, const char *key, const char *why,
                 struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    if (!item)
        return;
    item->is_doubted = true;
    item_perform(w, item, at, lifecycle_start_failed(&item->life, at.now_ms, why), out);
}

void work_refused(struct work *w, struct moment at, const char *key, const char *why,
                  struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    if (!item)
        return;
    item->is_untried = true;
    item_perform(w, item, at, lifecycle_refuse(&item->life, why), out);
}

/* Told here: the claim of what was stopped is gone with it. */
static void tell_late(const struct work_item *item, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    char *name = arena_printf(arena, "%s.%u", item->spec->name, item->index);
    struct node_effect *effect = node_effects_add(out, NODE_EVENT);
    effect->event = (struct node_event){
        .kind = "instance",
        .subject = name,
        .state = "killed",
        .text = arena_printf(arena, "%s was killed", name),
        .cause = arena_printf(arena, "did not end within %gs: killed",
                              (double)item->spec->task.stop_timeout_ms / 1000),
        .ns = arena_text(arena, item->spec->ns),
        .is_own = true,
    };
}

static bool is_held(const struct work *w, const struct work_item *item)
{
    return item->is_gone || (w->is_held && item->life.state == INSTANCE_PENDING);
}

/* Without a delay before its next start it is started in the same step: one write of its claim, not two. */
void work_exited(struct work *w, struct moment at, const char *key,
                 const struct exit_fact *fact, struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    w->options.metrics->tasks_exited++;
    if (!item)
        return;
    if (fact->is_late)
        tell_late(item, out);
    /* It may have met its port in use, on whatever address. */
    item->is_doubted = !item->life.is_proven && fact->kind != EXIT_NEVER;
    item_perform(w, item, at, lifecycle_exited(&item->life, at.now_ms, fact), out);
    if (!is_held(w, item) && lifecycle_deadline_ms(&item->life) <= at.now_ms)
        item_perform(w, item, at, lifecycle_tick(&item->life, at.now_ms), out);
}

void work_probed(struct work *w, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    w->options.metrics->health_failures += !is_ok && detail;
    for (unsigned i = 0; item && i < item->spec->n_health; i++)
        if (check_name(item, i) == check) {
            item_perform(w, item, at, lifecycle_probed(&item->life, at, i, is_ok, detail),
                         out);
            return;
        }
}

void work_tick(struct work *w, struct moment at, struct node_effects *out)
{
    for (struct work_item *item = w->items; item; item = item->next) {
        if (is_held(w, item))
            continue;
        if (lifecycle_deadline_ms(&item->life) <= at.now_ms)
            item_perform(w, item, at, lifecycle_tick(&item->life, at.now_ms), out);
        if (item->is_drawing && item->ask_ms <= at.now_ms)
            task_ports_ask(w, item, out);
    }
}

void work_ports(struct work *w, struct moment at, const char *key,
                const struct port_ask *asks, const enum port_state *states, size_t n,
                struct node_effects *out)
{
    struct work_item *item = work_find(w, key);
    char why[REASON_WHOLE_MAX];
    if (!item || !item->is_drawing || item->ask_ms != UINT64_MAX)
        return; /* it was stopped meanwhile */
    if (task_ports_answer(w, item, at, asks, states, n, out, why) != TASK_PORTS_REFUSED)
        return;
    item->is_port_refused = true;
    item_perform(w, item, at, lifecycle_refuse(&item->life, why), out);
}

void work_retry(struct work *w, struct work_item *item, struct moment at,
                uint64_t retry_at)
{
    (void)w;
    item->retry_at = retry_at;
    if (!item->is_gone)
        lifecycle_retry(&item->life, at.now_ms);
}

uint64_t work_deadline_ms(const struct work *w)
{
    uint64_t deadline = UINT64_MAX;
    for (const struct work_item *item = w->items; item; item = item->next) {
        if (is_held(w, item))
            continue;
        uint64_t own = lifecycle_deadline_ms(&item->life);
        uint64_t ask = item->is_drawing ? item->ask_ms : UINT64_MAX;
        own = ask < own ? ask : own;
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}

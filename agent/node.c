/* The composed node: a router between gossip, planning and work.  See node.h.
 *
 *     bytes, ticks, completions -> gossip, work -> effects
 *     members, table, own state changed -> (settle) -> view -> plan -> acts -> work -> claims */
#include "agent/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/news.h"
#include "agent/work.h"
#include "core/err.h"
#include "proto/record.h"
#include "sched/act.h"
#include "sched/hold.h"

enum {
    SETTLE_DEFAULT_MS = 100,
    SETTLE_CAP_MS = 1000,       /* a view that never rests is planned this often all the same */
    REFUSE_MS = 60000,          /* an instance that kept failing here stays away this long */
    LEAVE_TIMEOUT_MS = 120000,  /* then we depart with what is left */
    PLAN_ARENA_MAX = 512 << 20, /* a view of the largest cluster */
};

enum leaving { STAYING, HANDING_OVER, DEPARTING };

struct node {
    struct node_options options;
    struct arena own; /* strings of options */
    struct gossip *gossip;
    struct spec_cache *specs;
    struct news *news;
    struct work work;
    struct commands commands;
    struct hold hold;
    struct node_doc self;
    enum leaving leaving;
    uint64_t leave_by_ms;
    uint64_t dirty_since_ms, dirty_last_ms; /* 0 = the plan is up to date */
    uint64_t replan_unix_ms;                /* an `away` or a refusal ends; 0 = none */
    char store_error[256];                  /* "" while the store takes writes */
    bool is_cleaned;                        /* claims of earlier lives without a task are gone */
};

/* ---- small helpers ---- */

static void set_dirty(struct node *n, uint64_t now_ms)
{
    n->dirty_last_ms = now_ms ? now_ms : 1;
    if (n->dirty_since_ms == 0)
        n->dirty_since_ms = n->dirty_last_ms;
}

static int publish(struct node *n, struct moment at, struct key key, struct bytes value,
                   struct node_effects *out)
{
    return gossip_publish(n->gossip, at.now_ms, at.at_unix_ms, key_bytes(&key), value, NULL,
                          &out->gossip);
}

static void publish_self(struct node *n, struct moment at, struct node_effects *out)
{
    enum { NODE_DOC_MAX = 32 * 1024 };
    void *buf = arena_alloc(node_effects_arena(out), NODE_DOC_MAX);
    struct writer w = writer_of(buf, buf ? NODE_DOC_MAX : 0);
    if (record_encode_node(&n->self, &w) == 0)
        (void)publish(n, at, key_node(n->options.gossip.id), writer_done(&w), out);
}

static void publish_claim(struct node *n, struct moment at, struct work_item *item,
                          struct node_effects *out)
{
    uint8_t buf[8192];
    struct claim_doc claim = work_claim(item);
    struct writer w = writer_of(buf, sizeof(buf));
    if (record_encode_claim(&claim, &w) < 0)
        return;
    struct key key = key_claim(n->options.gossip.id, item->spec->ns, item->spec->name, item->index);
    if (publish(n, at, key, writer_done(&w), out) == 0)
        item->is_unpublished = false;
}

static void publish_refusal(struct node *n, struct moment at, const struct work_item *item,
                            struct node_effects *out)
{
    uint8_t buf[512];
    struct refuse_doc doc = {.until_unix_ms = at.at_unix_ms + REFUSE_MS,
                             .spec = item->hash,
                             .reason = item->life.reason};
    struct writer w = writer_of(buf, sizeof(buf));
    if (record_encode_refuse(&doc, &w) < 0)
        return;
    (void)publish(n, at,
                  key_refuse(n->options.gossip.id, item->spec->ns, item->spec->name, item->index),
                  writer_done(&w), out);
}

/* ---- new and free ---- */

static bool copy_options(struct node *n, const struct node_options *o)
{
    struct arena *a = &n->own;
    n->options = *o;
    n->options.settle_ms = o->settle_ms ? o->settle_ms : SETTLE_DEFAULT_MS;
    n->options.gossip.name = arena_text(a, o->gossip.name);
    n->options.binary = arena_text(a, o->binary);
    n->self = o->self;
    n->self.name = n->options.gossip.name;
    n->self.version = arena_text(a, o->self.version);
    n->self.address = arena_text(a, o->self.address);
    struct pair *attributes = arena_array(a, o->self.n_attributes, sizeof(*attributes));
    for (size_t i = 0; attributes && i < o->self.n_attributes; i++)
        attributes[i] = (struct pair){arena_text(a, o->self.attributes[i].key),
                                      arena_text(a, o->self.attributes[i].value)};
    n->self.attributes = attributes;
    return n->self.name && n->self.version && n->self.address && attributes;
}

struct node *node_new(const struct node_options *options, struct moment at)
{
    struct node *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    arena_init(&n->own, 0);
    n->specs = spec_cache_new();
    n->news = news_new();
    if (!copy_options(n, options) || !n->specs || !n->news)
        goto fail;
    n->gossip = gossip_new(&n->options.gossip, at.now_ms);
    if (!n->gossip)
        goto fail;
    struct endpoint address = options->gossip.endpoint;
    (void)endpoint_parse(n->self.address, 0, &address);
    address.port = 0;
    struct work_options work = {.node = n->self.name,
                                .binary = n->options.binary,
                                .address = address,
                                .port_min = options->port_min,
                                .port_max = options->port_max,
                                .metrics = options->gossip.metrics};
    work_init(&n->work, &work, options->gossip.seed);
    hold_init(&n->hold, options->hold_ms ? options->hold_ms : HOLD_DEFAULT_MS);
    return n;
fail:
    node_free(n);
    return NULL;
}

void node_free(struct node *n)
{
    if (!n)
        return;
    work_fini(&n->work);
    gossip_free(n->gossip);
    news_free(n->news);
    spec_cache_free(n->specs);
    arena_fini(&n->own);
    free(n);
}

int node_restore(struct node *n, enum store_space space, struct bytes key, struct bytes value)
{
    return gossip_restore(n->gossip, space, key, value);
}

const struct gossip *node_gossip(const struct node *n)
{
    return n->gossip;
}

bool node_is_takeover_held(const struct node *n, uint64_t now_ms)
{
    return hold_is_on(&n->hold, now_ms);
}

int node_view(struct node *n, struct moment at, struct arena *arena, struct view *ret_view)
{
    struct view_options options = {.self = n->options.gossip.id,
                                   .at_unix_ms = at.at_unix_ms,
                                   .is_takeover_held = hold_is_on(&n->hold, at.now_ms)};
    return view_build(gossip_members(n->gossip), gossip_table(n->gossip), n->specs, &options, arena,
                      ret_view);
}

/* ---- specs for work ---- */

/* The body of one version, or an empty view when the table does not have it. */
static struct bytes spec_body(const struct node *n, const char *ns, const char *name,
                              struct spec_hash hash)
{
    struct key key = key_spec(ns, name, hash);
    const struct entry *entry = table_get(gossip_table(n->gossip), key_bytes(&key));
    return entry ? entry->value : (struct bytes){0};
}

static int current_order(const struct node *n, const struct view_job *job, uint32_t index,
                         uint64_t generation, struct work_order *ret_order)
{
    *ret_order = (struct work_order){.ns = job->ns,
                                     .name = job->name,
                                     .index = index,
                                     .generation = generation,
                                     .hash = job->doc.spec,
                                     .version = job->doc.version,
                                     .restart_at = job->control.restart_at,
                                     .body = spec_body(n, job->ns, job->name, job->doc.spec)};
    return ret_order->body.at ? 0 : ERR_NOT_FOUND;
}

bool node_adopt(struct node *n, struct moment at, const char *key, uint32_t pid,
                uint64_t started_unix_ms, struct bytes note)
{
    struct arena arena;
    struct claim_doc claim;
    char text[WORK_KEY_MAX];
    const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
    if (!dot || dot == last || strlen(key) >= sizeof(text))
        return false;
    memcpy(text, key, strlen(key) + 1);
    text[dot - key] = text[last - key] = '\0';
    arena_init(&arena, ENTRY_LEN_MAX);
    bool is_known = record_decode_claim(note, &arena, &claim) == 0;
    if (is_known) {
        const char *ns = text, *name = text + (dot - key) + 1;
        claim.started_unix_ms = started_unix_ms;
        struct work_order order = {.ns = ns,
                                   .name = name,
                                   .index = (uint32_t)strtoul(last + 1, NULL, 10),
                                   .generation = claim.generation,
                                   .hash = claim.spec,
                                   .version = claim.version,
                                   .restart_at = claim.restart_at,
                                   .body = spec_body(n, ns, name, claim.spec)};
        is_known = order.body.at && work_adopt(&n->work, at, &order, &claim, pid) == 0;
    }
    arena_fini(&arena);
    return is_known;
}

/* ---- routing gossip's effects ---- */

static void route_member(struct node *n, struct moment at, const struct gossip_effect *e,
                         struct node_effects *out)
{
    const struct members *m = gossip_members(n->gossip);
    size_t live = members_count_state(m, MEMBER_ALIVE) + members_count_state(m, MEMBER_SUSPECT);
    bool is_self = node_id_equal(e->member.id, n->options.gossip.id);
    if (e->member.state == MEMBER_DEAD && e->was != MEMBER_DEAD)
        hold_death(&n->hold, at.now_ms, live);
    else if (e->member.state == MEMBER_ALIVE)
        hold_return(&n->hold, at.now_ms, live, members_count_state(m, MEMBER_DEAD));
    news_member(&e->member, e->was, is_self, out);
    node_effects_add(out, NODE_CATALOG);
    set_dirty(n, at.now_ms);
}

static void route_entry(struct node *n, struct moment at, struct bytes key, struct node_effects *out)
{
    news_entry(n->news, gossip_members(n->gossip), gossip_table(n->gossip), key,
               n->options.gossip.id, out);
    node_effects_add(out, NODE_CATALOG);
    set_dirty(n, at.now_ms);
}

/* Look at what gossip asked for since the last call: ours are acted on, the host's passed on. */
static void route(struct node *n, struct moment at, struct node_effects *out)
{
    for (; out->n_routed < out->gossip.n; out->n_routed++) {
        struct gossip_effect e = out->gossip.list[out->n_routed];
        switch (e.kind) {
        case GOSSIP_SEND:
        case GOSSIP_STREAM_OPEN:
        case GOSSIP_STREAM_SEND:
        case GOSSIP_STREAM_CLOSE:
        case GOSSIP_PERSIST:
            node_effects_add(out, NODE_GOSSIP)->gossip = e;
            break;
        case GOSSIP_MEMBER_CHANGED:
            route_member(n, at, &e, out);
            break;
        case GOSSIP_TABLE_CHANGED:
            route_entry(n, at, e.key, out);
            break;
        case GOSSIP_CONFLICT:
            news_conflict(gossip_table(n->gossip), e.key, out);
            break;
        case GOSSIP_READY:
            node_effects_add(out, NODE_CATALOG);
            set_dirty(n, at.now_ms);
            break;
        case GOSSIP_LEFT:
            node_effects_add(out, NODE_EXIT);
            break;
        }
    }
}

/* ---- deciding and acting ---- */

static void act_start(struct node *n, struct moment at, const struct view *v, const struct act *act,
                      struct node_effects *out)
{
    struct work_order order;
    if (current_order(n, &v->jobs[act->job], act->index, act->generation, &order) == 0)
        (void)work_start(&n->work, at, &order, out);
}

static void perform_acts(struct node *n, struct moment at, const struct view *v,
                         const struct act *acts, size_t n_acts, struct node_effects *out)
{
    for (size_t i = 0; i < n_acts; i++) {
        const struct act *act = &acts[i];
        char key[WORK_KEY_MAX];
        struct work_item *item =
            work_find(&n->work, work_key(act->ns, act->name, act->index, key));
        if (act->kind == ACT_START && !item)
            act_start(n, at, v, act, out);
        else if (act->kind == ACT_STOP && item)
            work_stop(&n->work, item, at, act->reason, out);
        else if (act->kind == ACT_REPLACE && item)
            work_replace(&n->work, item, at, act->reason, out);
    }
}

struct sweep {
    struct node *node;
    struct arena *arena;
    struct moment at;
    uint64_t next_unix_ms;
    struct key *keys;
    size_t n, cap;
};

static void sweep_add(struct sweep *s, struct bytes key)
{
    if (arena_grow(s->arena, (void **)&s->keys, s->n, &s->cap, sizeof(*s->keys)) < 0)
        return;
    struct key *doomed = &s->keys[s->n++];
    memcpy(doomed->text, key.at, key.len);
    doomed->len = key.len;
}

static int sweep_refusal(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    struct refuse_doc doc;
    if (record_decode_refuse(e->value, s->arena, &doc) < 0 || doc.until_unix_ms <= s->at.at_unix_ms)
        sweep_add(s, e->key);
    else if (s->next_unix_ms == 0 || doc.until_unix_ms < s->next_unix_ms)
        s->next_unix_ms = doc.until_unix_ms;
    return 0;
}

static int sweep_claim(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    struct key_parts parts;
    char key[WORK_KEY_MAX];
    if (key_parse(e->key, &parts) < 0)
        return 0;
    char *ns = arena_text_of(s->arena, parts.ns), *name = arena_text_of(s->arena, parts.name);
    if (ns && name && !work_find(&s->node->work, work_key(ns, name, parts.index, key)))
        sweep_add(s, e->key);
    return 0;
}

/* Own refusals that are over, and (once, after a start) own claims whose task did not survive. */
static void sweep_own_rows(struct node *n, struct moment at, struct arena *arena,
                           struct node_effects *out)
{
    char id[NODE_ID_TEXT], prefix[KEY_LEN_MAX] = "refuse/";
    struct sweep s = {.node = n, .arena = arena, .at = at};
    strcat(prefix, node_id_text(n->options.gossip.id, id));
    (void)table_each(gossip_table(n->gossip), bytes_of_text(prefix), sweep_refusal, &s);
    if (!n->is_cleaned) {
        n->is_cleaned = true;
        strcpy(prefix, "claim/");
        strcat(prefix, id);
        (void)table_each(gossip_table(n->gossip), bytes_of_text(prefix), sweep_claim, &s);
    }
    for (size_t i = 0; i < s.n; i++)
        (void)publish(n, at, s.keys[i], (struct bytes){0}, out);
    n->replan_unix_ms = s.next_unix_ms;
}

static void decide(struct node *n, struct moment at, struct node_effects *out)
{
    struct arena arena;
    struct view v;
    struct plan plan;
    struct act *acts;
    size_t n_acts;
    arena_init(&arena, PLAN_ARENA_MAX);
    n->dirty_since_ms = n->dirty_last_ms = 0;
    sweep_own_rows(n, at, &arena, out);
    if (node_view(n, at, &arena, &v) < 0 || plan_make(&v, &arena, &plan) < 0 ||
        act_decide(&v, &plan, &arena, &acts, &n_acts) < 0) {
        n->options.gossip.metrics->drop_bound++;
        set_dirty(n, at.now_ms); /* try again after the settle time */
        goto out;
    }
    n->options.gossip.metrics->plans++;
    if (v.next_change_unix_ms && (!n->replan_unix_ms || v.next_change_unix_ms < n->replan_unix_ms))
        n->replan_unix_ms = v.next_change_unix_ms;
    perform_acts(n, at, &v, acts, n_acts, out);
    spec_cache_trim(n->specs);
out:
    arena_fini(&arena);
}

static uint64_t decide_deadline_ms(const struct node *n)
{
    if (n->dirty_since_ms == 0 || !gossip_is_ready(n->gossip))
        return UINT64_MAX;
    uint64_t quiet = n->dirty_last_ms + n->options.settle_ms;
    uint64_t cap = n->dirty_since_ms + SETTLE_CAP_MS;
    return quiet < cap ? quiet : cap;
}

/* ---- claims follow the work ---- */

static bool renew(struct node *n, struct moment at, struct work_item *item, struct node_effects *out)
{
    const char *ns = item->spec->ns, *name = item->spec->name;
    struct arena *arena = node_effects_arena(out);
    struct key key = key_job(ns, name), control_key = key_control(ns, name);
    const struct entry *entry = table_get(gossip_table(n->gossip), key_bytes(&key));
    struct view_job job = {.ns = arena_text(arena, ns), .name = arena_text(arena, name)};
    struct work_order order;
    if (!entry || !job.ns || !job.name || record_decode_job(entry->value, arena, &job.doc) < 0)
        return false;
    entry = table_get(gossip_table(n->gossip), key_bytes(&control_key));
    if (entry)
        (void)record_decode_control(entry->value, &job.control);
    return current_order(n, &job, item->index, item->generation, &order) == 0 &&
           work_renew(&n->work, item, at, &order, out) == 0;
}

static void finish_item(struct node *n, struct moment at, struct work_item *item,
                        struct node_effects *out)
{
    if (item->is_replacing && renew(n, at, item, out))
        return;
    if (item->is_replacing) {
        struct node_effect *effect = node_effects_add(out, NODE_REMOVE);
        effect->key = arena_text(node_effects_arena(out), item->key);
    }
    if (item->gave_up)
        publish_refusal(n, at, item, out);
    (void)publish(n, at,
                  key_claim(n->options.gossip.id, item->spec->ns, item->spec->name, item->index),
                  (struct bytes){0}, out);
    work_remove(&n->work, item);
    set_dirty(n, at.now_ms);
}

static void flush_work(struct node *n, struct moment at, struct node_effects *out)
{
    for (struct work_item *item = n->work.items, *next; item; item = next) {
        next = item->next;
        if (item->is_gone)
            finish_item(n, at, item, out);
    }
    for (struct work_item *item = n->work.items; item; item = item->next)
        if (item->is_unpublished)
            publish_claim(n, at, item, out);
}

static void check_leaving(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->leaving != HANDING_OVER)
        return;
    bool is_idle = n->work.n_items == 0 && n->dirty_since_ms == 0;
    if (!is_idle && at.now_ms < n->leave_by_ms)
        return;
    n->leaving = DEPARTING;
    gossip_leave(n->gossip, at.now_ms, &out->gossip);
}

/* Every step ends here: route, publish, decide when the view is quiet, answer commands. */
static void settle(struct node *n, struct moment at, struct node_effects *out)
{
    route(n, at, out);
    flush_work(n, at, out);
    route(n, at, out);
    if (n->replan_unix_ms && at.at_unix_ms >= n->replan_unix_ms) {
        n->replan_unix_ms = 0;
        set_dirty(n, at.now_ms);
    }
    if (n->hold.until_ms && !hold_is_on(&n->hold, at.now_ms)) {
        n->hold.until_ms = 0;
        set_dirty(n, at.now_ms);
    }
    if (decide_deadline_ms(n) <= at.now_ms) {
        decide(n, at, out);
        flush_work(n, at, out);
        route(n, at, out);
    }
    check_leaving(n, at, out);
    commands_check(&n->commands, n->gossip, at, out);
    route(n, at, out);
}

/* ---- the step ---- */

void node_join(struct node *n, struct moment at, const struct endpoint *seeds, size_t n_seeds,
               struct node_effects *out)
{
    publish_self(n, at, out);
    gossip_join(n->gossip, at.now_ms, seeds, n_seeds, &out->gossip);
    set_dirty(n, at.now_ms);
    settle(n, at, out);
}

void node_datagram(struct node *n, struct moment at, struct endpoint from, struct bytes in,
                   struct node_effects *out)
{
    if (gossip_receive(n->gossip, at.now_ms, at.at_unix_ms, from, in, &out->gossip) < 0)
        n->options.gossip.metrics->drop_malformed++;
    settle(n, at, out);
}

void node_refused(struct node *n, struct moment at, struct endpoint to, struct node_effects *out)
{
    gossip_refused(n->gossip, at.now_ms, to, &out->gossip);
    settle(n, at, out);
}

void node_stream_opened(struct node *n, struct moment at, uint32_t stream, struct node_effects *out)
{
    gossip_stream_opened(n->gossip, at.now_ms, stream, &out->gossip);
    settle(n, at, out);
}

void node_stream_frame(struct node *n, struct moment at, uint32_t stream, struct bytes frame,
                       struct node_effects *out)
{
    if (gossip_stream_frame(n->gossip, at.now_ms, at.at_unix_ms, stream, frame, &out->gossip) < 0)
        n->options.gossip.metrics->drop_malformed++;
    settle(n, at, out);
}

void node_stream_closed(struct node *n, struct moment at, uint32_t stream, struct node_effects *out)
{
    gossip_stream_closed(n->gossip, at.now_ms, stream, &out->gossip);
    settle(n, at, out);
}

void node_task_started(struct node *n, struct moment at, const char *key, uint32_t pid,
                       struct node_effects *out)
{
    work_started(&n->work, at, key, pid, out);
    settle(n, at, out);
}

void node_task_failed(struct node *n, struct moment at, const char *key, const char *why,
                      struct node_effects *out)
{
    work_failed(&n->work, at, key, why, out);
    settle(n, at, out);
}

void node_task_exited(struct node *n, struct moment at, const char *key, int32_t status, bool is_oom,
                      struct node_effects *out)
{
    work_exited(&n->work, at, key, status, is_oom, out);
    settle(n, at, out);
}

void node_probed(struct node *n, struct moment at, const char *key, unsigned check, bool is_ok,
                 const char *detail, struct node_effects *out)
{
    work_probed(&n->work, at, key, check, is_ok, detail, out);
    settle(n, at, out);
}

void node_store_failed(struct node *n, struct moment at, const char *why, struct node_effects *out)
{
    (void)snprintf(n->store_error, sizeof(n->store_error), "the local store does not take writes: %.200s", why);
    commands_fail(&n->commands, n->gossip, ERR_STORE, n->store_error, at, out);
}

void node_store_mended(struct node *n)
{
    n->store_error[0] = '\0';
}

void node_tick(struct node *n, struct moment at, struct node_effects *out)
{
    if (gossip_deadline_ms(n->gossip) <= at.now_ms)
        gossip_tick(n->gossip, at.now_ms, at.at_unix_ms, &out->gossip);
    work_tick(&n->work, at, out);
    settle(n, at, out);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t node_deadline_ms(const struct node *n)
{
    uint64_t deadline = gossip_deadline_ms(n->gossip);
    deadline = earlier(deadline, work_deadline_ms(&n->work));
    deadline = earlier(deadline, commands_deadline_ms(&n->commands));
    deadline = earlier(deadline, decide_deadline_ms(n));
    deadline = earlier(deadline, hold_deadline_ms(&n->hold));
    return n->leaving == HANDING_OVER ? earlier(deadline, n->leave_by_ms) : deadline;
}

/* ---- commands ---- */

static void leave(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->leaving != STAYING)
        return;
    n->leaving = HANDING_OVER;
    n->leave_by_ms = at.now_ms + LEAVE_TIMEOUT_MS;
    n->self.state = AGENT_LEAVING;
    publish_self(n, at, out);
    set_dirty(n, at.now_ms);
}

void node_command(struct node *n, struct moment at, const struct command *command,
                  struct node_effects *out)
{
    struct command_scope scope = {.gossip = n->gossip,
                                  .node = n->self.name,
                                  .metrics = n->options.gossip.metrics};
    if (command->kind == COMMAND_LEAVE) {
        leave(n, at, out);
        command_done(command->token, 0, "handing over, then departing", n->gossip, 0, out);
    } else if (command->kind == COMMAND_JOIN) {
        gossip_join(n->gossip, at.now_ms, &command->endpoint, 1, &out->gossip);
        command_done(command->token, 0, "joining", n->gossip, 0, out);
    } else if (!gossip_is_ready(n->gossip)) {
        command_done(command->token, ERR_NOT_READY,
                     "this node has not heard from the cluster yet: wait, or ask another node",
                     n->gossip, 0, out);
    } else if (n->store_error[0]) {
        command_done(command->token, ERR_STORE, n->store_error, n->gossip, 0, out);
    } else {
        commands_apply(&n->commands, &scope, at, command, out);
    }
    settle(n, at, out);
}

void node_away(struct node *n, struct moment at, uint64_t until_unix_ms, struct node_effects *out)
{
    n->self.state = AGENT_AWAY;
    n->self.away_until_unix_ms = until_unix_ms;
    publish_self(n, at, out);
    settle(n, at, out);
}

/* The composed node: a router between gossip, planning and work.  See node.h.
 *
 *     bytes, ticks, completions -> gossip, work -> effects
 *     members, table, own state changed -> (settle) -> view -> plan -> acts -> work -> claims */
#include "agent/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/holder.h"
#include "agent/keys.h"
#include "agent/news.h"
#include "core/err.h"
#include "proto/record.h"

enum {
    SETTLE_DEFAULT_MS = 100,
    SILENCE_PERIODS = 3, /* of probing: in each of them somebody should have been heard */
    LEAVE_TIMEOUT_MS =
        120000, /* and the longest stop timeout: then what is left is killed */
};

enum leaving { STAYING, HANDING_OVER, DEPARTING };

struct node {
    struct node_options options;
    struct arena own; /* strings of options */
    struct gossip *gossip;
    struct holder holder;
    struct news *news;
    struct commands commands;
    struct keys keys;
    struct wall wall;
    struct node_doc self;
    enum leaving leaving;
    uint64_t leave_by_ms;
    char store_error[256]; /* "" while the store takes writes */
};

static void publish_self(struct node *n, struct moment at, struct node_effects *out)
{
    enum { NODE_DOC_MAX = 32 * 1024 };
    void *buf = arena_alloc(node_effects_arena(out), NODE_DOC_MAX);
    struct writer w = writer_of(buf, buf ? NODE_DOC_MAX : 0);
    struct key key = key_node(n->options.gossip.id);
    struct rotation_peer sealing = rotation_own(&n->keys.rotation);
    n->self.key_epoch = sealing.seals;
    n->self.other_key_epoch = sealing.opens;
    if (record_encode_node(&n->self, &w) == 0)
        (void)gossip_publish(n->gossip, at.now_ms, at.at_unix_ms, key_bytes(&key),
                             writer_done(&w), NULL, &out->gossip);
}

/* ---- new and free ---- */

static bool copy_options(struct node *n, const struct node_options *o, struct moment at)
{
    struct arena *a = &n->own;
    n->options = *o;
    n->options.settle_ms = o->settle_ms ? o->settle_ms : SETTLE_DEFAULT_MS;
    n->options.gossip.name = arena_text(a, o->gossip.name);
    n->options.binary = arena_text(a, o->binary);
    n->self = o->self;
    keys_init(&n->keys, &o->keys, at.now_ms);
    explicit_bzero(&n->options.keys, sizeof(n->options.keys));
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
    n->news = news_new();
    if (!copy_options(n, options, at) || !n->news)
        goto fail;
    n->gossip = gossip_new(&n->options.gossip, at.now_ms);
    if (!n->gossip)
        goto fail;
    struct endpoint address = options->gossip.endpoint;
    (void)endpoint_parse(n->self.address, 0, &address);
    address.port = 0;
    struct holder_options holder = {
        .id = options->gossip.id,
        .gossip = n->gossip,
        .work = {.node = n->self.name,
                 .binary = n->options.binary,
                 .address = address,
                 .port_min = options->port_min,
                 .port_max = options->port_max,
                 .metrics = options->gossip.metrics},
        .settle_ms = n->options.settle_ms,
        .hold_ms = options->hold_ms ? options->hold_ms : HOLD_DEFAULT_MS,
        .silence_ms = SILENCE_PERIODS * options->gossip.profile->probe_period_ms,
        .seed = options->gossip.seed};
    if (holder_init(&n->holder, &holder) == 0)
        return n;
fail:
    node_free(n);
    return NULL;
}

void node_free(struct node *n)
{
    if (!n)
        return;
    holder_fini(&n->holder);
    gossip_free(n->gossip);
    news_free(n->news);
    arena_fini(&n->own);
    explicit_bzero(&n->keys, sizeof(n->keys));
    free(n);
}

int node_restore(struct node *n, enum store_space space, struct bytes key,
                 struct bytes value)
{
    return gossip_restore(n->gossip, space, key, value);
}

void node_set_us(struct node *n, uint64_t now_us)
{
    gossip_set_us(n->gossip, now_us);
}

const struct gossip *node_gossip(const struct node *n)
{
    return n->gossip;
}

const struct keyring *node_keys(const struct node *n)
{
    return &n->keys.rotation.keys;
}

const struct wall *node_wall(const struct node *n)
{
    return &n->wall;
}

bool node_is_takeover_held(const struct node *n, uint64_t now_ms)
{
    return hold_is_on(&n->holder.hold, now_ms);
}

int node_view(struct node *n, struct moment at, struct arena *arena,
              struct view *ret_view)
{
    return holder_view(&n->holder, at, arena, ret_view);
}

bool node_adopt(struct node *n, struct moment at, const char *key, uint32_t pid,
                uint64_t started_unix_ms, struct bytes note)
{
    return holder_adopt(&n->holder, at, key, pid, started_unix_ms, note);
}

/* ---- routing gossip's effects ---- */

static void route_member(struct node *n, struct moment at, const struct gossip_effect *e,
                         struct node_effects *out)
{
    bool is_self = node_id_equal(e->member.id, n->options.gossip.id);
    holder_member(&n->holder, at.now_ms, e->member.state, e->was, &out->gossip);
    news_member(&e->member, e->was, is_self, out);
    node_effects_add(out, NODE_CATALOG);
}

/* Our own row must say what we are: peers may still hold one of an earlier life of this node. */
static void check_own_row(struct node *n, struct moment at, struct bytes key,
                          struct node_effects *out)
{
    struct key own = key_node(n->options.gossip.id);
    if (bytes_equal(key, key_bytes(&own)))
        publish_self(n, at, out);
}

static void route_entry(struct node *n, struct moment at, struct bytes key,
                        struct node_effects *out)
{
    struct key_parts parts;
    bool is_parsed = key_parse(key, &parts) == 0;
    /* What others held before a newcomer came is no news, and may be a million lines. */
    bool is_history = is_parsed && !gossip_is_ready(n->gossip) &&
                      (parts.kind == KEY_CLAIM || parts.kind == KEY_REFUSE) &&
                      !node_id_equal(parts.node, n->options.gossip.id);
    check_own_row(n, at, key, out);
    if (!is_history)
        news_entry(n->news, gossip_members(n->gossip), gossip_table(n->gossip), key,
                   n->options.gossip.id, out);
    bool is_planned = is_parsed && parts.kind != KEY_VAR && parts.kind != KEY_SECRET &&
                      parts.kind != KEY_VERSION && parts.kind != KEY_OTHER;
    if (!is_planned)
        return;                     /* neither the plan nor the catalog is made of it */
    if (gossip_is_ready(n->gossip)) /* until then it grows by a thousand a step */
        node_effects_add(out, NODE_CATALOG);
    holder_set_dirty(&n->holder, at.now_ms);
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
            holder_ready(&n->holder, at.now_ms);
            break;
        case GOSSIP_LEFT:
            node_effects_add(out, NODE_EXIT);
            break;
        }
    }
}

static void check_leaving(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->leaving != HANDING_OVER)
        return;
    if (!holder_is_idle(&n->holder) && at.now_ms < n->leave_by_ms)
        return;
    n->leaving = DEPARTING;
    work_abandon(&n->holder.work, out);
    gossip_leave(n->gossip, at.now_ms, &out->gossip);
}

/* Our row of an earlier life says how our clock was; it is so until we know better. */
static void recall_wall(struct node *n, struct node_effects *out)
{
    struct node_doc doc;
    struct key key = key_node(n->options.gossip.id);
    const struct entry *own = table_get(gossip_table(n->gossip), key_bytes(&key));
    if (own && record_decode_node(own->value, node_effects_arena(out), &doc) == 0)
        n->wall.told_ms = n->self.clock_skew_ms = doc.clock_skew_ms;
}

static void look_at_wall(struct node *n, struct moment at, struct node_effects *out)
{
    if (!wall_step(&n->wall, n->gossip, n->self.name, at, out))
        return;
    n->self.clock_skew_ms = n->wall.told_ms;
    publish_self(n, at, out);
}

/* Every step ends here: route, publish, decide when the view is quiet, answer commands. */
static void settle(struct node *n, struct moment at, struct node_effects *out)
{
    route(n, at, out);
    holder_publish(&n->holder, at, out);
    route(n, at, out);
    if (holder_step(&n->holder, at, out)) {
        holder_publish(&n->holder, at, out);
        route(n, at, out);
    }
    if (keys_step(&n->keys, n->gossip, n->options.gossip.id, at, out))
        publish_self(n, at, out);
    look_at_wall(n, at, out);
    check_leaving(n, at, out);
    commands_check(&n->commands, n->gossip, at, out);
    route(n, at, out);
}

/* ---- the step ---- */

void node_join(struct node *n, struct moment at, const struct endpoint *seeds,
               size_t n_seeds, bool is_expecting, struct node_effects *out)
{
    gossip_expect(n->gossip, is_expecting);
    recall_wall(n, out);
    publish_self(n, at, out);
    gossip_join(n->gossip, at.now_ms, seeds, n_seeds, &out->gossip);
    holder_set_dirty(&n->holder, at.now_ms);
    settle(n, at, out);
}

void node_meet(struct node *n, struct moment at, struct endpoint endpoint,
               struct node_effects *out)
{
    gossip_meet(n->gossip, at.now_ms, endpoint, &out->gossip);
    settle(n, at, out);
}

void node_datagram(struct node *n, struct moment at, struct endpoint from,
                   struct bytes in, struct node_effects *out)
{
    /* What cannot be used was dropped and counted by gossip itself. */
    (void)gossip_receive(n->gossip, at.now_ms, at.at_unix_ms, from, in, &out->gossip);
    settle(n, at, out);
}

void node_refused(struct node *n, struct moment at, struct endpoint to,
                  struct node_effects *out)
{
    gossip_refused(n->gossip, at.now_ms, to, &out->gossip);
    settle(n, at, out);
}

void node_stream_opened(struct node *n, struct moment at, uint32_t stream,
                        struct node_id peer, struct node_effects *out)
{
    gossip_stream_opened(n->gossip, at.now_ms, stream, peer, &out->gossip);
    settle(n, at, out);
}

void node_stream_frame(struct node *n, struct moment at, uint32_t stream,
                       struct bytes frame, struct node_effects *out)
{
    (void)gossip_stream_frame(n->gossip, at.now_ms, at.at_unix_ms, stream, frame,
                              &out->gossip);
    settle(n, at, out);
}

void node_stream_closed(struct node *n, struct moment at, uint32_t stream,
                        struct node_effects *out)
{
    gossip_stream_closed(n->gossip, at.now_ms, stream, &out->gossip);
    settle(n, at, out);
}

void node_task_started(struct node *n, struct moment at, const char *key, uint32_t pid,
                       struct node_effects *out)
{
    work_started(&n->holder.work, at, key, pid, out);
    settle(n, at, out);
}

void node_task_failed(struct node *n, struct moment at, const char *key, const char *why,
                      struct node_effects *out)
{
    work_failed(&n->holder.work, at, key, why, out);
    settle(n, at, out);
}

void node_task_exited(struct node *n, struct moment at, const char *key, int32_t status,
                      bool is_oom, struct node_effects *out)
{
    work_exited(&n->holder.work, at, key, status, is_oom, out);
    settle(n, at, out);
}

void node_probed(struct node *n, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out)
{
    work_probed(&n->holder.work, at, key, check, is_ok, detail, out);
    settle(n, at, out);
}

void node_store_failed(struct node *n, struct moment at, const char *why,
                       struct node_effects *out)
{
    (void)snprintf(n->store_error, sizeof(n->store_error),
                   "the local store does not take writes: %.200s", why);
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
    work_tick(&n->holder.work, at, out);
    settle(n, at, out);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t node_deadline_ms(const struct node *n)
{
    uint64_t deadline = gossip_deadline_ms(n->gossip);
    deadline = earlier(deadline, holder_deadline_ms(&n->holder));
    deadline = earlier(deadline, commands_deadline_ms(&n->commands));
    deadline = earlier(deadline, keys_deadline_ms(&n->keys));
    return n->leaving == HANDING_OVER ? earlier(deadline, n->leave_by_ms) : deadline;
}

/* ---- commands ---- */

static void leave(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->leaving != STAYING)
        return;
    n->leaving = HANDING_OVER;
    n->leave_by_ms = at.now_ms + LEAVE_TIMEOUT_MS + work_stop_timeout_ms(&n->holder.work);
    n->self.state = AGENT_LEAVING;
    publish_self(n, at, out);
    holder_set_dirty(&n->holder, at.now_ms);
}

void node_command(struct node *n, struct moment at, const struct command *command,
                  struct node_effects *out)
{
    struct command_scope scope = {.gossip = n->gossip,
                                  .node = n->self.name,
                                  .keys = &n->keys.rotation.keys,
                                  .metrics = n->options.gossip.metrics};
    look_at_wall(n, at, out); /* it may have been set since the last step */
    if (command->kind == COMMAND_LEAVE) {
        leave(n, at, out);
        command_done(command->token, 0, "handing over, then departing", n->gossip, 0,
                     out);
    } else if (command->kind == COMMAND_JOIN) {
        gossip_join(n->gossip, at.now_ms, &command->endpoint, 1, &out->gossip);
        command_done(command->token, 0, "joining", n->gossip, 0, out);
    } else if (!gossip_is_ready(n->gossip)) {
        command_done(
            command->token, ERR_NOT_READY,
            "this node has not heard from the cluster yet: wait, or ask another node",
            n->gossip, 0, out);
    } else if (n->store_error[0]) {
        command_done(command->token, ERR_STORE, n->store_error, n->gossip, 0, out);
    } else if (!wall_is_trusted(&n->wall)) {
        struct err err;
        int code = wall_refuse(&n->wall, &err);
        command_done(command->token, code, err.text, n->gossip, 0, out);
    } else {
        commands_apply(&n->commands, &scope, at, command, out);
    }
    settle(n, at, out);
}

void node_away(struct node *n, struct moment at, uint64_t away_ms,
               struct node_effects *out)
{
    n->self.state = AGENT_AWAY;
    n->self.away_ms = away_ms;
    n->self.away_until_unix_ms = at.at_unix_ms + away_ms;
    publish_self(n, at, out);
    settle(n, at, out);
}

/* The composed node: a router between gossip, planning and work.  See node.h; its door is node_step.c,
 * what it says of itself is in node_self.c, orders are in node_orders.c, addresses in node_address.c.
 *
 *     bytes, ticks, completions -> gossip, work -> effects
 *     members, table, own state changed -> (settle) -> view -> plan -> acts -> work -> claims */
#include "agent/node_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/news.h"
#include "core/naming.h"
#include "proto/key.h"

enum {
    SETTLE_DEFAULT_MS = 100,
    LONE_DEFAULT_MS = 30000, /* spanning tree and LACP take that long */
    SILENCE_PERIODS = 3, /* of probing: in each of them somebody should have been heard */
};

/* ---- new and free ---- */

static bool copy_options(struct node *n, const struct node_options *o, struct moment at)
{
    struct arena *a = &n->own;
    n->options = *o;
    n->options.settle_ms = o->settle_ms ? o->settle_ms : SETTLE_DEFAULT_MS;
    n->options.lone_ms = o->lone_ms ? o->lone_ms : LONE_DEFAULT_MS;
    n->options.gossip.name = arena_text(a, o->gossip.name);
    n->options.binary = arena_text(a, o->binary);
    n->options.api = o->api ? arena_text(a, o->api) : NULL;
    n->self = o->self;
    keys_init(&n->keys, &o->keys, at.now_ms);
    explicit_bzero(&n->options.keys, sizeof(n->options.keys));
    n->self.name = n->options.gossip.name;
    n->self.named = NAME_NOT_TAKEN;
    n->self.version = arena_text(a, o->self.version);
    n->self.address = arena_text(a, o->self.address);
    struct pair *attributes = arena_array(a, o->self.n_attributes, sizeof(*attributes));
    for (size_t i = 0; attributes && i < o->self.n_attributes; i++)
        attributes[i] = (struct pair){arena_text(a, o->self.attributes[i].key),
                                      arena_text(a, o->self.attributes[i].value)};
    n->self.attributes = attributes;
    n->self.nat = "";
    n->address.last = o->gossip.endpoint;
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
    if (options->disk) {
        n->disk = *options->disk;
        n->self.disk = n->disk.state;
        n->self.disk_since_unix_ms = n->disk.since_unix_ms;
    }
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
                 .api = n->options.api,
                 .address = address,
                 .told = address,
                 .port_min = options->port_min,
                 .port_max = options->port_max,
                 .own = options->own_ports,
                 .metrics = options->gossip.metrics},
        .settle_ms = n->options.settle_ms,
        .hold_ms = options->hold_ms ? options->hold_ms : MASS_FAILURE_DEFAULT_MS,
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

const struct gossip *node_gossip(const struct node *n)
{
    return n->gossip;
}

const struct keyring *node_keys(const struct node *n)
{
    return &n->keys.rotation.keys;
}

const struct work *node_work(const struct node *n)
{
    return &n->holder.work;
}

const struct wall_clock *node_wall(const struct node *n)
{
    return &n->wall;
}

const struct disk *node_own_disk(const struct node *n)
{
    return &n->disk;
}

bool node_is_waiting(const struct node *n)
{
    return n->options.is_waiting;
}

int node_view(struct node *n, struct moment at, struct arena *arena,
              struct view *ret_view)
{
    return holder_view(&n->holder, at, arena, ret_view);
}

bool node_adopt(struct node *n, struct moment at, const char *key, uint32_t pid,
                uint64_t started_unix_ms, struct bytes note, const char *doubt)
{
    return holder_adopt(&n->holder, at, key, pid, started_unix_ms, note, doubt);
}

void node_leap(struct node *n)
{
    gossip_leap(n->gossip);
}

/* ---- routing gossip's effects ---- */

static void route_member(struct node *n, struct moment at, const struct gossip_effect *e,
                         struct node_effects *out)
{
    bool is_self = node_id_equal(e->member.id, n->options.gossip.id);
    holder_member(&n->holder, at.now_ms, e->member.state, e->was, &out->gossip);
    bool is_forgotten = !members_find(gossip_members(n->gossip), e->member.id);
    if (e->has_moved)
        news_moved(&e->member, out);
    else
        news_member(n->news, &e->member, e->was, is_self, is_forgotten, out);
    node_tell_of_name(n, e->member.id, out);
    node_effects_add(out, NODE_CATALOG);
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
    node_check_own_row(n, at, key, out);
    if (is_parsed && parts.kind == KEY_CLAIM && node_id_equal(parts.node, n->options.gossip.id))
        holder_own_claim(&n->holder, key);
    if (!is_history)
        news_entry(n->news, gossip_members(n->gossip), gossip_table(n->gossip), key,
                   n->options.gossip.id, out);
    if (is_parsed && parts.kind == KEY_NODE)
        node_tell_of_name(n, parts.node, out);
    bool is_planned = is_parsed && parts.kind != KEY_VAR && parts.kind != KEY_SECRET &&
                      parts.kind != KEY_VERSION && parts.kind != KEY_OTHER;
    if (!is_planned)
        return;                     /* neither the plan nor the catalog is made of it */
    if (gossip_is_ready(n->gossip)) /* until then it grows by a thousand a step */
        node_effects_add(out, NODE_CATALOG);
    holder_set_dirty(&n->holder, at.now_ms);
}

/* The younger of two lives goes on for its own command line alone. */
static void route_twin(struct node *n, struct moment at, const struct gossip_effect *e,
                       struct node_effects *out)
{
    bool is_self = node_id_equal(e->member.id, n->options.gossip.id);
    bool is_stopped = is_self && gossip_is_stopped(n->gossip);
    news_twin(&e->member, &e->endpoint, is_stopped, out);
    node_effects_add(out, NODE_CATALOG);
    if (!is_stopped)
        return;
    work_stop_all(&n->holder.work, at, "this identity lives elsewhere", out);
    acks_end(&n->commands.acks, n->gossip, at,
             " before this node stopped: its identity lives elsewhere", out);
}

void node_route(struct node *n, struct moment at, struct node_effects *out)
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
        case GOSSIP_KNOCKED:
            acks_knocked(&n->commands.acks, e.endpoint, e.knock);
            node_effects_add(out, NODE_GOSSIP)->gossip = e;
            break;
        case GOSSIP_OLD_COPY:
            news_old_copy(gossip_members(n->gossip), n->options.gossip.id, out);
            break;
        case GOSSIP_TWIN:
            route_twin(n, at, &e, out);
            break;
        case GOSSIP_READY:
            node_effects_add(out, NODE_CATALOG);
            node_take_name(n, at, out);
            holder_ready(&n->holder, at.now_ms);
            n->has_been_ready = true;
            break;
        case GOSSIP_LEFT:
            acks_end(&n->commands.acks, n->gossip, at, " before this node left", out);
            node_effects_add(out, NODE_EXIT);
            break;
        }
    }
}

/* Do others see us where we are not? */
static void check_observed(struct node *n, struct node_effects *out)
{
    struct endpoint seen = gossip_observed(n->gossip);
    if (endpoint_is_same_host(&seen, &n->address.observed))
        return;
    n->address.observed = seen;
    (void)node_effects_add(out, NODE_LOOK);
}

void node_settle(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->options.is_waiting)
        return;
    assert(n->commands.n_changes == 0); /* an order is finished before anything else */
    node_route(n, at, out);
    if (gossip_is_stopped(n->gossip))
        return;
    holder_publish(&n->holder, at, out);
    node_route(n, at, out);
    if (holder_step(&n->holder, at, out)) {
        holder_publish(&n->holder, at, out);
        node_route(n, at, out);
    }
    if (keys_step(&n->keys, n->gossip, n->options.gossip.id, at, out))
        (void)node_publish_self(n, at, out);
    node_look_at_wall(n, at, out);
    check_observed(n, out);
    fill_step(&n->fill, n->gossip, n->self.name, at, out);
    node_tell_hold(n, at, out);
    node_check_leaving(n, at, out);
    acks_check(&n->commands.acks, n->gossip, at, out);
    node_route(n, at, out);
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t node_deadline_ms(const struct node *n)
{
    uint64_t deadline = gossip_deadline_ms(n->gossip);
    if (gossip_is_stopped(n->gossip))
        return work_deadline_ms(&n->holder.work);
    deadline = earlier(deadline, holder_deadline_ms(&n->holder));
    deadline = earlier(deadline, acks_deadline_ms(&n->commands.acks));
    deadline = earlier(deadline, keys_deadline_ms(&n->keys));
    return n->leaving == HANDING_OVER ? earlier(deadline, n->leave_by_ms) : deadline;
}

/* The agent's way to its peers.  See uv_network.h.
 *
 * The usual path: --join is looked up, the node is told of addresses as they are found, and beacons are
 * sent from where it is reached.  What can fail: a host without multicast (--join is there for it).
 * Which address is bound is the matter of uv_address.c. */
#include "agent/uv_network.h"

#include <stdio.h>

#include "agent/uv_perform.h"
#include "agent/uv_seeds.h"
#include "core/log.h"

/* ---- what the gossip driver tells ---- */

static void on_datagram(void *ctx, struct endpoint from, struct bytes plain)
{
    struct agent *a = ctx;
    if (a->is_waiting)
        return;
    agent_step(a,
               &(struct node_input){.kind = INPUT_DATAGRAM, .datagram = {from, plain}});
    agent_perform(a);
}

static void on_refused(void *ctx, struct endpoint to)
{
    struct agent *a = ctx;
    agent_step(a, &(struct node_input){.kind = INPUT_REFUSED, .endpoint = to});
    agent_perform(a);
}

static void on_stream_opened(void *ctx, uint32_t stream, struct node_id peer)
{
    struct agent *a = ctx;
    agent_step(a, &(struct node_input){.kind = INPUT_STREAM_OPENED,
                                       .stream = {.id = stream, .peer = peer}});
    agent_perform(a);
}

static void on_stream_frame(void *ctx, uint32_t stream, struct bytes frame)
{
    struct agent *a = ctx;
    agent_step(a, &(struct node_input){.kind = INPUT_STREAM_FRAME,
                                       .stream = {.id = stream, .frame = frame}});
    agent_perform(a);
}

static void on_stream_closed(void *ctx, uint32_t stream, enum knock how)
{
    struct agent *a = ctx;
    if (how == KNOCK_NONE)
        agent_step(a, &(struct node_input){.kind = INPUT_STREAM_CLOSED,
                                           .stream = {.id = stream}});
    else
        agent_step(a, &(struct node_input){.kind = INPUT_STREAM_FAILED,
                                           .stream = {.id = stream, .how = how}});
    agent_perform(a);
}

static bool is_alone(void *ctx)
{
    struct agent *a = ctx;
    const struct members *members = gossip_members(node_gossip(a->node));
    return members_count_state(members, MEMBER_ALIVE) < 2;
}

static void say_stranger(struct agent *a, struct endpoint from)
{
    char address[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX + 64];
    log_line(LOG_WARN, "stranger", "from", endpoint_text(&from, address), "cause",
             "another secret", "meaning",
             "a host of another cluster, or one that lacks a copy of this secret file",
             NULL);
    (void)snprintf(text, sizeof(text), "a host at %s is of another cluster", address);
    const struct node_event event = {.kind = "stranger",
                                     .subject = address,
                                     .state = "heard",
                                     .text = text,
                                     .cause = "it holds another secret"};
    api_event(a, feed_add(&a->feed, agent_now(a).at_unix_ms, a->name, &event));
}

static void on_stranger(void *ctx, struct endpoint from)
{
    struct agent *a = ctx;
    if (strangers_hear(&a->strangers, uv_now(&a->loop), STRANGERS_PAUSE_MS))
        say_stranger(a, from);
}

/* Two clusters may well share a LAN; but who is alone there may have the wrong secret. */
static void on_stranger_beacon(void *ctx, struct endpoint from)
{
    struct agent *a = ctx;
    uint64_t pause_ms = is_alone(a) ? STRANGERS_PAUSE_MS : STRANGERS_LONG_PAUSE_MS;
    if (!a->is_ending && strangers_hear(&a->strangers, uv_now(&a->loop), pause_ms))
        say_stranger(a, from);
}

static void say_former(struct agent *a, struct endpoint from)
{
    char text[ADDRESS_TEXT_MAX];
    if (strangers_hear(&a->formers, uv_now(&a->loop), STRANGERS_PAUSE_MS))
        log_line(LOG_WARN, "member", "state", "other version", "from",
                 endpoint_text(&from, text), "cause",
                 "its agent is 0.1, which does not speak with this one; its work is left "
                 "where it is",
                 "remedy", "stop that agent and start it with this version", NULL);
}

static void on_former(void *ctx, struct endpoint from, struct bytes plain)
{
    struct agent *a = ctx;
    say_former(a, from);
    agent_step(a,
               &(struct node_input){.kind = INPUT_FORMER, .datagram = {.bytes = plain}});
    agent_perform(a);
}

static void on_former_beacon(void *ctx, struct endpoint at, struct node_id id)
{
    struct agent *a = ctx;
    say_former(a, at);
    agent_step(a, &(struct node_input){.kind = INPUT_FORMER_BEACON, .member = id});
    agent_perform(a);
}

static void on_api_stream(void *ctx, struct uv_gossip_stream *stream)
{
    struct agent *a = ctx;
    perform_api_stream(a, stream);
}

int uv_network_open(struct agent *a, struct err *err)
{
    const struct uv_gossip_events events = {.datagram = on_datagram,
                                            .refused = on_refused,
                                            .stream_opened = on_stream_opened,
                                            .stream_frame = on_stream_frame,
                                            .stream_closed = on_stream_closed,
                                            .stranger = on_stranger,
                                            .former = on_former,
                                            .api_stream = on_api_stream,
                                            .ctx = a};
    struct endpoint nowhere = {0}; /* see uv_address.c */
    return uv_gossip_open(&a->loop, &nowhere, &a->keys, &a->home.identity, &events,
                          &a->metrics, &a->gossip, err);
}

/* ---- others ---- */

static void on_meet(void *ctx, struct endpoint at)
{
    struct agent *a = ctx;
    char text[ADDRESS_TEXT_MAX];
    if (a->is_ending)
        return;
    log_line(LOG_DEBUG, "discovery", "heard", endpoint_text(&at, text), NULL);
    agent_step(a, &(struct node_input){.kind = INPUT_MEET, .endpoint = at});
    agent_perform(a);
}

/* A host without multicast is no error: --join is there for it. */
static void discover(struct agent *a)
{
    if (a->options->no_discover || !a->has_joined || a->advertise.family == 0)
        return;
    struct err err = {0};
    struct uv_discovery_options options = {.id = a->home.identity.id,
                                           .endpoint = a->advertise,
                                           .gossip = node_gossip(a->node),
                                           .sealer = uv_gossip_sealer(a->gossip),
                                           .metrics = &a->metrics,
                                           .meet = on_meet,
                                           .former = on_former_beacon,
                                           .stranger = on_stranger_beacon,
                                           .ctx = a};
    random_bytes(&options.seed, sizeof(options.seed));
    if (uv_discovery_open(&a->loop, &options, &a->discovery, &err) < 0)
        log_line(LOG_WARN, "discovery", "state", "off", "error", err.text, NULL);
}

static void on_seeds(void *ctx, const struct endpoint *seeds, size_t n, size_t n_unknown)
{
    struct agent *a = ctx;
    if (a->is_ending)
        return;
    bool is_first = !a->has_joined;
    a->has_joined = true;
    agent_step(
        a, &(struct node_input){.kind = INPUT_JOIN, .join = {seeds, n, n_unknown > 0}});
    agent_perform(a);
    if (is_first)
        discover(a);
}

void uv_network_moved(struct agent *a)
{
    uv_discovery_close(a->discovery);
    a->discovery = NULL;
    discover(a);
}

int uv_network_join(struct agent *a, struct err *err)
{
    const struct uv_seeds_events events = {
        .found = on_seeds, .is_alone = is_alone, .ctx = a};
    return uv_seeds_open(&a->loop, a->options->join, a->options->n_join, a->wanted.port,
                         &events, &a->seeds, err);
}

void uv_network_close(struct agent *a)
{
    uv_discovery_close(a->discovery);
    uv_seeds_close(a->seeds);
    uv_address_close(a);
    if (a->gossip)
        uv_gossip_close(a->gossip);
}

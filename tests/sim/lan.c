/* What gossip/uv_discovery.c does with sockets.  See lan.h. */
#include "tests/sim/lan.h"

#include "tests/sim/wire.h"

static void arm(struct sim *s, unsigned node)
{
    const struct sim_node *n = &s->nodes[node];
    uint64_t now_ms = sim_moment(s, n).now_ms,
             due_ms = discovery_deadline_ms(&n->discovery);
    event_push(s, event_new(s, EVENT_BEACON_DUE, node,
                            due_ms > now_ms ? due_ms - now_ms : 1, (struct bytes){0}));
}

void lan_start(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    discovery_init(&n->discovery, n->id, rng_next(&s->rng), sim_moment(s, n).now_ms);
    arm(s, node);
}

static void send(struct sim *s, unsigned node)
{
    const struct sim_node *n = &s->nodes[node];
    const struct gossip *g = node_gossip(n->node);
    const struct members *members = gossip_members(g);
    uint8_t plain[BEACON_LEN];
    struct beacon beacon = {.id = n->id,
                            .endpoint = n->endpoint,
                            .n_members =
                                (uint32_t)(members_count_state(members, MEMBER_ALIVE) +
                                           members_count_state(members, MEMBER_SUSPECT)),
                            .is_ready = gossip_is_ready(g)};
    beacon_encode(&beacon, plain);
    for (unsigned to = 0; to < sim_n_hosts(s); to++)
        if (to != node && s->nodes[to].node && n->endpoint.family != 0 &&
            s->nodes[to].meeting == MEET_BEACONS)
            wire_beacon(s, node, to, BYTES_OF(plain));
}

void lan_due(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    if (discovery_tick(&n->discovery, sim_moment(s, n).now_ms,
                       gossip_members(node_gossip(n->node))))
        send(s, node);
    arm(s, node);
}

void lan_hear(struct sim *s, const struct sim_event *e)
{
    struct sim_node *n = &s->nodes[e->node];
    struct moment at = sim_moment(s, n);
    struct beacon beacon;
    if (beacon_decode((struct bytes){e->bytes, e->len}, &beacon) < 0)
        sim_fail(s, "%s could not read a beacon", n->name);
    else if (discovery_hear(&n->discovery, at.now_ms, &beacon,
                            gossip_members(node_gossip(n->node))))
        tape_step(&n->tape, n->node, at,
                  &(struct node_input){.kind = INPUT_MEET, .endpoint = beacon.endpoint},
                  &n->fx);
}

/* Hosts' addresses.  See move.h. */
#include "tests/sim/move.h"

struct endpoint move_address(unsigned node, unsigned serial)
{
    return (struct endpoint){
        .family = 4,
        .address = {10, (uint8_t)serial, (uint8_t)(node >> 8), (uint8_t)node},
        .port = SIM_PORT};
}

bool move_is_bound(const struct sim_node *n)
{
    return n->endpoint.family != 0 && endpoint_equal(&n->endpoint, &n->host);
}

void move_host(struct sim *s, unsigned node, struct endpoint to)
{
    struct sim_node *n = &s->nodes[node];
    n->host = to;
    if (n->node)
        event_push(s,
                   event_new(s, EVENT_ADDRESS, node, MOVE_NOTICE_MS, (struct bytes){0}));
}

void move_look(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    struct host_address own = {.at = n->host, .is_up = true};
    own.at.port = 0;
    struct address_facts facts = {
        .bind = {.port = SIM_PORT}, .list = &own, .n = n->host.family != 0};
    n->endpoint = node_address_choice(n->node, &facts, n->meeting == MEET_SEEDS);
    tape_step(
        &n->tape, n->node, sim_moment(s, n),
        &(struct node_input){.kind = INPUT_ADDRESSED, .address = {&facts, n->endpoint}},
        &n->fx);
}

void move_by_dice(struct sim *s, unsigned node, uint64_t dice, bool is_fixed)
{
    struct sim_node *n = &s->nodes[node];
    bool goes = n->host.family != 0 && (is_fixed || dice % 2 == 0);
    n->n_moves += !goes && !is_fixed && dice / 2 % 4 != 0;
    move_host(s, node, goes ? (struct endpoint){0} : move_address(node, n->n_moves));
}

void move_end(struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].host.family == 0)
            move_host(s, i, move_address(i, s->nodes[i].n_moves));
}

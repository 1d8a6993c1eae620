/* The table of relayed probes: few and short-lived, so looking through it is cheap. */
#include "gossip/detect/relay.h"

#include "gossip/machine/family.h"
#include "gossip/detect/ping.h"
#include "gossip/machine/trip.h"

void relay_hear_request(struct gossip *g, uint64_t now_ms, struct endpoint from,
                        const struct message *m, struct gossip_effects *fx)
{
    struct peer *target = m->has_target ? members_peer(&g->members, m->target.id) : NULL;
    struct relay *place = NULL;
    for (size_t i = 0; i < RELAYS_MAX && !place; i++) {
        if (g->swim.relays[i].expires_ms == 0)
            place = &g->swim.relays[i];
        if (place && i >= g->swim.n_relays)
            g->swim.n_relays = i + 1;
    }
    if (!target || target == g->self || !place) {
        g->metrics->drop_bound++;
        return;
    }
    g->swim.next_sequence = g->swim.next_sequence % (UINT32_MAX - 1) + 1;
    *place = (struct relay){
        .requester = m->sender.id,
        .requester_endpoint = from,
        .target = target->member.id,
        .sequence = g->swim.next_sequence,
        .their_sequence = m->sequence,
        .nack_ms = now_ms + trip_timeout_ms(g, target) * 4 / 5,
        .expires_ms = now_ms + trip_probe_ms(g, target),
    };
    ping_send(g, now_ms, target, place->sequence, fx);
}

static void answer_relay(struct gossip *g, uint64_t now_ms, const struct relay *relay,
                         enum message_kind kind, struct gossip_effects *fx)
{
    struct peer *requester = members_peer(&g->members, relay->requester);
    struct peer *target = members_peer(&g->members, relay->target);
    if (!requester || !target)
        return;
    struct message m = machine_message(g, now_ms, kind, requester);
    m.sequence = relay->their_sequence;
    m.has_target = true;
    m.target = machine_member(target);
    machine_send(g, relay->requester_endpoint, requester, &m, true, fx);
}

void relay_hear_ack(struct gossip *g, uint64_t now_ms, struct node_id who,
                    uint32_t sequence, struct gossip_effects *fx)
{
    for (size_t i = 0; i < g->swim.n_relays; i++) {
        struct relay *relay = &g->swim.relays[i];
        if (relay->expires_ms == 0 || relay->sequence != sequence ||
            !node_id_equal(relay->target, who))
            continue;
        answer_relay(g, now_ms, relay, MESSAGE_ACK, fx);
        *relay = (struct relay){0};
        return;
    }
}

void relay_refused(struct gossip *g, uint64_t now_ms, const struct endpoint *at)
{
    for (size_t i = 0; i < g->swim.n_relays; i++) {
        struct relay *relay = &g->swim.relays[i];
        if (relay->expires_ms == 0 || relay->nack_ms == 0)
            continue;
        const struct peer *target = members_peer(&g->members, relay->target);
        if (target && family_is_at(target, at))
            relay->nack_ms = now_ms;
    }
}

void relay_clear(struct gossip *g)
{
    for (size_t i = 0; i < g->swim.n_relays; i++)
        g->swim.relays[i] = (struct relay){0};
    g->swim.n_relays = 0;
}

void relay_forgive(struct gossip *g, uint64_t late_ms)
{
    for (size_t i = 0; i < g->swim.n_relays; i++) {
        struct relay *relay = &g->swim.relays[i];
        relay->expires_ms += relay->expires_ms ? late_ms : 0;
        relay->nack_ms += relay->nack_ms ? late_ms : 0;
    }
}

void relay_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    for (size_t i = 0; i < g->swim.n_relays; i++) {
        struct relay *relay = &g->swim.relays[i];
        if (relay->expires_ms == 0)
            continue;
        if (relay->nack_ms && now_ms >= relay->nack_ms) {
            relay->nack_ms = 0;
            answer_relay(g, now_ms, relay, MESSAGE_NACK, fx);
        }
        if (now_ms >= relay->expires_ms)
            *relay = (struct relay){0};
    }
    while (g->swim.n_relays > 0 && g->swim.relays[g->swim.n_relays - 1].expires_ms == 0)
        g->swim.n_relays--;
}

uint64_t relay_deadline_ms(const struct gossip *g)
{
    uint64_t deadline = 0;
    for (size_t i = 0; i < g->swim.n_relays; i++) {
        const struct relay *relay = &g->swim.relays[i];
        if (relay->expires_ms == 0)
            continue;
        uint64_t at = relay->nack_ms ? relay->nack_ms : relay->expires_ms;
        deadline = deadline == 0 || at < deadline ? at : deadline;
    }
    return deadline;
}

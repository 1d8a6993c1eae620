/* One ping, by the family that the member is reached by.  See ping.h. */
#include "gossip/detect/ping.h"

#include "gossip/machine/family.h"

void ping_other_way(struct gossip *g, uint64_t now_ms, struct peer *to,
                    uint32_t sequence, struct gossip_effects *fx)
{
    struct endpoint other = family_other(g, to);
    struct message m = machine_message(g, now_ms, MESSAGE_PING, to);
    m.sequence = sequence;
    if (other.family != 0)
        machine_send(g, other, to, &m, true, fx);
}

void ping_send(struct gossip *g, uint64_t now_ms, struct peer *to, uint32_t sequence,
               struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PING, to);
    m.sequence = sequence;
    machine_send(g, family_endpoint(g, to), to, &m, true, fx);
    bool is_unanswered = to->member.state != MEMBER_ALIVE && sequence == 0;
    if (is_unanswered)
        ping_other_way(g, now_ms, to, sequence, fx);
}

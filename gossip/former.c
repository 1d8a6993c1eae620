/* Members that still run 0.1.  The two wires do not speak with each other; what can be read of the
 * former one is who is there. */
#include "gossip/gossip.h"
#include "gossip/machine/machine.h"

enum { QUIET_MS = 60000, OLD_MS = 60000 };

bool gossip_note_former(struct gossip *g, uint64_t now_ms, struct node_id id)
{
    struct peer *peer = members_peer(&g->members, id);
    struct heard *heard = peer && peer != g->self ? peer_hear(peer) : NULL;
    if (!heard)
        return false;
    uint64_t was_ms = heard->former_ms;
    heard->former_ms = now_ms;
    return was_ms == 0 || now_ms - was_ms > QUIET_MS;
}

/* What was recorded once can be sent again: its clock must be near to ours. */
bool gossip_hear_former(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                        struct bytes datagram)
{
    struct message m;
    arena_clear(&g->scratch);
    if (message_decode(datagram, &g->scratch, &m) < 0 ||
        m.at_unix_ms > at_unix_ms + OLD_MS || m.at_unix_ms + OLD_MS < at_unix_ms)
        return false;
    return gossip_note_former(g, now_ms, m.sender.id);
}

/* Headers, rumors in the space that is left, and the way out.  See machine.h. */
#include "gossip/machine/machine.h"

#include <stddef.h>

#include "core/trace.h"
#include "gossip/machine/family.h"

struct message_member machine_member(const struct peer *peer)
{
    struct message_member m = {
        .id = peer->member.id,
        .name = peer->member.name,
        .endpoint = peer->member.endpoint,
        .second = peer_heard(peer)->second,
        .state = peer->member.state,
        .incarnation = peer->member.incarnation,
    };
    const struct trouble *trouble = m.state == MEMBER_SUSPECT ? peer->trouble : NULL;
    if (trouble && trouble->n_accusers > 0)
        m.accuser = trouble->accusers[trouble->n_accusers - 1];
    return m;
}

bool machine_has(const struct gossip *g, enum gossip_part part)
{
    return (g->profile.without & (unsigned)part) == 0;
}

bool machine_is_mute(const struct gossip *g)
{
    return g->self->member.endpoint.family == 0 || g->twin.is_stopped;
}

bool machine_is_self(const struct gossip *g, struct node_id id)
{
    return node_id_equal(g->self->member.id, id);
}

size_t machine_n_live(const struct gossip *g)
{
    return g->members.roles[ROLE_LIVE].n + 1;
}

void machine_wake_push(struct gossip *g, uint64_t now_ms)
{
    enum { COALESCE_MS = 10 }; /* writes of one moment share a datagram */
    if (g->push.due_ms == 0)
        g->push.due_ms = now_ms + COALESCE_MS;
}

void machine_push_now(struct gossip *g, uint64_t now_ms)
{
    g->push.due_ms = now_ms;
}

void machine_number_from(struct gossip *g, uint64_t epoch, uint64_t number)
{
    g->epoch = epoch;
    g->number = g->push.told = number;
    g->push.awaited = g->push.asked = 0;
}

uint64_t machine_unix_ms(const struct gossip *g, uint64_t now_ms)
{
    return g->at_unix_ms + (now_ms > g->at_now_ms ? now_ms - g->at_now_ms : 0);
}

uint64_t machine_digest(const struct gossip *g)
{
    return g->table.digest ^ g->seen.hash;
}

struct message machine_message(struct gossip *g, uint64_t now_ms, enum message_kind kind,
                               const struct peer *to)
{
    struct message m = {
        .kind = kind,
        .sender = machine_member(g->self),
        .digest = machine_digest(g),
        .members_digest = g->members.digest,
        .at_unix_ms = machine_unix_ms(g, now_ms),
    };
    if (kind == MESSAGE_PING || kind == MESSAGE_ACK || kind == MESSAGE_SYNC ||
        kind == MESSAGE_SYNC_REPLY)
        m.epoch = g->life;
    if (to) {
        m.to = to->member.id;
        const struct seen_number *seen = seen_find(&g->seen, to->member.id);
        /* Equal digests say it already, and probes are most of what an idle cluster sends. */
        bool is_probe = kind == MESSAGE_PING || kind == MESSAGE_ACK;
        const struct heard *heard = peer_heard(to);
        bool is_said = is_probe && heard->at_ms != 0 && heard->digest == machine_digest(g);
        if (seen && !is_said) {
            m.known_epoch = seen->epoch;
            m.known_number = seen->number;
        }
    }
    return m;
}

struct telling {
    struct message *message;
    const struct peer *first; /* told already */
    size_t left;
};

static bool tell(void *ctx, struct rumor **slot)
{
    struct telling *t = ctx;
    const struct peer *peer =
        (const struct peer *)(const void *)((const char *)slot -
                                            offsetof(struct peer, rumor));
    struct message_member m = machine_member(peer);
    size_t size = message_member_size(&m);
    if (size > t->left || t->message->n_members == NEWS_MAX)
        return false;
    if (peer != t->first)
        t->message->members[t->message->n_members++] = m;
    t->left -= size;
    return true;
}

static void add_rumors(struct gossip *g, const struct peer *to, struct message *m)
{
    bool is_buddy =
        to && to->member.state != MEMBER_ALIVE && machine_has(g, GOSSIP_BUDDY);
    struct bytes bare;
    if ((!is_buddy && g->rumors.n == 0) || message_encode(m, &g->scratch, &bare) < 0 ||
        bare.len > MESSAGE_DATAGRAM_MAX)
        return;
    struct telling t = {.message = m, .left = MESSAGE_DATAGRAM_MAX - bare.len};
    m->members = arena_array(&g->scratch, NEWS_MAX, sizeof(*m->members));
    m->n_members = 0;
    if (!m->members)
        return;
    if (is_buddy) {
        t.first = to;
        m->members[m->n_members++] = machine_member(to);
        t.left -= message_member_size(&m->members[0]);
    }
    unsigned limit = rumor_limit(g->profile.retransmit_mult, machine_n_live(g));
    (void)rumor_take(&g->rumors, limit, tell, &t);
}

static void count_sent(struct peer *to, size_t n)
{
    struct heard *heard = to ? peer_hear(to) : NULL;
    if (heard)
        heard->bytes_out += n;
}

void machine_send(struct gossip *g, struct endpoint at, struct peer *to,
                  struct message *m, bool has_rumors, struct gossip_effects *fx)
{
    batch_flush(&g->batch, fx);
    if (machine_is_mute(g) || !family_is_ours(g, at.family))
        return; /* others speak to it for us, if it is there */
    if (has_rumors)
        add_rumors(g, to, m);
    struct bytes out;
    if (at.family == 0 || message_encode(m, &g->scratch, &out) < 0 ||
        out.len > MESSAGE_DATAGRAM_MAX) {
        g->metrics->drop_bound++;
        return;
    }
    count_sent(to, out.len);
    effect_send(fx, at, out);
}

void machine_send_frame(struct gossip *g, uint32_t stream, struct message *m,
                        struct gossip_effects *fx)
{
    batch_flush(&g->batch, fx);
    struct bytes out;
    if (message_encode(m, &g->scratch, &out) < 0 || out.len > FRAME_MAX) {
        g->metrics->drop_bound++;
        trace(g->tracer, "stream %u: a frame of kind %d is too large", stream,
              (int)m->kind);
        return;
    }
    count_sent(members_peer(&g->members, m->to), out.len);
    effect_stream_send(fx, stream, out);
}

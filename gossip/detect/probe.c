/* One probe begins in each period:
 *
 *     next_ms          timeout_ms                    deadline_ms = next next_ms
 *        |  ping  ------->|  ping-req to k others, and a stream  ---->|  failed: suspect
 *        |  ack: done     |  ack through one of them: done            |
 *
 * To a member that is far (trip.h) it takes longer, and others begin meanwhile.
 *
 * SWIM (Das et al. 2002), sections 3 and 4.3; Lifeguard (Dadgar et al. 2018), section
 * IV-A: a late node has reason to doubt itself, so its probes get slower and more
 * patient. */
#include "gossip/detect/probe.h"

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/detect/health.h"
#include "gossip/detect/news.h"
#include "gossip/detect/ping.h"
#include "gossip/detect/relay.h"
#include "gossip/machine/trip.h"

enum {
    ASKED_MAX = 8, /* members that probe for us */
    /* so few keep their order: shuffled, one may wait nearly two rounds */
    UNSHUFFLED_MAX = 4,
    LATE_MAX_MS = 10000, /* an answer that comes after this says nothing of the way */
};

/* The members by id make a ring, and in the k-th period of the wall clock everybody
 * probes the one k places behind: so each is probed by one other in each period, and its
 * death is met within two.  Drawn by chance it would be e/(e-1) on average and 5 now and
 * then.  Where clocks or lists differ, some are probed twice and some by chance only. Who
 * is late, or whose clock stands still, is out of step and gets NULL. */
static struct peer *shared_target(struct gossip *g, uint64_t now_ms)
{
    uint64_t k = machine_unix_ms(g, now_ms) / g->profile.probe_period_ms;
    if (k == g->swim.turn || health_patience(g) > 1)
        return NULL;
    g->swim.turn = k;
    size_t n = machine_n_live(g), rank = members_rank(&g->members, g->self);
    return members_ranked(&g->members, (rank + 1 + (size_t)(k % (n - 1))) % n);
}

static struct peer *next_target(struct gossip *g, uint64_t now_ms)
{
    const struct peer_list *live = &g->members.roles[ROLE_LIVE];
    if (live->n == 0)
        return NULL;
    struct peer *shared =
        machine_has(g, GOSSIP_SHARED_ORDER) ? shared_target(g, now_ms) : NULL;
    if (shared)
        return shared;
    if (g->swim.cursor >= live->n && live->n <= UNSHUFFLED_MAX) {
        g->swim.cursor = 0;
    } else if (g->swim.cursor >= live->n) {
        members_shuffle(&g->members, ROLE_LIVE, &g->rng);
        g->swim.cursor = 0;
    }
    return members_in(&g->members, ROLE_LIVE, g->swim.cursor++);
}

/* The probe of this sequence, or to this member; NULL. */
static struct probe *find_probe(struct gossip *g, uint32_t sequence, struct node_id who)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &g->swim.probes[i];
        if (node_id_is_zero(p->target))
            continue;
        if (node_id_equal(p->target, who) && (sequence == 0 || p->sequence == sequence))
            return p;
    }
    return NULL;
}

/* The first place; what is there goes on in another.  NULL when all are taken. */
static struct probe *take_probe(struct swim *s)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        if (!node_id_is_zero(s->probes[i].target))
            continue;
        s->probes[i] = s->probes[0];
        return &s->probes[0];
    }
    return NULL;
}

static void go_indirect(struct gossip *g, uint64_t now_ms, struct probe *p,
                        struct gossip_effects *fx)
{
    struct peer *target = members_peer(&g->members, p->target);
    struct peer *asked[ASKED_MAX];
    size_t k =
        g->profile.indirect_probes < ASKED_MAX ? g->profile.indirect_probes : ASKED_MAX;
    p->timeout_ms = 0;
    if (!target)
        return;
    bool is_ours = family_reaches(g, target);
    size_t n = is_ours ? family_draw(g, target, asked, k)
                       : family_draw_bridges(g, target, asked, k);
    for (size_t i = 0; i < n; i++) {
        struct message m = machine_message(g, now_ms, MESSAGE_PING_REQ, asked[i]);
        m.sequence = p->sequence;
        m.has_target = true;
        m.target = machine_member(target);
        machine_send(g, family_endpoint(g, asked[i]), asked[i], &m, true, fx);
    }
    p->n_asked = (unsigned)n;
    ping_other_way(g, now_ms, target, p->sequence, fx);
    struct stream *stream = stream_connect(g, now_ms, target, USE_PROBE, fx);
    if (stream) {
        stream->sequence = p->sequence;
        stream->idle_ms = p->deadline_ms;
    }
    trace(g->tracer, "no ack from %s in time: asking %zu others", target->member.name, n);
}

static void begin_probe(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    s->next_ms = now_ms + g->profile.probe_period_ms * health_patience(g);
    struct peer *to = next_target(g, now_ms);
    /* One that is far may still be asked. */
    struct probe *p = to && !find_probe(g, 0, to->member.id) ? take_probe(s) : NULL;
    if (!p)
        return;
    s->next_sequence = s->next_sequence % (UINT32_MAX - 1) + 1;
    uint64_t timeout_ms = trip_timeout_ms(g, to) * health_patience(g);
    *p = (struct probe){
        .target = to->member.id,
        .incarnation = to->member.incarnation,
        .sequence = s->next_sequence,
        .sent_ms = now_ms,
        .sent_us = g->now_us,
        .timeout_ms = now_ms + timeout_ms,
        .deadline_ms = now_ms + trip_probe_ms(g, to) * health_patience(g),
        .patient_ms = now_ms + timeout_ms + 2 * trip_far_ms(g, to),
    };
    g->metrics->probes++;
    ping_send(g, now_ms, to, p->sequence, fx);
    if (!family_reaches(g, to))
        go_indirect(g, now_ms, p, fx);
}

/* Those we asked answer at least that they tried; the fewer do, the likelier it is that
 * the trouble is ours. */
static void end_probe(struct gossip *g, uint64_t now_ms, struct probe *p,
                      struct gossip_effects *fx)
{
    struct probe ended = *p;
    struct peer *target = members_peer(&g->members, ended.target);
    *p = (struct probe){0};
    /* A new incarnation has spoken meanwhile: it is not the one that was asked. */
    if (!target || !peer_is_live(target) ||
        target->member.incarnation != ended.incarnation)
        return;
    g->swim.failed = ended;
    g->metrics->probe_failures++;
    health_change(g, ended.n_asked > ended.n_nacks ? (int)(ended.n_asked - ended.n_nacks)
                   : ended.n_asked               ? 0
                                                 : 1);
    trace(g->tracer, "no ack from %s", target->member.name);
    news_suspect(g, now_ms, target, fx);
}

/* Only a datagram of the member itself says how long the way is, and it does so late as well: who is
 * far has failed until that is known. */
void probe_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m,
                    bool is_datagram, struct gossip_effects *fx)
{
    struct probe *failed = &g->swim.failed;
    struct node_id who = m->has_target ? m->target.id : m->sender.id;
    if (m->sequence == 0)
        return;
    struct probe *p = find_probe(g, m->sequence, who);
    bool is_late = !p && m->sequence == failed->sequence &&
                   node_id_equal(who, failed->target) &&
                   now_ms - failed->sent_ms <= LATE_MAX_MS;
    struct peer *peer = p || is_late ? members_peer(&g->members, who) : NULL;
    if (peer && is_datagram && !m->has_target)
        trip_learn(g, now_ms, peer, p ? p : failed, m);
    if (is_late)
        *failed = (struct probe){0};
    if (p) {
        health_change(g, -1);
        *p = (struct probe){0};
    }
    if (!p && !is_late)
        relay_hear_ack(g, now_ms, who, m->sequence, fx);
}

/* When all who were asked have tried in vain, there is nothing to wait for. */
void probe_hear_nack(struct gossip *g, uint64_t now_ms, const struct message *m)
{
    struct probe *p =
        m->has_target && m->sequence != 0 && machine_has(g, GOSSIP_LOCAL_HEALTH)
            ? find_probe(g, m->sequence, m->target.id)
            : NULL;
    if (!p || p->n_nacks == p->n_asked || ++p->n_nacks < p->n_asked)
        return;
    uint64_t end_ms = now_ms > p->patient_ms ? now_ms : p->patient_ms;
    p->deadline_ms = end_ms < p->deadline_ms ? end_ms : p->deadline_ms;
}

void probe_refused(struct gossip *g, uint64_t now_ms, struct endpoint at,
                   struct gossip_effects *fx)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &g->swim.probes[i];
        const struct peer *target = members_peer(&g->members, p->target);
        if (target && p->timeout_ms != 0 && family_is_at(target, &at))
            go_indirect(g, now_ms, p, fx);
    }
    relay_refused(g, now_ms, &at);
}

/* ---- probing by stream: datagrams may be lost while hosts live ---- */

void probe_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                         struct gossip_effects *fx)
{
    const struct peer *peer = members_peer(&g->members, s->peer);
    struct message m = machine_message(g, now_ms, MESSAGE_PING, peer);
    m.sequence = s->sequence;
    if (peer && peer->member.state != MEMBER_ALIVE) {
        struct message_member belief = machine_member(peer);
        m.members = &belief;
        m.n_members = 1;
        machine_send_frame(g, s->id, &m, fx);
        return;
    }
    machine_send_frame(g, s->id, &m, fx);
}

void probe_stream_ping(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx)
{
    struct message ack =
        machine_message(g, now_ms, MESSAGE_ACK, members_peer(&g->members, m->sender.id));
    ack.sequence = m->sequence;
    machine_send_frame(g, s->id, &ack, fx);
}

/* ---- time ---- */

void probe_begin_anew(struct gossip *g, uint64_t now_ms)
{
    struct swim *s = &g->swim;
    for (size_t i = 0; i < PROBES_MAX; i++)
        s->probes[i] = (struct probe){0};
    s->failed = (struct probe){0};
    s->next_ms = now_ms + rng_below(&g->rng, g->profile.probe_period_ms);
    relay_clear(g);
}

void probe_forgive(struct gossip *g, uint64_t late_ms)
{
    struct swim *s = &g->swim;
    health_change(g, 1);
    s->next_ms += late_ms;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &s->probes[i];
        p->deadline_ms += p->deadline_ms ? late_ms : 0;
        p->patient_ms += p->patient_ms ? late_ms : 0;
        p->timeout_ms += p->timeout_ms ? late_ms : 0;
    }
    relay_forgive(g, late_ms);
}

void probe_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &g->swim.probes[i];
        if (p->timeout_ms != 0 && now_ms >= p->timeout_ms)
            go_indirect(g, now_ms, p, fx);
        if (p->deadline_ms != 0 && now_ms >= p->deadline_ms)
            end_probe(g, now_ms, p, fx);
    }
    if (now_ms >= g->swim.next_ms)
        begin_probe(g, now_ms, fx);
}

uint64_t probe_deadline_ms(const struct gossip *g)
{
    uint64_t deadline = g->swim.next_ms;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        const struct probe *p = &g->swim.probes[i];
        if (p->timeout_ms != 0 && p->timeout_ms < deadline)
            deadline = p->timeout_ms;
        if (p->deadline_ms != 0 && p->deadline_ms < deadline)
            deadline = p->deadline_ms;
    }
    return deadline;
}

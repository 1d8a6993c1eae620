/* One probe runs at a time:
 *
 *     next_ms          timeout_ms                    deadline_ms = next next_ms
 *        |  ping  ------->|  ping-req to k others, and a stream  ---->|  failed: suspect
 *        |  ack: done     |  ack through one of them: done            |
 *
 * SWIM (Das et al. 2002), sections 3 and 4.3; Lifeguard (Dadgar et al. 2018), section
 * IV-A: a late node has reason to doubt itself, so its probes get slower and more
 * patient. */
#include "gossip/swim.h"

#include <string.h>

#include "core/trace.h"
#include "gossip/entries.h"
#include "gossip/news.h"
#include "gossip/relay.h"

enum {
    ASKED_MAX = 8,         /* members that probe for us */
    REAP_CHECK_MS = 60000, /* how often the whole list is looked through */
    LEAVE_ROUNDS = 5,      /* a leave is told in so many gossip periods */
    FANOUT_MAX = 16,
    /* so few keep their order: shuffled, one may wait nearly two rounds */
    UNSHUFFLED_MAX = 4,
    REPEATS_PER_TIMEOUT = 4, /* how often a suspect is asked again */
    RUMORS_PER_HASTE = 8,    /* what waits beyond this shortens the gossip period */
    HASTE_MAX = 8,
    COORDINATE_RARELY = 3, /* one in so many acks tells it: 13 bytes */
    DEAF_MS = 1000,
    DEAF_MEMBERS = 3,
    DEAF_PERIODS = 20, /* so long a suspicion lasts at most in silence */
    STALL_PART = 4,    /* a tick that is a quarter of the probe timeout late is a stall */
    /* suspects asked again at once; the rest waits for the next tick */
    REPEATS_PER_TICK = 32,
};

static uint64_t patience(const struct gossip *g)
{
    return machine_has(g, GOSSIP_LOCAL_HEALTH) ? g->swim.health + 1 : 1;
}

static void health_add(struct gossip *g, int change)
{
    int health = (int)g->swim.health + change;
    health = health < 0 ? 0 : health > HEALTH_SCORE_MAX ? HEALTH_SCORE_MAX : health;
    g->swim.health = (unsigned)health;
}

void swim_start(struct gossip *g, uint64_t now_ms)
{
    struct swim *s = &g->swim;
    /* Nodes that start together would otherwise probe in step for ever. */
    s->next_ms = now_ms + 1 + rng_below(&g->rng, g->profile.probe_period_ms);
    s->rejoin_ms = now_ms + g->profile.rejoin_period_ms;
    s->reap_ms = now_ms + REAP_CHECK_MS;
    s->suspects_ms = UINT64_MAX;
    /* Small numbers are short on the wire. */
    s->next_sequence = (uint32_t)rng_below(&g->rng, 1 << 13);
}

/* ---- asking ---- */

void swim_probe(struct gossip *g, uint64_t now_ms, struct peer *to, uint32_t sequence,
                struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PING, to);
    m.sequence = sequence;
    machine_send(g, to->member.endpoint, to, &m, true, fx);
}

void swim_ping(struct gossip *g, uint64_t now_ms, struct peer *to,
               struct gossip_effects *fx)
{
    swim_probe(g, now_ms, to, 0, fx);
}

void swim_ping_address(struct gossip *g, uint64_t now_ms, struct endpoint at,
                       struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PING, NULL);
    machine_send(g, at, NULL, &m, true, fx);
}

/* The members by id make a ring, and in the k-th period of the wall clock everybody
 * probes the one k places behind: so each is probed by one other in each period, and its
 * death is met within two.  Drawn by chance it would be e/(e-1) on average and 5 now and
 * then.  Where clocks or lists differ, some are probed twice and some by chance only. Who
 * is late, or whose clock stands still, is out of step and gets NULL. */
static struct peer *shared_target(struct gossip *g, uint64_t now_ms)
{
    uint64_t k = machine_unix_ms(g, now_ms) / g->profile.probe_period_ms;
    if (k == g->swim.turn || patience(g) > 1)
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

static void begin_probe(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    uint64_t period = g->profile.probe_period_ms * patience(g);
    s->next_ms = now_ms + period;
    struct peer *to = next_target(g, now_ms);
    if (!to)
        return;
    s->target = to->member.id;
    s->incarnation = to->member.incarnation;
    s->sequence = s->next_sequence = s->next_sequence % (UINT32_MAX - 1) + 1;
    s->sent_ms = now_ms;
    s->sent_us = g->now_us;
    s->timeout_ms = now_ms + g->profile.probe_timeout_ms * patience(g);
    s->deadline_ms = s->next_ms;
    s->is_acked = false;
    s->n_asked = s->n_nacks = 0;
    g->metrics->probes++;
    swim_probe(g, now_ms, to, s->sequence, fx);
}

static void go_indirect(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    struct peer *target = members_peer(&g->members, s->target);
    struct peer *asked[ASKED_MAX];
    size_t k =
        g->profile.indirect_probes < ASKED_MAX ? g->profile.indirect_probes : ASKED_MAX;
    s->timeout_ms = 0;
    if (!target)
        return;
    size_t n = members_draw(&g->members, ROLE_LIVE, &g->rng, target, asked, k);
    for (size_t i = 0; i < n; i++) {
        struct message m = machine_message(g, now_ms, MESSAGE_PING_REQ, asked[i]);
        m.sequence = s->sequence;
        m.has_target = true;
        m.target = machine_member(target);
        machine_send(g, asked[i]->member.endpoint, asked[i], &m, true, fx);
    }
    s->n_asked = (unsigned)n;
    struct stream *stream = stream_connect(g, now_ms, target, USE_PROBE, fx);
    if (stream) {
        stream->sequence = s->sequence;
        stream->idle_ms = s->deadline_ms;
    }
    trace(g->tracer, "no ack from %s in time: asking %zu others", target->member.name, n);
}

/* Those we asked answer at least that they tried; the fewer do, the likelier it is that
 * the trouble is ours. */
static void end_probe(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    struct peer *target = members_peer(&g->members, s->target);
    s->target = (struct node_id){0};
    /* A new incarnation has spoken meanwhile: it is not the one that was asked. */
    if (s->is_acked || !target || !peer_is_live(target) ||
        target->member.incarnation != s->incarnation)
        return;
    g->metrics->probe_failures++;
    health_add(g, s->n_asked > s->n_nacks ? (int)(s->n_asked - s->n_nacks)
                  : s->n_asked            ? 0
                                          : 1);
    trace(g->tracer, "no ack from %s", target->member.name);
    news_suspect(g, now_ms, target, fx);
}

/* ---- answering ---- */

void swim_hear_ping(struct gossip *g, uint64_t now_ms, struct endpoint from,
                    const struct message *m, struct gossip_effects *fx)
{
    struct peer *peer = members_peer(&g->members, m->sender.id);
    struct message ack = machine_message(g, now_ms, MESSAGE_ACK, peer);
    ack.sequence = m->sequence;
    uint8_t coordinate[COORDINATE_WIRE];
    if (m->sequence != 0 && rng_below(&g->rng, COORDINATE_RARELY) == 0) {
        coordinate_encode(&g->coordinate.now, coordinate);
        ack.coordinate = (struct bytes){coordinate, sizeof(coordinate)};
    }
    machine_send(g, from, peer, &ack, true, fx);
}

/* Of a direct answer alone: what came late or by stream took another way. */
static void learn_trip(struct gossip *g, uint64_t now_ms, struct peer *peer,
                      const struct message *m)
{
    const struct swim *s = &g->swim;
    uint64_t rtt_us = s->sent_us && g->now_us >= s->sent_us ? g->now_us - s->sent_us
                                                            : (now_ms - s->sent_ms) * 1000;
    peer->member.rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us + 1 : UINT32_MAX;
    skew_hear(&g->skew, peer->member.id, s->sent_ms, peer->member.rtt_us, m->at_unix_ms);
    struct heard *heard = peer_hear(peer);
    struct coordinate theirs;
    if (!heard || !m->coordinate.at || coordinate_decode(m->coordinate, &theirs) < 0)
        return;
    memcpy(heard->coordinate, m->coordinate.at, sizeof(heard->coordinate));
    heard->has_coordinate = true;
    coordinate_learn(&g->coordinate, &theirs, peer->member.rtt_us, &g->rng);
}

void swim_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m,
                   struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    struct node_id who = m->has_target ? m->target.id : m->sender.id;
    if (m->sequence == 0)
        return;
    if (!node_id_is_zero(s->target) && m->sequence == s->sequence &&
        node_id_equal(who, s->target)) {
        struct peer *peer = members_peer(&g->members, who);
        if (peer && !m->has_target && s->timeout_ms != 0)
            learn_trip(g, now_ms, peer, m);
        if (!s->is_acked)
            health_add(g, -1);
        s->is_acked = true;
        s->timeout_ms = 0;
        return;
    }
    relay_hear_ack(g, now_ms, who, m->sequence, fx);
}

/* When all who were asked have tried in vain, there is nothing to wait for. */
void swim_hear_nack(struct gossip *g, uint64_t now_ms, const struct message *m)
{
    struct swim *s = &g->swim;
    if (!machine_has(g, GOSSIP_LOCAL_HEALTH))
        return;
    if (m->sequence != s->sequence || !m->has_target ||
        !node_id_equal(m->target.id, s->target) || s->n_nacks == s->n_asked)
        return;
    if (++s->n_nacks == s->n_asked && !s->is_acked)
        s->deadline_ms = now_ms;
}

void swim_refused(struct gossip *g, uint64_t now_ms, struct endpoint at,
                  struct gossip_effects *fx)
{
    const struct peer *target = members_peer(&g->members, g->swim.target);
    if (target && !g->swim.is_acked && g->swim.timeout_ms != 0 &&
        endpoint_equal(&target->member.endpoint, &at))
        go_indirect(g, now_ms, fx);
    relay_refused(g, now_ms, &at);
}

/* ---- probing by stream: datagrams may be lost while hosts live ---- */

void swim_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
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

void swim_stream_ping(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx)
{
    struct message ack =
        machine_message(g, now_ms, MESSAGE_ACK, members_peer(&g->members, m->sender.id));
    ack.sequence = m->sequence;
    machine_send_frame(g, s->id, &ack, fx);
}

/* ---- time ---- */

/* Many rumors at one time, of a cluster that starts or parts, go out in quick succession.
 */
static uint64_t gossip_period_ms(const struct gossip *g)
{
    size_t haste = 1 + g->rumors.n / RUMORS_PER_HASTE;
    return g->profile.gossip_period_ms / (haste < HASTE_MAX ? haste : HASTE_MAX);
}

static void tick_rumors(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    struct peer *to[FANOUT_MAX];
    if (g->rumors.n == 0 || now_ms < s->gossip_ms || g->members.roles[ROLE_LIVE].n == 0)
        return;
    s->gossip_ms = now_ms + gossip_period_ms(g);
    size_t fanout =
        g->profile.gossip_fanout < FANOUT_MAX ? g->profile.gossip_fanout : FANOUT_MAX;
    size_t n = members_draw(&g->members, ROLE_LIVE, &g->rng, NULL, to, fanout);
    for (size_t i = 0; i < n && g->rumors.n > 0; i++) {
        struct message m = machine_message(g, now_ms, MESSAGE_NEWS, to[i]);
        machine_send(g, to[i]->member.endpoint, to[i], &m, true, fx);
    }
}

/* When three or more fall silent at once, the fault is more likely ours. */
static bool is_deaf(const struct gossip *g, uint64_t now_ms)
{
    uint64_t silence_ms = 2 * (uint64_t)g->profile.probe_period_ms;
    silence_ms = silence_ms < DEAF_MS ? DEAF_MS : silence_ms;
    return machine_has(g, GOSSIP_DOUBT_SILENCE) && g->newest_ms != 0 &&
           now_ms >= g->newest_ms + silence_ms &&
           g->members.roles[ROLE_LIVE].n >= DEAF_MEMBERS;
}

/* A suspect has time for an answer left when we hear again; but not for ever. */
static void wait_for_ears(const struct gossip *g, uint64_t now_ms, struct trouble *trouble)
{
    uint64_t last_ms =
        trouble->suspected_ms + DEAF_PERIODS * (uint64_t)g->profile.probe_period_ms;
    uint64_t until_ms = now_ms + 2 * (uint64_t)g->profile.probe_period_ms;
    until_ms = until_ms < last_ms ? until_ms : last_ms;
    if (trouble->dead_at_ms < until_ms)
        trouble->dead_at_ms = until_ms;
}

static void sooner(uint64_t *deadline, uint64_t at)
{
    if (at != 0 && at < *deadline)
        *deadline = at;
}

/* So that steps in which nothing is due cost the same however many are suspected. */
static void next_suspects(struct gossip *g)
{
    g->swim.suspects_ms = UINT64_MAX;
    for (size_t i = 0; i < g->members.roles[ROLE_SUSPECT].n; i++) {
        const struct trouble *trouble = members_in(&g->members, ROLE_SUSPECT, i)->trouble;
        sooner(&g->swim.suspects_ms, trouble->dead_at_ms);
        sooner(&g->swim.suspects_ms, trouble->repeat_ms);
    }
}

static void tick_suspects(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    size_t n_repeats = 0;
    bool deaf = is_deaf(g, now_ms);
    if (!deaf && now_ms < g->swim.suspects_ms)
        return;
    /* Backwards: a suspect that is declared dead leaves the list, the last takes its
     * place. */
    for (size_t i = suspects->n; i-- > 0;) {
        struct peer *peer = members_in(&g->members, ROLE_SUSPECT, i);
        struct trouble *trouble = peer->trouble;
        if (deaf)
            wait_for_ears(g, now_ms, trouble);
        if (now_ms >= trouble->dead_at_ms) {
            news_dead(g, now_ms, peer, fx);
        } else if (trouble->repeat_ms && now_ms >= trouble->repeat_ms &&
                   n_repeats < REPEATS_PER_TICK) {
            trouble->repeat_ms = now_ms + g->profile.probe_timeout_ms / REPEATS_PER_TIMEOUT;
            n_repeats++;
            swim_ping(g, now_ms, peer, fx);
            if (now_ms - trouble->suspected_ms >= g->profile.probe_timeout_ms * patience(g))
                news_suspect(g, now_ms, peer, fx);
        }
    }
    next_suspects(g);
}

static void tick_dead(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    const struct peer_list *dead = &g->members.roles[ROLE_DEAD];
    if (dead->n == 0 || now_ms < g->swim.rejoin_ms)
        return;
    g->swim.rejoin_ms = now_ms + g->profile.rejoin_period_ms;
    swim_ping(g, now_ms, members_in(&g->members, ROLE_DEAD, g->swim.dead_cursor++ % dead->n),
              fx);
}

static void tick_reap(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (now_ms < g->swim.reap_ms)
        return;
    g->swim.reap_ms = now_ms + REAP_CHECK_MS;
    bool has_gone = members_count_state(&g->members, MEMBER_DEAD) > 0 ||
                    members_count_state(&g->members, MEMBER_LEFT) > 0;
    for (size_t i = has_gone ? g->members.all.n : 0; i-- > 0;) {
        struct peer *peer = members_nth(&g->members, i);
        if (peer == g->self || peer->member.state < MEMBER_DEAD)
            continue;
        if (!entries_drop_forgotten(g, peer, fx) && now_ms >= peer->trouble->reap_at_ms) {
            (void)entries_forget(g, now_ms, peer, fx);
            g->push.due_ms = now_ms;
        }
        /* Forgetting removes one member at most, this one. */
    }
}

static void tick_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (now_ms < g->swim.left_ms || g->has_left)
        return;
    g->has_left = true;
    (void)effect_add(fx, GOSSIP_LEFT);
}

/* How late the judging timers are. */
static uint64_t lateness_ms(const struct gossip *g, uint64_t now_ms)
{
    const struct swim *s = &g->swim;
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    uint64_t due = s->next_ms;
    if (!node_id_is_zero(s->target)) {
        sooner(&due, s->timeout_ms);
        sooner(&due, s->deadline_ms);
    }
    for (size_t i = 0; now_ms > s->suspects_ms && i < suspects->n; i++)
        sooner(&due, members_in(&g->members, ROLE_SUSPECT, i)->trouble->dead_at_ms);
    return now_ms > due ? now_ms - due : 0;
}

/* We did not run for a while (a busy host, SIGSTOP, a snapshot of the machine), so
 * answers wait unread and our timers prove nothing: all of them get that time back. */
static void forgive_stall(struct gossip *g, uint64_t late_ms)
{
    struct swim *s = &g->swim;
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    trace(g->tracer, "stalled for %u ms", (unsigned)late_ms);
    health_add(g, 1);
    s->next_ms += late_ms;
    s->deadline_ms += late_ms;
    s->timeout_ms += s->timeout_ms ? late_ms : 0;
    for (size_t i = 0; i < suspects->n; i++) {
        struct trouble *trouble = members_in(&g->members, ROLE_SUSPECT, i)->trouble;
        trouble->suspected_ms += late_ms;
        trouble->dead_at_ms += late_ms;
    }
    relay_forgive(g, late_ms);
}

void swim_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct swim *s = &g->swim;
    tick_rumors(g, now_ms, fx);
    relay_tick(g, now_ms, fx);
    if (g->is_leaving) {
        if (s->left_ms == 0)
            s->left_ms = now_ms + LEAVE_ROUNDS * g->profile.gossip_period_ms;
        tick_leave(g, now_ms, fx);
        return;
    }
    uint64_t late_ms = lateness_ms(g, now_ms);
    if (late_ms * STALL_PART > g->profile.probe_timeout_ms &&
        machine_has(g, GOSSIP_NOTICE_STALLS))
        forgive_stall(g, late_ms);
    bool is_running = !node_id_is_zero(s->target);
    if (is_running && s->timeout_ms != 0 && now_ms >= s->timeout_ms)
        go_indirect(g, now_ms, fx);
    if (is_running && now_ms >= s->deadline_ms)
        end_probe(g, now_ms, fx);
    if (now_ms >= s->next_ms)
        begin_probe(g, now_ms, fx);
    tick_suspects(g, now_ms, fx);
    tick_dead(g, now_ms, fx);
    tick_reap(g, now_ms, fx);
}

uint64_t swim_deadline_ms(const struct gossip *g)
{
    const struct swim *s = &g->swim;
    uint64_t deadline = g->is_leaving ? UINT64_MAX : s->next_ms;
    if (g->rumors.n > 0 && g->members.roles[ROLE_LIVE].n > 0)
        sooner(&deadline, s->gossip_ms ? s->gossip_ms : 1);
    sooner(&deadline, relay_deadline_ms(g));
    if (g->is_leaving) {
        if (!g->has_left)
            sooner(&deadline, s->left_ms ? s->left_ms : 1);
        return deadline;
    }
    if (!node_id_is_zero(s->target)) {
        sooner(&deadline, s->timeout_ms);
        sooner(&deadline, s->deadline_ms);
    }
    if (g->members.roles[ROLE_SUSPECT].n > 0)
        sooner(&deadline, s->suspects_ms);
    if (g->members.roles[ROLE_DEAD].n > 0)
        sooner(&deadline, s->rejoin_ms);
    sooner(&deadline, s->reap_ms);
    return deadline;
}

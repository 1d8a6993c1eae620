/* Who is alive: answers to pings, suspects, the dead, and rumors.  The probes themselves are in probe.c.
 * SWIM (Das et al. 2002), sections 3 and 4. */
#include "gossip/detect/swim.h"

#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/machine/family.h"
#include "gossip/detect/health.h"
#include "gossip/detect/news.h"
#include "gossip/detect/ping.h"
#include "gossip/detect/probe.h"
#include "gossip/detect/relay.h"
#include "gossip/machine/trip.h"

enum {
    REAP_CHECK_MS = 60000, /* how often the whole list is looked through */
    LEAVE_ROUNDS = 5,      /* a leave is told in so many gossip periods */
    FANOUT_MAX = 16,
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

void swim_start(struct gossip *g, uint64_t now_ms)
{
    struct swim *s = &g->swim;
    /* Nodes that start together would otherwise probe in step for ever. */
    s->next_ms = now_ms + 1 + rng_below(&g->rng, g->profile.probe_period_ms);
    s->rejoin_ms = now_ms + g->profile.rejoin_period_ms;
    s->reap_ms = now_ms + REAP_CHECK_MS;
    g->suspects_ms = UINT64_MAX;
    /* Small numbers are short on the wire. */
    s->next_sequence = (uint32_t)rng_below(&g->rng, 1 << 13);
}

/* ---- asking ---- */

void swim_ping(struct gossip *g, uint64_t now_ms, struct peer *to,
               struct gossip_effects *fx)
{
    ping_send(g, now_ms, to, 0, fx);
}

void swim_ping_address(struct gossip *g, uint64_t now_ms, struct endpoint at,
                       struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PING, NULL);
    machine_send(g, at, NULL, &m, true, fx);
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
    if (from.family == m->sender.endpoint.family &&
        !endpoint_equal(&from, &m->sender.endpoint))
        ack.observed = from;
    machine_send(g, from, peer, &ack, true, fx);
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
    size_t n = family_draw(g, NULL, to, fanout);
    for (size_t i = 0; i < n && g->rumors.n > 0; i++) {
        struct message m = machine_message(g, now_ms, MESSAGE_NEWS, to[i]);
        machine_send(g, family_endpoint(g, to[i]), to[i], &m, true, fx);
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
static void wait_for_ears(const struct gossip *g, uint64_t now_ms,
                          struct trouble *trouble)
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
    g->suspects_ms = UINT64_MAX;
    for (size_t i = 0; i < g->members.roles[ROLE_SUSPECT].n; i++) {
        const struct trouble *trouble = members_in(&g->members, ROLE_SUSPECT, i)->trouble;
        sooner(&g->suspects_ms, trouble->dead_at_ms);
        sooner(&g->suspects_ms, trouble->repeat_ms);
    }
}

static void tick_suspects(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    size_t n_repeats = 0;
    bool deaf = is_deaf(g, now_ms);
    if (!deaf && now_ms < g->suspects_ms)
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
            trouble->repeat_ms =
                now_ms + g->profile.probe_timeout_ms / REPEATS_PER_TIMEOUT;
            n_repeats++;
            swim_ping(g, now_ms, peer, fx);
            if (now_ms - trouble->suspected_ms >=
                trip_timeout_ms(g, peer) * health_patience(g))
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
    swim_ping(g, now_ms,
              members_in(&g->members, ROLE_DEAD, g->swim.dead_cursor++ % dead->n), fx);
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
            machine_push_now(g, now_ms);
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
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    uint64_t due = probe_deadline_ms(g);
    for (size_t i = 0; now_ms > g->suspects_ms && i < suspects->n; i++)
        sooner(&due, members_in(&g->members, ROLE_SUSPECT, i)->trouble->dead_at_ms);
    return now_ms > due ? now_ms - due : 0;
}

/* We did not run for a while (a busy host, SIGSTOP, a snapshot of the machine), so
 * answers wait unread and our timers prove nothing: all of them get that time back. */
static void prolong_suspicions(struct gossip *g, uint64_t for_ms)
{
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    for (size_t i = 0; i < suspects->n; i++) {
        struct trouble *trouble = members_in(&g->members, ROLE_SUSPECT, i)->trouble;
        trouble->suspected_ms += for_ms;
        trouble->dead_at_ms += for_ms;
    }
}

static void forgive_stall(struct gossip *g, uint64_t late_ms)
{
    trace(g->tracer, "stalled for %u ms", (unsigned)late_ms);
    probe_forgive(g, late_ms);
    prolong_suspicions(g, late_ms);
}

void swim_resume(struct gossip *g, uint64_t now_ms, uint64_t mute_ms)
{
    probe_begin_anew(g, now_ms);
    prolong_suspicions(g, mute_ms);
    g->suspects_ms = now_ms; /* look again at when something is due at one */
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
    probe_tick(g, now_ms, fx);
    tick_suspects(g, now_ms, fx);
    tick_dead(g, now_ms, fx);
    tick_reap(g, now_ms, fx);
}

uint64_t swim_deadline_ms(const struct gossip *g)
{
    const struct swim *s = &g->swim;
    uint64_t deadline = g->is_leaving ? UINT64_MAX : probe_deadline_ms(g);
    if (g->rumors.n > 0 && g->members.roles[ROLE_LIVE].n > 0)
        sooner(&deadline, s->gossip_ms ? s->gossip_ms : 1);
    sooner(&deadline, relay_deadline_ms(g));
    if (g->is_leaving) {
        if (!g->has_left)
            sooner(&deadline, s->left_ms ? s->left_ms : 1);
        return deadline;
    }
    if (g->members.roles[ROLE_SUSPECT].n > 0)
        sooner(&deadline, g->suspects_ms);
    if (g->members.roles[ROLE_DEAD].n > 0)
        sooner(&deadline, s->rejoin_ms);
    sooner(&deadline, s->reap_ms);
    return deadline;
}

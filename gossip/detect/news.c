/* SWIM's suspicion and refutation (Das et al. 2002, section 4.2) with Lifeguard's
 * shrinking suspicion (Dadgar et al. 2018, section IV-B). */
#include "gossip/detect/news.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/machine/family.h"
#include "gossip/table/stored.h"
#include "gossip/machine/trip.h"
#include "gossip/detect/health.h"
#include "gossip/detect/twin.h"

enum {
    NEEDED_CONFIRMATIONS = 3,  /* Lifeguard's K */
    /* a suspect has this long, or 1.5 periods, for an answer: hosts stall */
    FLOOR_MS = 1500,
};

static bool is_name_fine(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/')
            return false;
    }
    return len > 0 && len <= NAME_LEN_MAX;
}

/* ---- the store ---- */

static void persist_peer(struct gossip *g, const struct peer *peer,
                         struct gossip_effects *fx)
{
    char key[5 + sizeof(peer->member.id.at)] = "peer/";
    memcpy(key + 5, peer->member.id.at, sizeof(peer->member.id.at));
    struct member member = peer->member;
    member.endpoint = family_endpoint(g, peer); /* where it is asked after a restart */
    struct bytes value = stored_peer_encode(&member, &fx->arena);
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, arena_bytes(&fx->arena, BYTES_OF(key)),
                  value);
}

static void persist_incarnation(struct gossip *g, struct gossip_effects *fx)
{
    struct bytes value = stored_number_encode(0, g->self->member.incarnation, &fx->arena);
    struct bytes key = arena_bytes(&fx->arena, bytes_of_text("incarnation"));
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, key, value);
    g->batch.is_synced = true; /* after a power cut the next life must not take the same number */
}

int news_restore_incarnation(struct gossip *g, struct bytes value)
{
    uint64_t epoch, incarnation;
    if (stored_number_decode(value, &epoch, &incarnation) < 0)
        return ERR_DAMAGED;
    struct member self = g->self->member;
    if (incarnation >= INCARNATION_MAX - 1)
        self.incarnation = INCARNATION_MAX - 1;
    else if (incarnation >= self.incarnation)
        self.incarnation = (uint32_t)incarnation + 1;
    (void)members_update(&g->members, g->self, &self, true, &g->rng);
    return 0;
}

/* A remembered peer counts as dead at the incarnation before its last: it is looked for,
 * and any word from itself brings it back without a refutation. */
int news_restore_peer(struct gossip *g, struct bytes value)
{
    char name[NAME_LEN_MAX + 1];
    struct member member;
    if (stored_peer_decode(value, name, &member) < 0 || !is_name_fine(name) ||
        node_id_is_zero(member.id) || member.incarnation >= INCARNATION_MAX ||
        (member.endpoint.family != 4 && member.endpoint.family != 6))
        return ERR_DAMAGED;
    if (members_peer(&g->members, member.id))
        return 0;
    member.state = MEMBER_DEAD;
    member.changed_ms = g->self->member.changed_ms;
    if (member.incarnation > 0)
        member.incarnation--;
    struct peer *peer;
    int err = members_add(&g->members, &member, false, &g->rng, &peer);
    if (err == 0)
        peer->trouble->reap_at_ms = member.changed_ms + g->profile.reap_after_ms;
    return err < 0 ? err : 0;
}

void news_persist(struct gossip *g, struct gossip_effects *fx)
{
    for (size_t i = 0; i < g->members.all.n; i++) {
        const struct peer *peer = members_nth(&g->members, i);
        if (peer != g->self)
            persist_peer(g, peer, fx);
    }
    persist_incarnation(g, fx);
}

void news_start(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    (void)now_ms;
    persist_incarnation(g, fx);
    for (size_t i = 0; i < members_count(&g->members); i++) {
        const struct member *member = members_at(&g->members, i);
        effect_member(fx, member, member->state);
    }
}

/* ---- suspicion ---- */

static uint64_t suspicion_ms(const struct gossip *g, size_t n_confirmations)
{
    double n = (double)machine_n_live(g);
    double period = g->profile.probe_period_ms;
    double min = g->profile.suspicion_mult * log10(n + 1) * period;
    double floor = 1.5 * period < FLOOR_MS ? FLOOR_MS : 1.5 * period;
    min = min < floor ? floor : min;
    if (!machine_has(g, GOSSIP_DYNAMIC_SUSPICION))
        return (uint64_t)min;
    double max = min * g->profile.suspicion_max_mult;
    double needed = n - 2 < NEEDED_CONFIRMATIONS ? n - 2 : NEEDED_CONFIRMATIONS;
    if (needed < 1)
        return (uint64_t)min;
    double shrunk =
        max - (max - min) * log((double)n_confirmations + 1) / log(needed + 1);
    return (uint64_t)(shrunk < min ? min : shrunk);
}

/* True when this accuser is the first to say so. */
static bool accuse(struct trouble *t, struct node_id accuser)
{
    for (size_t i = 0; i < t->n_accusers; i++) {
        if (node_id_equal(t->accusers[i], accuser))
            return false;
    }
    if (t->n_accusers == ACCUSERS_MAX || node_id_is_zero(accuser))
        return false;
    t->accusers[t->n_accusers++] = accuser;
    return true;
}

static void expect_at(struct gossip *g, uint64_t at_ms)
{
    if (at_ms < g->suspects_ms)
        g->suspects_ms = at_ms;
}

static void set_deadline(struct gossip *g, const struct peer *peer)
{
    struct trouble *t = peer->trouble;
    size_t n_confirmations = t->n_accusers ? t->n_accusers - 1 : 0;
    t->dead_at_ms =
        t->suspected_ms + suspicion_ms(g, n_confirmations) + trip_refute_ms(g, peer);
    expect_at(g, t->dead_at_ms);
}

/* In a small cluster everybody, in a large one a few, ask a suspect at once whether it
 * lives: its answer refutes, its silence confirms.  False when out of memory. */
static bool begin_suspicion(struct gossip *g, uint64_t now_ms, struct peer *peer,
                            struct node_id accuser)
{
    struct trouble *t = members_trouble(&g->members, peer);
    if (!t) {
        g->metrics->drop_bound++;
        return false;
    }
    t->n_accusers = 0;
    t->suspected_ms = now_ms;
    (void)accuse(t, accuser);
    set_deadline(g, peer);
    size_t n = machine_n_live(g);
    bool asks = n <= DIRECT_MEMBERS || machine_is_self(g, accuser) ||
                rng_chance(&g->rng, 3.0 / (double)n);
    t->repeat_ms = asks && machine_has(g, GOSSIP_ASK_SUSPECTS) ? now_ms : 0;
    if (t->repeat_ms)
        expect_at(g, t->repeat_ms);
    return true;
}

/* ---- changes ---- */

static void change(struct gossip *g, uint64_t now_ms, struct peer *peer,
                   const struct member *to, bool is_fresh, struct gossip_effects *fx)
{
    enum member_state was = peer->member.state;
    uint32_t was_incarnation = peer->member.incarnation;
    struct member next = *to;
    next.changed_ms = was == to->state ? peer->member.changed_ms : now_ms;
    bool is_same_place = strcmp(peer->member.name, to->name) == 0 &&
                         endpoint_equal(&peer->member.endpoint, &to->endpoint);
    bool is_same_peer = is_same_place && peer->member.incarnation == to->incarnation;
    if (members_update(&g->members, peer, &next, peer == g->self, &g->rng) < 0) {
        g->metrics->drop_bound++;
        return;
    }
    if (peer != g->self && to->incarnation > was_incarnation && peer->heard)
        peer->heard->second = (struct endpoint){0}; /* its newer word says whether it has one */
    family_settle(peer);
    if (!is_same_peer && peer != g->self)
        persist_peer(g, peer, fx);
    bool is_gone = to->state == MEMBER_DEAD || to->state == MEMBER_LEFT;
    uint64_t spread_ms = is_gone ? rng_below(&g->rng, g->profile.reap_after_ms / 16 + 1) : 0;
    if (peer->trouble)
        peer->trouble->reap_at_ms = now_ms + g->profile.reap_after_ms + spread_ms;
    if (is_fresh)
        rumor_put(&g->rumors, &peer->rumor);
    trace(g->tracer, "%s %s incarnation=%u", member_state_name(to->state), to->name,
          to->incarnation);
    if (was != to->state) /* else it has refuted something, which is no news, or it has moved */
        effect_member(fx, &peer->member, was);
    else if (!is_same_place && peer != g->self)
        effect_moved(fx, &peer->member);
}

static void add(struct gossip *g, uint64_t now_ms, const struct member *member,
                const struct message_member *m, bool is_fresh, struct gossip_effects *fx)
{
    struct peer *peer;
    if ((member->state == MEMBER_DEAD || member->state == MEMBER_LEFT) &&
        entries_is_forgotten(g, member->id, member->incarnation))
        return;
    struct member first = *member;
    first.changed_ms = now_ms;
    if (members_add(&g->members, &first, false, &g->rng, &peer) < 0) {
        g->metrics->drop_bound++;
        return;
    }
    if (member->state == MEMBER_SUSPECT)
        (void)begin_suspicion(g, now_ms, peer, m->accuser); /* it is in trouble already */
    if (peer->trouble)
        peer->trouble->reap_at_ms = now_ms + g->profile.reap_after_ms;
    persist_peer(g, peer, fx);
    if (is_fresh)
        rumor_put(&g->rumors, &peer->rumor);
    trace(g->tracer, "%s %s incarnation=%u new", member_state_name(member->state),
          member->name, member->incarnation);
    effect_member(fx, &peer->member, peer->member.state);
}

/* Someone holds a belief of ourselves that is not ours: ours gets the higher incarnation. */
static void hear_of_self(struct gossip *g, uint64_t now_ms,
                         const struct message_member *m, struct gossip_effects *fx)
{
    struct member self = g->self->member;
    bool is_same = m->state == MEMBER_ALIVE && strcmp(m->name, self.name) == 0 &&
                   endpoint_equal(&m->endpoint, &self.endpoint);
    if (m->incarnation < self.incarnation ||
        (m->incarnation == self.incarnation && is_same) || g->is_leaving)
        return;
    if (m->state == MEMBER_ALIVE)
        twin_hear_of_self(g, now_ms, &m->endpoint, fx);
    if (m->state == MEMBER_SUSPECT)
        health_change(g, 1);
    self.incarnation =
        m->incarnation < INCARNATION_MAX - 1 ? m->incarnation + 1 : m->incarnation;
    trace(g->tracer, "refute: i am not %s", member_state_name(m->state));
    change(g, now_ms, g->self, &self, true, fx);
    if (m->state == MEMBER_SUSPECT || m->state == MEMBER_DEAD)
        effect_member(fx, &g->self->member, m->state);
    persist_incarnation(g, fx);
}

void news_survive(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct member self = g->self->member;
    uint32_t after = entries_incarnation_after(g, self.id);
    if (g->is_leaving || self.incarnation >= INCARNATION_MAX - 1)
        return;
    self.incarnation = self.incarnation < after ? after : self.incarnation + 1;
    trace(g->tracer, "survive: forgotten, and not gone");
    change(g, now_ms, g->self, &self, true, fx);
    persist_incarnation(g, fx);
}

void news_move(struct gossip *g, uint64_t now_ms, struct endpoint to,
               struct gossip_effects *fx)
{
    struct member self = g->self->member;
    bool is_told = g->is_started && to.family != 0;
    self.endpoint = to;
    if (is_told && self.incarnation < INCARNATION_MAX - 1)
        self.incarnation++;
    change(g, now_ms, g->self, &self, is_told, fx);
    if (is_told)
        persist_incarnation(g, fx);
}

/* The same suspicion from one more member shortens it. */
static void confirm(struct gossip *g, struct peer *peer, const struct message_member *m,
                    bool is_fresh)
{
    if (!accuse(peer->trouble, m->accuser))
        return;
    set_deadline(g, peer);
    if (is_fresh)
        rumor_put(&g->rumors, &peer->rumor);
}

static bool is_word_fine(const struct message_member *m)
{
    uint32_t end = m->state == MEMBER_ALIVE ? INCARNATION_MAX : INCARNATION_MAX - 1;
    return is_name_fine(m->name) && m->endpoint.family != 0 && m->incarnation < end;
}

static void hear_member(struct gossip *g, uint64_t now_ms,
                        const struct message_member *m, enum news_source source,
                        struct gossip_effects *fx)
{
    if (!is_word_fine(m)) {
        g->metrics->drop_malformed++;
        return;
    }
    if (machine_is_self(g, m->id)) {
        hear_of_self(g, now_ms, m, fx);
        return;
    }
    struct member to = {
        .id = m->id,
        .endpoint = m->endpoint,
        .state = m->state,
        .incarnation = m->incarnation,
        .name = m->name,
    };
    bool is_fresh = source != NEWS_SYNC;
    struct peer *peer = members_peer(&g->members, m->id);
    if (!peer) {
        add(g, now_ms, &to, m, is_fresh, fx);
        return;
    }
    bool is_live =
        peer->member.state == MEMBER_ALIVE || peer->member.state == MEMBER_SUSPECT;
    if (source == NEWS_SYNC && to.state == MEMBER_DEAD && is_live)
        to.state = MEMBER_SUSPECT;
    if (to.incarnation == peer->member.incarnation && to.state == MEMBER_SUSPECT &&
        peer->member.state == MEMBER_SUSPECT) {
        confirm(g, peer, m, is_fresh);
        return;
    }
    if (to.incarnation < peer->member.incarnation ||
        (to.incarnation == peer->member.incarnation && to.state <= peer->member.state))
        return;
    if (source != NEWS_OWN && twin_doubts(g, now_ms, peer, m, fx))
        return;
    if (to.state == MEMBER_SUSPECT && !begin_suspicion(g, now_ms, peer, m->accuser))
        return;
    change(g, now_ms, peer, &to, is_fresh, fx);
}

void news_hear(struct gossip *g, uint64_t now_ms, const struct message_member *m,
               enum news_source source, struct gossip_effects *fx)
{
    hear_member(g, now_ms, m, source, fx);
    struct peer *peer = m->second.family ? members_peer(&g->members, m->id) : NULL;
    if (peer && peer != g->self && m->incarnation >= peer->member.incarnation &&
        family_learn(peer, &m->second))
        persist_peer(g, peer, fx);
}

void news_believe(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                  struct gossip_effects *fx)
{
    struct peer *peer = members_peer(&g->members, m->id);
    struct member to = {.id = m->id,
                        .endpoint = m->endpoint,
                        .state = m->state,
                        .incarnation = m->incarnation,
                        .name = m->name};
    if (!is_word_fine(m) || m->state == MEMBER_SUSPECT) { /* a suspicion is another's word */
        g->metrics->drop_malformed++;
        return;
    }
    if (!peer || m->incarnation < peer->member.incarnation)
        return;
    (void)family_learn(peer, &m->second);
    change(g, now_ms, peer, &to, true, fx);
}

void news_correct(struct gossip *g, uint64_t now_ms, const struct message *m,
                  struct gossip_effects *fx)
{
    enum { CORRECT_MS = 10, CORRECT_MAX = 8 }; /* what a storm of suspicions may cost */
    struct peer *teller = members_peer(&g->members, m->sender.id);
    struct message_member newer[CORRECT_MAX];
    size_t n = 0;
    if (!teller || now_ms < g->corrected_ms || !machine_has(g, GOSSIP_ASK_SUSPECTS))
        return;
    for (size_t i = 0; i < m->n_members && n < CORRECT_MAX; i++) {
        const struct message_member *told = &m->members[i];
        const struct peer *peer = members_peer(&g->members, told->id);
        bool accuses = told->state == MEMBER_SUSPECT || told->state == MEMBER_DEAD;
        if (accuses && peer && peer != g->self && peer->member.state == MEMBER_ALIVE &&
            peer->member.incarnation > told->incarnation)
            newer[n++] = machine_member(peer);
    }
    if (n == 0)
        return;
    g->corrected_ms = now_ms + CORRECT_MS;
    struct message answer = machine_message(g, now_ms, MESSAGE_NEWS, teller);
    answer.members = newer;
    answer.n_members = n;
    machine_send(g, family_endpoint(g, teller), teller, &answer, false, fx);
}

void news_suspect(struct gossip *g, uint64_t now_ms, struct peer *peer,
                  struct gossip_effects *fx)
{
    struct member to = peer->member;
    struct node_id self = g->self->member.id;
    if (to.state == MEMBER_SUSPECT) {
        if (accuse(peer->trouble, self)) {
            set_deadline(g, peer);
            rumor_put(&g->rumors, &peer->rumor);
        }
        return;
    }
    to.state = MEMBER_SUSPECT;
    if (begin_suspicion(g, now_ms, peer, self))
        change(g, now_ms, peer, &to, true, fx);
}

void news_dead(struct gossip *g, uint64_t now_ms, struct peer *peer,
               struct gossip_effects *fx)
{
    assert(peer->member.state == MEMBER_SUSPECT);
    struct member to = peer->member;
    to.state = MEMBER_DEAD;
    change(g, now_ms, peer, &to, true, fx);
}

void news_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct member to = g->self->member;
    to.state = MEMBER_LEFT;
    change(g, now_ms, g->self, &to, true, fx);
}

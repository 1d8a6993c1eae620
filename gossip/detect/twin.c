/* Finding out about twins.  See twin.h. */
#include "gossip/detect/twin.h"

#include <string.h>

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/detect/swim.h"

enum {
    SELF_START_MS = 10000, /* so long our former life may still be heard speaking */
    ASK_SELF_MS = 30000,   /* what we were last heard at is asked so long */
    FORGET_MS = 3600000,   /* after the last word of the younger life */
    TELL_AGAIN = 4,        /* times, since any may be lost */
};

bool twin_is_stopped(const struct gossip *g)
{
    return g->twin.is_stopped;
}

static bool is_elder(const struct twin_life *a, const struct twin_life *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch;
    return endpoint_compare(&a->endpoint, &b->endpoint) < 0;
}

static struct twin_life own_life(const struct gossip *g)
{
    return (struct twin_life){g->life, g->self->member.endpoint};
}

/* ---- twins that are known ---- */

static struct twin_known *find_known(struct gossip *g, struct node_id id)
{
    for (size_t i = 0; i < TWINS_KNOWN_MAX; i++)
        if (g->twin.known[i].until_ms != 0 && node_id_equal(g->twin.known[i].id, id))
            return &g->twin.known[i];
    return NULL;
}

static void tell_one(struct gossip *g, uint64_t now_ms, struct node_id to,
                     const struct endpoint *at, const struct twin_known *k,
                     struct gossip_effects *fx)
{
    const struct peer *peer = members_peer(&g->members, k->id);
    struct message m = machine_message(g, now_ms, MESSAGE_TWIN, NULL);
    uint64_t epochs[2] = {k->elder.epoch, k->younger.epoch};
    struct message_member lives[2] = {
        {.id = k->id, .name = peer ? peer->member.name : "", .endpoint = k->elder.endpoint},
        {.id = k->id, .name = "", .endpoint = k->younger.endpoint}};
    lives[1].name = lives[0].name;
    m.to = to;
    m.members = lives;
    m.n_members = 2;
    m.items = epochs;
    m.n_items = 2;
    machine_send(g, *at, NULL, &m, false, fx);
}

/* Both, and everybody who is live: in a large cluster a part, which others may find out themselves. */
static void tell_all(struct gossip *g, uint64_t now_ms, struct twin_known *k,
                     struct gossip_effects *fx)
{
    struct peer *told[TWINS_TOLD_MAX];
    k->again_ms = now_ms + g->profile.probe_period_ms;
    tell_one(g, now_ms, k->id, &k->younger.endpoint, k, fx);
    tell_one(g, now_ms, k->id, &k->elder.endpoint, k, fx);
    size_t n = family_draw(g, NULL, told, TWINS_TOLD_MAX);
    for (size_t i = 0; i < n; i++) {
        struct endpoint at = family_endpoint(g, told[i]);
        if (!node_id_equal(told[i]->member.id, k->id))
            tell_one(g, now_ms, told[i]->member.id, &at, k, fx);
    }
}

static void begin_telling(struct gossip *g, uint64_t now_ms, struct twin_known *k,
                          struct gossip_effects *fx)
{
    k->n_again = TELL_AGAIN;
    tell_all(g, now_ms, k, fx);
}

/* Write down who is who; NULL when that is known already.  Without room the first is overwritten. */
static struct twin_known *keep_known(struct gossip *g, uint64_t now_ms, struct node_id id,
                                     const struct twin_life *elder, const struct twin_life *younger,
                                     struct gossip_effects *fx)
{
    struct twin_known *k = find_known(g, id);
    bool is_same = k && k->elder.epoch == elder->epoch &&
                   k->younger.epoch == younger->epoch &&
                   endpoint_equal(&k->younger.endpoint, &younger->endpoint);
    for (size_t i = 0; !k && i < TWINS_KNOWN_MAX; i++)
        if (g->twin.known[i].until_ms == 0)
            k = &g->twin.known[i];
    if (!k)
        k = &g->twin.known[0];
    if (!is_same)
        *k = (struct twin_known){.id = id, .elder = *elder, .younger = *younger};
    k->until_ms = now_ms + FORGET_MS;
    k->told_ms = now_ms;
    if (is_same)
        return NULL;
    const struct member *member = members_find(&g->members, id);
    if (member)
        effect_twin(fx, member, &younger->endpoint);
    return k;
}

static bool is_younger(const struct twin_known *k, const struct endpoint *at)
{
    return k && endpoint_equal(&k->younger.endpoint, at);
}

/* It has not heard of it yet, or it would be silent. */
static void tell_younger(struct gossip *g, uint64_t now_ms, struct twin_known *k,
                         struct gossip_effects *fx)
{
    k->until_ms = now_ms + FORGET_MS;
    if (now_ms < k->told_ms + g->profile.probe_period_ms)
        return;
    k->told_ms = now_ms;
    tell_one(g, now_ms, k->id, &k->younger.endpoint, k, fx);
}

void twin_start(struct gossip *g, uint64_t now_ms, twin_believe *believe)
{
    g->twin.believe = believe;
    g->twin.started_ms = now_ms;
}

void twin_drop_checks(struct gossip *g)
{
    memset(g->twin.checks, 0, sizeof(g->twin.checks));
}

/* ---- at oneself ---- */

/* The younger stops: it says nothing, hears nothing, writes nothing. */
static void stop(struct gossip *g, const struct twin_life *elder, struct gossip_effects *fx)
{
    g->twin.is_stopped = true;
    g->twin.elder = elder->endpoint;
    g->is_ready = false;
    stream_close_all(g, fx);
    trace(g->tracer, "stopped: this identity lives elsewhere, and longer");
    effect_twin(fx, &g->self->member, &elder->endpoint);
}

static void face_twin(struct gossip *g, uint64_t now_ms, const struct twin_life *other,
                      struct gossip_effects *fx)
{
    struct twin_life own = own_life(g);
    if (!is_elder(&own, other)) {
        stop(g, other, fx);
        return;
    }
    struct twin_known *k = keep_known(g, now_ms, g->self->member.id, &own, other, fx);
    g->twin.self_at = (struct endpoint){0};
    if (k)
        begin_telling(g, now_ms, k, fx);
}

static bool was_ours_before(const struct gossip *g, const struct endpoint *at)
{
    for (size_t i = 0; i < OWN_ENDPOINTS_MAX; i++)
        if (endpoint_equal(&g->twin.own[i], at))
            return true;
    return false;
}

void twin_remember_own(struct gossip *g, const struct endpoint *at)
{
    if (at->family == 0 || was_ours_before(g, at))
        return;
    memmove(&g->twin.own[1], &g->twin.own[0], sizeof(g->twin.own) - sizeof(g->twin.own[0]));
    g->twin.own[0] = *at;
}

static bool was_ours(const struct gossip *g, const struct endpoint *at)
{
    return was_ours_before(g, at) || family_is_at(g->self, at);
}

/* What answers there as ourselves lives now; what once was said may be of our former life. */
static void ask_self(struct gossip *g, uint64_t now_ms, const struct endpoint *at,
                     struct gossip_effects *fx)
{
    if (now_ms < g->twin.ask_self_ms || was_ours(g, at))
        return;
    struct endpoint there = *at; /* which may be self_at itself */
    g->twin.self_at = there;
    g->twin.ask_self_ms = now_ms + g->profile.probe_period_ms;
    struct message m = machine_message(g, now_ms, MESSAGE_PING, NULL);
    m.to = g->self->member.id;
    m.sequence = g->twin.self_sequence = 1 + (uint32_t)rng_below(&g->rng, UINT32_MAX - 1);
    machine_send(g, there, NULL, &m, false, fx);
}

void twin_hear_of_self(struct gossip *g, uint64_t now_ms, const struct endpoint *at,
                       struct gossip_effects *fx)
{
    if (was_ours(g, at) || is_younger(find_known(g, g->self->member.id), at))
        return;
    g->twin.ask_until_ms = now_ms + ASK_SELF_MS;
    ask_self(g, now_ms, at, fx);
}

/* The second answer, a probe period after the first, is proof. */
static void hear_self(struct gossip *g, uint64_t now_ms, struct endpoint from,
                      const struct message *m, struct gossip_effects *fx)
{
    struct twins *t = &g->twin;
    const struct endpoint *at = &m->sender.endpoint;
    if (was_ours(g, at) || m->epoch == 0)
        return;
    if (m->kind == MESSAGE_PING) {
        struct message ack = machine_message(g, now_ms, MESSAGE_ACK, NULL);
        ack.to = g->self->member.id;
        ack.sequence = m->sequence;
        machine_send(g, from, NULL, &ack, false, fx);
    }
    struct twin_known *k = find_known(g, g->self->member.id);
    if (is_younger(k, at)) {
        tell_younger(g, now_ms, k, fx);
        return;
    }
    bool is_answer = m->kind == MESSAGE_ACK && m->sequence == t->self_sequence;
    if (is_answer && (t->self_epoch != m->epoch || t->self_ms == 0)) {
        t->self_epoch = m->epoch;
        t->self_ms = now_ms;
    } else if (is_answer && now_ms >= t->self_ms + g->profile.probe_period_ms &&
               now_ms >= t->started_ms + SELF_START_MS) {
        struct twin_life other = {m->epoch, *at};
        face_twin(g, now_ms, &other, fx);
    }
    if (!t->is_stopped)
        twin_hear_of_self(g, now_ms, at, fx);
}

/* ---- at others ---- */

static struct twin_check *find_check(struct gossip *g, struct node_id id)
{
    for (size_t i = 0; i < TWIN_CHECKS_MAX; i++)
        if (g->twin.checks[i].until_ms != 0 &&
            node_id_equal(g->twin.checks[i].word.id, id))
            return &g->twin.checks[i];
    return NULL;
}

static void believe(struct gossip *g, uint64_t now_ms, struct twin_check *c,
                    struct gossip_effects *fx)
{
    struct twin_check done = *c;
    c->until_ms = 0;
    done.word.name = done.name;
    g->twin.believe(g, now_ms, &done.word, fx);
}

/* False: there is no room, and so the word is believed at once. */
static bool begin_check(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                        const struct message_member *m, struct gossip_effects *fx)
{
    struct twin_check *c = NULL;
    for (size_t i = 0; i < TWIN_CHECKS_MAX && !c; i++)
        if (g->twin.checks[i].until_ms == 0)
            c = &g->twin.checks[i];
    size_t len = strlen(m->name);
    if (!c || len > NAME_LEN_MAX)
        return false;
    *c = (struct twin_check){.word = *m,
                             .known = peer->member.endpoint,
                             .until_ms = now_ms + g->profile.probe_timeout_ms,
                             .sequence = 1 + (uint32_t)rng_below(&g->rng, UINT32_MAX - 1)};
    memcpy(c->name, m->name, len + 1);
    const struct endpoint places[2] = {c->known, m->endpoint};
    for (size_t i = 0; i < 2; i++) {
        struct message ping = machine_message(g, now_ms, MESSAGE_PING, NULL);
        ping.to = m->id;
        ping.sequence = c->sequence;
        machine_send(g, places[i], NULL, &ping, false, fx);
    }
    trace(g->tracer, "%s is said to be elsewhere: asking both places", peer->member.name);
    return true;
}

/* A suspect is silent where it was, so another life of it is believed before it would be dead.  If the
 * former one lives all the same, its next word is foreign in its turn. */
static bool may_be_there(const struct peer *peer)
{
    return peer->member.state == MEMBER_ALIVE;
}

bool twin_doubts(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                 const struct message_member *m, struct gossip_effects *fx)
{
    if (!may_be_there(peer) || m->state != MEMBER_ALIVE || peer_heard(peer)->epoch == 0 ||
        endpoint_equal(&m->endpoint, &peer->member.endpoint))
        return false;
    return find_check(g, m->id) || begin_check(g, now_ms, peer, m, fx);
}

static void prove(struct gossip *g, uint64_t now_ms, struct twin_check *c,
                  struct gossip_effects *fx)
{
    struct twin_life old = {c->known_epoch, c->known}, new = {c->new_epoch, c->word.endpoint};
    bool is_old_elder = is_elder(&old, &new);
    struct node_id id = c->word.id;
    if (is_old_elder)
        c->until_ms = 0;
    else
        believe(g, now_ms, c, fx);
    struct twin_known *k = is_old_elder ? keep_known(g, now_ms, id, &old, &new, fx)
                                        : keep_known(g, now_ms, id, &new, &old, fx);
    if (k)
        begin_telling(g, now_ms, k, fx);
}

/* An answer from one of the two places.  True when it is of the one that is not believed. */
static bool hear_answer(struct gossip *g, uint64_t now_ms, const struct message *m,
                        struct gossip_effects *fx)
{
    struct twin_check *c = find_check(g, m->sender.id);
    const struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!c || !peer || m->kind != MESSAGE_ACK || m->sequence != c->sequence)
        return false;
    bool is_new = endpoint_equal(&m->sender.endpoint, &c->word.endpoint);
    if (!is_new && !endpoint_equal(&m->sender.endpoint, &c->known))
        return false;
    *(is_new ? &c->new_epoch : &c->known_epoch) = m->epoch;
    if (is_new && m->epoch == peer_heard(peer)->epoch) {
        believe(g, now_ms, c, fx); /* the same life, at another address */
        return false;
    }
    if (c->new_epoch != 0 && c->known_epoch != 0)
        prove(g, now_ms, c, fx);
    return is_new;
}

/* Of a member that is known elsewhere, and not of the life that was last heard there. */
static bool is_foreign(const struct peer *peer, const struct message *m)
{
    uint64_t epoch = peer_heard(peer)->epoch;
    return may_be_there(peer) && epoch != 0 && m->epoch != epoch &&
           !endpoint_equal(&m->sender.endpoint, &peer->member.endpoint);
}

static void hear_foreign(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                         const struct message *m, struct gossip_effects *fx)
{
    struct twin_known *k = find_known(g, m->sender.id);
    bool may_be = k && (m->epoch == 0 || m->epoch == k->younger.epoch);
    if (may_be && is_younger(k, &m->sender.endpoint)) { /* and no later life in its place */
        tell_younger(g, now_ms, k, fx);
        return;
    }
    if (!find_check(g, m->sender.id))
        (void)begin_check(g, now_ms, peer, &m->sender, fx);
}

/* ---- being told ---- */

static void hear_told(struct gossip *g, uint64_t now_ms, const struct message *m,
                      struct gossip_effects *fx)
{
    if (m->n_members != 2 || m->n_items != 2 ||
        !node_id_equal(m->members[0].id, m->members[1].id)) {
        g->metrics->drop_malformed++;
        return;
    }
    struct node_id id = m->members[0].id;
    struct twin_life elder = {m->items[0], m->members[0].endpoint},
                younger = {m->items[1], m->members[1].endpoint}, own = own_life(g);
    if (!is_elder(&elder, &younger))
        return;
    bool is_self = machine_is_self(g, id);
    bool is_own_elder = elder.epoch == own.epoch && was_ours(g, &elder.endpoint);
    bool is_own_younger = younger.epoch == own.epoch && was_ours(g, &younger.endpoint);
    if (is_self && is_own_younger)
        stop(g, &elder, fx);
    else if (!is_self || is_own_elder)
        (void)keep_known(g, now_ms, id, &elder, &younger, fx);
}

bool twin_hear(struct gossip *g, uint64_t now_ms, struct endpoint from,
               const struct message *m, struct gossip_effects *fx)
{
    if (m->kind == MESSAGE_TWIN) { /* the other one of ours may be who tells it */
        hear_told(g, now_ms, m, fx);
        return true;
    }
    if (machine_is_self(g, m->sender.id)) {
        hear_self(g, now_ms, from, m, fx);
        return true;
    }
    const struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer || hear_answer(g, now_ms, m, fx))
        return peer != NULL;
    if (!is_foreign(peer, m))
        return false;
    hear_foreign(g, now_ms, peer, m, fx);
    return true;
}

bool twin_hear_frame(struct gossip *g, uint64_t now_ms, const struct message *m,
                     struct gossip_effects *fx)
{
    const struct peer *peer = members_peer(&g->members, m->sender.id);
    if (machine_is_self(g, m->sender.id)) {
        twin_hear_of_self(g, now_ms, &m->sender.endpoint, fx);
        return true;
    }
    if (!peer || !is_foreign(peer, m))
        return false;
    hear_foreign(g, now_ms, peer, m, fx);
    return true;
}

/* ---- time ---- */

void twin_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    for (size_t i = 0; i < TWIN_CHECKS_MAX; i++) {
        struct twin_check *c = &g->twin.checks[i];
        if (c->until_ms == 0 || now_ms < c->until_ms)
            continue;
        if (c->known_epoch == 0)
            believe(g, now_ms, c, fx); /* nobody is where it was */
        else
            c->until_ms = 0;
    }
    for (size_t i = 0; i < TWINS_KNOWN_MAX; i++) {
        struct twin_known *k = &g->twin.known[i];
        if (k->until_ms != 0 && now_ms >= k->until_ms)
            k->until_ms = 0;
        if (k->until_ms != 0 && k->n_again > 0 && now_ms >= k->again_ms) {
            k->n_again--;
            tell_all(g, now_ms, k, fx);
        }
    }
    if (now_ms >= g->twin.ask_until_ms || was_ours(g, &g->twin.self_at))
        g->twin.self_at = (struct endpoint){0};
    else if (g->twin.self_at.family != 0)
        ask_self(g, now_ms, &g->twin.self_at, fx);
}

uint64_t twin_deadline_ms(const struct gossip *g)
{
    uint64_t deadline =
        g->twin.self_at.family != 0 ? g->twin.ask_self_ms : UINT64_MAX;
    for (size_t i = 0; i < TWIN_CHECKS_MAX; i++) {
        uint64_t at_ms = g->twin.checks[i].until_ms;
        deadline = at_ms != 0 && at_ms < deadline ? at_ms : deadline;
    }
    for (size_t i = 0; i < TWINS_KNOWN_MAX; i++) {
        const struct twin_known *k = &g->twin.known[i];
        if (k->until_ms != 0 && k->n_again > 0 && k->again_ms < deadline)
            deadline = k->again_ms;
    }
    return deadline;
}

bool twin_of(const struct gossip *g, struct node_id id, struct endpoint *ret_other)
{
    if (g->twin.is_stopped && machine_is_self(g, id)) {
        *ret_other = g->twin.elder;
        return true;
    }
    for (size_t i = 0; i < TWINS_KNOWN_MAX; i++) {
        const struct twin_known *k = &g->twin.known[i];
        if (k->until_ms == 0 || !node_id_equal(k->id, id))
            continue;
        *ret_other = k->younger.endpoint;
        return true;
    }
    return false;
}

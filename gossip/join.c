/* Joining.  A node that has nobody to ask is ready at once; one that remembers peers
 * gives them a few probe periods first, or after a power cut every node would believe to
 * be the last. */
#include "gossip/join.h"

#include <string.h>

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/knock.h"
#include "gossip/detect/swim.h"
#include "gossip/spread/sync.h"

enum {
    FIRST_WAIT_MS = 250,
    SETTLE_FIRST_MS = 500,
    SETTLE_MS = 100,
    SETTLES = 10,
    SETTLE_LOOKS = 8,
    BUSY_WAIT_MS = 20, /* a comparison of small tables takes about as long */
    ALONE_PERIODS = 3,
    REMEMBERED_MAX = 32, /* remembered peers asked at a time */
    READY_TRIES = 20,    /* for addresses given to a node that is ready already */
    AGAIN_PERIODS = 30,  /* between two questions to seeds that are forgotten */
    SILENT_ROUNDS = 2,   /* then a seed is asked by TCP why it does not answer, */
    KNOCK_DOUBLES =
        5, /* and again every AGAIN_PERIODS, which so often become twice as many */
};

static uint64_t again_wait_ms(const struct gossip *g)
{
    return AGAIN_PERIODS * (uint64_t)g->profile.probe_period_ms;
}

static void become_ready(struct gossip *g, uint64_t now_ms, const char *why,
                         struct gossip_effects *fx)
{
    if (g->is_ready || g->twin.is_stopped)
        return;
    if (g->join.is_held) {
        g->join.held_back = why;
        return;
    }
    g->is_ready = true;
    g->join.settle_ms = now_ms + SETTLE_FIRST_MS;
    g->join.n_settles = SETTLES;
    trace(g->tracer, "ready: %s", why);
    (void)effect_add(fx, GOSSIP_READY);
}

/* --join may name us as well, by whatever address we have by now. */
static void forget_own(struct gossip *g)
{
    struct join *j = &g->join;
    size_t n = 0;
    for (size_t i = 0; i < j->n_seeds; i++) {
        if (!family_is_at(g->self, &j->seeds[i]))
            j->seeds[n++] = j->seeds[i];
    }
    j->n_seeds = n;
}

static void start(struct gossip *g, uint64_t now_ms, bool may_be_alone,
                  struct gossip_effects *fx)
{
    struct join *j = &g->join;
    forget_own(g);
    size_t n_known = g->members.roles[ROLE_DEAD].n + g->members.roles[ROLE_LIVE].n;
    bool listens = !g->is_ready && j->n_seeds == 0 && j->listen_ms > 0;
    bool expects = !g->is_ready && j->n_seeds == 0 && j->is_expecting;
    j->is_active = j->n_seeds > 0 || n_known > 0 || listens || expects;
    j->wait_ms = FIRST_WAIT_MS;
    j->next_ms = now_ms;
    j->again_ms = now_ms + again_wait_ms(g);
    j->n_tries = 0;
    memset(j->knock_ms, 0, sizeof(j->knock_ms));
    memset(j->n_knocks, 0, sizeof(j->n_knocks));
    j->alone_ms = 0;
    if ((j->n_seeds == 0 && n_known > 0) || may_be_alone)
        j->alone_ms = now_ms + (uint64_t)ALONE_PERIODS * g->profile.probe_period_ms;
    if (listens && j->alone_ms < now_ms + j->listen_ms)
        j->alone_ms = now_ms + j->listen_ms;
    if (expects && !may_be_alone)
        j->alone_ms = 0;
    if (!j->is_active)
        become_ready(g, now_ms, "alone", fx);
    join_tick(g, now_ms, fx);
}

void join_begin(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds, size_t n,
                struct gossip_effects *fx)
{
    struct join *j = &g->join;
    j->n_seeds = n < SEEDS_MAX ? n : SEEDS_MAX;
    for (size_t i = 0; i < j->n_seeds; i++)
        j->seeds[i] = seeds[i];
    if (!machine_is_mute(g)) /* else it begins when there is an address */
        start(g, now_ms, false, fx);
}

void join_again(struct gossip *g, uint64_t now_ms, bool was_ready,
                struct gossip_effects *fx)
{
    start(g, now_ms, was_ready, fx);
}

void join_keep(struct gossip *g, struct endpoint at)
{
    struct join *j = &g->join;
    for (size_t i = 0; i < j->n_seeds; i++)
        if (endpoint_equal(&j->seeds[i], &at))
            return;
    size_t i = j->n_seeds < SEEDS_MAX ? j->n_seeds++ : SEEDS_MAX - 1;
    j->seeds[i] = at;
    j->knock_ms[i] = j->n_knocks[i] = 0;
}

void join_hold(struct gossip *g, uint64_t now_ms, bool is_held, struct gossip_effects *fx)
{
    g->join.is_held = is_held;
    if (!is_held && g->join.held_back)
        become_ready(g, now_ms, g->join.held_back, fx);
}

void join_listen(struct gossip *g, uint32_t listen_ms)
{
    g->join.listen_ms = listen_ms;
}

void join_expect(struct gossip *g, bool is_expecting)
{
    g->join.is_expecting = is_expecting;
}

void join_undo(struct gossip *g)
{
    g->is_ready = false;
    g->join.held_back = NULL;
}

void join_answered(struct gossip *g, uint64_t now_ms)
{
    if (!g->is_ready && g->join.is_active && g->members.roles[ROLE_LIVE].n > 0 &&
        !sync_is_running(g) && now_ms >= g->sync.next_ms)
        g->join.next_ms = now_ms;
}

void join_synced(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (!g->is_ready)
        g->join.is_active = false;
    become_ready(g, now_ms, "compared with a member", fx);
}

/* Whoever starts a hundred nodes through one seed must not wait for the seed to have time
 * for each: the next try goes to another member soon. */
void join_busy(struct gossip *g, uint64_t now_ms)
{
    if (g->is_ready || !g->join.is_active)
        return;
    g->join.next_ms = now_ms + BUSY_WAIT_MS + rng_below(&g->rng, BUSY_WAIT_MS);
    sync_not_before(g, g->join.next_ms);
}

static bool is_met(const struct gossip *g, const struct endpoint *at)
{
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n; i++) {
        const struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        if (family_is_at(peer, at))
            return true;
    }
    return false;
}

/* Alive or dead: the dead are probed for ever, those who were forgotten after a long partition are
 * not, and then only an address that was given leads to the other side. */
static bool is_known(const struct gossip *g, const struct endpoint *at)
{
    for (size_t i = 0; i < g->members.all.n; i++) {
        if (family_is_at(members_nth(&g->members, i), at))
            return true;
    }
    return false;
}

/* Of a seed that does not answer datagrams. */
static void knock(struct gossip *g, uint64_t now_ms, size_t i, struct gossip_effects *fx)
{
    struct join *j = &g->join;
    if (now_ms < j->knock_ms[i] || !knock_at(g, now_ms, j->seeds[i], fx))
        return;
    j->knock_ms[i] = now_ms + (again_wait_ms(g) << j->n_knocks[i]);
    if (j->n_knocks[i] < KNOCK_DOUBLES)
        j->n_knocks[i]++;
}

static void ask_again(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct join *j = &g->join;
    size_t i = (size_t)rng_below(&g->rng, j->n_seeds);
    j->again_ms = now_ms + again_wait_ms(g);
    if (is_known(g, &j->seeds[i]))
        return;
    swim_ping_address(g, now_ms, j->seeds[i], fx);
    knock(g, now_ms, i, fx);
}

static void ask(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct peer *remembered[REMEMBERED_MAX], *member;
    size_t n =
        members_draw(&g->members, ROLE_DEAD, &g->rng, NULL, remembered, REMEMBERED_MAX);
    size_t n_unmet = 0;
    for (size_t i = 0; i < g->join.n_seeds; i++) {
        if (is_met(g, &g->join.seeds[i]))
            continue;
        n_unmet++;
        swim_ping_address(g, now_ms, g->join.seeds[i], fx);
        if (g->join.n_tries >= SILENT_ROUNDS)
            knock(g, now_ms, i, fx);
    }
    if (g->is_ready && (n_unmet < g->join.n_seeds || g->join.n_tries >= READY_TRIES)) {
        g->join.is_active = false;
        return;
    }
    for (size_t i = 0; i < n && !g->is_ready; i++)
        swim_ping(g, now_ms, remembered[i], fx);
    if (!g->is_ready && family_draw(g, NULL, &member, 1) == 1)
        sync_with(g, now_ms, member, fx);
}

/* Many nodes that start together know few others while they tell each other of all, so a
 * rumor may end before it reached everyone.  For a moment a newcomer compares the list
 * again with whoever, as last heard, has another one. */
static void settle(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct peer *drawn[SETTLE_LOOKS], *newest = NULL;
    uint64_t newest_ms = 0;
    size_t n = family_draw(g, NULL, drawn, SETTLE_LOOKS);
    for (size_t i = 0; i < n; i++) {
        if (peer_heard(drawn[i])->at_ms > newest_ms) {
            newest = drawn[i];
            newest_ms = newest->heard->at_ms;
        }
    }
    g->join.settle_ms = --g->join.n_settles ? now_ms + SETTLE_MS : 0;
    if (newest && newest->heard->members_digest != g->members.digest)
        sync_with(g, now_ms, newest, fx);
}

void join_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct join *j = &g->join;
    if (g->is_leaving || machine_is_mute(g))
        return;
    if (j->settle_ms && now_ms >= j->settle_ms)
        settle(g, now_ms, fx);
    if (!j->is_active && g->is_ready && j->n_seeds > 0 && now_ms >= j->again_ms)
        ask_again(g, now_ms, fx);
    if (!j->is_active)
        return;
    if (j->alone_ms && now_ms >= j->alone_ms && g->members.roles[ROLE_LIVE].n == 0) {
        j->is_active = false; /* the dead are probed for ever all the same */
        become_ready(g, now_ms, "nobody is heard", fx);
        return;
    }
    if (now_ms < j->next_ms)
        return;
    uint64_t longest = 2 * (uint64_t)g->profile.probe_period_ms;
    ask(g, now_ms, fx);
    j->n_tries++;
    j->next_ms = now_ms + j->wait_ms;
    j->wait_ms = j->wait_ms * 3 / 2 < longest ? j->wait_ms * 3 / 2 : longest;
}

uint64_t join_deadline_ms(const struct gossip *g)
{
    const struct join *j = &g->join;
    uint64_t deadline = j->settle_ms ? j->settle_ms : UINT64_MAX;
    bool may_be_alone = j->alone_ms && g->members.roles[ROLE_LIVE].n == 0;
    if (g->is_leaving || machine_is_mute(g))
        return UINT64_MAX;
    if (!j->is_active && g->is_ready && j->n_seeds > 0 && j->again_ms < deadline)
        deadline = j->again_ms;
    if (j->is_active && j->next_ms < deadline)
        deadline = j->next_ms;
    if (j->is_active && may_be_alone && j->alone_ms < deadline)
        deadline = j->alone_ms;
    return deadline;
}

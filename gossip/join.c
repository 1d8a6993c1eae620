/* Joining.  A node that has nobody to ask is ready at once; one that remembers peers
 * gives them a few probe periods first, or after a power cut every node would believe to
 * be the last. */
#include "gossip/join.h"

#include "core/trace.h"
#include "gossip/swim.h"
#include "gossip/sync.h"

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
};

static void become_ready(struct gossip *g, uint64_t now_ms, const char *why,
                         struct gossip_effects *fx)
{
    if (g->is_ready)
        return;
    g->is_ready = true;
    g->join.settle_ms = now_ms + SETTLE_FIRST_MS;
    g->join.n_settles = SETTLES;
    trace(g->tracer, "ready: %s", why);
    (void)effect_add(fx, GOSSIP_READY);
}

void join_begin(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds, size_t n,
                struct gossip_effects *fx)
{
    struct join *j = &g->join;
    j->n_seeds = 0;
    for (size_t i = 0; i < n && j->n_seeds < SEEDS_MAX; i++) {
        if (!endpoint_equal(&seeds[i], &g->self->member.endpoint))
            j->seeds[j->n_seeds++] = seeds[i];
    }
    size_t n_remembered = g->members.roles[ROLE_DEAD].n;
    bool listens = !g->is_ready && j->n_seeds == 0 && j->listen_ms > 0;
    bool expects = !g->is_ready && j->n_seeds == 0 && j->is_expecting;
    j->is_active = j->n_seeds > 0 || n_remembered > 0 || listens || expects;
    j->wait_ms = FIRST_WAIT_MS;
    j->next_ms = now_ms;
    j->again_ms = now_ms + AGAIN_PERIODS * (uint64_t)g->profile.probe_period_ms;
    j->n_tries = 0;
    j->alone_ms = 0;
    if (j->n_seeds == 0 && n_remembered > 0)
        j->alone_ms = now_ms + (uint64_t)ALONE_PERIODS * g->profile.probe_period_ms;
    if (listens && j->alone_ms < now_ms + j->listen_ms)
        j->alone_ms = now_ms + j->listen_ms;
    if (expects)
        j->alone_ms = 0;
    if (!j->is_active)
        become_ready(g, now_ms, "alone", fx);
    join_tick(g, now_ms, fx);
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
    g->sync.next_ms = g->join.next_ms;
}

static bool is_met(const struct gossip *g, const struct endpoint *at)
{
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n; i++) {
        const struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        if (endpoint_equal(&peer->member.endpoint, at))
            return true;
    }
    return false;
}

/* Alive or dead: the dead are probed for ever, those who were forgotten after a long partition are
 * not, and then only an address that was given leads to the other side. */
static bool is_known(const struct gossip *g, const struct endpoint *at)
{
    for (size_t i = 0; i < g->members.all.n; i++) {
        if (endpoint_equal(&members_nth(&g->members, i)->member.endpoint, at))
            return true;
    }
    return false;
}

static void ask_again(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct join *j = &g->join;
    const struct endpoint *seed = &j->seeds[rng_below(&g->rng, j->n_seeds)];
    j->again_ms = now_ms + AGAIN_PERIODS * (uint64_t)g->profile.probe_period_ms;
    if (!is_known(g, seed))
        swim_ping_address(g, now_ms, *seed, fx);
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
    }
    if (g->is_ready && (n_unmet < g->join.n_seeds || g->join.n_tries >= READY_TRIES)) {
        g->join.is_active = false;
        return;
    }
    for (size_t i = 0; i < n && !g->is_ready; i++)
        swim_ping(g, now_ms, remembered[i], fx);
    if (!g->is_ready &&
        members_draw(&g->members, ROLE_LIVE, &g->rng, NULL, &member, 1) == 1)
        sync_with(g, now_ms, member, fx);
}

/* Many nodes that start together know few others while they tell each other of all, so a
 * rumor may end before it reached everyone.  For a moment a newcomer compares the list
 * again with whoever, as last heard, has another one. */
static void settle(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct peer *drawn[SETTLE_LOOKS], *newest = NULL;
    uint64_t newest_ms = 0;
    size_t n = members_draw(&g->members, ROLE_LIVE, &g->rng, NULL, drawn, SETTLE_LOOKS);
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
    if (g->is_leaving)
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
    if (g->is_leaving)
        return UINT64_MAX;
    if (!j->is_active && g->is_ready && j->n_seeds > 0 && j->again_ms < deadline)
        deadline = j->again_ms;
    if (j->is_active && j->next_ms < deadline)
        deadline = j->next_ms;
    if (j->is_active && may_be_alone && j->alone_ms < deadline)
        deadline = j->alone_ms;
    return deadline;
}

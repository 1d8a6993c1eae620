/* Pings to those who have not been heard since it began.  See census.h. */
#include "gossip/detect/census.h"

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/detect/swim.h"

enum { FIRST_WAIT_MS = 100, WAIT_MAX_MS = 1000 };

/* NULL: it has answered, or is no live member any more. */
static struct peer *unanswered(const struct gossip *g, size_t i)
{
    struct peer *peer = members_peer(&g->members, g->census.asked[i]);
    bool is_missed =
        peer && peer_is_live(peer) && peer_heard(peer)->at_ms < g->census.begun_ms;
    return is_missed ? peer : NULL;
}

static void ask(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct census *c = &g->census;
    size_t n_missed = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct peer *peer = unanswered(g, i);
        if (!peer)
            continue;
        n_missed++;
        swim_ping(g, now_ms, peer, fx);
    }
    c->next_ms = n_missed && now_ms < c->until_ms ? now_ms + c->wait_ms : 0;
    c->wait_ms = 2 * c->wait_ms < WAIT_MAX_MS ? 2 * c->wait_ms : WAIT_MAX_MS;
}

void census_begin(struct gossip *g, uint64_t now_ms, uint64_t for_ms,
                  struct gossip_effects *fx)
{
    struct census *c = &g->census;
    struct peer *drawn[CENSUS_MAX];
    c->n = family_draw(g, NULL, drawn, CENSUS_MAX);
    for (size_t i = 0; i < c->n; i++)
        c->asked[i] = drawn[i]->member.id;
    c->begun_ms = now_ms;
    c->until_ms = now_ms + for_ms;
    c->wait_ms = FIRST_WAIT_MS;
    trace(g->tracer, "asking %zu members whether they are there", c->n);
    ask(g, now_ms, fx);
}

void census_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (g->census.next_ms && now_ms >= g->census.next_ms)
        ask(g, now_ms, fx);
}

uint64_t census_deadline_ms(const struct gossip *g)
{
    return g->census.next_ms ? g->census.next_ms : UINT64_MAX;
}

void census_end(struct gossip *g)
{
    g->census.next_ms = 0;
    g->census.n = 0;
}

size_t census_missed(const struct gossip *g, size_t *ret_n_asked)
{
    size_t n_missed = 0;
    for (size_t i = 0; i < g->census.n; i++)
        n_missed += unanswered(g, i) != NULL;
    *ret_n_asked = g->census.n;
    return n_missed;
}

/* Which endpoint of a member.  See family.h. */
#include "gossip/machine/family.h"

bool family_is_ours(const struct gossip *g, uint8_t family)
{
    return family != 0 && (g->self->member.endpoint.family == family ||
                           peer_heard(g->self)->second.family == family);
}

struct endpoint family_endpoint(const struct gossip *g, const struct peer *to)
{
    const struct heard *heard = peer_heard(to);
    const struct endpoint *first = &to->member.endpoint, *second = &heard->second;
    if (second->family == 0 || !family_is_ours(g, second->family))
        return *first;
    bool is_second = !family_is_ours(g, first->family) || heard->spoken == second->family;
    return is_second ? *second : *first;
}

struct endpoint family_other(const struct gossip *g, const struct peer *to)
{
    static const struct endpoint none;
    const struct endpoint *first = &to->member.endpoint,
                          *second = &peer_heard(to)->second;
    if (second->family == 0 || !family_is_ours(g, first->family) ||
        !family_is_ours(g, second->family))
        return none;
    return family_endpoint(g, to).family == first->family ? *second : *first;
}

bool family_reaches(const struct gossip *g, const struct peer *to)
{
    return family_is_ours(g, to->member.endpoint.family) ||
           family_is_ours(g, peer_heard(to)->second.family);
}

bool family_is_at(const struct peer *peer, const struct endpoint *at)
{
    return endpoint_equal(&peer->member.endpoint, at) ||
           (at->family != 0 && endpoint_equal(&peer_heard(peer)->second, at));
}

bool family_learn(struct peer *peer, const struct endpoint *second)
{
    if (second->family == 0 || second->family == peer->member.endpoint.family ||
        endpoint_equal(&peer_heard(peer)->second, second))
        return false;
    struct heard *heard = peer_hear(peer);
    if (heard)
        heard->second = *second;
    return heard != NULL;
}

void family_settle(struct peer *peer)
{
    if (peer->heard && peer->heard->second.family == peer->member.endpoint.family)
        peer->heard->second = (struct endpoint){0};
}

bool family_set_own(struct gossip *g, const struct endpoint *second)
{
    struct heard *self =
        endpoint_equal(&peer_heard(g->self)->second, second) ? NULL : peer_hear(g->self);
    if (self)
        self->second = *second;
    return self != NULL;
}

void family_hear(struct peer *peer, uint8_t family)
{
    if (peer->heard && peer->heard->second.family != 0)
        peer->heard->spoken = family;
}

static bool is_among(struct peer *const *peers, size_t n, const struct peer *peer)
{
    for (size_t i = 0; i < n; i++)
        if (peers[i] == peer)
            return true;
    return false;
}

size_t family_draw(struct gossip *g, const struct peer *except, struct peer **ret_peers,
                   size_t n)
{
    size_t n_drawn = members_draw(&g->members, ROLE_LIVE, &g->rng, except, ret_peers, n);
    size_t n_reached = 0, n_live = g->members.roles[ROLE_LIVE].n;
    for (size_t i = 0; i < n_drawn; i++)
        if (family_reaches(g, ret_peers[i]))
            ret_peers[n_reached++] = ret_peers[i];
    size_t start = n_reached < n_drawn ? (size_t)rng_below(&g->rng, n_live) : 0;
    for (size_t i = 0; i < n_live && n_reached < n_drawn; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, (start + i) % n_live);
        if (peer != except && family_reaches(g, peer) && !is_among(ret_peers, n_reached, peer))
            ret_peers[n_reached++] = peer;
    }
    return n_reached;
}

size_t family_draw_bridges(struct gossip *g, const struct peer *except,
                           struct peer **ret_peers, size_t n)
{
    size_t n_live = g->members.roles[ROLE_LIVE].n, n_drawn = 0;
    size_t start = n_live ? (size_t)rng_below(&g->rng, n_live) : 0;
    for (size_t i = 0; i < n_live && n_drawn < n; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, (start + i) % n_live);
        if (peer != except && peer_heard(peer)->second.family != 0)
            ret_peers[n_drawn++] = peer;
    }
    return n_drawn;
}

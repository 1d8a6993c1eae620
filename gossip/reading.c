/* What others may read of a node's gossip.  See gossip.h. */
#include "gossip/gossip.h"

#include <string.h>

#include "gossip/detect/census.h"
#include "gossip/detect/twin.h"
#include "gossip/machine/machine.h"

struct node_id gossip_id(const struct gossip *g)
{
    return g->self->member.id;
}

uint64_t gossip_epoch(const struct gossip *g)
{
    return g->epoch;
}

uint64_t gossip_number(const struct gossip *g)
{
    return g->number;
}

const struct members *gossip_members(const struct gossip *g)
{
    return &g->members;
}

const struct table *gossip_table(const struct gossip *g)
{
    return &g->table;
}

bool gossip_is_ready(const struct gossip *g)
{
    return g->is_ready;
}

static bool find_coordinate(const struct gossip *g, struct node_id id,
                            struct coordinate *ret_coordinate)
{
    const struct peer *peer = members_peer(&g->members, id);
    if (peer == g->self) {
        *ret_coordinate = g->coordinate.now;
        return g->coordinate.n_samples > 0;
    }
    return peer && peer_heard(peer)->has_coordinate &&
           coordinate_decode(BYTES_OF(peer->heard->coordinate), ret_coordinate) == 0;
}

uint32_t gossip_rtt_us(const struct gossip *g, struct node_id a, struct node_id b)
{
    struct coordinate from, to;
    if (node_id_equal(a, b) || !find_coordinate(g, a, &from) ||
        !find_coordinate(g, b, &to))
        return 0;
    return (uint32_t)coordinate_rtt_us(&from, &to) + 1;
}

size_t gossip_skew(const struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   int64_t *ret_ahead_ms)
{
    enum {
        AGE_PERIODS = 32
    }; /* twice what a round of all that are compared with takes */
    return skew_tell(&g->skew, now_ms, at_unix_ms, g->members.roles[ROLE_LIVE].n,
                     AGE_PERIODS * (uint64_t)g->profile.probe_period_ms, ret_ahead_ms);
}

struct endpoint gossip_endpoint(const struct gossip *g)
{
    return g->self->member.endpoint;
}

bool gossip_seeks_others(const struct gossip *g)
{
    for (size_t i = 0; i < g->join.n_seeds; i++)
        if (!endpoint_is_loopback(&g->join.seeds[i]))
            return true;
    for (size_t i = 0; i < g->members.all.n; i++) {
        const struct peer *peer = members_nth(&g->members, i);
        if (peer != g->self && !endpoint_is_loopback(&peer->member.endpoint))
            return true;
    }
    return false;
}

struct endpoint gossip_observed(const struct gossip *g)
{
    return g->own_address.observed;
}

uint64_t gossip_newest_ms(const struct gossip *g)
{
    return g->newest_ms;
}

size_t gossip_seen(const struct gossip *g, const struct seen_number **ret_seen)
{
    *ret_seen = g->seen.numbers;
    return g->seen.n;
}

uint64_t gossip_digest(const struct gossip *g)
{
    return machine_digest(g);
}

/* A peer with our digest has our table, and has seen what we have. */
bool gossip_peer(const struct gossip *g, struct node_id id, struct peer_view *ret_view)
{
    const struct peer *peer = members_peer(&g->members, id);
    if (!peer || peer_heard(peer)->at_ms == 0)
        return false;
    const struct heard *heard = peer->heard;
    bool is_equal = heard->digest == machine_digest(g);
    *ret_view = (struct peer_view){
        .digest = heard->digest,
        .heard_ms = heard->at_ms,
        .behind_ms = is_equal ? 0 : heard->at_ms - heard->shown_ms,
        .has_ours = peer_known(peer, g->epoch),
        .seen = is_equal ? g->seen.numbers : heard->seen,
        .n_seen = is_equal ? g->seen.n : heard->n_seen,
        .bytes_in = heard->bytes_in,
        .bytes_out = heard->bytes_out,
    };
    ret_view->is_late = ret_view->behind_ms > g->profile.probe_period_ms;
    ret_view->has_clock = skew_of(&g->skew, id, &ret_view->clock_ms);
    return true;
}

uint64_t gossip_next_generation(const struct gossip *g, struct bytes key)
{
    struct entry old;
    return (table_find(&g->table, key, &old) ? old.generation : g->collect.generation) +
           1;
}

size_t gossip_rumors(const struct gossip *g)
{
    return g->rumors.n + g->push.n + (g->number > g->push.told);
}

struct endpoint gossip_second(const struct gossip *g)
{
    return peer_heard(g->self)->second;
}

size_t gossip_known_by(const struct gossip *g, uint64_t number)
{
    size_t n = 1;
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n; i++) {
        const struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        n += number == 0 ? peer->member.state == MEMBER_ALIVE
                         : peer_known(peer, g->epoch) >= number;
    }
    return n;
}

bool gossip_has_answered(const struct gossip *g, struct endpoint at, uint64_t since_ms,
                         struct node_id *ret_who)
{
    const struct answered *last = &g->answered;
    if (last->at_ms == 0 || last->at_ms < since_ms || !endpoint_equal(&last->from, &at))
        return false;
    *ret_who = last->by;
    return true;
}

bool gossip_twin(const struct gossip *g, struct node_id id, struct endpoint *ret_other)
{
    return twin_of(g, id, ret_other);
}

bool gossip_is_stopped(const struct gossip *g)
{
    return twin_is_stopped(g);
}

size_t gossip_census_missed(const struct gossip *g, size_t *ret_n_asked)
{
    return census_missed(g, ret_n_asked);
}

/* The list of members.  Sorted pointers make lookups O(log n); the role lists make a
 * probe round and a tick independent of how many members there are. */
#include "gossip/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"

void members_init(struct members *m)
{
    *m = (struct members){0};
}

void members_fini(struct members *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->at[i]->seen);
        free(m->at[i]);
    }
    free(m->at);
    for (size_t role = 0; role < PEER_ROLES; role++)
        free(m->roles[role].at);
    *m = (struct members){0};
}

size_t members_at_least(const struct members *m, struct node_id id)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_id_compare(m->at[middle]->member.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct peer *members_peer(const struct members *m, struct node_id id)
{
    size_t i = members_at_least(m, id);
    return i < m->n && node_id_equal(m->at[i]->member.id, id) ? m->at[i] : NULL;
}

/* ---- roles ---- */

static int list_reserve(struct peer_list *list, size_t n)
{
    if (n <= list->cap)
        return 0;
    size_t cap = list->cap ? list->cap * 2 : 16;
    struct peer **at = realloc(list->at, cap * sizeof(struct peer *));
    if (!at)
        return -ENOMEM;
    list->at = at;
    list->cap = cap;
    return 0;
}

static void role_put(struct peer_list *list, size_t i, struct peer *peer,
                     enum peer_role role)
{
    list->at[i] = peer;
    peer->place[role] = i + 1;
}

static void role_leave(struct members *m, struct peer *peer, enum peer_role role)
{
    struct peer_list *list = &m->roles[role];
    if (peer->place[role] == 0)
        return;
    role_put(list, peer->place[role] - 1, list->at[list->n - 1], role);
    list->n--;
    peer->place[role] = 0;
}

/* A random place, or newcomers would all be probed at the end of the round. */
static void role_enter(struct members *m, struct peer *peer, enum peer_role role,
                       struct rng *rng)
{
    struct peer_list *list = &m->roles[role];
    if (peer->place[role] != 0)
        return;
    role_put(list, list->n, peer, role);
    size_t other = (size_t)rng_below(rng, ++list->n);
    struct peer *displaced = list->at[other];
    role_put(list, list->n - 1, displaced, role);
    role_put(list, other, peer, role);
}

static void roles_follow(struct members *m, struct peer *peer, bool is_self,
                         struct rng *rng)
{
    enum member_state state = peer->member.state;
    bool is_in[PEER_ROLES] = {
        [ROLE_LIVE] = !is_self && (state == MEMBER_ALIVE || state == MEMBER_SUSPECT),
        [ROLE_SUSPECT] = !is_self && state == MEMBER_SUSPECT,
        [ROLE_DEAD] = !is_self && state == MEMBER_DEAD,
    };
    for (enum peer_role role = 0; role < PEER_ROLES; role++) {
        if (is_in[role])
            role_enter(m, peer, role, rng);
        else
            role_leave(m, peer, role);
    }
}

static uint64_t member_hash(const struct member *member)
{
    bool is_live = member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT;
    uint64_t version =
        (uint64_t)member->incarnation << 8 | (is_live ? 0u : (uint64_t)member->state);
    return hash64(BYTES_OF(member->id), version);
}

/* ---- changes ---- */

int members_add(struct members *m, const struct member *member, bool is_self,
                struct rng *rng, struct peer **ret_peer)
{
    if (m->n >= PEERS_MAX)
        return ERR_BOUND;
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 16;
        struct peer **at = realloc(m->at, cap * sizeof(struct peer *));
        if (!at)
            return -ENOMEM;
        m->at = at;
        m->cap = cap;
    }
    for (size_t role = 0; role < PEER_ROLES; role++) {
        if (list_reserve(&m->roles[role], m->n + 1) < 0)
            return -ENOMEM;
    }
    struct peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    peer->member = *member;
    size_t i = members_at_least(m, member->id);
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(struct peer *));
    m->at[i] = peer;
    m->n++;
    m->n_state[member->state]++;
    m->digest ^= member_hash(member);
    roles_follow(m, peer, is_self, rng);
    *ret_peer = peer;
    return 0;
}

void members_remove(struct members *m, struct peer *peer)
{
    size_t i = members_at_least(m, peer->member.id);
    memmove(m->at + i, m->at + i + 1, (m->n - i - 1) * sizeof(struct peer *));
    m->n--;
    m->n_state[peer->member.state]--;
    m->digest ^= member_hash(&peer->member);
    for (enum peer_role role = 0; role < PEER_ROLES; role++)
        role_leave(m, peer, role);
    free(peer->seen);
    free(peer);
}

void members_update(struct members *m, struct peer *peer, const struct member *to,
                    bool is_self, struct rng *rng)
{
    m->digest ^= member_hash(&peer->member);
    m->n_state[peer->member.state]--;
    memcpy(peer->member.name, to->name, sizeof(to->name));
    peer->member.endpoint = to->endpoint;
    peer->member.state = to->state;
    peer->member.incarnation = to->incarnation;
    peer->member.changed_ms = to->changed_ms;
    m->n_state[peer->member.state]++;
    m->digest ^= member_hash(&peer->member);
    roles_follow(m, peer, is_self, rng);
}

size_t members_draw(const struct members *m, enum peer_role role, struct rng *rng,
                    const struct peer *except, struct peer **ret_peers, size_t n)
{
    const struct peer_list *list = &m->roles[role];
    size_t n_drawn = 0;
    if (list->n == 0)
        return 0;
    /* From a random start in steps that visit everyone once: cheap, and random enough for
     * choosing whom to tell. */
    size_t at = (size_t)rng_below(rng, list->n);
    size_t step = n >= list->n ? 1 : 1 + (size_t)rng_below(rng, list->n / n);
    for (size_t i = 0; i * step < list->n && n_drawn < n; i++) {
        struct peer *peer = list->at[(at + i * step) % list->n];
        if (peer != except)
            ret_peers[n_drawn++] = peer;
    }
    return n_drawn;
}

/* ---- the read-only face ---- */

size_t members_count(const struct members *m)
{
    return m->n;
}

const struct member *members_at(const struct members *m, size_t i)
{
    return &m->at[i]->member;
}

const struct member *members_find(const struct members *m, struct node_id id)
{
    const struct peer *peer = members_peer(m, id);
    return peer ? &peer->member : NULL;
}

const struct member *members_find_name(const struct members *m, const char *name)
{
    const struct member *found = NULL;
    for (size_t i = 0; i < m->n; i++) {
        const struct member *member = &m->at[i]->member;
        if (strcmp(member->name, name) == 0 && (!found || member->state < found->state))
            found = member;
    }
    return found;
}

size_t members_count_state(const struct members *m, enum member_state state)
{
    return m->n_state[state];
}

/* The list of members.  Sorted numbers make lookups O(log n); the role lists make a probe round
 * and a tick independent of how many members there are. */
#include "gossip/members/member.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"

#define NUMBER_NONE UINT32_MAX

enum { BLOCK_PEERS = 32 };

_Static_assert(sizeof(struct peer) <= 96,
               "10,000 nodes that know each other fit into one process");

/* ---- peers ---- */

static struct peer *peer_of(const struct members *m, uint32_t number)
{
    return &m->blocks[number / BLOCK_PEERS][number % BLOCK_PEERS];
}

static struct peer *take_peer(struct members *m)
{
    struct peer *peer;
    uint32_t number = m->next_free;
    if (number != NUMBER_NONE) {
        peer = peer_of(m, number);
        m->next_free = peer->place;
        *peer = (struct peer){.number = number};
        return peer;
    }
    number = (uint32_t)m->n_numbers;
    if (number / BLOCK_PEERS == m->n_blocks) {
        struct peer **blocks =
            realloc(m->blocks, (m->n_blocks + 1) * sizeof(struct peer *));
        if (!blocks)
            return NULL;
        m->blocks = blocks;
        blocks[m->n_blocks] = malloc(BLOCK_PEERS * sizeof(struct peer));
        if (!blocks[m->n_blocks])
            return NULL;
        m->n_blocks++;
    }
    m->n_numbers++;
    peer = peer_of(m, number);
    *peer = (struct peer){.number = number};
    return peer;
}

static void empty_peer(struct members *m, struct peer *peer)
{
    names_drop(m->names, peer->member.name);
    if (peer->heard) {
        free(peer->heard->seen);
        free(peer->heard->missed);
    }
    free(peer->heard);
    m->n_troubled -= peer->trouble != NULL;
    free(peer->trouble);
}

static void give_peer(struct members *m, struct peer *peer)
{
    empty_peer(m, peer);
    peer->place = m->next_free;
    m->next_free = peer->number;
}

bool peer_is_live(const struct peer *peer)
{
    return peer->place != 0 && peer->member.state < MEMBER_DEAD;
}

const struct heard *peer_heard(const struct peer *peer)
{
    static const struct heard nothing;
    return peer->heard ? peer->heard : &nothing;
}

struct heard *peer_hear(struct peer *peer)
{
    if (!peer->heard)
        peer->heard = calloc(1, sizeof(*peer->heard));
    return peer->heard;
}

uint64_t peer_known(const struct peer *peer, uint64_t epoch)
{
    const struct heard *heard = peer_heard(peer);
    return heard->known_epoch == epoch ? heard->known_number : 0;
}

/* ---- life ---- */

void members_init(struct members *m, struct names *names)
{
    *m = (struct members){.next_free = NUMBER_NONE};
    names_init(&m->own_names);
    ranks_init(&m->live);
    m->names = names ? names : &m->own_names;
}

void members_fini(struct members *m)
{
    for (size_t i = 0; i < m->all.n; i++) {
        struct peer *peer = members_nth(m, i);
        free(peer->rumor);
        empty_peer(m, peer);
    }
    for (size_t i = 0; i < m->n_blocks; i++)
        free(m->blocks[i]);
    free(m->blocks);
    free(m->all.at);
    for (size_t role = 0; role < PEER_ROLES; role++)
        free(m->roles[role].at);
    ranks_fini(&m->live);
    names_fini(&m->own_names);
    *m = (struct members){0};
}

/* ---- looking ---- */

struct peer *members_nth(const struct members *m, size_t i)
{
    return peer_of(m, m->all.at[i].number);
}

struct peer *members_in(const struct members *m, enum peer_role role, size_t i)
{
    return peer_of(m, m->roles[role].at[i]);
}

static uint32_t id_start(struct node_id id)
{
    return (uint32_t)id.at[0] << 24 | (uint32_t)id.at[1] << 16 | (uint32_t)id.at[2] << 8 |
           id.at[3];
}

static bool is_below(const struct members *m, size_t i, struct node_id id)
{
    uint32_t start = id_start(id);
    if (m->all.at[i].id_start != start)
        return m->all.at[i].id_start < start;
    return node_id_compare(members_nth(m, i)->member.id, id) < 0;
}

/* Ids are hashes, so one stands near that part of the list which it is of all ids: from there outwards
 * in longer and longer steps, and then by halves. */
size_t members_at_least(const struct members *m, struct node_id id)
{
    size_t low = 0, high = m->all.n, step = 8;
    size_t guess = (size_t)((uint64_t)id_start(id) * high >> 32);
    if (high > 0 && is_below(m, guess, id)) {
        for (low = guess + 1; low + step < high && is_below(m, low + step, id); step *= 2)
            low += step + 1;
        high = low + step < high ? low + step : high;
    } else if (high > 0) {
        for (high = guess; high > step && !is_below(m, high - step, id); step *= 2)
            high -= step;
        low = high > step ? high - step + 1 : 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_below(m, middle, id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct peer *members_peer(const struct members *m, struct node_id id)
{
    size_t i = members_at_least(m, id);
    struct peer *peer = i < m->all.n ? members_nth(m, i) : NULL;
    return peer && node_id_equal(peer->member.id, id) ? peer : NULL;
}

size_t members_rank(const struct members *m, const struct peer *peer)
{
    return ranks_before(&m->live, members_at_least(m, peer->member.id));
}

struct peer *members_ranked(const struct members *m, size_t k)
{
    size_t i = ranks_find(&m->live, k);
    return i < m->all.n ? members_nth(m, i) : NULL;
}

/* ---- roles ---- */

/* By half, for at the size of thousands what lies idle counts. */
static int list_reserve(struct peer_list *list, size_t n)
{
    if (n <= list->cap)
        return 0;
    size_t cap = list->cap ? list->cap + list->cap / 2 : 16;
    uint32_t *at = realloc(list->at, cap * sizeof(*at));
    if (!at)
        return -ENOMEM;
    list->at = at;
    list->cap = cap;
    return 0;
}

static int sorted_reserve(struct sorted_peers *list, size_t n)
{
    if (n <= list->cap)
        return 0;
    size_t cap = list->cap ? list->cap + list->cap / 2 : 16;
    struct sorted_peer *at = realloc(list->at, cap * sizeof(*at));
    if (!at)
        return -ENOMEM;
    list->at = at;
    list->cap = cap;
    return 0;
}

struct trouble *members_trouble(struct members *m, struct peer *peer)
{
    if (peer->trouble)
        return peer->trouble;
    if (list_reserve(&m->roles[ROLE_SUSPECT], m->n_troubled + 1) < 0 ||
        list_reserve(&m->roles[ROLE_DEAD], m->n_troubled + 1) < 0)
        return NULL;
    peer->trouble = calloc(1, sizeof(*peer->trouble));
    m->n_troubled += peer->trouble != NULL;
    return peer->trouble;
}

/* The live and the dead are never the same, so one place serves for both. */
static void role_put(struct peer_list *list, size_t i, struct peer *peer,
                     enum peer_role role)
{
    list->at[i] = peer->number;
    if (role == ROLE_SUSPECT)
        peer->trouble->place = (uint32_t)i + 1;
    else
        peer->place = (uint32_t)i + 1;
}

static void role_leave(struct members *m, struct peer *peer, enum peer_role role)
{
    struct peer_list *list = &m->roles[role];
    uint32_t place = role == ROLE_SUSPECT ? peer->trouble->place : peer->place;
    role_put(list, place - 1, peer_of(m, list->at[list->n - 1]), role);
    list->n--;
    if (role == ROLE_SUSPECT)
        peer->trouble->place = 0;
    else
        peer->place = 0;
}

/* A random place, or newcomers would all be probed at the end of the round. */
static void role_enter(struct members *m, struct peer *peer, enum peer_role role,
                       struct rng *rng)
{
    struct peer_list *list = &m->roles[role];
    role_put(list, list->n, peer, role);
    size_t other = (size_t)rng_below(rng, ++list->n);
    struct peer *displaced = peer_of(m, list->at[other]);
    role_put(list, list->n - 1, displaced, role);
    role_put(list, other, peer, role);
}

static bool is_of_role(enum member_state state, enum peer_role role)
{
    switch (role) {
    case ROLE_LIVE:
        return state == MEMBER_ALIVE || state == MEMBER_SUSPECT;
    case ROLE_SUSPECT:
        return state == MEMBER_SUSPECT;
    case ROLE_DEAD:
        return state == MEMBER_DEAD;
    case PEER_ROLES:
        break;
    }
    return false;
}

/* MEMBER_LEFT is in no role, and so stands for one that was not there or will not be. */
static void roles_move(struct members *m, struct peer *peer, enum member_state was,
                       enum member_state is, struct rng *rng)
{
    for (enum peer_role role = 0; role < PEER_ROLES; role++) {
        if (is_of_role(was, role) && !is_of_role(is, role))
            role_leave(m, peer, role);
    }
    for (enum peer_role role = 0; role < PEER_ROLES; role++) {
        if (is_of_role(is, role) && !is_of_role(was, role))
            role_enter(m, peer, role, rng);
    }
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
        struct peer *peer = peer_of(m, list->at[(at + i * step) % list->n]);
        if (peer != except)
            ret_peers[n_drawn++] = peer;
    }
    return n_drawn;
}

void members_shuffle(struct members *m, enum peer_role role, struct rng *rng)
{
    struct peer_list *list = &m->roles[role];
    rng_shuffle(rng, list->at, list->n, sizeof(*list->at));
    for (size_t i = 0; i < list->n; i++)
        role_put(list, i, peer_of(m, list->at[i]), role);
}

/* ---- changes ---- */

static bool is_live(const struct member *member)
{
    return member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT;
}

static uint64_t member_hash(const struct member *member)
{
    uint64_t version = (uint64_t)member->incarnation << 8 |
                       (is_live(member) ? 0u : (uint64_t)member->state);
    return hash64(BYTES_OF(member->id), version);
}

int members_add(struct members *m, const struct member *member, bool is_self,
                struct rng *rng, struct peer **ret_peer)
{
    if (m->all.n >= PEERS_MAX)
        return ERR_BOUND;
    if (sorted_reserve(&m->all, m->all.n + 1) < 0 ||
        list_reserve(&m->roles[ROLE_LIVE], m->all.n + 1) < 0 ||
        ranks_reserve(&m->live, m->all.n + 1) < 0)
        return -ENOMEM;
    struct peer *peer = take_peer(m);
    if (!peer)
        return -ENOMEM;
    peer->member = *member;
    peer->member.name = names_take(m->names, member->name ? member->name : "");
    bool needs_trouble = !is_self && member->state != MEMBER_ALIVE;
    if (!peer->member.name || (needs_trouble && !members_trouble(m, peer))) {
        give_peer(m, peer);
        return -ENOMEM;
    }
    size_t i = members_at_least(m, member->id);
    memmove(m->all.at + i + 1, m->all.at + i, (m->all.n - i) * sizeof(*m->all.at));
    m->all.at[i] = (struct sorted_peer){id_start(member->id), peer->number};
    m->all.n++;
    ranks_insert(&m->live, i);
    ranks_mark(&m->live, i, is_self || is_live(member));
    m->n_state[member->state]++;
    m->digest ^= member_hash(member);
    if (!is_self)
        roles_move(m, peer, MEMBER_LEFT, member->state, rng);
    *ret_peer = peer;
    return 0;
}

void members_remove(struct members *m, struct peer *peer)
{
    assert(!peer->rumor);
    size_t i = members_at_least(m, peer->member.id);
    memmove(m->all.at + i, m->all.at + i + 1, (m->all.n - i - 1) * sizeof(*m->all.at));
    m->all.n--;
    ranks_remove(&m->live, i);
    m->n_state[peer->member.state]--;
    m->digest ^= member_hash(&peer->member);
    if (peer->place != 0)
        roles_move(m, peer, peer->member.state, MEMBER_LEFT, NULL);
    give_peer(m, peer);
}

/* Without memory for another name the old one stays. */
static void rename_peer(struct members *m, struct peer *peer, const char *name)
{
    const char *taken =
        strcmp(peer->member.name, name) == 0 ? NULL : names_take(m->names, name);
    if (!taken)
        return;
    names_drop(m->names, peer->member.name);
    peer->member.name = taken;
}

int members_update(struct members *m, struct peer *peer, const struct member *to,
                   bool is_self, struct rng *rng)
{
    enum member_state was = peer->member.state;
    if (!is_self && to->state != MEMBER_ALIVE && !members_trouble(m, peer))
        return -ENOMEM;
    m->digest ^= member_hash(&peer->member);
    m->n_state[was]--;
    rename_peer(m, peer, to->name);
    peer->member.endpoint = to->endpoint;
    peer->member.state = to->state;
    peer->member.incarnation = to->incarnation;
    peer->member.changed_ms = to->changed_ms;
    m->n_state[to->state]++;
    m->digest ^= member_hash(&peer->member);
    if (is_self)
        return 0;
    if (is_of_role(was, ROLE_LIVE) != is_live(to))
        ranks_mark(&m->live, members_at_least(m, to->id), is_live(to));
    roles_move(m, peer, was, to->state, rng);
    if (to->state == MEMBER_ALIVE && peer->trouble) {
        free(peer->trouble);
        peer->trouble = NULL;
        m->n_troubled--;
    }
    return 0;
}

/* ---- the read-only face ---- */

size_t members_count(const struct members *m)
{
    return m->all.n;
}

const struct member *members_at(const struct members *m, size_t i)
{
    return &members_nth(m, i)->member;
}

const struct member *members_find(const struct members *m, struct node_id id)
{
    const struct peer *peer = members_peer(m, id);
    return peer ? &peer->member : NULL;
}

bool members_may_share_name(const struct member *member)
{
    return names_is_shared(member->name);
}

size_t members_count_state(const struct members *m, enum member_state state)
{
    return m->n_state[state];
}

uint64_t members_former_ms(const struct members *m, struct node_id id)
{
    const struct peer *peer = members_peer(m, id);
    return peer ? peer_heard(peer)->former_ms : 0;
}

/* The members as this node knows them, and what it keeps about each as a peer.
 *
 * A list sorted by id, and three unordered lists by role: those to probe (alive or suspect), those
 * that are suspect, and those that are dead and probed rarely.  Self is in the list but in no
 * role.  Nothing here decides; news.c, swim.c and sync.c do. */
#ifndef GOSSIP_MEMBER_H
#define GOSSIP_MEMBER_H

#include "core/rng.h"
#include "gossip/coordinate.h"
#include "gossip/rumor.h"
#include "gossip/state.h"

enum {
    PEERS_MAX = 2 * MEMBERS_MAX, /* also the dead, until they are reaped */
    ACCUSERS_MAX = 4,            /* independent confirmations that are counted (Lifeguard's K and one) */
};

enum peer_role { ROLE_LIVE, ROLE_SUSPECT, ROLE_DEAD, PEER_ROLES };

struct peer {
    struct member member; /* first: members_at hands it out */
    size_t place[PEER_ROLES]; /* 1 + index in the list of that role; 0: not in it */

    struct rumor rumor;
    struct node_id accuser; /* told along with a suspicion */

    /* ROLE_SUSPECT */
    struct node_id accusers[ACCUSERS_MAX];
    size_t n_accusers;
    uint64_t suspected_ms, repeat_ms; /* repeat_ms: when it is pinged again; 0: not by us */
    uint64_t dead_at_ms;

    /* as last heard */
    uint64_t digest, members_digest, heard_ms;
    uint64_t known_epoch, known_number; /* how far it has seen our own numbers */
    struct seen_number *seen;           /* malloc'ed, of the last comparison */
    size_t n_seen;
    uint64_t bytes_in, bytes_out;
    struct coordinate coordinate;
    bool has_coordinate;

    uint64_t reap_at_ms;
};

struct peer_list {
    struct peer **at;
    size_t n, cap;
};

struct members {
    struct peer **at; /* sorted by id */
    size_t n, cap;
    struct peer_list roles[PEER_ROLES];
    size_t n_state[MEMBER_LEFT + 1];
    uint64_t digest; /* XOR over (id, incarnation, alive or suspect | dead | left) */
};

void members_init(struct members *m);
void members_fini(struct members *m);
struct peer *members_peer(const struct members *m, struct node_id id); /* NULL: unknown */
/* The first index whose id is not less than `id`. */
size_t members_at_least(const struct members *m, struct node_id id);
/* Insert a copy of `member`, which must not be known, in a random place of its role's list.
 * ERR_BOUND past PEERS_MAX, -ENOMEM. */
int members_add(struct members *m, const struct member *member, bool is_self, struct rng *rng,
                struct peer **ret_peer);
void members_remove(struct members *m, struct peer *peer);
/* Take over name, endpoint, state and incarnation, and move between the roles. */
void members_update(struct members *m, struct peer *peer, const struct member *to, bool is_self,
                    struct rng *rng);
/* Up to `n` different peers of a role, drawn at random, none of them `except`.  Returns how many. */
size_t members_draw(const struct members *m, enum peer_role role, struct rng *rng,
                    const struct peer *except, struct peer **ret_peers, size_t n);

#endif

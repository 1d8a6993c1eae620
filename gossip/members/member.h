/* The members as this node knows them, and what it keeps about each as a peer.
 *
 * Of ten thousand members nearly all are well and were hardly ever spoken to, so a peer is small,
 * and what exists for few of them lies beside it.  Peers stand in blocks that never move; the list
 * sorted by id and the unordered lists by role (those to probe, alive or suspect; those that are
 * suspect; those that are dead and probed rarely) hold their numbers.  Self is in the list but in no
 * role.  Nothing here decides; news.c, swim.c and sync.c do. */
#ifndef GOSSIP_MEMBERS_MEMBER_H
#define GOSSIP_MEMBERS_MEMBER_H

#include "core/rng.h"
#include "gossip/members/coordinate.h"
#include "gossip/members/names.h"
#include "gossip/members/rank.h"
#include "gossip/members/rumor.h"
#include "gossip/face/replica.h"

enum {
    PEERS_MAX = 2 * MEMBERS_MAX, /* also the dead, until they are reaped */
    ACCUSERS_MAX = 4,            /* independent confirmations that are counted (Lifeguard's K and one) */
};

enum peer_role { ROLE_LIVE, ROLE_SUSPECT, ROLE_DEAD, PEER_ROLES };

/* Of a peer that is not alive, until it is again. */
struct trouble {
    /* ROLE_SUSPECT */
    struct node_id accusers[ACCUSERS_MAX]; /* the last is told along with the suspicion */
    uint32_t n_accusers;
    uint32_t place; /* 1 + index among the suspects; 0: not one of them */
    uint64_t suspected_ms, repeat_ms; /* repeat_ms: when it is pinged again; 0: not by us */
    uint64_t dead_at_ms;

    uint64_t reap_at_ms; /* dead or left */
};

/* Of a peer that spoke to us or was spoken to: as last heard. */
struct heard {
    uint64_t digest, members_digest, at_ms; /* at_ms 0: never */
    uint64_t epoch; /* of its present life, as it said last; 0: it did not */
    uint64_t shown_ms;                      /* since when anybody has shown this digest */
    uint64_t same_ms; /* it has shown one that was our own at this time; 0: it has not */
    uint64_t busy_ms;                       /* until then it does not compare */
    uint64_t former_ms; /* when it was last heard in words of 0.1; 0: never */
    uint64_t known_epoch, known_number;     /* how far it has seen our own numbers */
    uint32_t known_incarnation;             /* in which it said so last */
    struct node_id *missed; /* malloc'ed: whose deletions it had missed as we had, when it greeted last; */
    uint32_t n_missed;      /* a writer of zeros: those under graves */
    uint32_t n_marks;       /* as collect.n_marks was then */
    struct seen_number *seen;               /* malloc'ed, of the last comparison */
    uint32_t n_seen;
    bool has_coordinate;
    uint8_t coordinate[COORDINATE_WIRE];
    uint64_t bytes_in, bytes_out;
    struct endpoint second; /* of the other family than the member's own; family 0: none known */
    uint8_t spoken;         /* the family of its last datagram, when it has two */
};

struct peer {
    struct member member; /* first: members_at hands it out */
    uint32_t number;      /* its own */
    uint32_t place;       /* 1 + index among the live or the dead; 0: in neither */
    struct rumor *rumor;  /* these three are NULL while there is nothing to hold */
    struct trouble *trouble;
    struct heard *heard;
};

struct peer_list {
    uint32_t *at;
    size_t n, cap;
};

struct sorted_peer {
    uint32_t id_start; /* the first bytes of its id, so that few peers are looked at to find one */
    uint32_t number;
};

struct sorted_peers {
    struct sorted_peer *at;
    size_t n, cap;
};

struct members {
    struct peer **blocks;
    size_t n_blocks, n_numbers; /* n_numbers: given out so far */
    uint32_t next_free;         /* the first of those given back; chained by their places */
    struct sorted_peers all;    /* by id */
    struct ranks live;          /* of `all`: those alive or suspect, and self */
    struct peer_list roles[PEER_ROLES];
    size_t n_troubled;
    size_t n_state[MEMBER_LEFT + 1];
    uint64_t digest; /* XOR over (id, incarnation, alive or suspect | dead | left) */
    struct names own_names, *names;
};

/* `names` is shared with others and outlives the members; NULL: they have their own.  The struct
 * stays where it is. */
void members_init(struct members *m, struct names *names);
void members_fini(struct members *m);
struct peer *members_peer(const struct members *m, struct node_id id); /* NULL: unknown */
struct peer *members_nth(const struct members *m, size_t i);           /* by id */
struct peer *members_in(const struct members *m, enum peer_role role, size_t i);
/* The first index whose id is not less than `id`. */
size_t members_at_least(const struct members *m, struct node_id id);
/* Insert a copy of `member`, which must not be known, in a random place of its role's list.
 * ERR_BOUND past PEERS_MAX, -ENOMEM. */
int members_add(struct members *m, const struct member *member, bool is_self, struct rng *rng,
                struct peer **ret_peer);
/* It is no longer talked about. */
void members_remove(struct members *m, struct peer *peer);
/* Take over name, endpoint, state and incarnation, and move between the roles.  -ENOMEM: nothing has
 * changed; never for self, or a peer whose trouble has been asked for. */
int members_update(struct members *m, struct peer *peer, const struct member *to, bool is_self,
                   struct rng *rng);
/* Up to `n` different peers of a role, drawn at random, none of them `except`.  Returns how many. */
size_t members_draw(const struct members *m, enum peer_role role, struct rng *rng,
                    const struct peer *except, struct peer **ret_peers, size_t n);
void members_shuffle(struct members *m, enum peer_role role, struct rng *rng);

/* Those that are live, and self, make a ring by id: how many of them come before `peer`, and the
 * k-th, NULL when there are fewer. */
size_t members_rank(const struct members *m, const struct peer *peer);
struct peer *members_ranked(const struct members *m, size_t k);

/* Alive or suspect, and not self. */
bool peer_is_live(const struct peer *peer);
/* To be read: all zero when the two have never spoken. */
const struct heard *peer_heard(const struct peer *peer);
/* To be written: made when it is not there.  NULL when out of memory. */
struct heard *peer_hear(struct peer *peer);
/* Up to which number it has seen our own, of this epoch. */
uint64_t peer_known(const struct peer *peer, uint64_t epoch);
/* Its trouble, made before it is in any.  NULL when out of memory. */
struct trouble *members_trouble(struct members *m, struct peer *peer);

#endif

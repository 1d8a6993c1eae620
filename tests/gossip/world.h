/* A world of a few gossip nodes in virtual time: a network that delays, loses and parts, streams
 * that break, and a store per node that survives its death.
 *
 * It knows no test framework.  The same seed gives the same run. */
#ifndef TESTS_GOSSIP_WORLD_H
#define TESTS_GOSSIP_WORLD_H

#include "core/rng.h"
#include "gossip/gossip.h"

enum { WORLD_NODES_MAX = 128, WORLD_LINES_MAX = 4096 };

struct world_record {
    enum store_space space;
    uint8_t *key, *value;
    size_t key_len, value_len;
};

struct world_undo;

struct world_node {
    struct gossip *gossip;
    struct gossip_effects fx;
    struct node_id id;
    char name[16];
    unsigned site;
    struct endpoint endpoint; /* of its host; family 0: that has none */
    struct endpoint second;   /* the same of the other family */
    struct endpoint nat;      /* whom others see and answer in its place; family 0: itself */
    struct metrics metrics;
    struct tracer tracer;
    struct world *world;
    uint64_t deadline_ms, epoch;
    bool is_up;
    uint64_t stalled_until_ms; /* does not run until then; its timers fire before its mail is read */
    /* what it told its host */
    bool is_ready, has_left;
    enum knock knocked; /* the latest */
    bool is_unwritten; /* its disk is full: nothing it is told to store is stored; set before a start */
    size_t n_twins; /* lives it was told of, or found, beside another of the same id */
    size_t n_old_copies, n_conflicts, n_member_changes, n_table_changes, n_unsynced_sends;
    size_t n_deaths_seen; /* members it declared or heard dead */
    int64_t skew_ms; /* of its wall clock */
    struct world_record *store; /* sorted by (space, key) */
    size_t n_store, store_cap;
    bool keeps_undo; /* so that world_cut can be asked for */
    /* What was there before each change since the last synced batch, for a power cut. */
    struct world_undo *undo;
    size_t n_undo, undo_cap, n_unsynced; /* n_unsynced: batches */
};

struct world_event;
struct world_link;

struct world {
    uint64_t now_ms, unix_ms; /* unix_ms: of now 0 */
    struct rng rng;
    const struct gossip_profile *profile;
    uint32_t listen_ms; /* for nodes started from now on */
    bool holds_starts;  /* they are held, see gossip_hold */
    struct world_node nodes[WORLD_NODES_MAX];
    size_t n;
    bool is_blocked[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* from, to */
    bool are_streams_blocked; /* connects fail everywhere */
    double loss;              /* of datagrams */
    uint8_t lost_family;      /* datagrams of which are lost; 0: of none */
    bool has_refusals;        /* ICMP tells the sender that a dead node's port is closed */
    size_t delay_min_ms, delay_max_ms;
    size_t far_min_ms, far_max_ms; /* and more, one way, between sites; of datagrams are lost: */
    double far_loss;
    uint64_t n_pushes[2]; /* datagrams with fresh entries: within sites, between them */
    /* drops this kind of datagram (enum message_kind), to prove that others make up for it */
    int lost_kind;
    struct world_event **heap;
    size_t n_heap, heap_cap;
    uint64_t n_events;
    struct world_link *links;
    size_t n_links, links_cap;
    uint64_t n_datagrams, n_streams, n_bytes, n_ticks;
    uint64_t n_stream_bytes; /* n_bytes: of datagrams */
    uint64_t n_to[WORLD_NODES_MAX]; /* datagrams sent to that node */
    size_t longest;                 /* datagram */
    char *lines[WORLD_LINES_MAX]; /* "n1: suspect n2 incarnation=1" */
    size_t n_lines;
};

struct world *world_new(size_t n, uint64_t seed, const struct gossip_profile *profile);
void world_free(struct world *w);

/* Start node `i` from its store, joining by the given nodes. */
void world_start(struct world *w, size_t i, const size_t *seeds, size_t n_seeds);
/* All nodes; every one but the first joins by the first. */
void world_start_all(struct world *w);
/* Its host has another address, or none (family 0), and its machine hears of it `late_ms` later; the
 * world runs on meanwhile. */
void world_move(struct world *w, size_t i, struct endpoint to, uint64_t late_ms);
void world_kill(struct world *w, size_t i); /* no goodbye; the store stays */
/* The power fails: of the batches since the last synced one only some first ones are on the disk. */
void world_cut(struct world *w, size_t i);
void world_wipe(struct world *w, size_t i); /* lose the store of a node; keep its identity */
void world_part(struct world *w, size_t n_left, bool is_parted); /* nodes below n_left from the rest */
void world_run(struct world *w, uint64_t for_ms);
/* Run until `is_so` or the limit; returns the time it took, UINT64_MAX at the limit. */
uint64_t world_until(struct world *w, bool (*is_so)(struct world *w), uint64_t limit_ms);
/* Perform what a call on the node's machine left in its effects. */
void world_perform(struct world *w, size_t i);

int world_write(struct world *w, size_t i, const char *key, const char *value, uint64_t *ret_number);
const char *world_read(struct world *w, size_t i, const char *key); /* NULL; valid until next call */
enum member_state world_belief(const struct world *w, size_t i, size_t of); /* MEMBER_LEFT: unknown */

/* For world_until: every node that is up believes every other alive (or not, when it is down),
 * holds the same table, is ready. */
bool world_is_whole(struct world *w);
bool world_is_equal(struct world *w); /* tables only */

#endif

/* Many gossip machines in virtual time, for statistics: no stores, no transcripts,
 * members known from the start.  tests/gossip/world.h is the careful one for tests; this
 * one is quick.
 *
 * A slow node is so by turns: in each turn of slow_ms it either reads and sends its mail
 * late while its timers run (as in Lifeguard's experiments), or does not run at all
 * (SIGSTOP). */
#ifndef TESTS_LIB_CROWD_H
#define TESTS_LIB_CROWD_H

#include "core/rng.h"
#include "gossip/gossip.h"

enum crowd_slowness { CROWD_WELL, CROWD_LATE_MAIL, CROWD_STOPPED };

struct crowd_event;
struct crowd_end;

/* What somebody watches: every effect before it is performed, and every probe that begins.  Either
 * function may be NULL. */
struct crowd_watcher {
    void *ctx;
    void (*effect)(void *ctx, size_t node, const struct gossip_effect *e);
    void (*probe)(void *ctx, size_t node, struct node_id target);
};

struct crowd_node {
    struct gossip *gossip;
    struct metrics metrics;
    uint64_t tick_ms;  /* the posted tick; others are stale */
    uint64_t n_probes; /* as far as they were told to the watcher */
    bool is_up;
    enum crowd_slowness slowness;
    struct crowd_end *ends; /* of streams */
    size_t n_ends, ends_cap;
};

struct crowd {
    const struct gossip_profile *profile;
    struct rng rng;
    uint64_t now_ms;
    struct crowd_node *nodes;
    size_t n;
    struct names names;       /* of all machines */
    struct gossip_effects fx; /* of the running step */
    struct crowd_watcher watcher;
    double loss; /* of datagrams */
    uint64_t slow_from_ms, slow_until_ms, slow_ms, well_ms;
    struct crowd_event **heap;
    size_t n_heap, heap_cap;
    uint64_t n_events;
    uint32_t next_accepted;
    /* what was counted; set to zero at will */
    uint64_t n_datagrams, n_bytes; /* plain: without seal and headers */
    uint64_t n_stream_bytes;       /* of frames */
    uint64_t n_accused;            /* deaths of well and running nodes, told by anybody */
    uint64_t n_accused_by_well;    /* by nodes that are well themselves */
};

/* A machine that knows `n` members, itself (`self`) among them, all alive.  `names` may be NULL. */
struct gossip *crowd_machine(size_t n, size_t self, const struct gossip_profile *profile,
                             uint64_t seed, struct metrics *metrics, struct names *names,
                             uint64_t now_ms);
struct node_id crowd_id(size_t i);
struct endpoint crowd_endpoint(size_t i);
size_t crowd_index(struct node_id id);    /* the other way round */

struct crowd *crowd_new(size_t n, uint64_t seed, const struct gossip_profile *profile);
void crowd_free(struct crowd *c);
void crowd_run(struct crowd *c, uint64_t for_ms);
void crowd_kill(struct crowd *c, size_t i);
/* Node `i` writes.  Returns the number of the write. */
uint64_t crowd_write(struct crowd *c, size_t i, const char *key, const char *value);
/* Node `i` hears news that nobody else has: `of` has a higher incarnation. */
void crowd_whisper(struct crowd *c, size_t i, size_t of, uint32_t incarnation);
size_t crowd_count_state(const struct crowd *c, size_t of, enum member_state state);
size_t crowd_n_up(const struct crowd *c);

#endif

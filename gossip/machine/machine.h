/* The state that the parts of gossip share, and how they speak: every message leaves through
 * here, with its header and the rumors that fit.  What belongs to one part stands in its part_*.h, and only
 * that part writes it (tests/floors/rules). */
#ifndef GOSSIP_MACHINE_MACHINE_H
#define GOSSIP_MACHINE_MACHINE_H

#include "core/arena.h"
#include "core/metrics.h"
#include "core/trace.h"
#include "gossip/face/profile.h"
#include "gossip/machine/effect.h"
#include "gossip/machine/part_address.h"
#include "gossip/machine/part_census.h"
#include "gossip/machine/part_collect.h"
#include "gossip/machine/part_join.h"
#include "gossip/machine/part_lives.h"
#include "gossip/machine/part_push.h"
#include "gossip/machine/part_stage.h"
#include "gossip/machine/part_swim.h"
#include "gossip/machine/part_sync.h"
#include "gossip/machine/part_twin.h"
#include "gossip/members/member.h"
#include "gossip/members/rumor.h"
#include "gossip/members/skew.h"
#include "gossip/table/digests.h"
#include "gossip/table/seen.h"
#include "gossip/table/table.h"
#include "proto/codec.h"

enum {
    CONFLICTS_TOLD = 16,
    DIRECT_MEMBERS = 32,   /* up to here a writer tells everyone itself */
    NEWS_MAX = 32,         /* members in one datagram */
    INCARNATION_MAX = 1 << 30, /* below it; what accuses leaves one more to refute with */
    SCRATCH_MAX = 32 << 20 /* a frame of the smallest parts decodes to some 20 MB */
};

struct gossip {
    struct gossip_profile profile;
    const struct tracer *tracer;
    struct metrics *metrics; /* never NULL */
    struct metrics no_metrics;
    struct rng rng;
    struct hybrid_clock clock;
    struct arena scratch; /* of the running step */
    struct batch batch;   /* of the running step */
    struct stage stage;   /* of the running order */

    struct members members;
    struct peer *self;
    struct rumor_queue rumors;
    struct table table;
    struct seen seen;
    uint64_t epoch, number; /* of our own writes */
    uint64_t life;          /* the epoch that this start began with: headers carry it */
    struct twins twin;
    uint64_t at_unix_ms, at_now_ms;
    uint64_t now_us; /* of the host's finer clock; 0: it has none */
    struct coordinate_self coordinate;
    struct skew skew;

    struct swim swim;
    unsigned health;      /* 0: well */
    uint64_t suspects_ms; /* before this nothing is due at any suspect */
    struct push push;
    struct sync sync;
    struct join join;
    struct census census;
    struct collect collect;
    struct own_address own_address;
    struct lives lives;
    uint64_t conflicts_told[CONFLICTS_TOLD]; /* hashes of the latest */
    size_t n_conflicts;
    bool is_ready, is_started, is_leaving, has_left;
    uint64_t full_ms;      /* the table was full: nothing is compared before this */
    bool is_own_forgotten; /* a record forgets us, who live: to be contradicted */
    uint64_t newest_ms;
    struct answered {
        struct endpoint from;
        struct node_id by;
        uint64_t at_ms; /* 0: never */
    } answered;         /* the last answer to a ping that came as a datagram */
    uint64_t corrected_ms; /* no more corrections of old accusations before */
};

/* ---- speaking ---- */

struct message_member machine_member(const struct peer *peer);
bool machine_has(const struct gossip *g, enum gossip_part part);
bool machine_is_mute(const struct gossip *g); /* our host has no address: see address.h */
/* Of all that we have and have seen: where it is the same, so is either. */
uint64_t machine_digest(const struct gossip *g);
bool machine_is_self(const struct gossip *g, struct node_id id);
size_t machine_n_live(const struct gossip *g); /* self included, suspects too */
uint64_t machine_unix_ms(const struct gossip *g, uint64_t now_ms);
/* A message with its header filled; `to` may be NULL (nobody known is at the address). */
struct message machine_message(struct gossip *g, uint64_t now_ms, enum message_kind kind,
                               const struct peer *to);
/* Our own writes go on behind `number` of `epoch`, and nobody waits for any of them. */
void machine_number_from(struct gossip *g, uint64_t epoch, uint64_t number);
/* There are own entries to tell, at once. */
void machine_push_now(struct gossip *g, uint64_t now_ms);
/* The same, soon. */
void machine_wake_push(struct gossip *g, uint64_t now_ms);
/* Encode and send.  With `has_rumors` the space left carries rumors: first what is believed of
 * `to` if that is not good (Lifeguard's buddy rule), then the queue's. */
void machine_send(struct gossip *g, struct endpoint at, struct peer *to, struct message *m,
                  bool has_rumors, struct gossip_effects *fx);
void machine_send_frame(struct gossip *g, uint32_t stream, struct message *m,
                        struct gossip_effects *fx);

#endif

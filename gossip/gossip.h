/* Gossip: membership (SWIM), the table and its sync as one pure machine.
 *
 * Time, bytes and chance come in; effects go out.  Datagrams and frames are plain here, the
 * driver seals them.  Effects are performed in order; what must be durable comes before what is
 * sent.  Everything an effect points to lives in the effects' arena until gossip_effects_clear. */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H

#include "core/arena.h"
#include "core/metrics.h"
#include "core/store.h"
#include "core/trace.h"
#include "gossip/names.h"
#include "gossip/state.h"

enum gossip_effect_kind {
    GOSSIP_SEND,           /* a datagram `bytes` to `endpoint` */
    GOSSIP_STREAM_OPEN,    /* connect stream `stream` to `endpoint` */
    GOSSIP_STREAM_SEND,    /* one frame on `stream` */
    GOSSIP_STREAM_CLOSE,   /* after what was sent has left */
    GOSSIP_PERSIST,        /* `changes`; is_synced when own writes are among them */
    /* `member`: a copy, new or changed state/name/address.  Self is told at the start; a member
     * that was forgotten is told as left and found no more. */
    GOSSIP_MEMBER_CHANGED,
    GOSSIP_TABLE_CHANGED,  /* `key`: this entry is new or changed (by us or by others) */
    /* `key`: a concurrent write lost; `member.name` is its writer's, NULL when it is not known */
    GOSSIP_CONFLICT,
    GOSSIP_READY,          /* the first sync is done, or we know that we are alone */
    GOSSIP_LEFT,           /* our leave has been told; the agent may end */
};

struct gossip_effect {
    enum gossip_effect_kind kind;
    struct endpoint endpoint;
    uint32_t stream;
    struct bytes bytes;
    struct member member;
    enum member_state was; /* MEMBER_CHANGED: the state before; equal to state for a new one */
    struct bytes key;
    struct store_change *changes;
    size_t n_changes;
    bool is_synced;
};

struct gossip_effects {
    struct arena arena;
    struct gossip_effect *list;
    size_t n, cap;
    size_t n_lost; /* effects that found no memory: counted, the protocol repairs */
};

void gossip_effects_init(struct gossip_effects *fx);
void gossip_effects_fini(struct gossip_effects *fx);
void gossip_effects_clear(struct gossip_effects *fx);

/* What goes beyond plain SWIM; each can be left out, so that its worth can be measured. */
enum gossip_part {
    GOSSIP_LOCAL_HEALTH = 1u << 0,      /* Lifeguard: who is late itself probes more patiently */
    GOSSIP_DYNAMIC_SUSPICION = 1u << 1, /* Lifeguard: begins long, confirmations shorten it */
    GOSSIP_BUDDY = 1u << 2,             /* Lifeguard: a suspect is told so in the next word to it */
    GOSSIP_ASK_SUSPECTS = 1u << 3,      /* who hears of a suspicion pings the suspect, or corrects it */
    GOSSIP_NOTICE_STALLS = 1u << 4,     /* time in which we did not run counts against nobody */
    GOSSIP_SHARED_ORDER = 1u << 5,      /* every member is probed once per period, not by chance */
    GOSSIP_DOUBT_SILENCE = 1u << 6,     /* who hears nobody believes in no deaths for a while */
    GOSSIP_PLAIN_SWIM = (1u << 7) - 1,  /* leaves out all of them */
};

struct gossip_profile {
    uint32_t probe_period_ms, probe_timeout_ms, indirect_probes;
    double suspicion_mult, suspicion_max_mult;  /* Lifeguard alpha, beta */
    uint32_t gossip_period_ms, gossip_fanout, retransmit_mult;
    uint32_t sync_period_ms;    /* a full exchange with a random peer, besides those the digest asks for */
    uint32_t rejoin_period_ms;  /* a dead member is probed again this rarely */
    uint32_t reap_after_ms;     /* 72 h */
    unsigned without;           /* enum gossip_part; 0: everything is on */
};
extern const struct gossip_profile gossip_profile_lan, gossip_profile_wan, gossip_profile_local;
const struct gossip_profile *gossip_profile_named(const char *name); /* NULL if unknown */

struct gossip_options {
    struct node_id id;
    const char *name;
    struct endpoint endpoint;            /* as peers shall reach us */
    const struct gossip_profile *profile;
    uint64_t epoch;                      /* of this node's table: set when its store was made */
    uint64_t seed;                       /* of the rng */
    const struct tracer *tracer;         /* may be NULL */
    struct metrics *metrics;             /* owned by the host */
    struct names *names;                 /* shared by machines of one thread; NULL: its own */
    uint32_t listen_ms; /* who knows nobody waits this long to be met before it is alone; 0: not at all */
};

struct gossip;

/* NULL when out of memory. */
struct gossip *gossip_new(const struct gossip_options *options, uint64_t now_ms);
void gossip_free(struct gossip *g);

/* ---- starting: first restore, then join ---- */

/* Hand back what GOSSIP_PERSIST stored, entry by entry, in any order.  ERR_DAMAGED for bytes
 * that fail their check: the caller sets the store aside. */
int gossip_restore(struct gossip *g, enum store_space space, struct bytes key, struct bytes value);
/* Addresses to find others at; repeated with back-off until one answers.  An empty list: alone
 * unless someone comes (ready at once, or after `listen_ms`).  Remembered peers are tried as well, and an empty list
 * with remembered peers is ready after the first comparison with one of them, or when none
 * answered for three probe periods. */
void gossip_join(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds, size_t n,
                 struct gossip_effects *out);
/* For the next gossip_join: addresses are still being looked up, so a list that is empty so far
 * does not mean alone. */
void gossip_expect(struct gossip *g, bool is_expecting);
/* A holder of our secret may be found at `at`: it is asked once, beside whoever is being joined. */
void gossip_meet(struct gossip *g, uint64_t now_ms, struct endpoint at, struct gossip_effects *out);

/* ---- the step ---- */

/* A finer clock for round trips, monotonic: the host says it before each step, or never. */
void gossip_set_us(struct gossip *g, uint64_t now_us);
int gossip_receive(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms, struct endpoint from,
                   struct bytes datagram, struct gossip_effects *out);
/* ICMP says that nobody listens there: a hint to probe indirectly at once, never a verdict. */
void gossip_refused(struct gossip *g, uint64_t now_ms, struct endpoint to, struct gossip_effects *out);
/* Incoming streams get ids from the host, with the top bit set; ours come from STREAM_OPEN. */
/* `peer`: who the host knows to be at the other end; zero when it cannot tell. */
void gossip_stream_opened(struct gossip *g, uint64_t now_ms, uint32_t stream, struct node_id peer,
                          struct gossip_effects *out);
int gossip_stream_frame(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms, uint32_t stream,
                        struct bytes frame, struct gossip_effects *out);
void gossip_stream_closed(struct gossip *g, uint64_t now_ms, uint32_t stream, struct gossip_effects *out);
void gossip_tick(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms, struct gossip_effects *out);
uint64_t gossip_deadline_ms(const struct gossip *g); /* UINT64_MAX: none */

/* ---- writing ---- */

/* Write `value` (NULL .at: delete) under `key`; the kind follows from the key's prefix
 * (node, claim, done, refuse are rows).  Emits PERSIST then pushes it.  A row equal to what is
 * there already is no write.  Returns 0; ERR_BOUND for an oversized key or value.
 * *ret_number (may be NULL) is the own number to ask gossip_known_by about. */
int gossip_publish(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms, struct bytes key,
                   struct bytes value, uint64_t *ret_number, struct gossip_effects *out);
uint64_t gossip_number(const struct gossip *g); /* of our newest write */
/* How many live members, self included, are known to have everything of ours up to `number`. */
size_t gossip_known_by(const struct gossip *g, uint64_t number);
/* Say goodbye to all; GOSSIP_LEFT follows within a few seconds. */
void gossip_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *out);
/* Drop a dead or left member for good, with its rows, everywhere. */
int gossip_forget(struct gossip *g, uint64_t now_ms, struct node_id id, struct gossip_effects *out);

/* ---- asking ---- */

/* Ask up to 16 live members whether they are there, again and again for `for_ms`, until each has been
 * heard since. */
void gossip_census(struct gossip *g, uint64_t now_ms, uint64_t for_ms, struct gossip_effects *out);
void gossip_census_end(struct gossip *g);
/* How many of those asked are still believed to live and have not been heard since. */
size_t gossip_census_missed(const struct gossip *g, size_t *ret_n_asked);

/* ---- reading ---- */

const struct members *gossip_members(const struct gossip *g);
const struct table *gossip_table(const struct gossip *g);
bool gossip_is_ready(const struct gossip *g);
/* What a round trip between two members should take, by their network coordinates; 0 when one of
 * them is not known yet. */
uint32_t gossip_rtt_us(const struct gossip *g, struct node_id a, struct node_id b);
/* By how many ms our wall clock is ahead of the median of our peers' (behind: negative).  Returns of
 * how many peers, 0 when that is not known: there is nobody, or nobody was asked yet. */
size_t gossip_skew(const struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   int64_t *ret_ahead_ms);
uint64_t gossip_newest_ms(const struct gossip *g); /* when the last news from a peer came; 0 = never */
/* Own seen vector, sorted by writer; valid until the next step. */
size_t gossip_seen(const struct gossip *g, const struct seen_number **ret_seen);
/* A peer's digest and seen vector as last heard; returns entries in *ret_seen (0 when never heard). */
struct peer_view {
    uint64_t digest, heard_ms;
    uint64_t has_ours; /* has everything of ours up to this number, by its acknowledgements */
    const struct seen_number *seen;
    size_t n_seen;
    uint64_t bytes_in, bytes_out;
    bool has_clock;
    int64_t clock_ms; /* by how much its wall clock was ahead of ours when it was last asked */
};
bool gossip_peer(const struct gossip *g, struct node_id peer, struct peer_view *ret_view);
size_t gossip_rumors(const struct gossip *g); /* membership rumors and table pushes in flight */

#endif

/* The state that the parts of gossip share, and how they speak: every message leaves through
 * here, with its header and the rumors that fit.
 *
 * Order of the parts, lowest first: machine (this), news (what is believed of members), entries
 * (what enters the table), swim (probing), push (fresh entries), sync (comparing tables), gossip
 * (the face, which composes them). */
#ifndef GOSSIP_MACHINE_H
#define GOSSIP_MACHINE_H

#include "gossip/effect.h"
#include "gossip/member.h"
#include "gossip/rumor.h"
#include "gossip/seen.h"
#include "gossip/skew.h"
#include "gossip/table.h"
#include "proto/codec.h"

enum {
    RELAYS_MAX = 128,      /* probes made for others at one time; each lives one probe period */
    PUSHES_MAX = 1024,     /* ranges waiting to be passed on; a sync brings what was dropped */
    TREE_LINKS_MAX = 32,   /* two for each power of three up to half the members */
    TREE_HAVE_MAX = 512,   /* writers told of on lazy links at one time */
    TREE_MISSING_MAX = 256,
    UNANSWERED_MAX = 1024, /* ranges told to some link and not answered, of 80 bytes */
    OWED_MAX = 64,
    CONFLICTS_TOLD = 16,
    COLLECT_DUE_MAX = 32,
    COLLECT_STEP = 8192,   /* entries dropped in one step: 6 MB of effects at the most */
    STREAMS_MAX = 96,      /* a push to each of 32 members and comparisons beside it */
    SEEDS_MAX = 64,        /* addresses to join by */
    DIRECT_MEMBERS = 32,   /* up to here a writer tells everyone itself */
    NEWS_MAX = 32,         /* members in one datagram */
    INCARNATION_MAX = 1 << 30, /* below it; what accuses leaves one more to refute with */
    HEALTH_SCORE_MAX = 8,  /* Lifeguard, section IV-A */
    SCRATCH_MAX = 32 << 20 /* a frame of the smallest parts decodes to some 20 MB */
};

/* ---- the parts' own state ---- */

struct relay {
    struct node_id requester;
    struct endpoint requester_endpoint;
    struct node_id target;
    uint32_t sequence, their_sequence;
    uint64_t nack_ms, expires_ms; /* expires_ms 0: free */
};

struct swim {
    struct node_id target; /* of the running probe; zero: none */
    uint32_t sequence, incarnation; /* incarnation: of the target when it was asked */
    uint64_t sent_us, sent_ms, timeout_ms, deadline_ms; /* timeout_ms 0: already indirect */
    bool is_acked;
    unsigned n_asked, n_nacks;
    uint32_t next_sequence;
    uint64_t next_ms, rejoin_ms, gossip_ms; /* next probe, next probe of the dead, next rumors */
    uint64_t suspects_ms; /* before this nothing is due at any suspect */
    size_t cursor, dead_cursor;
    uint64_t turn; /* of the shared order: the period of the wall clock that was probed in last */
    unsigned health; /* Lifeguard's local health: 0 well, HEALTH_SCORE_MAX very late */
    struct relay relays[RELAYS_MAX];
    size_t n_relays; /* those from here on are free */
    uint64_t reap_ms;
    uint64_t left_ms; /* when the leave has been told enough; 0: not leaving */
};

/* A range to pass on; its entries are looked up when it is sent. */
struct push_range {
    struct node_id writer, from; /* from: who told us */
    uint64_t epoch, after, through;
};

struct tree_link {
    struct node_id peer;
    bool is_eager;
};

/* Somebody has more of this writer than we have. */
struct tree_missing {
    struct node_id writer, from[2]; /* from: who has it, asked in turns */
    uint64_t epoch, number, due_ms;
    unsigned n_tries;
};

/* A range in a datagram that its receiver has not answered. */
struct unanswered_range {
    struct node_id peer, writer;
    uint32_t sequence; /* of the datagram */
    unsigned n_tellings;
    uint64_t epoch, after, through, due_ms;
};

struct unanswered {
    struct unanswered_range at[UNANSWERED_MAX]; /* in the order of sending */
    size_t n;
    uint32_t sequence; /* the latest given out */
};

/* A writer whose news are told by their numbers. */
struct tree_have {
    struct node_id writer;
    bool is_unkept; /* told on some link without being looked after: eager links hear it as well */
};

struct tree {
    struct tree_link links[TREE_LINKS_MAX];
    size_t n_links;
    bool is_built;
    uint64_t members_digest; /* of the members the links were made from */
    struct tree_have have[TREE_HAVE_MAX];
    size_t n_have;
    uint64_t have_ms; /* when links will hear of them; 0: nothing waits */
    struct tree_missing missing[TREE_MISSING_MAX];
    size_t n_missing;
    struct unanswered unanswered;
};

/* A writer that shall hear that we have what it wrote. */
struct push_owed {
    struct node_id writer;
    uint64_t due_ms;
};

struct push {
    uint64_t told;     /* own numbers up to here have been sent once */
    uint64_t due_ms;   /* own fresh entries or waiting ranges go out; 0: nothing waits */
    uint64_t retry_ms; /* who has not answered is told again; 0: all have */
    uint64_t awaited;  /* by then all should have answered that they have own numbers up to here */
    unsigned n_retries;
    struct push_range *ranges; /* malloc'ed; at most PUSHES_MAX */
    size_t n, cap;
    uint64_t asked; /* the newest own number that somebody may wait for */
    uint64_t asked_until_ms;
    struct push_owed owed[OWED_MAX];
    size_t n_owed;
    struct tree tree;
};

enum stream_use { USE_UNKNOWN, USE_SYNC, USE_PUSH, USE_PROBE };

struct stream {
    uint32_t id; /* 0: free */
    bool is_ours, is_open;
    enum stream_use use;
    struct node_id peer;
    uint64_t idle_ms; /* closed when nothing happened until then */
    struct push_range range;  /* USE_PUSH */
    uint32_t sequence;        /* USE_PROBE */
    /* USE_SYNC */
    bool is_greeted, has_sent_all, has_all, sends_members, is_listing;
    unsigned n_received; /* frames of entries */
    unsigned credit; /* frames that may be sent; USE_PUSH: frames not answered yet */
    struct node_id member_cursor, cursor_writer;
    uint64_t cursor_epoch, cursor_number;
    struct seen_number *theirs; /* malloc'ed, sorted by writer */
    size_t n_theirs;
    struct node_id *stale; /* malloc'ed: writers of whom it says that it missed deletions */
    size_t n_stale;
};

struct sync {
    struct stream streams[STREAMS_MAX];
    size_t n_streams;         /* in use */
    uint32_t next_id;
    struct node_id candidate; /* differs from us; zero: none */
    uint64_t candidate_ms;    /* when it is asked, if it still differs */
    uint64_t next_ms;         /* not before: between two comparisons of our own */
    uint64_t busy_ms;         /* nor before this: somebody was busy */
    uint64_t members_ms;      /* nor before this, when only the members differ */
    uint64_t periodic_ms;
};

struct join {
    struct endpoint seeds[SEEDS_MAX];
    size_t n_seeds;
    bool is_active;
    uint64_t next_ms, wait_ms;
    uint64_t again_ms; /* when a seed that is nobody's address any more is asked again */
    unsigned n_tries;
    uint64_t alone_ms; /* ready by then even if nobody answers; 0: never */
    uint64_t settle_ms; /* when the list of members is looked at again; 0: it has settled */
    unsigned n_settles; /* left */
    uint32_t listen_ms; /* of the options */
    bool is_expecting;  /* more seeds may come: nobody to ask yet does not mean alone */
};

/* Tombstones below low-water rows (water.h, collect.h). */
struct collect {
    uint64_t next_ms;          /* when the own number is looked at again */
    uint64_t ripe, ripe_epoch; /* own number that everyone had at the last look */
    uint64_t generation;       /* the greatest that a dropped tombstone may have had */
    uint64_t stale[2];         /* a bit per bucket that may hold what was deleted */
    struct node_id due[COLLECT_DUE_MAX]; /* whose low-water rows came lately */
    size_t n_due;                        /* COLLECT_DUE_MAX: perhaps others too */
};

enum { CENSUS_MAX = 16 }; /* members asked: a sample, where there are more */

struct census {
    struct node_id asked[CENSUS_MAX];
    size_t n;
    uint64_t begun_ms, until_ms, wait_ms;
    uint64_t next_ms; /* when the missed are asked again; 0: not */
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

    struct members members;
    struct peer *self;
    struct rumor_queue rumors;
    struct table table;
    struct seen seen;
    uint64_t epoch, number; /* of our own writes */
    uint64_t at_unix_ms, at_now_ms;
    uint64_t now_us; /* of the host's finer clock; 0: it has none */
    struct coordinate_self coordinate;
    struct skew skew;

    struct swim swim;
    struct push push;
    struct sync sync;
    struct join join;
    struct census census;
    struct collect collect;
    uint64_t conflicts_told[CONFLICTS_TOLD]; /* hashes of the latest */
    size_t n_conflicts;
    bool is_ready, is_started, is_leaving, has_left;
    bool is_own_forgotten; /* a record forgets us, who live: to be contradicted */
    uint64_t newest_ms;
    uint64_t corrected_ms; /* no more corrections of old accusations before */
};

/* ---- speaking ---- */

struct message_member machine_member(const struct peer *peer);
bool machine_has(const struct gossip *g, enum gossip_part part);
bool machine_is_self(const struct gossip *g, struct node_id id);
size_t machine_n_live(const struct gossip *g); /* self included, suspects too */
uint64_t machine_unix_ms(const struct gossip *g, uint64_t now_ms);
/* A message with its header filled; `to` may be NULL (nobody known is at the address). */
struct message machine_message(struct gossip *g, uint64_t now_ms, enum message_kind kind,
                               const struct peer *to);
/* There are own entries to tell, soon. */
void machine_wake_push(struct gossip *g, uint64_t now_ms);
/* Encode and send.  With `has_rumors` the space left carries rumors: first what is believed of
 * `to` if that is not good (Lifeguard's buddy rule), then the queue's. */
void machine_send(struct gossip *g, struct endpoint at, struct peer *to, struct message *m,
                  bool has_rumors, struct gossip_effects *fx);
void machine_send_frame(struct gossip *g, uint32_t stream, struct message *m,
                        struct gossip_effects *fx);

#endif

/* The state that the parts of gossip share, and how they speak: every message leaves through
 * here, with its header and the rumors that fit.
 *
 * Order of the parts, lowest first: machine (this); entries (what enters the table); tree, unanswered
 * and push (fresh entries); twin, news, relay, probe and swim (who is alive); greet, repair and sync
 * (comparing tables); water and collect (deletions); join and address (being there); hear, and gossip
 * (the face, which composes them). */
#ifndef GOSSIP_MACHINE_MACHINE_H
#define GOSSIP_MACHINE_MACHINE_H

#include "core/arena.h"
#include "core/metrics.h"
#include "core/trace.h"
#include "gossip/face/profile.h"
#include "gossip/machine/effect.h"
#include "gossip/members/member.h"
#include "gossip/members/rumor.h"
#include "gossip/members/skew.h"
#include "gossip/table/digests.h"
#include "gossip/table/seen.h"
#include "gossip/table/table.h"
#include "proto/codec.h"

struct gossip;

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
    STREAM_PARTS = 1024,   /* of what was seen: greet.h */
    STREAMS_MAX = 96,      /* a push to each of 32 members and comparisons beside it */
    SEEDS_MAX = 64,        /* addresses to join by */
    DIRECT_MEMBERS = 32,   /* up to here a writer tells everyone itself */
    NEWS_MAX = 32,         /* members in one datagram */
    INCARNATION_MAX = 1 << 30, /* below it; what accuses leaves one more to refute with */
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

/* A question to one member that is not answered yet. */
struct probe {
    struct node_id target; /* zero: none */
    uint32_t sequence, incarnation; /* incarnation: of the target when it was asked */
    uint64_t sent_us, sent_ms, timeout_ms, deadline_ms; /* timeout_ms 0: already indirect */
    uint64_t patient_ms; /* until then it is not over, whoever tried in vain */
    unsigned n_asked, n_nacks;
};

enum { PROBES_MAX = 8 }; /* the first is the latest; others are to members that are far */

struct swim {
    struct probe probes[PROBES_MAX];
    struct probe failed; /* the last that was: its answer may still come, and say how long it took */
    uint32_t next_sequence;
    uint64_t next_ms, rejoin_ms, gossip_ms; /* next probe, next probe of the dead, next rumors */
    size_t cursor, dead_cursor;
    uint64_t turn; /* of the shared order: the period of the wall clock that was probed in last */
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
    uint64_t sent_ms; /* when it was told first */
};

struct unanswered {
    struct unanswered_range at[UNANSWERED_MAX]; /* in the order of sending */
    size_t n;
    uint32_t sequence; /* the latest given out */
};

/* A writer whose news are told by their numbers. */
struct tree_have {
    struct node_id writer;
    /* It was pushed on some link without waiting for an answer, so even eager links must be told of
     * it by number. */
    bool is_unkept;
};

struct tree {
    struct tree_link links[TREE_LINKS_MAX];
    size_t n_links;
    bool is_built;
    uint64_t members_digest; /* of the members the links were made from */
    uint64_t again_ms;       /* then nearer ones are looked for; 0: all are near */
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
    uint64_t all_until_ms; /* until then all are asked, not a sample */
    size_t ask_cursor;     /* behind the live member that was looked at last */
    struct push_owed owed[OWED_MAX];
    size_t n_owed;
    struct tree tree;
};

enum stream_use { USE_UNKNOWN, USE_SYNC, USE_PUSH, USE_PROBE, USE_KNOCK };

struct stream {
    uint32_t id; /* 0: free */
    bool is_ours, is_open;
    enum stream_use use;
    struct node_id peer;
    uint64_t idle_ms; /* closed when nothing happened until then */
    struct push_range range;  /* USE_PUSH */
    uint32_t sequence;        /* USE_PROBE */
    struct endpoint at;       /* where it was opened to, if it is ours */
    /* USE_SYNC */
    bool is_greeted, has_sent_all, has_all, sends_members, is_listing;
    bool is_by_parts; /* greeted with hashes of parts */
    unsigned n_received; /* frames of entries */
    unsigned credit; /* frames that may be sent; USE_PUSH: frames not answered yet */
    unsigned window; /* frames under way at most; 0: what they have seen is not known yet */
    struct node_id member_cursor, cursor_writer;
    uint64_t cursor_epoch, cursor_number;
    struct seen_number *theirs; /* malloc'ed, sorted by writer */
    size_t n_theirs;
    struct node_id *stale; /* malloc'ed: writers of whom it says that it missed deletions */
    size_t n_stale;
    uint64_t unsaid[STREAM_PARTS / 64]; /* a bit per part of which nothing was said */
    uint64_t clean_at; /* water.h: what is_clean was found for, 0: nothing yet */
    bool is_clean;
};

typedef void sync_hear_member(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                              struct gossip_effects *fx);

struct sync {
    sync_hear_member *hear_member; /* lies above */
    struct stream streams[STREAMS_MAX];
    size_t n_streams;         /* in use */
    uint32_t next_id;
    struct digests digests;
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
    uint64_t knock_ms[SEEDS_MAX]; /* when each is asked by TCP why it is silent */
    uint8_t n_knocks[SEEDS_MAX];
    uint64_t alone_ms; /* ready by then even if nobody answers; 0: never */
    uint64_t settle_ms; /* when the list of members is looked at again; 0: it has settled */
    unsigned n_settles; /* left */
    uint32_t listen_ms; /* of the options */
    bool is_expecting;  /* more seeds may come: nobody to ask yet does not mean alone */
    bool is_held;       /* see gossip_hold */
    const char *held_back; /* why it would be ready if it were not held; NULL: it would not */
};

/* Tombstones below low-water rows (water.h, collect.h). */
struct collect {
    uint64_t next_ms;          /* when the own number is looked at again */
    uint64_t ripe, ripe_epoch; /* own number that everyone had at the last look */
    uint64_t generation;       /* the greatest that a dropped tombstone may have had */
    uint64_t stale[2];         /* a bit per bucket that may hold what was deleted */
    struct node_id due[COLLECT_DUE_MAX]; /* whose low-water rows came lately */
    size_t n_due;                        /* COLLECT_DUE_MAX: perhaps others too */
    uint64_t n_rows; /* low-water rows that came or were written, each time */
};

enum { LIVES_MAX = 256 };

/* See lives.h. */
struct lives {
    struct life former[LIVES_MAX]; /* by epoch; the first stands for all before it, too */
    size_t n;
    struct life last;   /* as the store had it */
    uint64_t epoch;     /* that the host proposes for this start */
    uint64_t above;     /* the present life's or above it, with numbers we did not give; 0: none */
    bool has_begun;
    bool has_compared;  /* since the start, with anybody */
    struct seen_number pulled; /* what a peer had seen of us that we had not, and has told us by now */
    bool is_behind;     /* peers know more of us than we do, */
    bool is_told;       /* and the host has heard of it */
    uint64_t again_ms;  /* no other life before */
    bool is_walking;    /* own entries of former lives are looked at, */
    bool has_left;      /* some of them for a later walk, */
    struct life cursor; /* behind this one, */
    uint64_t next_ms;   /* from then on */
};

/* Own writes that wait for the store (stage.h); all of it lives in the effects' arena. */
struct stage {
    bool is_on;
    struct entry *entries; /* in the order of their numbers, which follow on g->number */
    uint64_t *hashes;      /* of their keys: a file of a thousand jobs stages thousands */
    size_t n, cap, hashes_cap;
    struct table_growth growth;
    struct batch batch; /* what the store is to take */
};

/* Where a member saw a ping of ours come from; family 0: from the endpoint that we tell. */
struct witness {
    struct node_id by;
    struct endpoint at;
    uint64_t heard_ms; /* 0: never */
};

struct own_address {
    struct witness last[2]; /* of two members, the latest first */
    struct endpoint observed; /* what two agreed on, when it is not what we tell; family 0: nothing */
    uint64_t mute_ms; /* when the last address was lost */
    bool was_ready;   /* before that */
};

enum { CENSUS_MAX = 16 }; /* members asked: a sample, where there are more */

struct census {
    struct node_id asked[CENSUS_MAX];
    size_t n;
    uint64_t begun_ms, until_ms, wait_ms;
    uint64_t next_ms; /* when the missed are asked again; 0: not */
};

/* One identity on two live nodes (twin.h). */
enum {
    TWIN_CHECKS_MAX = 16,   /* at a time: members do not move often */
    TWINS_KNOWN_MAX = 16,   /* a cloned host is an accident, not a state */
    TWINS_TOLD_MAX = 64,    /* members that one finder tells */
    OWN_ENDPOINTS_MAX = 8,  /* former ones of this life */
};

struct twin_life {
    uint64_t epoch;
    struct endpoint endpoint;
};

struct twin_check {
    struct message_member word; /* that it is alive elsewhere; its name is here */
    char name[NAME_LEN_MAX + 1];
    struct endpoint known;
    uint64_t until_ms; /* 0: free */
    uint32_t sequence;
    uint64_t known_epoch, new_epoch; /* as answered; 0: not yet */
};

struct twin_known {
    struct node_id id;
    struct twin_life elder, younger;
    uint64_t until_ms; /* 0: free */
    uint64_t told_ms;
    unsigned n_again; /* it is told to all so many times more, a probe period apart: any may be lost */
    uint64_t again_ms;
};

typedef void twin_believe(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                          struct gossip_effects *fx);

struct twins {
    twin_believe *believe; /* news_believe, which lies above: word that was held back is taken over */
    struct twin_check checks[TWIN_CHECKS_MAX];
    struct twin_known known[TWINS_KNOWN_MAX];
    struct endpoint own[OWN_ENDPOINTS_MAX]; /* that this life had before */
    uint64_t started_ms;
    struct endpoint self_at; /* where we were heard and never were; none: nowhere */
    uint64_t ask_self_ms;    /* not before */
    uint64_t ask_until_ms;
    uint32_t self_sequence;
    uint64_t self_epoch, self_ms; /* of the first answer as ourselves; 0: none */
    bool is_stopped;
    struct endpoint elder; /* is_stopped: where it is */
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

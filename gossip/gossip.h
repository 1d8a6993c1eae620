/* Gossip: membership (SWIM), the table and its sync as one pure machine.
 *
 * Time, bytes and chance come in; effects go out.  Datagrams and frames are plain here, the
 * driver seals them.  Effects are performed in order; what must be durable comes before what is
 * sent.  Everything an effect points to lives in the effects' arena until gossip_effects_clear. */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H

#include "core/arena.h"
#include "core/bounds.h"
#include "core/metrics.h"
#include "core/store.h"
#include "core/trace.h"
#include "gossip/face/effects.h"
#include "gossip/face/profile.h"
#include "gossip/face/replica.h"
#include "gossip/members/names.h"

struct gossip_options {
    struct node_id id;
    const char *name;
    struct endpoint endpoint; /* as peers shall reach us; family 0: see gossip_move */
    struct endpoint second;   /* the same of the other family; family 0: none */
    const struct gossip_profile *profile;
    /* Of this life: unix seconds << 28 and 28 bits of chance.  One that is not above the last life's
     * is made to be so.  0: go on in the last one, as a memory that was put back does. */
    uint64_t epoch;
    uint64_t seed;               /* of the rng */
    const struct tracer *tracer; /* may be NULL */
    struct metrics *metrics;     /* owned by the host */
    struct names *names;         /* shared by machines of one thread; NULL: its own */
    uint32_t
        listen_ms; /* who knows nobody waits this long to be met before it is alone; 0: not at all */
};

struct gossip;

/* NULL when out of memory. */
struct gossip *gossip_new(const struct gossip_options *options, uint64_t now_ms);
void gossip_free(struct gossip *g);

/* ---- starting: first restore, then join ---- */

/* Hand back what GOSSIP_PERSIST stored, entry by entry, in any order.  ERR_DAMAGED for bytes
 * that fail their check: the caller sets the store aside. */
int gossip_restore(struct gossip *g, enum store_space space, struct bytes key,
                   struct bytes value);
/* This life cannot be written down before it speaks, for the disk is full: take an incarnation and
 * numbers that no life before or after it takes.  Once, between the last gossip_restore and the
 * first gossip_join. */
void gossip_leap(struct gossip *g);
/* While it is held, a machine that has compared with a peer, or knows that it is alone, is not ready
 * all the same; let go, it is at once. */
void gossip_hold(struct gossip *g, uint64_t now_ms, bool is_held,
                 struct gossip_effects *out);
/* The store is another one now, and empty: PERSIST, in steps, all that it should hold.  Begin with a
 * zeroed *at, and go on until false is returned; all of it counts only then. */
struct gossip_restock {
    uint8_t key[KEY_LEN_MAX];
    size_t key_len;
};
bool gossip_restock(struct gossip *g, struct gossip_restock *at,
                    struct gossip_effects *out);
/* Addresses to find others at; repeated with back-off until one answers.  An empty list: alone
 * unless someone comes (ready at once, or after `listen_ms`).  Remembered peers are tried as well, and an empty list
 * with remembered peers is ready after the first comparison with one of them, or when none
 * answered for three probe periods. */
void gossip_join(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds,
                 size_t n, struct gossip_effects *out);
/* For the next gossip_join: addresses are still being looked up, so a list that is empty so far
 * does not mean alone. */
void gossip_expect(struct gossip *g, bool is_expecting);
/* A holder of our secret may be found at `at`: it is asked once, beside whoever is being joined. */
void gossip_meet(struct gossip *g, uint64_t now_ms, struct endpoint at,
                 struct gossip_effects *out);
/* Did the last answer to a ping come from this address, and not before `since_ms`?  It was *ret_who. */
bool gossip_has_answered(const struct gossip *g, struct endpoint at, uint64_t since_ms,
                         struct node_id *ret_who);
/* Ask by TCP why an address is silent; GOSSIP_KNOCKED tells.  False: it is not asked now. */
bool gossip_knock(struct gossip *g, uint64_t now_ms, struct endpoint at,
                  struct gossip_effects *out);
/* Remember an address beside those of gossip_join: it is asked again when its node is forgotten. */
void gossip_keep_seed(struct gossip *g, struct endpoint at);

/* Our host is reached at `to` from now on; family 0: it has no address.  While it has none, from the
 * start or for a while, this machine says nothing, judges nobody and is not ready; what it believes and
 * what is written stays, and goes out when there is an address: then it compares with a member before
 * it is ready again, or is alone when nobody is heard.  A change is told as a newer incarnation.
 * Streams end with the address. */
void gossip_move(struct gossip *g, uint64_t now_ms, struct endpoint to,
                 struct gossip_effects *out);

/* Our host is reached at `second` as well, of the other family than the endpoint that gossip_move told; family
 * 0: no more.  It is told as a newer incarnation. */
void gossip_move_second(struct gossip *g, uint64_t now_ms, struct endpoint second,
                        struct gossip_effects *out);
struct endpoint gossip_second(const struct gossip *g); /* family 0: none */

/* ---- the step ---- */

/* A finer clock for round trips, monotonic: the host says it before each step, or never. */
void gossip_set_us(struct gossip *g, uint64_t now_us);
int gossip_receive(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   struct endpoint from, struct bytes datagram,
                   struct gossip_effects *out);
/* A datagram as 0.1 says it: nothing follows from it but that its sender runs, and that is kept with the
 * member.  True when it is one that we know, and it was not heard so for a minute. */
bool gossip_hear_former(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                        struct bytes datagram);
/* The same from a beacon. */
bool gossip_note_former(struct gossip *g, uint64_t now_ms, struct node_id id);
/* ICMP says that nobody listens there: a hint to probe indirectly at once, never a verdict. */
void gossip_refused(struct gossip *g, uint64_t now_ms, struct endpoint to,
                    struct gossip_effects *out);
/* Incoming streams get ids from the host, with the top bit set; ours come from STREAM_OPEN. */
/* `peer`: who the host knows to be at the other end; zero when it cannot tell. */
void gossip_stream_opened(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          struct node_id peer, struct gossip_effects *out);
int gossip_stream_frame(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                        uint32_t stream, struct bytes frame, struct gossip_effects *out);
void gossip_stream_closed(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          struct gossip_effects *out);
/* Instead of that, for one of ours that was never open: why not. */
void gossip_stream_failed(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          enum knock how, struct gossip_effects *out);
void gossip_tick(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                 struct gossip_effects *out);
uint64_t gossip_deadline_ms(const struct gossip *g); /* UINT64_MAX: none */

/* ---- writing ---- */

/* Write `value` (NULL .at: delete) under `key`; the kind follows from the key's prefix
 * (node, claim, done, refuse are rows).  Emits PERSIST then pushes it.  A row equal to what is
 * there already is no write.  Returns 0; ERR_BOUND for an oversized key or value.
 * *ret_number (may be NULL) is the own number to ask gossip_known_by about. */
int gossip_publish(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   struct bytes key, struct bytes value, uint64_t *ret_number,
                   struct gossip_effects *out);
struct node_id gossip_id(const struct gossip *g);        /* our own */
struct endpoint gossip_endpoint(const struct gossip *g); /* our own; family 0: none */
/* Is somebody else known, a seed or a member of any state, at an address that is not loopback? */
bool gossip_seeks_others(const struct gossip *g);
/* Where two members lately saw our datagrams come from, when it is not our endpoint; else family 0. */
struct endpoint gossip_observed(const struct gossip *g);
uint64_t gossip_epoch(const struct gossip *g);  /* of our writes */
uint64_t gossip_number(const struct gossip *g); /* of our newest write */

/* Writing in two halves, for what must not happen where the local store does not take it.
 *
 * From gossip_stage on gossip_publish and gossip_forget only gather what they would write, against
 * the table as it is: nothing is merged, told or given to the host.  A key can be staged once
 * (ERR_CONFLICT).  Then the host writes all of it, synced, and one of the other two ends the stage.
 * Nothing else may be called between, and `out` must not be cleared. */
void gossip_stage(struct gossip *g);
/* Once, at the end: what the store has to take; *ret_n is 0 when there was nothing to write.  -ENOMEM. */
int gossip_staged(struct gossip *g, const struct store_change **ret_changes,
                  size_t *ret_n, struct gossip_effects *out);
/* The store has it: now it is in the table and will be told.  gossip_number is that of its last
 * entry.  -ENOMEM when the table did not find the memory for some of it. */
int gossip_commit(struct gossip *g, uint64_t now_ms, struct gossip_effects *out);
/* The store has not taken it: it never was.  With `may_be_stored` a restart might find it on the disk
 * all the same: its numbers are never used again, and a PERSIST puts back what stood there. */
void gossip_unstage(struct gossip *g, uint64_t now_ms, bool may_be_stored,
                    struct gossip_effects *out);
/* Somebody waits for more of them to have what has just been written: all are asked. */
void gossip_ask_all(struct gossip *g, uint64_t now_ms);
/* How many live members, self included, are known to have everything of ours up to `number`. */
size_t gossip_known_by(const struct gossip *g, uint64_t number);
/* Say goodbye to all; GOSSIP_LEFT follows within a few seconds. */
void gossip_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *out);
/* Drop a dead or left member for good, with its rows, everywhere. */
int gossip_forget(struct gossip *g, uint64_t now_ms, struct node_id id,
                  struct gossip_effects *out);

/* ---- asking ---- */

/* Is the identity of this member at a second place as well?  Where: that of the younger life, which is not
 * listened to; of our own, when gossip_is_stopped, that of the elder. */
bool gossip_twin(const struct gossip *g, struct node_id id, struct endpoint *ret_other);
/* Our own life is the younger of two: nothing is said, heard or written any more. */
bool gossip_is_stopped(const struct gossip *g);

/* Ask up to 16 live members whether they are there, again and again for `for_ms`, until each has been
 * heard since. */
void gossip_census(struct gossip *g, uint64_t now_ms, uint64_t for_ms,
                   struct gossip_effects *out);
/* The generation that a record of this key would have if it were written now: one more than it was ever
 * seen with, deleted or not. */
uint64_t gossip_next_generation(const struct gossip *g, struct bytes key);
void gossip_census_end(struct gossip *g);
/* How many of those asked are still believed to live and have not been heard since. */
size_t gossip_census_missed(const struct gossip *g, size_t *ret_n_asked);

/* ---- reading ---- */

const struct members *gossip_members(const struct gossip *g);
const struct table *gossip_table(const struct gossip *g);
/* The generation that a record of this key would have if it were written now: one more than it was ever
 * seen with, deleted or not. */
uint64_t gossip_next_generation(const struct gossip *g, struct bytes key);
bool gossip_is_ready(const struct gossip *g);
/* What a round trip between two members should take, by their network coordinates; 0 when one of
 * them is not known yet. */
uint32_t gossip_rtt_us(const struct gossip *g, struct node_id a, struct node_id b);
/* By how many ms our wall clock is ahead of the median of our peers' (behind: negative).  Returns of
 * how many peers, 0 when that is not known: there is nobody, or nobody was asked yet. */
size_t gossip_skew(const struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   int64_t *ret_ahead_ms);
uint64_t gossip_newest_ms(
    const struct gossip *g); /* when the last news from a peer came; 0 = never */
/* Own seen vector, sorted by writer; valid until the next step. */
size_t gossip_seen(const struct gossip *g, const struct seen_number **ret_seen);
/* Of the table and of what was seen of whom: members that show the same have the same. */
uint64_t gossip_digest(const struct gossip *g);
/* A peer's digest and seen vector as last heard; returns entries in *ret_seen (0 when never heard). */
struct peer_view {
    uint64_t digest, heard_ms;
    uint64_t
        behind_ms; /* so long its table had been another than ours when it was heard; 0 = the same */
    bool is_late; /* for longer than writes under way take: a round of probing */
    uint64_t
        has_ours; /* has everything of ours up to this number, by its acknowledgements */
    const struct seen_number *seen;
    size_t n_seen;
    uint64_t bytes_in, bytes_out;
    bool has_clock;
    int64_t
        clock_ms; /* by how much its wall clock was ahead of ours when it was last asked */
};
bool gossip_peer(const struct gossip *g, struct node_id peer, struct peer_view *ret_view);
/* How full the table is, in percent of the nearer bound, and the member that is gone for longest, whose
 * rows are still in it (NULL: none). */
struct gossip_fill {
    unsigned percent;
    bool are_bytes; /* else entries */
    const struct member *gone;
};
void gossip_fill(const struct gossip *g, struct gossip_fill *ret_fill);
size_t
gossip_rumors(const struct gossip *g); /* membership rumors and table pushes in flight */

#endif

/* Streams, and the comparisons that run on them. */
#ifndef GOSSIP_MACHINE_PART_SYNC_H
#define GOSSIP_MACHINE_PART_SYNC_H

#include "gossip/machine/part_push.h"
#include "gossip/table/digests.h"
#include "gossip/table/seen.h"
#include "proto/codec.h"

struct gossip;
struct gossip_effects;

enum {
    STREAM_PARTS = 1024,   /* of what was seen: greet.h */
    STREAMS_MAX = 96,      /* a push to each of 32 members and comparisons beside it */
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
    uint64_t graves;   /* as table.graves, when it greeted */
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

#endif

/* Passing on: ranges that wait, links of the tree, what is not answered yet. */
#ifndef GOSSIP_MACHINE_PART_PUSH_H
#define GOSSIP_MACHINE_PART_PUSH_H

#include "core/ids.h"

enum {
    PUSHES_MAX = 1024,     /* ranges waiting to be passed on; a sync brings what was dropped */
    TREE_LINKS_MAX = 32,   /* two for each power of three up to half the members */
    TREE_HAVE_MAX = 512,   /* writers told of on lazy links at one time */
    TREE_MISSING_MAX = 256,
    UNANSWERED_MAX = 1024, /* ranges told to some link and not answered, of 80 bytes */
    OWED_MAX = 64,
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

#endif

/* The replicated table: a CRDT map where every key keeps the greatest entry ever seen (DESIGN 6).
 *
 * Rows order by their writer's (epoch, number), records by (generation, stamp, writer).  Three
 * indexes over the same entries: by key for prefix scans, by (writer, epoch, number) for syncs,
 * and 128 buckets by key hash, each with the XOR of its entries' hashes, for comparing tables. */
#ifndef GOSSIP_TABLE_H
#define GOSSIP_TABLE_H

#include "gossip/skip.h"
#include "gossip/state.h"

enum {
    TABLE_BUCKETS = 128,
    /* Twice the claims the program is laid out for, and a gigabyte of them: what a hostile member
     * can make us hold. */
    TABLE_ENTRIES_MAX = 2 * CLAIMS_MAX,
};
#define TABLE_BYTES_MAX ((size_t)1 << 30)

struct slot {
    struct entry entry; /* first: table_get hands it out; key and value follow the slot */
    uint64_t hash;      /* of (key, version) */
    uint8_t bucket;
    struct slot *bucket_next, *bucket_prev;
};

struct table {
    struct skip by_key, by_number;
    struct slot *buckets[TABLE_BUCKETS];
    uint64_t hashes[TABLE_BUCKETS];
    uint64_t digest;
    size_t n_live, n_bytes;
};

enum merge {
    MERGE_STALE,    /* known already, or older than what is here */
    MERGE_NEW,      /* it is in the table now */
    MERGE_REPLACED, /* as NEW, and a concurrent write with another value lost to it */
    MERGE_LOST,     /* it is itself the loser of a concurrent write */
};

int table_init(struct table *t, uint64_t seed);
void table_fini(struct table *t);
enum entry_kind table_kind(struct bytes key); /* by its prefix */
/* The writer is the node in the key of a row; lengths are within bounds.  ERR_INVALID, ERR_BOUND. */
int table_check(const struct entry *e);
/* Merge a copy of a checked entry.  *ret_writer (may be NULL) gets the writer of the entry that
 * lost, for MERGE_REPLACED and MERGE_LOST; *ret_before the (writer, epoch, number) of what was
 * replaced, number 0 when nothing was.  ERR_BOUND when the table is full, -ENOMEM. */
int table_merge(struct table *t, const struct entry *e, struct node_id *ret_loser,
                struct seen_number *ret_before);
/* Also tombstones; NULL when the key was never written. */
const struct slot *table_slot(const struct table *t, struct bytes key);
/* Forget a key without a trace (its writer is gone for good). */
void table_remove(struct table *t, struct bytes key);
/* The first slot of (writer, epoch, number) or greater; walk with ->next[0].  NULL at the end. */
struct skip_node *table_from(const struct table *t, struct node_id writer, uint64_t epoch,
                             uint64_t number);
/* The greater entry wins; 0 for the same version. */
int entry_compare(const struct entry *a, const struct entry *b);

#endif

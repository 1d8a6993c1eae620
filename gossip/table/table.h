/* The replicated table: a CRDT map where every key keeps the greatest entry ever seen (DESIGN 6).
 *
 * Rows order by their writer's (epoch, number), records by (generation, stamp, writer); the value's
 * hash comes last, so that equal digests mean equal values.  Three
 * indexes over the same entries: by key for prefix scans, by (writer, epoch, number) for syncs,
 * and by key hash, whose 128 parts each have the XOR of their entries' hashes, for comparing
 * tables.
 *
 * A million rows have to fit beside the work of a small host: an entry is a cell of fixed size,
 * its writer and epoch are a number in it, and of a row's key only what follows the node's id is
 * kept.  So a key is written out again when somebody looks. */
#ifndef GOSSIP_TABLE_TABLE_H
#define GOSSIP_TABLE_TABLE_H

#include <stddef.h>

#include "gossip/table/bodies.h"
#include "gossip/table/handles.h"
#include "gossip/table/sorted.h"
#include "gossip/face/replica.h"

enum {
    TABLE_BUCKETS = 128,
    TABLE_BUCKET_BITS = 7,
    TABLE_PARTS = 1024, /* of a bucket */
    TABLE_PART_BITS = 10,
    /* Twice the claims the program is laid out for, and a gigabyte of them: what a hostile member
     * can make us hold. */
    TABLE_ENTRIES_MAX = 2 * CLAIMS_MAX,
    TABLE_VIEWS = 8, /* entries that table_get has handed out lately */
};
#define TABLE_BYTES_MAX ((size_t)1 << 30)

struct cell;   /* an entry as it is kept, cell.h */
struct author; /* a writer in one of its epochs */

struct table_views;

struct table_view {
    struct entry entry;
    uint8_t key[KEY_LEN_MAX];
};

struct table {
    struct cell *cells;
    size_t n_cells, cells_cap; /* also free ones */
    uint32_t free_cell;        /* HANDLE_NONE: none */
    struct author *authors;
    size_t n_authors, authors_cap;
    uint32_t free_author, last_author; /* last: many in a row are of one */
    struct bodies bodies;
    struct handles by_hash, by_author;
    struct sorted by_key, by_number;
    uint64_t hashes[TABLE_BUCKETS];
    uint64_t digest;
    uint64_t graves; /* the same of rows grave/ alone: which writers are retired (grave.h) */
    size_t n_live, n_bytes;
    size_t entries_max, bytes_max; /* the bounds above; a test may lower them */
    struct table_views *views; /* a ring */
};

enum merge {
    MERGE_STALE,    /* known already, or older than what is here */
    MERGE_NEW,      /* it is in the table now */
    MERGE_REPLACED, /* as NEW, and a concurrent write with another value lost to it */
    MERGE_LOST,     /* it is itself the loser of a concurrent write */
};

/* The table must not be moved in memory while it is in use.  0 or -ENOMEM. */
int table_init(struct table *t);
void table_fini(struct table *t);
enum entry_kind table_kind(struct bytes key); /* by its prefix */
uint32_t table_bucket(struct bytes key);
uint32_t table_part(struct bytes key); /* of its bucket, below TABLE_PARTS */
/* The writer is the node in the key of a row; lengths are within bounds.  ERR_INVALID, ERR_BOUND. */
int table_check(const struct entry *e);
/* Merge a copy of a checked entry.  *ret_loser (may be NULL) gets the writer of the entry that
 * lost, for MERGE_REPLACED and MERGE_LOST.  ERR_BOUND when the table is full, -ENOMEM. */
int table_merge(struct table *t, const struct entry *e, struct node_id *ret_loser);
/* What merging these entries, one after another, would add to a table: start with zeros. */
struct table_growth {
    size_t n; /* entries */
    ptrdiff_t bytes;
};
/* Count in one that wins its key.  ERR_BOUND when the table could not take it after those counted
 * before, which must be of other keys. */
int table_grow(const struct table *t, const struct entry *e, struct table_growth *growth);
/* As table_get, but also tombstones; false when the key was never written.  The entry's key is the
 * one given, its value is good until the table changes. */
bool table_find(const struct table *t, struct bytes key, struct entry *ret_entry);
/* Forget a key without a trace (its writer is gone for good). */
void table_remove(struct table *t, struct bytes key);
size_t table_size(const struct table *t); /* entries, tombstones too */
/* How full it is, by entries or bytes, whichever is nearer to its bound. */
unsigned table_percent(const struct table *t);

/* ---- walking: tombstones too; an entry is good until the next one is asked for ---- */

struct table_walk {
    const struct sorted *sorted;
    struct sorted_at at;
    uint8_t key[KEY_LEN_MAX];
};

/* From the first entry of (writer, epoch, number) or greater, in that order to the table's end. */
void table_from(const struct table *t, struct node_id writer, uint64_t epoch,
                uint64_t number, struct table_walk *ret_walk);
/* From the first entry whose key is not less, in key order to the table's end. */
void table_from_key(const struct table *t, struct bytes key, struct table_walk *ret_walk);
bool table_next(const struct table *t, struct table_walk *w, struct entry *ret_entry);
/* The entries of one bucket, in no order that means anything; *place starts at 0. */
bool table_bucket_next(const struct table *t, unsigned bucket, size_t *place,
                       struct table_walk *w, struct entry *ret_entry);
/* Of (key, version, value): what digests are made of. */
uint64_t entry_hash(const struct entry *e);
/* By version alone: 0 also where two values have one version. */
int entry_compare_version(const struct entry *a, const struct entry *b);
/* The greater entry wins; 0 for the same.  Of two values of one version, which only a store or a
 * memory that was put back makes, the greater hash wins. */
int entry_compare(const struct entry *a, const struct entry *b);

#endif

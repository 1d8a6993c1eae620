/* What upper floors read of gossip: the members and the replicated table.  Read-only faces;
 * all writing goes through gossip.h. */
#ifndef GOSSIP_FACE_REPLICA_H
#define GOSSIP_FACE_REPLICA_H

#include "core/bytes.h"
#include "core/cluster.h"
#include "core/ids.h"
#include "core/stamp.h"

/* ---- members ---- */

struct member {
    struct node_id id;
    struct endpoint endpoint; /* gossip address */
    uint32_t incarnation;
    const char *name;    /* at most NAME_LEN_MAX; belongs to where the member is */
    uint64_t changed_ms; /* when the state was last changed, monotonic */
    uint32_t rtt_us;     /* of the last probe; 0 = never probed */
    enum member_state state;
};

struct members; /* every member known, self included */

size_t members_count(const struct members *m);
const struct member *members_at(const struct members *m, size_t i); /* sorted by id */
const struct member *members_find(const struct members *m, struct node_id id);
/* False: no other of `m` bears this member's name.  True: look at all of them, it may be so. */
bool members_may_share_name(const struct member *member);
/* When it was last heard in words of 0.1; 0: never. */
uint64_t members_former_ms(const struct members *m, struct node_id id);
size_t members_count_state(const struct members *m, enum member_state state);

/* ---- the table ---- */

enum entry_kind { ENTRY_ROW, ENTRY_RECORD };

struct entry {
    enum entry_kind kind;
    struct bytes key, value; /* value.at == NULL: a tombstone */
    struct node_id writer;
    uint64_t epoch, number;      /* the writer's; rows order by them */
    uint64_t generation;         /* records order by (generation, stamp, writer) */
    stamp_t stamp;
};

struct table;

/* NULL when the key is absent or a tombstone.  Its value is good until the table changes, the entry
 * itself also no longer than until eight more have been asked for. */
const struct entry *table_get(const struct table *t, struct bytes key);
/* Live entries whose key starts with `prefix`, in key order, until `visit` returns non-zero,
 * which is returned.  The entry and its key are good during the visit, its value until the table
 * changes. */
int table_each(const struct table *t, struct bytes prefix,
               int (*visit)(void *ctx, const struct entry *e), void *ctx);
size_t table_count(const struct table *t); /* live entries */
uint64_t table_digest(const struct table *t);

/* ---- who knows what ---- */

/* A life of a node, which is an epoch, and the last number that it gave. */
struct life {
    uint64_t epoch, number;
};

enum { SEEN_OLDER = 3 };

/* Seen of a writer up to a number of its epoch; and of its epochs before, up to where each had been
 * seen when the next one began, the latest first.  An epoch that lies between them was not seen.  Where
 * they end, with zeros or for want of room, all was seen that is older. */
struct seen_number {
    struct node_id writer;
    uint64_t epoch, number;
    uint64_t before_epoch, before_number;
    struct life older[SEEN_OLDER];
};

/* Is this number of that epoch among what the line says? */
bool seen_line_covers(const struct seen_number *line, uint64_t epoch, uint64_t number);
/* Its i-th former epoch, the latest first; zeros behind the last. */
struct life seen_line_former(const struct seen_number *line, unsigned i);
/* The same line when a new epoch begins, of which nothing was seen yet. */
struct seen_number seen_line_begin(const struct seen_number *was, uint64_t epoch);

#endif

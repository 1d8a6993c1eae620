/* The local store: three key spaces, one atomic batch per write.
 *
 * store_mem.c is the twin for tests and the simulator, store_rocks.c the real one.  All calls
 * block; a synced batch costs one fsync. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

enum store_space {
    STORE_TABLE, /* entry key -> encoded entry */
    STORE_ORDER, /* of earlier versions: (writer, number) -> entry key; not written any more */
    STORE_LOCAL, /* identity, remembered peers, tasks, numbers */
    STORE_SPACES,
};

struct store_change {
    enum store_space space;
    struct bytes key, value; /* value.at == NULL deletes */
};

/* Why a store takes no writes just now. */
enum store_trouble {
    STORE_WELL,
    STORE_NO_SPACE, /* no bytes, no inodes, or a quota: mended by whoever makes room */
    STORE_FAILING,  /* the disk answers errors, or has become read-only */
};

/* Bytes that a store on a disk leaves free, for what it writes on its own. */
enum { STORE_SPACE_KEPT = 4 << 20 };

struct store;

struct store_ops {
    /* All changes or none.  With is_synced it returns after they are on the disk.  -ENOSPC before
     * the disk is quite full.  After an error nothing was written, but for ERR_UNSURE: then all of
     * it may be found after the next start. */
    int (*write)(struct store *s, const struct store_change *changes, size_t n,
                 bool is_synced, struct err *err);
    /* A malloc'ed copy in *ret_value, owned by the caller; ERR_NOT_FOUND. */
    int (*read)(struct store *s, enum store_space space, struct bytes key,
                uint8_t **ret_value, size_t *ret_len, struct err *err);
    /* Visit keys that start with `prefix`, in key order, until `visit` returns non-zero, which
     * is then returned.  The views passed are valid during the call, and `visit` must not write
     * to the store. */
    int (*each)(struct store *s, enum store_space space, struct bytes prefix,
                int (*visit)(void *ctx, struct bytes key, struct bytes value), void *ctx,
                struct err *err);
    /* How the last write ended.  *ret_is_spent: this store will take no write again; it is to be
     * closed and opened anew. */
    enum store_trouble (*trouble)(struct store *s, bool *ret_is_spent);
    /* Has something failed in the background since?  Then trouble tells.  NULL: nothing can. */
    void (*check)(struct store *s);
    void (*close)(struct store *s);
};

struct store {
    const struct store_ops *ops;
};

static inline int store_write(struct store *s, const struct store_change *changes,
                              size_t n, bool is_synced, struct err *err)
{
    return s->ops->write(s, changes, n, is_synced, err);
}

static inline int store_read(struct store *s, enum store_space space, struct bytes key,
                             uint8_t **ret_value, size_t *ret_len, struct err *err)
{
    return s->ops->read(s, space, key, ret_value, ret_len, err);
}

static inline int store_each(struct store *s, enum store_space space, struct bytes prefix,
                             int (*visit)(void *ctx, struct bytes key,
                                          struct bytes value),
                             void *ctx, struct err *err)
{
    return s->ops->each(s, space, prefix, visit, ctx, err);
}

static inline enum store_trouble store_trouble(struct store *s, bool *ret_is_spent)
{
    return s->ops->trouble(s, ret_is_spent);
}

static inline void store_check(struct store *s)
{
    if (s->ops->check)
        s->ops->check(s);
}

static inline void store_close(struct store *s)
{
    if (s)
        s->ops->close(s);
}

/* An empty store in memory; NULL when out of memory. */
struct store *store_mem_new(void);

/* For tests: let `countdown` writes to a store_mem succeed, then fail the next `repeat` of them
 * with ERR_STORE, changing nothing. */
void store_mem_fault(struct store *s, unsigned countdown, unsigned repeat);
/* Of the writes that store_mem_fault lets fail, make the first `n` synced ones fail as when the log is
 * written and not synced: the changes are there, and the answer is ERR_UNSURE. */
void store_mem_fault_sync(struct store *s, unsigned n);
/* For tests: the power fails.  Of the batches since the last synced write the first `n_kept` are on the
 * disk, each whole, for a torn one is told from a whole one by its checksum; the rest never was. */
void store_mem_cut(struct store *s, size_t n_kept);
size_t store_mem_unsynced(const struct store *s); /* how many batches that may take */
/* For tests: refuse all writes in this way, until STORE_WELL. */
void store_mem_ail(struct store *s, enum store_trouble trouble);

/* Open or create the store in directory `path`, tuned small (DESIGN 11).  A damaged store is
 * renamed to `path.damaged-<unix seconds>` and a fresh one is opened; then *ret_was_damaged is
 * true, `err` says what was wrong, and the caller passes it on.  A store that another live
 * process has open is ERR_CONFLICT, never damage.  -ENOSPC (also for a quota or for inodes), -EIO,
 * -EROFS and their like, and ERR_STORE leave what is there as it is.  The parent of `path` must exist. */
int store_rocks_open(const char *path, struct store **ret_store, bool *ret_was_damaged,
                     struct err *err);
/* Open what is there for reading alone: nothing is written, and nothing is locked.  ERR_NOT_FOUND when
 * there is no store yet, ERR_DAMAGED. */
int store_rocks_open_to_read(const char *path, struct store **ret_store, struct err *err);
/* How many bytes should be free before the store at `path` is opened: what its log holds is written
 * into tables then. */
uint64_t store_rocks_wants(const char *path);

#endif

/* The local store: three key spaces, one atomic batch per write.
 *
 * store_mem.c is the twin for tests and the simulator, store_rocks.c the real one.  All calls
 * block; a synced batch costs one fsync. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

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

struct store;

struct store_ops {
    /* All changes or none.  With is_synced it returns after they are on the disk.  -ENOSPC before
     * the disk is quite full. */
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

/* Open or create the store in directory `path`, tuned small (DESIGN 11).  A damaged store is
 * renamed to `path.damaged-<unix seconds>` and a fresh one is opened; then *ret_was_damaged is
 * true, `err` says what was wrong, and the caller passes it on.  A store that another live
 * process has open is ERR_CONFLICT, never damage.  The parent of `path` must exist. */
int store_rocks_open(const char *path, struct store **ret_store, bool *ret_was_damaged,
                     struct err *err);

#endif

/* The backlog: changes the store refused (a full disk), kept in order and written before anything
 * else as soon as it takes them again.  Nothing that depends on them is acknowledged meanwhile. */
#ifndef AGENT_BACKLOG_H
#define AGENT_BACKLOG_H

#include "core/arena.h"
#include "core/store.h"

enum {
    BACKLOG_MAX = 64 << 20
}; /* bytes; past it the oldest table state on disk is simply older */

struct backlog {
    struct arena arena; /* of the kept changes */
    struct store_change *changes;
    size_t n, cap;
    bool is_overflown; /* some were dropped: the peers have them, a restart pulls them */
};

void backlog_init(struct backlog *b);
void backlog_fini(struct backlog *b);
/* Write what is kept and `changes`, in this order.  On error `changes` is kept too. */
int backlog_write(struct backlog *b, struct store *store,
                  const struct store_change *changes, size_t n, bool is_synced,
                  struct err *err);

#endif

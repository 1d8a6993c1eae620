/* The nodes that bear one name, as members and table have them; who keeps it is decided in
 * core/naming.h. */
#ifndef AGENT_NAMESAKES_H
#define AGENT_NAMESAKES_H

#include "core/arena.h"
#include "core/stamp.h"
#include "gossip/face/replica.h"

enum {
    NAMESAKES_MAX = 64
}; /* looked at: a name that more bear means none of them to people */

struct namesakes {
    size_t n_here;               /* alive or suspect */
    const struct member *keeper; /* NULL: nobody, or there are too many to say */
    const struct member *other;  /* one that is here and does not keep it; NULL: none */
    uint64_t hash;               /* of all this */
};

struct namesakes namesakes_find(const struct members *members, const struct table *table,
                                const char *name);
/* What means this member alone: its name or its id.  In `arena`, or as long as the member; NULL without
 * memory. */
const char *namesakes_called(const struct members *members, const struct table *table,
                             const struct member *member, struct arena *arena);
/* The stamp at which node `self` takes `name` now: after every other node that has it. */
stamp_t namesakes_take(const struct members *members, const struct table *table,
                       struct node_id self, const char *name, uint64_t at_unix_ms);

#endif

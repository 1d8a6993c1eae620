/* Who keeps a name that several nodes have taken.
 *
 * A node that is there goes before one that is gone; then the one that took the name first; then the
 * smaller id.  All of that is in the members and in their rows, so nodes that agree on those agree on
 * every name.  A node that does not keep its name is called by its id, which nobody else has. */
#ifndef CORE_NAMING_H
#define CORE_NAMING_H

#include "core/arena.h"
#include "core/ids.h"
#include "core/stamp.h"

/* Of a node that has not taken its name yet: it is still finding out who has it. */
#define NAME_NOT_TAKEN UINT64_MAX

struct name_bearer {
    const char *name;
    struct node_id id;
    stamp_t taken; /* 0: before this was written down, so before all others */
    bool is_here;
};

/* Of two that bear one name: does `a` go before `b`? */
bool naming_precedes(const struct name_bearer *a, const struct name_bearer *b);
/* May a node keep this name at all?  A name that reads as an id could mean the node with that id. */
bool naming_is_distinct(const char *name);
/* Of each of `n` bearers, whether it keeps its name.  One look at each; -ENOMEM. */
int naming_decide(const struct name_bearer *bearers, size_t n, struct arena *arena,
                  bool *ret_keeps);

#endif

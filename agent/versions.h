/* Which bodies of a job's earlier versions the table still needs. */
#ifndef AGENT_VERSIONS_H
#define AGENT_VERSIONS_H

#include "core/arena.h"
#include "gossip/state.h"
#include "proto/key.h"

enum {
    VERSIONS_KEPT = 10
}; /* with the current one: to go back to, and to compare with */

/* The keys of bodies that may go: those of `ns`/`job` that are not `current`, are run by
 * no instance and have VERSIONS_KEPT newer ones.  A job that is submitted often would
 * otherwise fill the memory of every node.  The list lives in `arena`; 0 or -ENOMEM. */
int versions_old(const struct table *table, const char *ns, const char *job,
                 struct spec_hash current, struct arena *arena, struct key **ret_keys,
                 size_t *ret_n);

#endif

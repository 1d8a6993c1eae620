/* The versions of a job as the table has them: what was submitted when, by whom, on top of
 * what; which of them stand, and which lost to a submission that nobody knew of.
 *
 * Each submission leaves version/<ns>/<job>/<version>/<hash> behind, which bears the hash of
 * the version it was written over.  Going down from the current one along those hashes gives
 * the line of versions that stand.  What is beside that line was written at the same time as
 * one of it, on the other side of a partition or within one breath, and lost. */
#ifndef AGENT_VERSIONS_H
#define AGENT_VERSIONS_H

#include "core/arena.h"
#include "core/cluster.h"
#include "gossip/face/replica.h"
#include "proto/key.h"

enum {
    VERSIONS_KEPT = 10, /* with the current one: to go back to, and to compare with */
    VERSIONS_LOST_KEPT = 10, /* so that a long partition leaves a bounded heap */
};

enum version_state {
    VERSION_CURRENT,
    VERSION_SUPERSEDED,
    VERSION_LOST,
};

struct version {
    struct job_doc doc;
    enum version_state state;
    bool has_conflict; /* it lost, or another one lost to it */
    bool has_rival;    /* VERSION_LOST: `rival` is the version that stands in its place */
    struct spec_hash rival;
    bool is_kept; /* its body can be asked for */
};

/* All that is known, the newest version first, of one version that which stands before those
 * that lost.  A job that was removed while somebody submitted it has only lost ones.  The list
 * and its texts live in `arena`; 0 or -ENOMEM. */
int versions_list(const struct table *table, const char *ns, const char *job,
                  struct arena *arena, struct version **ret_list, size_t *ret_n);
/* The same as if `next` (may be NULL) had been submitted: its number and its body's hash. */
int versions_list_with(const struct table *table, const char *ns, const char *job,
                       const struct job_doc *next, struct arena *arena,
                       struct version **ret_list, size_t *ret_n);
/* The body that `word` names: "v7" or the first digits of a hash, at least four; NULL for the
 * current one.  *ret_version is 0 where the body is all that is known.  ERR_NOT_FOUND, ERR_INVALID
 * when it is neither or fits more than one, -ENOMEM. */
int versions_find(const struct table *table, const char *ns, const char *job,
                  const char *word, struct arena *arena, uint32_t *ret_version,
                  struct spec_hash *ret_hash);

/* The keys that may go once `next` is written (NULL: now): those of versions beyond VERSIONS_KEPT, of the oldest losers beyond
 * VERSIONS_LOST_KEPT, and of bodies that none of the others needs, are run by no instance and
 * have VERSIONS_KEPT newer ones, with the texts that became them.  A job that is submitted often would otherwise fill the memory
 * of every node.  The list lives in `arena`; 0 or -ENOMEM. */
int versions_old(const struct table *table, const char *ns, const char *job,
                 const struct job_doc *next, struct arena *arena, struct key **ret_keys,
                 size_t *ret_n);

#endif

/* An ordered set of small numbers that stand for things kept elsewhere: sorted leaves of some 250,
 * in an array that is sorted too.  What the numbers stand for is known to the compare function.
 *
 * A million numbers are some 5,000 leaves, so that two binary searches find a place, and an insertion
 * moves at most a kilobyte.  Things that arrive in order find their leaf at once and fill it. */
#ifndef GOSSIP_TABLE_SORTED_H
#define GOSSIP_TABLE_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SORTED_LEAF_MAX = 254 };

struct sorted_leaf {
    uint32_t n;
    uint32_t ids[SORTED_LEAF_MAX];
};

/* The thing behind `id` against the probe: below 0, 0, above 0. */
typedef int sorted_compare(const void *ctx, uint32_t id, const void *probe);

struct sorted {
    struct sorted_leaf **leaves;
    size_t n_leaves, cap, n;
    size_t finger; /* the leaf of the last change: the next is often there */
    sorted_compare *compare;
    const void *ctx;
};

/* A place; it is good until the set changes. */
struct sorted_at {
    size_t leaf, index;
};

void sorted_init(struct sorted *o, sorted_compare *compare, const void *ctx);
void sorted_fini(struct sorted *o);
/* The place of the first that is not less than the probe. */
struct sorted_at sorted_at_least(const struct sorted *o, const void *probe);
/* False at the end; else *ret_id is what is there, and `at` the place after it. */
bool sorted_next(const struct sorted *o, struct sorted_at *at, uint32_t *ret_id);
/* Nothing equal to the probe may be there yet.  0 or -ENOMEM. */
int sorted_insert(struct sorted *o, const void *probe, uint32_t id);
/* Remove what equals the probe, if it is there. */
void sorted_remove(struct sorted *o, const void *probe);

#endif

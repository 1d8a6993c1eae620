/* An ordered set of pointers: a skip list (Pugh 1990).  Search, insertion and removal take
 * O(log n) steps on average; walking in order is following one pointer.
 *
 * The set does not own its items.  Heights come from a generator of its own, so that no peer can
 * choose keys that make it slow. */
#ifndef GOSSIP_SKIP_H
#define GOSSIP_SKIP_H

#include <stddef.h>

#include "core/rng.h"

enum { SKIP_HEIGHT_MAX = 16 }; /* one in four nodes rises a level: 4^16 items */

struct skip_node {
    void *item;
    struct skip_node *next[];
};

struct skip {
    struct skip_node *head; /* its item is NULL */
    int (*compare)(const void *a, const void *b);
    struct rng rng;
    unsigned height;
    size_t n;
};

int skip_init(struct skip *s, int (*compare)(const void *, const void *), uint64_t seed);
void skip_fini(struct skip *s);
/* The first node whose item is not less than `probe`; NULL at the end. */
struct skip_node *skip_at_least(const struct skip *s, const void *probe);
void *skip_find(const struct skip *s, const void *probe); /* NULL: not there */
/* `item` must not be there yet.  0 or -ENOMEM. */
int skip_insert(struct skip *s, void *item);
void skip_remove(struct skip *s, const void *item);

#endif

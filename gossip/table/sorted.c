/* The ordered set.  Full leaves are split, at their end when things arrive in order; a
 * leaf that runs low joins its neighbour when both fit in one with room to spare. */
#include "gossip/table/sorted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAF_LOW = SORTED_LEAF_MAX / 4,
    LEAF_JOINED = SORTED_LEAF_MAX * 3 / 4, /* so that a joined leaf is not split at once */
};

void sorted_init(struct sorted *o, sorted_compare *compare, const void *ctx)
{
    *o = (struct sorted){.compare = compare, .ctx = ctx};
}

void sorted_fini(struct sorted *o)
{
    for (size_t i = 0; i < o->n_leaves; i++)
        free(o->leaves[i]);
    free(o->leaves);
    *o = (struct sorted){.compare = o->compare, .ctx = o->ctx};
}

/* ---- finding ---- */

static int compare_first(const struct sorted *o, size_t leaf, const void *probe)
{
    return o->compare(o->ctx, o->leaves[leaf]->ids[0], probe);
}

/* The last leaf whose first is not greater than the probe; the first leaf when there is
 * none. */
static size_t find_leaf(const struct sorted *o, const void *probe)
{
    size_t low = 0, high = o->n_leaves;
    if (o->finger < o->n_leaves && compare_first(o, o->finger, probe) <= 0) {
        low = o->finger;
        if (low + 1 < high && compare_first(o, low + 1, probe) > 0)
            high = low + 1;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (compare_first(o, middle, probe) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t find_index(const struct sorted *o, const struct sorted_leaf *leaf,
                         const void *probe)
{
    size_t low = 0, high = leaf->n;
    /* Behind the last, for what arrives in order. */
    if (o->compare(o->ctx, leaf->ids[leaf->n - 1], probe) < 0)
        return leaf->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (o->compare(o->ctx, leaf->ids[middle], probe) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sorted_at sorted_at_least(const struct sorted *o, const void *probe)
{
    if (o->n_leaves == 0)
        return (struct sorted_at){0};
    struct sorted_at at = {.leaf = find_leaf(o, probe)};
    at.index = find_index(o, o->leaves[at.leaf], probe);
    return at;
}

bool sorted_next(const struct sorted *o, struct sorted_at *at, uint32_t *ret_id)
{
    if (at->leaf < o->n_leaves && at->index == o->leaves[at->leaf]->n)
        *at = (struct sorted_at){.leaf = at->leaf + 1};
    if (at->leaf >= o->n_leaves)
        return false;
    *ret_id = o->leaves[at->leaf]->ids[at->index++];
    return true;
}

/* ---- changing ---- */

static struct sorted_leaf *add_leaf(struct sorted *o, size_t at)
{
    if (o->n_leaves == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 4;
        struct sorted_leaf **leaves = realloc(o->leaves, cap * sizeof(*leaves));
        if (!leaves)
            return NULL;
        o->leaves = leaves;
        o->cap = cap;
    }
    struct sorted_leaf *leaf = malloc(sizeof(*leaf));
    if (!leaf)
        return NULL;
    leaf->n = 0;
    memmove(o->leaves + at + 1, o->leaves + at, (o->n_leaves - at) * sizeof(*o->leaves));
    o->leaves[at] = leaf;
    o->n_leaves++;
    return leaf;
}

/* Make room at a place in a full leaf; the place moves along. */
static int split(struct sorted *o, struct sorted_at *at)
{
    struct sorted_leaf *right = add_leaf(o, at->leaf + 1);
    if (!right)
        return -ENOMEM;
    struct sorted_leaf *left = o->leaves[at->leaf];
    size_t keep = at->index == left->n ? left->n : left->n / 2;
    right->n = (uint32_t)(left->n - keep);
    memcpy(right->ids, left->ids + keep, right->n * sizeof(right->ids[0]));
    left->n = (uint32_t)keep;
    if (at->index >= keep)
        *at = (struct sorted_at){at->leaf + 1, at->index - keep};
    return 0;
}

int sorted_insert(struct sorted *o, const void *probe, uint32_t id)
{
    if (o->n_leaves == 0 && !add_leaf(o, 0))
        return -ENOMEM;
    struct sorted_at at = {0};
    if (o->n > 0)
        at = sorted_at_least(o, probe);
    if (o->leaves[at.leaf]->n == SORTED_LEAF_MAX && split(o, &at) < 0)
        return -ENOMEM;
    struct sorted_leaf *leaf = o->leaves[at.leaf];
    memmove(leaf->ids + at.index + 1, leaf->ids + at.index,
            (leaf->n - at.index) * sizeof(leaf->ids[0]));
    leaf->ids[at.index] = id;
    leaf->n++;
    o->n++;
    o->finger = at.leaf;
    return 0;
}

static void drop_leaf(struct sorted *o, size_t at)
{
    free(o->leaves[at]);
    o->n_leaves--;
    memmove(o->leaves + at, o->leaves + at + 1, (o->n_leaves - at) * sizeof(*o->leaves));
}

static void join(struct sorted *o, size_t at)
{
    struct sorted_leaf *left = o->leaves[at], *right = o->leaves[at + 1];
    if (left->n + right->n > LEAF_JOINED)
        return;
    memcpy(left->ids + left->n, right->ids, right->n * sizeof(right->ids[0]));
    left->n += right->n;
    drop_leaf(o, at + 1);
}

void sorted_remove(struct sorted *o, const void *probe)
{
    struct sorted_at at = sorted_at_least(o, probe);
    if (o->n_leaves == 0 || at.index == o->leaves[at.leaf]->n) {
        at = (struct sorted_at){.leaf = at.leaf + 1};
        if (at.leaf >= o->n_leaves)
            return;
    }
    struct sorted_leaf *leaf = o->leaves[at.leaf];
    if (o->compare(o->ctx, leaf->ids[at.index], probe) != 0)
        return;
    leaf->n--;
    o->n--;
    memmove(leaf->ids + at.index, leaf->ids + at.index + 1,
            (leaf->n - at.index) * sizeof(leaf->ids[0]));
    o->finger = at.leaf;
    if (leaf->n == 0)
        drop_leaf(o, at.leaf);
    else if (leaf->n < LEAF_LOW && at.leaf + 1 < o->n_leaves)
        join(o, at.leaf);
    else if (leaf->n < LEAF_LOW && at.leaf > 0)
        join(o, at.leaf - 1);
}

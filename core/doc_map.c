/* See doc_map.h.  A map may hold 100,000 keys of a stranger's choice, so doubles are
 * found by sorting and never by comparing each with each. */
#include "core/doc_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static int merge_map(const struct doc *map, struct doc ***tail, struct arena *arena)
{
    for (const struct doc *c = map->child; c; c = c->next) {
        struct doc *node = arena_alloc(arena, sizeof(*node));
        if (!node)
            return -ENOMEM;
        *node = *c;
        node->next = NULL;
        **tail = node;
        *tail = &node->next;
    }
    return 0;
}

int doc_map_merge(const struct doc *source, struct doc ***tail, struct arena *arena,
                  struct complaints *complaints)
{
    if (source->kind == DOC_MAP)
        return merge_map(source, tail, arena);
    int result = 0;
    bool is_wrong = source->kind == DOC_SCALAR;
    for (const struct doc *c = source->child; c && result == 0; c = c->next) {
        is_wrong = is_wrong || c->kind != DOC_MAP;
        result = c->kind == DOC_MAP ? merge_map(c, tail, arena) : 0;
    }
    if (!is_wrong || result < 0)
        return result;
    complain(complaints, source->line, source->column,
             "<< merges a map or a list of maps");
    return ERR_MALFORMED;
}

struct slot {
    struct doc *node;
    size_t rank; /* own values first, in file order, then merged ones */
    bool is_merged, is_dropped;
};

static int slot_order(const void *a, const void *b)
{
    const struct slot *const *x = a, *const *y = b;
    int order = strcmp((*x)->node->key, (*y)->node->key);
    return order ? order : ((*x)->rank > (*y)->rank) - ((*x)->rank < (*y)->rank);
}

/* Of several slots with one key the first stays; two of the map's own are a mistake. */
static int drop_doubles(struct slot **sorted, size_t n, struct complaints *complaints)
{
    int result = 0;
    for (size_t i = 1, first = 0; i < n; i++) {
        const struct doc *node = sorted[i]->node, *kept = sorted[first]->node;
        if (strcmp(node->key, kept->key) != 0) {
            first = i;
            continue;
        }
        sorted[i]->is_dropped = true;
        if (sorted[i]->is_merged)
            continue;
        complain(complaints, node->key_line, node->key_column,
                 "key '%.100s' is here twice, first on line %u", node->key,
                 kept->key_line);
        result = ERR_MALFORMED;
    }
    return result;
}

static void put_children(struct doc *map, const struct slot *slots, size_t n)
{
    struct doc **tail = &map->child;
    for (size_t i = 0; i < n; i++) {
        if (slots[i].is_dropped)
            continue;
        *tail = slots[i].node;
        tail = &slots[i].node->next;
        map->n++;
    }
    *tail = NULL;
}

static size_t count(const struct doc *list)
{
    size_t n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

int doc_map_fill(struct doc *map, struct doc *own, struct doc *merged,
                 struct complaints *complaints)
{
    size_t n = count(own) + count(merged), rank = 0;
    if (n == 0)
        return 0;
    int result = -ENOMEM;
    struct slot *slots = calloc(n, sizeof(*slots));
    struct slot **sorted = calloc(n, sizeof(struct slot *));
    if (!slots || !sorted)
        goto out;
    for (struct doc *c = own; c; c = c->next, rank++)
        slots[rank] = (struct slot){.node = c, .rank = rank};
    for (struct doc *c = merged; c; c = c->next, rank++)
        slots[rank] = (struct slot){.node = c, .rank = rank, .is_merged = true};
    for (size_t i = 0; i < n; i++)
        sorted[i] = &slots[i];
    qsort(sorted, n, sizeof(struct slot *), slot_order);
    result = drop_doubles(sorted, n, complaints);
    put_children(map, slots, n);
out:
    free(slots);
    free(sorted);
    return result;
}

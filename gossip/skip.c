/* Skip lists: W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees", 1990,
 * with p = 1/4 as its section "Choosing a Random Level" advises. */
#include "gossip/skip.h"

#include <errno.h>
#include <stdlib.h>

static struct skip_node *node_new(void *item, unsigned height)
{
    struct skip_node *node = calloc(1, sizeof(*node) + height * sizeof(node->next[0]));
    if (node)
        node->item = item;
    return node;
}

int skip_init(struct skip *s, int (*compare)(const void *, const void *), uint64_t seed)
{
    *s = (struct skip){.compare = compare, .height = 1};
    rng_init(&s->rng, seed);
    s->head = node_new(NULL, SKIP_HEIGHT_MAX);
    return s->head ? 0 : -ENOMEM;
}

void skip_fini(struct skip *s)
{
    while (s->head) {
        struct skip_node *next = s->head->next[0];
        free(s->head);
        s->head = next;
    }
    s->n = 0;
}

/* The last node before `probe` on every level in use. */
static struct skip_node *descend(const struct skip *s, const void *probe,
                                 struct skip_node *before[static SKIP_HEIGHT_MAX])
{
    struct skip_node *at = s->head;
    for (unsigned level = s->height; level-- > 0;) {
        while (at->next[level] && s->compare(at->next[level]->item, probe) < 0)
            at = at->next[level];
        before[level] = at;
    }
    return at->next[0];
}

struct skip_node *skip_at_least(const struct skip *s, const void *probe)
{
    struct skip_node *before[SKIP_HEIGHT_MAX];
    return descend(s, probe, before);
}

void *skip_find(const struct skip *s, const void *probe)
{
    struct skip_node *node = skip_at_least(s, probe);
    return node && s->compare(node->item, probe) == 0 ? node->item : NULL;
}

static unsigned draw_height(struct skip *s)
{
    uint64_t bits = rng_next(&s->rng);
    unsigned height = 1;
    while (height < SKIP_HEIGHT_MAX && (bits & 3) == 0) {
        height++;
        bits >>= 2;
    }
    return height;
}

int skip_insert(struct skip *s, void *item)
{
    struct skip_node *before[SKIP_HEIGHT_MAX];
    (void)descend(s, item, before);
    unsigned height = draw_height(s);
    struct skip_node *node = node_new(item, height);
    if (!node)
        return -ENOMEM;
    for (; s->height < height; s->height++)
        before[s->height] = s->head;
    for (unsigned level = 0; level < height; level++) {
        node->next[level] = before[level]->next[level];
        before[level]->next[level] = node;
    }
    s->n++;
    return 0;
}

void skip_remove(struct skip *s, const void *item)
{
    struct skip_node *before[SKIP_HEIGHT_MAX];
    struct skip_node *node = descend(s, item, before);
    if (!node || s->compare(node->item, item) != 0)
        return;
    for (unsigned level = 0; level < s->height; level++) {
        if (before[level]->next[level] == node)
            before[level]->next[level] = node->next[level];
    }
    free(node);
    s->n--;
}

/* The hash index: linear probing, and removal that moves what follows back, so that no
 * marks of the removed stay behind (Knuth, volume 3, 6.4, algorithm R). */
#include "gossip/table/handles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_MIN = 16 };

void handles_init(struct handles *h, handles_tag *tag, handles_match *match,
                  const void *ctx)
{
    *h = (struct handles){.tag = tag, .match = match, .ctx = ctx};
}

void handles_fini(struct handles *h)
{
    free(h->at);
    h->at = NULL;
    h->n = h->cap = 0;
}

static size_t home(const struct handles *h, uint32_t tag)
{
    return (size_t)((uint64_t)tag * h->cap >> 32);
}

static size_t after(const struct handles *h, size_t place)
{
    return place + 1 == h->cap ? 0 : place + 1;
}

uint32_t handles_find(const struct handles *h, uint32_t tag, const void *probe)
{
    if (h->n == 0)
        return HANDLE_NONE;
    for (size_t i = home(h, tag); h->at[i] != HANDLE_NONE; i = after(h, i)) {
        if (h->tag(h->ctx, h->at[i]) == tag && h->match(h->ctx, h->at[i], probe))
            return h->at[i];
    }
    return HANDLE_NONE;
}

static void place(struct handles *h, uint32_t id)
{
    size_t i = home(h, h->tag(h->ctx, id));
    while (h->at[i] != HANDLE_NONE)
        i = after(h, i);
    h->at[i] = id;
}

static int grow(struct handles *h)
{
    struct handles next = *h;
    next.cap = h->cap ? h->cap * 2 : CAP_MIN;
    next.at = malloc(next.cap * sizeof(*next.at));
    if (!next.at)
        return -ENOMEM;
    memset(next.at, 0xff, next.cap * sizeof(*next.at));
    for (size_t i = 0; i < h->cap; i++) {
        if (h->at[i] != HANDLE_NONE)
            place(&next, h->at[i]);
    }
    free(h->at);
    *h = next;
    return 0;
}

int handles_add(struct handles *h, uint32_t id)
{
    if (h->n * 4 >= h->cap * 3 && grow(h) < 0)
        return -ENOMEM;
    place(h, id);
    h->n++;
    return 0;
}

void handles_remove(struct handles *h, uint32_t id)
{
    if (h->n == 0)
        return;
    size_t hole = home(h, h->tag(h->ctx, id));
    while (h->at[hole] != id) {
        if (h->at[hole] == HANDLE_NONE)
            return;
        hole = after(h, hole);
    }
    h->n--;
    for (size_t i = after(h, hole); h->at[i] != HANDLE_NONE; i = after(h, i)) {
        /* What has its home behind the hole, up to where it is, stays. */
        size_t from_home = (i + h->cap - home(h, h->tag(h->ctx, h->at[i]))) % h->cap;
        size_t from_hole = (i + h->cap - hole) % h->cap;
        if (from_home < from_hole)
            continue;
        h->at[hole] = h->at[i];
        hole = i;
    }
    h->at[hole] = HANDLE_NONE;
}

size_t handles_first(const struct handles *h, uint32_t tag)
{
    return home(h, tag);
}

uint32_t handles_walk(const struct handles *h, uint32_t tag, unsigned bits, size_t *at)
{
    uint32_t last = tag | (UINT32_MAX >> bits);
    size_t end = h->cap ? home(h, last) : 0;
    /* Past the end of its part, things may lie as far as the first free place, also
     * around the end of the table; *at counts on there. */
    while (h->n > 0 && *at < 2 * h->cap) {
        uint32_t id = h->at[*at % h->cap];
        if (id == HANDLE_NONE && *at > end)
            return HANDLE_NONE;
        ++*at;
        if (id != HANDLE_NONE && (h->tag(h->ctx, id) ^ tag) >> (32 - bits) == 0)
            return id;
    }
    return HANDLE_NONE;
}

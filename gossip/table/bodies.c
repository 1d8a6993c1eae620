/* Blocks of bodies, cleaned as a log-structured file system cleans its segments
 * (Rosenblum and Ousterhout 1992).
 *
 *     +-------+------------------+---------+ +-------+----
 *     | owner | length | top bit | bytes   | | owner | ...
 *     |  (4)  | (4)      = given |         | |       |
 *     |       |           back   |         | |       |
 *     +-------+------------------+---------+ +-------+----
 *
 * A body is named by its block and its offset there, in units of eight bytes. */
#include "gossip/table/bodies.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNIT = 8,
    OFFSET_BITS = 16,
    BLOCK_MAX = UNIT << OFFSET_BITS,
    BLOCK_MIN = 4096, /* a small table stays small: blocks grow with it */
    BLOCKS_MAX = 1 << (31 - OFFSET_BITS),
};
#define GONE ((uint32_t)1 << 31)

struct head {
    uint32_t owner, len; /* of the bytes behind it; GONE */
};

void bodies_init(struct bodies *b)
{
    *b = (struct bodies){0};
}

void bodies_fini(struct bodies *b)
{
    for (size_t i = 0; i < b->n_blocks; i++)
        free(b->blocks[i].at);
    free(b->blocks);
    *b = (struct bodies){0};
}

static uint32_t space_of(uint32_t len)
{
    return (uint32_t)((sizeof(struct head) + len + UNIT - 1) / UNIT * UNIT);
}

static struct head *head_of(const struct bodies *b, uint32_t body)
{
    uint8_t *block = b->blocks[body >> OFFSET_BITS].at;
    return (struct head *)(void *)(block +
                                   (size_t)(body & ((1u << OFFSET_BITS) - 1)) * UNIT);
}

uint8_t *bodies_at(const struct bodies *b, uint32_t body)
{
    return (uint8_t *)(head_of(b, body) + 1);
}

static size_t free_place(struct bodies *b)
{
    if (b->n_free > 0) {
        b->n_free--;
        for (size_t i = 0;; i++) {
            if (!b->blocks[i].at)
                return i;
        }
    }
    struct bodies_block *blocks =
        b->n_blocks < BLOCKS_MAX ? realloc(b->blocks, (b->n_blocks + 1) * sizeof(*blocks))
                                 : NULL;
    if (!blocks)
        return BLOCKS_MAX;
    b->blocks = blocks;
    b->blocks[b->n_blocks] = (struct bodies_block){0};
    return b->n_blocks++;
}

static bool add_block(struct bodies *b, uint32_t space)
{
    size_t cap = b->held / 4 / UNIT * UNIT;
    cap = cap < BLOCK_MIN ? BLOCK_MIN : cap > BLOCK_MAX ? BLOCK_MAX : cap;
    cap = cap < space ? space : cap;
    uint8_t *at = malloc(cap);
    size_t place = at ? free_place(b) : BLOCKS_MAX;
    if (place == BLOCKS_MAX) {
        free(at);
        return false;
    }
    b->blocks[place] = (struct bodies_block){.at = at, .cap = (uint32_t)cap};
    b->held += cap;
    b->head = place;
    return true;
}

uint32_t bodies_alloc(struct bodies *b, uint32_t owner, size_t len)
{
    assert(len <= BLOCK_MAX - sizeof(struct head));
    uint32_t space = space_of((uint32_t)len);
    struct bodies_block *block = b->n_blocks ? &b->blocks[b->head] : NULL;
    if (!block || !block->at || block->cap - block->used < space) {
        if (!add_block(b, space))
            return BODY_NONE;
        block = &b->blocks[b->head];
    }
    uint32_t body = (uint32_t)(b->head << OFFSET_BITS | block->used / UNIT);
    *head_of(b, body) = (struct head){owner, (uint32_t)len};
    block->used += space;
    block->live += space;
    b->live += space;
    return body;
}

static void drop_block(struct bodies *b, size_t i)
{
    b->held -= b->blocks[i].cap;
    free(b->blocks[i].at);
    b->blocks[i] = (struct bodies_block){0};
    b->n_free++;
}

void bodies_free(struct bodies *b, uint32_t body)
{
    struct head *head = head_of(b, body);
    size_t i = body >> OFFSET_BITS;
    uint32_t space = space_of(head->len);
    head->len |= GONE;
    b->blocks[i].live -= space;
    b->live -= space;
    if (b->blocks[i].live == 0)
        drop_block(b, i);
}

/* ---- cleaning ---- */

/* Not the one being filled; 0 bytes live cannot be, those are gone. */
static size_t emptiest(const struct bodies *b)
{
    size_t found = b->n_blocks;
    for (size_t i = 0; i < b->n_blocks; i++) {
        const struct bodies_block *block = &b->blocks[i];
        if (i == b->head || !block->at)
            continue;
        if (found == b->n_blocks || (uint64_t)block->live * b->blocks[found].cap <
                                        (uint64_t)b->blocks[found].live * block->cap)
            found = i;
    }
    return found;
}

void bodies_clean(struct bodies *b, void (*move)(void *ctx, uint32_t owner, uint32_t to),
                  void *ctx)
{
    size_t unused = b->n_blocks && b->blocks[b->head].at
                        ? b->blocks[b->head].cap - b->blocks[b->head].used
                        : 0;
    if (b->held < 4 * (size_t)BLOCK_MIN || (b->held - unused - b->live) * 5 < b->held)
        return;
    size_t from = emptiest(b);
    if (from == b->n_blocks ||
        (uint64_t)b->blocks[from].live * 8 > (uint64_t)b->blocks[from].cap * 7)
        return;
    uint32_t used = b->blocks[from].used;
    for (uint32_t at = 0; at < used && b->blocks[from].at;) {
        uint32_t body = (uint32_t)(from << OFFSET_BITS | at / UNIT);
        struct head head = *head_of(b, body);
        at += space_of(head.len & ~GONE);
        if (head.len & GONE)
            continue;
        uint32_t to = bodies_alloc(b, head.owner, head.len);
        if (to == BODY_NONE)
            return;
        memcpy(bodies_at(b, to), bodies_at(b, body), head.len);
        move(ctx, head.owner, to);
        bodies_free(b, body);
    }
}

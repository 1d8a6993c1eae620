/* Where the bytes of entries lie: blocks that are filled from the front, so that many small things
 * cost no more than their own bytes and eight beside them.
 *
 * What is given back leaves a hole.  When holes are more than a fifth of everything, the emptiest
 * block is cleaned: what still lives there moves to the newest block, and its owner is told where to. */
#ifndef GOSSIP_TABLE_BODIES_H
#define GOSSIP_TABLE_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_NONE UINT32_MAX

struct bodies_block {
    uint8_t *at; /* NULL: cleaned away, its place is free */
    uint32_t cap, used, live;
};

struct bodies {
    struct bodies_block *blocks;
    size_t n_blocks, n_free, head; /* n_free: places without a block; head: the one being filled */
    size_t held, live;             /* bytes of all blocks, and of what was not given back */
};

void bodies_init(struct bodies *b);
void bodies_fini(struct bodies *b);
/* Room for `len` bytes, up to a block of 512 KiB.  BODY_NONE when out of memory.  Nothing moves. */
uint32_t bodies_alloc(struct bodies *b, uint32_t owner, size_t len);
void bodies_free(struct bodies *b, uint32_t body);
uint8_t *bodies_at(const struct bodies *b, uint32_t body);
/* Clean a block if it is time to.  `move` is told every body that moved; what bodies_at gave is
 * not good any more afterwards. */
void bodies_clean(struct bodies *b, void (*move)(void *ctx, uint32_t owner, uint32_t to), void *ctx);

#endif

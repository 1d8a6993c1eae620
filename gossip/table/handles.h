/* A hash index of small numbers that stand for things kept elsewhere: open addressing, one word per
 * place, a place near the fraction of the table that the thing's tag is of all tags.
 *
 * So things whose tags begin alike lie together, and walking one part of the tags reads one part of
 * the table. */
#ifndef GOSSIP_TABLE_HANDLES_H
#define GOSSIP_TABLE_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDLE_NONE UINT32_MAX

typedef uint32_t handles_tag(const void *ctx, uint32_t id);
typedef bool handles_match(const void *ctx, uint32_t id, const void *probe);

struct handles {
    uint32_t *at; /* HANDLE_NONE: free */
    size_t n, cap;
    handles_tag *tag;
    handles_match *match;
    const void *ctx;
};

void handles_init(struct handles *h, handles_tag *tag, handles_match *match, const void *ctx);
void handles_fini(struct handles *h);
/* HANDLE_NONE when nothing with this tag matches. */
uint32_t handles_find(const struct handles *h, uint32_t tag, const void *probe);
int handles_add(struct handles *h, uint32_t id); /* 0 or -ENOMEM */
void handles_remove(struct handles *h, uint32_t id);
/* Everything whose tag begins with the highest `bits` bits of `tag`: start with *place at the result
 * of handles_first, until HANDLE_NONE comes back. */
size_t handles_first(const struct handles *h, uint32_t tag);
uint32_t handles_walk(const struct handles *h, uint32_t tag, unsigned bits, size_t *place);

#endif

/* Marks on the places of a sorted list: how many marked ones come before a place, and where the k-th
 * of them is, without looking at what is in the list.
 *
 * One bit for each place, counted word by word: 10,000 places are 157 words. */
#ifndef GOSSIP_MEMBERS_RANK_H
#define GOSSIP_MEMBERS_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ranks {
    uint64_t *words; /* bits from n on are zero */
    size_t n, n_words;
};

void ranks_init(struct ranks *r);
void ranks_fini(struct ranks *r);
/* Room for `n` places in all.  0 or -ENOMEM. */
int ranks_reserve(struct ranks *r, size_t n);
/* A place without a mark comes in before the i-th, for which there must be room; or the i-th goes. */
void ranks_insert(struct ranks *r, size_t i);
void ranks_remove(struct ranks *r, size_t i);
void ranks_mark(struct ranks *r, size_t i, bool is_marked);
size_t ranks_before(const struct ranks *r, size_t i); /* marks on places below i */
/* The place of the k-th mark, counted from 0; r->n when there are not that many. */
size_t ranks_find(const struct ranks *r, size_t k);

#endif

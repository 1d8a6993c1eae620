/* Marks in words of 64.  See rank.h. */
#include "gossip/members/rank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

void ranks_init(struct ranks *r)
{
    *r = (struct ranks){0};
}

void ranks_fini(struct ranks *r)
{
    free(r->words);
    *r = (struct ranks){0};
}

int ranks_reserve(struct ranks *r, size_t n)
{
    size_t n_words = r->n_words ? r->n_words : 1;
    while (n_words * WORD_BITS < n)
        n_words *= 2;
    if (n_words == r->n_words)
        return 0;
    uint64_t *words = realloc(r->words, n_words * sizeof(*words));
    if (!words)
        return -ENOMEM;
    memset(words + r->n_words, 0, (n_words - r->n_words) * sizeof(*words));
    r->words = words;
    r->n_words = n_words;
    return 0;
}

static uint64_t below(size_t i)
{
    return ((uint64_t)1 << i % WORD_BITS) - 1;
}

void ranks_insert(struct ranks *r, size_t i)
{
    size_t at = i / WORD_BITS;
    uint64_t low = r->words[at] & below(i), high = r->words[at] & ~below(i);
    uint64_t carry = high >> (WORD_BITS - 1);
    r->words[at] = low | high << 1;
    for (size_t k = at + 1; k <= r->n / WORD_BITS; k++) {
        uint64_t next = r->words[k] >> (WORD_BITS - 1);
        r->words[k] = r->words[k] << 1 | carry;
        carry = next;
    }
    r->n++;
}

void ranks_remove(struct ranks *r, size_t i)
{
    size_t at = i / WORD_BITS, last = (r->n - 1) / WORD_BITS;
    uint64_t low = r->words[at] & below(i), high = r->words[at] & ~below(i);
    r->words[at] = low | (high >> 1 & ~below(i));
    for (size_t k = at; k <= last; k++) {
        uint64_t next = k < last ? r->words[k + 1] << (WORD_BITS - 1) : 0;
        if (k > at)
            r->words[k] >>= 1;
        r->words[k] |= next;
    }
    r->n--;
}

void ranks_mark(struct ranks *r, size_t i, bool is_marked)
{
    uint64_t bit = (uint64_t)1 << i % WORD_BITS;
    if (is_marked)
        r->words[i / WORD_BITS] |= bit;
    else
        r->words[i / WORD_BITS] &= ~bit;
}

static size_t count(uint64_t word)
{
    return (size_t)__builtin_popcountll(word);
}

size_t ranks_before(const struct ranks *r, size_t i)
{
    size_t n = 0;
    for (size_t k = 0; k < i / WORD_BITS; k++)
        n += count(r->words[k]);
    return i % WORD_BITS ? n + count(r->words[i / WORD_BITS] & below(i)) : n;
}

size_t ranks_find(const struct ranks *r, size_t k)
{
    for (size_t at = 0; at * WORD_BITS < r->n; at++) {
        uint64_t word = r->words[at];
        if (k >= count(word)) {
            k -= count(word);
            continue;
        }
        for (; k > 0; k--)
            word &= word - 1; /* takes the lowest mark away */
        return at * WORD_BITS + (size_t)__builtin_ctzll(word);
    }
    return r->n;
}

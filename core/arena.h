/* An arena: memory that is handed out piecewise and taken back all at once.
 *
 * Decoded messages, views, plans and effects live in one.  It grows in chunks up to `limit`
 * bytes; past it arena_alloc returns NULL, which the caller reports as -ENOMEM.  The largest
 * chunk up to 64 KiB is kept by arena_clear, so a small steady state allocates nothing. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

#include "core/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used, limit;         /* bytes handed out since clear; 0 limit = no limit */
};

void arena_init(struct arena *a, size_t limit);
void arena_fini(struct arena *a);
void arena_clear(struct arena *a); /* everything handed out is invalid now */

/* Zeroed, aligned for any type; NULL when over the limit or out of memory. */
void *arena_alloc(struct arena *a, size_t size);
/* `n` zeroed elements; NULL also when n*size overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A NUL-terminated copy; NULL for NULL. */
char *arena_text(struct arena *a, const char *text);
char *arena_text_of(struct arena *a, struct bytes in);
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A copy; .at is NULL on failure (and for an empty input). */
struct bytes arena_bytes(struct arena *a, struct bytes in);
/* Grow an array that may hold `*cap` elements so that one more than `n` fits; the array may
 * move.  0 or -ENOMEM.  Usage: arena_grow(a, (void **)&list, n, &cap, sizeof(*list)). */
int arena_grow(struct arena *a, void **array, size_t n, size_t *cap, size_t size);

#endif

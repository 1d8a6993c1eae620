/* A chunked bump allocator.  See arena.h. */
#include "core/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20, KEPT_MAX = 64 << 10 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap, used;
    bool is_zeroed;
    alignas(max_align_t) uint8_t at[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

void arena_fini(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    a->used = 0;
}

void arena_clear(struct arena *a)
{
    struct arena_chunk *kept = NULL;
    while (a->chunks) {
        struct arena_chunk *chunk = a->chunks;
        a->chunks = chunk->next;
        if (chunk->cap > KEPT_MAX || (kept && kept->cap >= chunk->cap)) {
            free(chunk);
            continue;
        }
        free(kept);
        kept = chunk;
    }
    if (kept)
        *kept = (struct arena_chunk){.cap = kept->cap};
    a->chunks = kept;
    a->used = 0;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
    size_t cap = a->chunks ? a->chunks->cap * 2 : CHUNK_MIN;
    if (cap > CHUNK_MAX)
        cap = CHUNK_MAX;
    if (cap < size)
        cap = size;
    /* A large chunk comes straight from the kernel, zeroed: what is not used of it costs nothing. */
    bool is_large = cap > CHUNK_MAX;
    struct arena_chunk *chunk =
        is_large ? calloc(1, sizeof(*chunk) + cap) : malloc(sizeof(*chunk) + cap);
    if (!chunk)
        return NULL;
    *chunk = (struct arena_chunk){.next = a->chunks, .cap = cap, .is_zeroed = is_large};
    a->chunks = chunk;
    return chunk;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (a->limit && a->used + size > a->limit)
        return NULL;
    struct arena_chunk *chunk = a->chunks;
    if (!chunk || chunk->cap - chunk->used < size)
        chunk = chunk_new(a, size);
    if (!chunk)
        return NULL;
    void *out = chunk->at + chunk->used;
    chunk->used += size;
    a->used += size;
    return chunk->is_zeroed ? out : memset(out, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_text_of(struct arena *a, struct bytes in)
{
    char *out = arena_alloc(a, in.len + 1);
    if (out && in.len)
        memcpy(out, in.at, in.len);
    return out;
}

char *arena_text(struct arena *a, const char *text)
{
    return text ? arena_text_of(a, bytes_of_text(text)) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *out = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (out)
        (void)vsnprintf(out, (size_t)n + 1, format, again);
    va_end(again);
    return out;
}

struct bytes arena_bytes(struct arena *a, struct bytes in)
{
    void *out = in.len ? arena_alloc(a, in.len) : NULL;
    if (!out)
        return (struct bytes){0};
    memcpy(out, in.at, in.len);
    return (struct bytes){out, in.len};
}

int arena_grow(struct arena *a, void **array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? *cap * 2 : 8;
    void *out = arena_array(a, more, size);
    if (!out)
        return -ENOMEM;
    if (n)
        memcpy(out, *array, n * size);
    *array = out;
    *cap = more;
    return 0;
}

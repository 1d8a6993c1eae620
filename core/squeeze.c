/* The one door to zstd.  See squeeze.h. */
#include "core/squeeze.h"

#include <errno.h>

#include <zstd.h>

#include "core/err.h"

enum {
    LEVEL = 9
}; /* job files are short: most of what there is to gain, in a millisecond */

struct bytes squeeze(struct bytes in, struct arena *arena)
{
    size_t cap = ZSTD_compressBound(in.len);
    uint8_t *out = arena_alloc(arena, cap);
    if (!out)
        return (struct bytes){0};
    size_t len = ZSTD_compress(out, cap, in.at, in.len, LEVEL);
    return ZSTD_isError(len) ? (struct bytes){0} : (struct bytes){out, len};
}

int unsqueeze(struct bytes in, size_t len, struct arena *arena, struct bytes *ret)
{
    uint8_t *out = arena_alloc(arena, len + 1);
    if (!out)
        return -ENOMEM;
    size_t got = ZSTD_decompress(out, len, in.at, in.len);
    if (ZSTD_isError(got) || got != len)
        return ERR_MALFORMED;
    *ret = (struct bytes){out, len};
    return 0;
}

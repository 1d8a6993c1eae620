/* Byte views and sticky cursors (the idea: knot's wire_ctx).  See bytes.h. */
#include "core/bytes.h"

#include <string.h>

#include "core/err.h"

struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool bytes_start_with(struct bytes whole, struct bytes prefix)
{
    return whole.len >= prefix.len &&
           (prefix.len == 0 || memcmp(whole.at, prefix.at, prefix.len) == 0);
}

struct reader reader_of(struct bytes in)
{
    return (struct reader){.at = in.at, .left = in.len};
}

void reader_fail(struct reader *r, int error)
{
    if (r->error == 0)
        r->error = error;
    r->left = 0;
}

struct bytes reader_take(struct reader *r, size_t len)
{
    if (r->error || r->left < len) {
        reader_fail(r, ERR_TRUNCATED);
        return (struct bytes){0};
    }
    struct bytes out = {r->at, len};
    if (len) {
        r->at += len;
        r->left -= len;
    }
    return out;
}

static uint64_t read_uint(struct reader *r, size_t len)
{
    struct bytes in = reader_take(r, len);
    uint64_t v = 0;
    for (size_t i = 0; i < in.len; i++)
        v = v << 8 | in.at[i];
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)read_uint(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)read_uint(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)read_uint(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return read_uint(r, 8);
}

void reader_copy(struct reader *r, void *to, size_t len)
{
    struct bytes in = reader_take(r, len);
    if (in.len)
        memcpy(to, in.at, in.len);
    else if (len)
        memset(to, 0, len);
}

struct bytes reader_rest(struct reader *r)
{
    return reader_take(r, r->left);
}

int reader_error(const struct reader *r)
{
    return r->error;
}

int reader_end(struct reader *r)
{
    if (r->left)
        reader_fail(r, ERR_MALFORMED);
    return r->error;
}

struct writer writer_of(void *buf, size_t cap)
{
    return (struct writer){.at = buf, .cap = cap};
}

void writer_put(struct writer *w, const void *from, size_t len)
{
    if (w->error || w->cap - w->len < len) {
        w->error = ERR_BOUND;
        return;
    }
    if (len)
        memcpy(w->at + w->len, from, len);
    w->len += len;
}

static void write_uint(struct writer *w, uint64_t v, size_t len)
{
    uint8_t out[8];
    for (size_t i = len; i-- > 0; v >>= 8)
        out[i] = (uint8_t)v;
    writer_put(w, out, len);
}

void writer_u8(struct writer *w, uint8_t v)
{
    write_uint(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
    write_uint(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
    write_uint(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
    write_uint(w, v, 8);
}

void writer_bytes(struct writer *w, struct bytes in)
{
    writer_put(w, in.at, in.len);
}

size_t writer_left(const struct writer *w)
{
    return w->error ? 0 : w->cap - w->len;
}

struct bytes writer_done(const struct writer *w)
{
    return (struct bytes){w->at, w->len};
}

int writer_error(const struct writer *w)
{
    return w->error;
}

void hex_encode(const void *in, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = in;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, size_t text_len, void *out, size_t len)
{
    if (text_len != 2 * len)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text_len; i++)
        if (hex_value(text[i]) < 0)
            return ERR_MALFORMED;
    uint8_t *to = out;
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return 0;
}

/* The framing of bodies.  See http_body.h. */
#include "netsvc/http_body.h"

#include "core/bounds.h"

enum {
    DIGITS_MAX = 16, /* of a chunk's size, leading zeros included */
    LINE_MAX = 1024, /* a chunk's size with its extensions, which nobody here reads */
    /* Sizes, extensions and trailers together: a body of one-byte chunks has six of them
     * a byte, and no client of ours makes such. */
    FRAMING_MAX = HTTP_BODY_MAX,
};

void http_body_init(struct http_body *b, bool is_chunked, uint64_t len)
{
    *b = (struct http_body){.state = is_chunked ? HTTP_BODY_SIZE : HTTP_BODY_PLAIN};
    b->left = b->n_content = is_chunked ? 0 : len;
    http_lines_init(&b->trailers, false);
}

static void bad(struct http_body *b, int status, const char *why)
{
    b->refusal = (struct http_refusal){status, why};
}

static void bad_chunk(struct http_body *b)
{
    bad(b, 400,
        "a chunk must be its size in hexadecimal digits, CR LF, so many bytes, CR LF");
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_size(struct http_body *b, uint8_t c)
{
    int digit = hex_digit(c);
    bool has_size = b->n_digits > 0;
    if (digit >= 0 && b->n_digits < DIGITS_MAX) {
        b->n_digits++;
        b->left = b->left << 4 | (unsigned)digit;
    } else if (c == ';' && has_size) {
        b->state = HTTP_BODY_EXTENSION;
    } else if ((c == ' ' || c == '\t') && has_size) {
        b->state = HTTP_BODY_SPACE;
    } else if (c == '\r' && has_size) {
        b->state = HTTP_BODY_SIZE_LF;
    } else {
        bad_chunk(b);
    }
}

static void take_space(struct http_body *b, uint8_t c)
{
    if (c == ';')
        b->state = HTTP_BODY_EXTENSION;
    else if (c != ' ' && c != '\t')
        bad_chunk(b);
}

static void take_extension(struct http_body *b, uint8_t c)
{
    if (c == '\r')
        b->state = HTTP_BODY_SIZE_LF;
    else if ((c < ' ' && c != '\t') || c == 0x7f)
        bad_chunk(b);
}

/* The size is known: content follows, or with 0 the trailers. */
static void take_size_lf(struct http_body *b, uint8_t c)
{
    if (c != '\n') {
        bad_chunk(b);
        return;
    }
    b->n_digits = b->n_line = 0;
    b->state = b->left > 0 ? HTTP_BODY_CHUNK : HTTP_BODY_TRAILERS;
    if (b->left > HTTP_BODY_MAX - b->n_content)
        bad(b, 413, "the body is too large: at most 2 MiB are taken");
    else
        b->n_content += b->left;
}

static void take_after_chunk(struct http_body *b, uint8_t c)
{
    bool is_cr = b->state == HTTP_BODY_CHUNK_CR;
    if (c != (is_cr ? '\r' : '\n'))
        bad_chunk(b);
    b->state = is_cr ? HTTP_BODY_CHUNK_LF : HTTP_BODY_SIZE;
}

static void take_byte(struct http_body *b, uint8_t c)
{
    b->n_framing++;
    if (b->n_framing > FRAMING_MAX || ++b->n_line > LINE_MAX)
        bad(b, 413, "the body's chunks have too much around them: send larger ones");
    else if (b->state == HTTP_BODY_SIZE)
        take_size(b, c);
    else if (b->state == HTTP_BODY_SPACE)
        take_space(b, c);
    else if (b->state == HTTP_BODY_EXTENSION)
        take_extension(b, c);
    else if (b->state == HTTP_BODY_SIZE_LF)
        take_size_lf(b, c);
    else
        take_after_chunk(b, c);
}

static bool is_framing(enum http_body_state state)
{
    return state != HTTP_BODY_PLAIN && state != HTTP_BODY_CHUNK &&
           state != HTTP_BODY_TRAILERS && state != HTTP_BODY_OVER;
}

static size_t take_trailers(struct http_body *b, struct bytes in)
{
    size_t used, left = HTTP_HEADER_MAX - b->n_line;
    struct bytes part = {in.at, in.len < left ? in.len : left};
    enum http_lines_event event = http_lines_take(&b->trailers, part, &used);
    b->n_line += used;
    if (event == HTTP_LINES_BAD)
        b->refusal = b->trailers.refusal;
    else if (event == HTTP_LINES_DONE)
        b->state = HTTP_BODY_OVER;
    else if (part.len < in.len)
        bad(b, 431,
            "the trailers after the body are too large: at most 16 KiB are taken");
    return used;
}

/* Bytes of a plain body or of a chunk. */
static size_t take_content(struct http_body *b, struct bytes in, struct bytes *ret)
{
    size_t len = in.len < b->left ? in.len : (size_t)b->left;
    *ret = (struct bytes){in.at, len};
    b->left -= len;
    if (b->left == 0)
        b->state = b->state == HTTP_BODY_CHUNK ? HTTP_BODY_CHUNK_CR : HTTP_BODY_OVER;
    return len;
}

enum http_body_event http_body_take(struct http_body *b, struct bytes in,
                                    size_t *ret_used, struct bytes *ret_content)
{
    size_t used = 0;
    *ret_content = (struct bytes){0};
    if (b->state == HTTP_BODY_PLAIN && b->n_content > HTTP_BODY_MAX)
        bad(b, 413, "the body is too large: at most 2 MiB are taken");
    else if (b->state == HTTP_BODY_PLAIN || b->state == HTTP_BODY_CHUNK)
        used = take_content(b, in, ret_content);
    else if (b->state == HTTP_BODY_TRAILERS)
        used = take_trailers(b, in);
    else
        while (used < in.len && b->refusal.status == 0 && is_framing(b->state))
            take_byte(b, in.at[used++]);
    *ret_used = used;
    if (b->refusal.status != 0)
        return HTTP_BODY_BAD;
    return b->state == HTTP_BODY_OVER ? HTTP_BODY_DONE : HTTP_BODY_MORE;
}

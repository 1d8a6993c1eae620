/* Byte views, and the two cursors that all wire code uses: a reader and a writer whose
 * error sticks, so that a parser is a straight line checked once at its end.
 *
 * Integers are big-endian.  Nothing here allocates. */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *at;
    size_t len;
};

#define BYTES_OF(object) ((struct bytes){(const uint8_t *)&(object), sizeof(object)})

struct bytes bytes_of_text(const char *text); /* without the final NUL; NULL is empty */
bool bytes_equal(struct bytes a, struct bytes b);
int bytes_compare(struct bytes a, struct bytes b); /* memcmp order, shorter first */
bool bytes_start_with(struct bytes whole, struct bytes prefix);

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    int error; /* 0, ERR_TRUNCATED or what reader_fail said first */
};

struct reader reader_of(struct bytes in);
uint8_t reader_u8(struct reader *r); /* after an error every read returns 0 / empty */
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct bytes reader_take(struct reader *r, size_t len); /* points into the input */
void reader_copy(struct reader *r, void *to, size_t len);
struct bytes reader_rest(struct reader *r);
void reader_fail(struct reader *r, int error); /* the first error stays */
int reader_error(const struct reader *r);      /* 0 when everything so far was there */
int reader_end(struct reader *r); /* as reader_error; left-over bytes are ERR_MALFORMED */

/* ---- writing ---- */

struct writer {
    uint8_t *at;
    size_t cap, len;
    int error; /* 0 or ERR_BOUND */
};

struct writer writer_of(void *buf, size_t cap);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_put(struct writer *w, const void *from, size_t len);
void writer_bytes(struct writer *w, struct bytes in);
size_t writer_left(const struct writer *w);
struct bytes writer_done(const struct writer *w); /* what was written */
int writer_error(const struct writer *w);

/* ---- hex ---- */

/* Write 2*len lower-case digits and a NUL; `out` holds 2*len+1. */
void hex_encode(const void *in, size_t len, char *out);
/* Exactly `len` bytes from 2*len digits; ERR_MALFORMED otherwise. */
int hex_decode(const char *text, size_t text_len, void *out, size_t len);

#endif

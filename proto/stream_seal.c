/* A sealed stream as a pure machine: bytes of the socket in, frames out (see seal.h). The
 * opening is hello.c's; this is what surrounds it: collecting bytes until a message is
 * whole, and the frames after it.
 *
 *     initiator:  WANT_HELLO_2 ------------------> OPEN
 *     responder:  WANT_HELLO_1 --> WANT_HEADER --> WANT_CONFIRM --> OPEN
 *     any of them --> BROKEN, on the first byte that is wrong
 *
 *     frame:  u32 length of the ciphertext | secretstream ciphertext (plain + 17)
 *
 * Secretstream numbers the frames, so a lost, repeated or swapped one does not open.  A
 * stream that ends between two frames looks like a closed one: protocols on top say when
 * they are done. */
#include "proto/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/bounds.h"
#include "proto/hello.h"

enum stream_state { WANT_HELLO_1, WANT_HELLO_2, WANT_HEADER, WANT_CONFIRM, OPEN, BROKEN };

enum {
    PREFIX_LEN = 4,
    CIPHER_EXTRA = crypto_secretstream_xchacha20poly1305_ABYTES,
    MESSAGE_MAX = PREFIX_LEN + FRAME_MAX + CIPHER_EXTRA,
    BUF_MIN = 512,        /* any hello, most gossip frames */
    BUF_KEEP = 64 * 1024, /* a larger buffer is given back after its frame */
    PENDING_MAX = HELLO_2_LEN,
};

_Static_assert(STREAM_OVERHEAD == PREFIX_LEN + CIPHER_EXTRA,
               "prefix, tag byte, authenticator");
_Static_assert(HELLO_HEADER_LEN + STREAM_OVERHEAD <= PENDING_MAX, "message 3 fits");

struct sealed_stream {
    enum stream_state state;
    enum stream_purpose purpose;
    int error;            /* of BROKEN */
    struct secret secret; /* wiped once the stream is open */
    struct hello hello;   /* likewise */
    crypto_secretstream_xchacha20poly1305_state push, pull;
    uint8_t *buf; /* the message that is arriving; malloc'ed */
    size_t len, cap;
    bool is_delivered; /* buf holds the frame last returned */
    uint8_t pending[PENDING_MAX];
    size_t n_pending;
};

struct sealed_stream *sealed_stream_new(const struct secret *secret, bool is_initiator,
                                        enum stream_purpose purpose)
{
    struct sealed_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->secret = *secret;
    s->state = is_initiator ? WANT_HELLO_2 : WANT_HELLO_1;
    if (is_initiator) {
        uint8_t chance[HELLO_CHANCE_LEN];
        random_bytes(chance, sizeof(chance));
        s->purpose = purpose;
        hello_begin(&s->hello, secret, purpose, chance, s->pending);
        s->n_pending = HELLO_1_LEN;
        sodium_memzero(chance, sizeof(chance));
    }
    return s;
}

void sealed_stream_free(struct sealed_stream *s)
{
    if (!s)
        return;
    free(s->buf);
    sodium_memzero(s, sizeof(*s));
    free(s);
}

bool sealed_stream_is_open(const struct sealed_stream *s)
{
    return s->state == OPEN;
}

enum stream_purpose sealed_stream_purpose(const struct sealed_stream *s)
{
    return s->purpose;
}

struct bytes sealed_stream_pending(struct sealed_stream *s)
{
    struct bytes out = {s->pending, s->n_pending};
    s->n_pending = 0;
    return out;
}

/* ---- sealing and opening one frame ---- */

static size_t seal_frame(struct sealed_stream *s, struct bytes frame, uint8_t *out)
{
    struct writer w = writer_of(out, PREFIX_LEN);
    writer_u32(&w, (uint32_t)(frame.len + CIPHER_EXTRA));
    crypto_secretstream_xchacha20poly1305_push(&s->push, out + PREFIX_LEN, NULL, frame.at,
                                               frame.len, NULL, 0, 0);
    return frame.len + STREAM_OVERHEAD;
}

int sealed_stream_seal(struct sealed_stream *s, struct bytes frame, uint8_t *out,
                       size_t cap)
{
    if (s->state != OPEN)
        return ERR_NOT_READY;
    if (frame.len > FRAME_MAX || cap < frame.len + STREAM_OVERHEAD)
        return ERR_BOUND;
    return (int)seal_frame(s, frame, out);
}

/* Open the whole message in buf where it lies: the plain bytes take the ciphertext's
 * place. */
static int open_frame(struct sealed_stream *s, struct bytes *ret_frame)
{
    uint8_t *sealed = s->buf + PREFIX_LEN;
    unsigned char tag = 0;
    unsigned long long len = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(
            &s->pull, sealed + 1, &len, &tag, sealed, s->len - PREFIX_LEN, NULL, 0) != 0)
        return ERR_FORGED;
    if (tag != 0)
        return ERR_MALFORMED;
    *ret_frame = (struct bytes){sealed + 1, (size_t)len};
    return 0;
}

/* ---- the opening ---- */

static void make_header(void *ctx, const uint8_t *key, uint8_t *header)
{
    struct sealed_stream *s = ctx;
    crypto_secretstream_xchacha20poly1305_init_push(&s->push, header, key);
}

static void be_open(struct sealed_stream *s)
{
    hello_wipe(&s->hello);
    sodium_memzero(&s->secret, sizeof(s->secret));
    s->state = OPEN;
}

static int take_hello_1(struct sealed_stream *s)
{
    int error = hello_check(&s->hello, &s->secret, s->buf, &s->purpose);
    if (error == 0) {
        uint8_t chance[HELLO_CHANCE_LEN];
        random_bytes(chance, sizeof(chance));
        error = hello_answer(&s->hello, chance, make_header, s, s->pending);
        sodium_memzero(chance, sizeof(chance));
    }
    if (error < 0)
        hello_refuse(s->pending);
    s->n_pending = HELLO_2_LEN;
    s->state = WANT_HEADER;
    return error;
}

static int take_hello_2(struct sealed_stream *s)
{
    int error = hello_finish(&s->hello, s->buf);
    if (error < 0)
        return error;
    if (crypto_secretstream_xchacha20poly1305_init_pull(
            &s->pull, s->hello.responder_header, s->hello.responder_key) != 0)
        return ERR_FORGED;
    make_header(s, s->hello.initiator_key, s->pending);
    s->n_pending = HELLO_HEADER_LEN +
                   seal_frame(s, (struct bytes){0}, s->pending + HELLO_HEADER_LEN);
    be_open(s);
    return 0;
}

static int take_header(struct sealed_stream *s)
{
    s->state = WANT_CONFIRM;
    return crypto_secretstream_xchacha20poly1305_init_pull(&s->pull, s->buf,
                                                           s->hello.initiator_key) == 0
               ? 0
               : ERR_FORGED;
}

static int take_confirm(struct sealed_stream *s)
{
    struct bytes frame;
    int error = open_frame(s, &frame);
    if (error == 0 && frame.len != 0)
        error = ERR_MALFORMED;
    if (error == 0)
        be_open(s);
    return error;
}

/* ---- collecting bytes ---- */

/* How long the arriving message is as far as its first bytes tell; negative when they are
 * wrong. */
static int message_len(const struct sealed_stream *s)
{
    switch (s->state) {
    case WANT_HELLO_1:
    case WANT_HELLO_2:
        if (!hello_is_possible((struct bytes){s->buf, s->len}))
            return ERR_FORGED;
        return s->state == WANT_HELLO_1 ? HELLO_1_LEN : HELLO_2_LEN;
    case WANT_HEADER:
        return HELLO_HEADER_LEN;
    case WANT_CONFIRM:
    case OPEN:
        break;
    case BROKEN:
        return s->error;
    }
    if (s->len < PREFIX_LEN)
        return PREFIX_LEN;
    struct reader r = reader_of((struct bytes){s->buf, PREFIX_LEN});
    uint32_t len = reader_u32(&r);
    uint32_t len_max = s->state == OPEN ? FRAME_MAX + CIPHER_EXTRA : CIPHER_EXTRA;
    if (len < CIPHER_EXTRA || len > len_max)
        return ERR_MALFORMED;
    return (int)(PREFIX_LEN + len);
}

/* Room for bytes that are here, not for those that a length only promises. */
static int reserve(struct sealed_stream *s, size_t len)
{
    if (len <= s->cap)
        return 0;
    size_t cap = s->cap ? s->cap : BUF_MIN;
    while (cap < len)
        cap *= 2;
    if (cap > MESSAGE_MAX)
        cap = MESSAGE_MAX;
    uint8_t *buf = realloc(s->buf, cap);
    if (!buf)
        return -ENOMEM;
    s->buf = buf;
    s->cap = cap;
    return 0;
}

static void drop_message(struct sealed_stream *s)
{
    s->len = 0;
    s->is_delivered = false;
    if (s->cap > BUF_KEEP) {
        free(s->buf);
        s->buf = NULL;
        s->cap = 0;
    }
}

/* buf holds one whole message.  1 when it was a frame for the caller. */
static int take_message(struct sealed_stream *s, struct bytes *ret_frame)
{
    int error = ERR_INVALID;
    switch (s->state) {
    case WANT_HELLO_1:
        error = take_hello_1(s);
        break;
    case WANT_HELLO_2:
        error = take_hello_2(s);
        break;
    case WANT_HEADER:
        error = take_header(s);
        break;
    case WANT_CONFIRM:
        error = take_confirm(s);
        break;
    case OPEN:
        error = open_frame(s, ret_frame);
        s->is_delivered = true;
        return error < 0 ? error : 1;
    case BROKEN:
        break;
    }
    s->len = 0;
    return error;
}

/* Take bytes up to the end of the current message (or of its prefix). */
static int step(struct sealed_stream *s, struct bytes *in, struct bytes *ret_frame)
{
    int want = message_len(s);
    if (want < 0)
        return want;
    size_t missing = (size_t)want - s->len;
    size_t taken = missing < in->len ? missing : in->len;
    int error = reserve(s, s->len + taken);
    if (error < 0)
        return error;
    if (taken > 0)
        memcpy(s->buf + s->len, in->at, taken);
    s->len += taken;
    in->at += taken;
    in->len -= taken;
    want = message_len(s); /* a prefix that is whole now tells more */
    if (want < 0)
        return want;
    return s->len == (size_t)want ? take_message(s, ret_frame) : 0;
}

int sealed_stream_feed(struct sealed_stream *s, struct bytes in, size_t *used,
                       struct bytes *ret_frame)
{
    size_t whole = in.len;
    int result = s->state == BROKEN ? s->error : 0;
    if (s->is_delivered)
        drop_message(s);
    while (result == 0 && in.len > 0)
        result = step(s, &in, ret_frame);
    if (result < 0) {
        s->state = BROKEN;
        s->error = result;
    }
    *used = whole - in.len;
    return result;
}

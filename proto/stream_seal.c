/* A sealed stream as a pure machine: bytes of the socket in, frames out (see seal.h). The
 * opening is hello.c's; this is what surrounds it: collecting bytes until a message is
 * whole, and the frames after it.
 *
 *     initiator:  WANT_HELLO_2 -------------------> OPEN
 *     responder:  WANT_HELLO_1 --> WANT_HELLO_3 --> OPEN
 *     any of them --> BROKEN, on the first byte that is wrong
 *
 *     frame:  u32 length of the ciphertext | ciphertext (plain + 16)
 *
 * A frame is a Noise transport message but for its size, which Noise keeps to 65535 bytes
 * so that a length has 16 bits.  Nonces number the frames, so a lost, repeated or swapped
 * one does not open.  Each direction takes a new key after REKEY_FRAMES or REKEY_BYTES,
 * which both sides count.  A stream that ends between two frames looks like a closed one:
 * protocols on top say when they are done. */
#include "proto/seal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/bounds.h"
#include "proto/hello.h"

enum stream_state { WANT_HELLO_1, WANT_HELLO_2, WANT_HELLO_3, OPEN, BROKEN };

enum {
    PREFIX_LEN = 4,
    CIPHER_EXTRA = NOISE_TAG_LEN,
    MESSAGE_MAX = PREFIX_LEN + FRAME_MAX + CIPHER_EXTRA,
    BUF_MIN = 512,        /* any hello, most gossip frames */
    BUF_KEEP = 64 * 1024, /* a larger buffer is given back after its frame */
    PENDING_MAX = HELLO_2_LEN,
    REKEY_FRAMES = 1 << 16,
    REKEY_BYTES = 64 << 20, /* of ciphertext */
};

_Static_assert(STREAM_OVERHEAD == PREFIX_LEN + CIPHER_EXTRA, "prefix and authenticator");
_Static_assert(HELLO_1_LEN <= (int)PENDING_MAX, "message 1 fits");
_Static_assert(HELLO_3_LEN <= (int)PENDING_MAX, "message 3 fits");

/* What frames of one direction are sealed with, and what was since its key is in use. */
struct direction {
    struct noise_cipher cipher;
    uint32_t n_frames;
    size_t n_bytes;
};

struct sealed_stream {
    enum stream_state state;
    enum stream_purpose purpose;
    int error;            /* of BROKEN */
    struct keyring keys;  /* these three are wiped once the stream is open */
    struct identity self; /* a responder's */
    struct hello hello;
    struct node_id peer;
    struct direction out, in;
    uint8_t *buf; /* the message that is arriving; malloc'ed */
    size_t len, cap;
    bool is_delivered; /* buf holds the frame last returned */
    uint8_t pending[PENDING_MAX];
    size_t n_pending;
};

struct sealed_stream *sealed_stream_new(const struct keyring *keys,
                                        const struct identity *self, bool is_initiator,
                                        enum stream_purpose purpose)
{
    assert(keys->n > 0);
    assert(self || is_initiator);
    struct sealed_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (is_initiator) {
        uint8_t chance[HELLO_CHANCE_LEN];
        random_bytes(chance, sizeof(chance));
        s->state = WANT_HELLO_2;
        s->purpose = purpose;
        hello_begin(&s->hello, &keys->secrets[0], self, purpose, chance, s->pending);
        s->n_pending = HELLO_1_LEN;
        sodium_memzero(chance, sizeof(chance));
    } else {
        s->state = WANT_HELLO_1;
        s->keys = *keys;
        s->self = *self;
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

struct node_id sealed_stream_peer(const struct sealed_stream *s)
{
    return s->peer;
}

struct bytes sealed_stream_pending(struct sealed_stream *s)
{
    struct bytes out = {s->pending, s->n_pending};
    s->n_pending = 0;
    return out;
}

/* ---- sealing and opening one frame ---- */

/* A frame of `len` bytes of ciphertext has passed. */
static void count_frame(struct direction *d, size_t len)
{
    d->n_frames++;
    d->n_bytes += len;
    if (d->n_frames < REKEY_FRAMES && d->n_bytes < REKEY_BYTES)
        return;
    noise_cipher_rekey(&d->cipher);
    d->n_frames = 0;
    d->n_bytes = 0;
}

int sealed_stream_seal(struct sealed_stream *s, struct bytes frame, uint8_t *out,
                       size_t cap)
{
    if (s->state != OPEN)
        return ERR_NOT_READY;
    if (frame.len > FRAME_MAX || cap < frame.len + STREAM_OVERHEAD)
        return ERR_BOUND;
    struct writer w = writer_of(out, PREFIX_LEN);
    writer_u32(&w, (uint32_t)(frame.len + CIPHER_EXTRA));
    int len =
        noise_cipher_seal(&s->out.cipher, (struct bytes){0}, frame, out + PREFIX_LEN);
    if (len < 0)
        return len;
    count_frame(&s->out, (size_t)len);
    return PREFIX_LEN + len;
}

/* Open the whole message in buf where it lies: the plain bytes take the ciphertext's
 * place. */
static int open_frame(struct sealed_stream *s, struct bytes *ret_frame)
{
    struct bytes sealed = {s->buf + PREFIX_LEN, s->len - PREFIX_LEN};
    int len =
        noise_cipher_open(&s->in.cipher, (struct bytes){0}, sealed, s->buf + PREFIX_LEN);
    if (len < 0)
        return len;
    count_frame(&s->in, sealed.len);
    *ret_frame = (struct bytes){sealed.at, (size_t)len};
    return 0;
}

/* ---- the opening ---- */

static void be_open(struct sealed_stream *s)
{
    noise_split(&s->hello.noise, &s->out.cipher, &s->in.cipher);
    s->peer = s->hello.peer;
    s->purpose = s->hello.purpose;
    hello_wipe(&s->hello);
    sodium_memzero(&s->keys, sizeof(s->keys));
    sodium_memzero(&s->self, sizeof(s->self));
    s->state = OPEN;
}

static void refuse(struct sealed_stream *s)
{
    hello_refuse(s->pending);
    s->n_pending = HELLO_2_LEN;
}

static int take_hello_1(struct sealed_stream *s)
{
    int error = hello_check(&s->hello, &s->keys, s->buf);
    if (error == 0) {
        uint8_t chance[HELLO_CHANCE_LEN];
        random_bytes(chance, sizeof(chance));
        error = hello_answer(&s->hello, &s->keys, &s->self, chance, s->pending);
        sodium_memzero(chance, sizeof(chance));
    }
    if (error < 0)
        refuse(s);
    s->n_pending = HELLO_2_LEN;
    s->state = WANT_HELLO_3;
    return error;
}

static int take_hello_2(struct sealed_stream *s)
{
    int error = hello_finish(&s->hello, s->buf, s->pending);
    if (error < 0)
        return error;
    s->n_pending = HELLO_3_LEN;
    be_open(s);
    return 0;
}

static int take_hello_3(struct sealed_stream *s)
{
    int error = hello_confirm(&s->hello, s->buf);
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
        if (hello_check_start((struct bytes){s->buf, s->len}) < 0)
            return hello_check_start((struct bytes){s->buf, s->len});
        return s->state == WANT_HELLO_1 ? HELLO_1_LEN : HELLO_2_LEN;
    case WANT_HELLO_3:
        return HELLO_3_LEN;
    case OPEN:
        break;
    case BROKEN:
        return s->error;
    }
    if (s->len < PREFIX_LEN)
        return PREFIX_LEN;
    struct reader r = reader_of((struct bytes){s->buf, PREFIX_LEN});
    uint32_t len = reader_u32(&r);
    if (len < CIPHER_EXTRA || len > FRAME_MAX + CIPHER_EXTRA)
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
    case WANT_HELLO_3:
        error = take_hello_3(s);
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
    if (result == ERR_UNSUPPORTED && s->state == WANT_HELLO_1)
        refuse(s); /* a hello of another version learns of ours */
    if (result < 0) {
        s->state = BROKEN;
        s->error = result;
    }
    *used = whole - in.len;
    return result;
}

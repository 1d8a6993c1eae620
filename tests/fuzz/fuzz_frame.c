/* Frames of an open stream that were tampered with; and of a peer that holds the secret, the
 * documents of the table and its keys.  The first byte picks the door. */
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "proto/record.h"
#include "proto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct secret secret = {{1}};

static void pass(struct sealed_stream *from, struct sealed_stream *to)
{
    struct bytes frame, pending = sealed_stream_pending(from);
    size_t used;
    (void)sealed_stream_feed(to, pending, &used, &frame);
}

static bool open_pair(struct sealed_stream **ret_a, struct sealed_stream **ret_b)
{
    static struct identity self;
    struct keyring keys = keyring_of(&secret);
    if (node_id_is_zero(self.id))
        identity_new(&self);
    *ret_a = sealed_stream_new(&keys, NULL, true, STREAM_API);
    *ret_b = sealed_stream_new(&keys, &self, false, STREAM_API);
    if (!*ret_a || !*ret_b)
        return false;
    pass(*ret_a, *ret_b);
    pass(*ret_b, *ret_a);
    pass(*ret_a, *ret_b);
    return sealed_stream_is_open(*ret_a) && sealed_stream_is_open(*ret_b);
}

/* The input is one frame, then a mask over its first bytes on the wire, cut into small
 * reads. */
static void fuzz_frames(struct bytes in)
{
    struct sealed_stream *a = NULL, *b = NULL;
    uint8_t *wire = malloc(in.len + STREAM_OVERHEAD);
    if (!wire || !open_pair(&a, &b))
        goto out;
    int len = sealed_stream_seal(a, in, wire, in.len + STREAM_OVERHEAD);
    for (size_t i = 0; len > 0 && i < in.len && i < 8; i++)
        wire[i] ^= in.at[i];
    int result = len;
    for (size_t at = 0, used; len > 0 && result >= 0 && at < (size_t)len; at += used) {
        struct bytes frame;
        size_t left = (size_t)len - at;
        result = sealed_stream_feed(b, (struct bytes){wire + at, left < 7 ? left : 7},
                                    &used, &frame);
    }
out:
    free(wire);
    sealed_stream_free(a);
    sealed_stream_free(b);
}

/* ---- a stream that somebody in between tampers with ---- */

enum { SENT_MAX = 64, WIRE_LEN = STREAM_OVERHEAD + 2 };

/* Frames that were repeated, left out, swapped, changed or cut: what comes out is a beginning of
 * what was sent, and after the first frame out of place nothing. */
static void fuzz_order(struct bytes in)
{
    struct sealed_stream *a = NULL, *b = NULL;
    uint8_t wire[SENT_MAX][WIRE_LEN];
    unsigned n_heard = 0;
    bool is_broken = !open_pair(&a, &b);
    for (unsigned i = 0; !is_broken && i < SENT_MAX; i++) {
        uint8_t frame[2] = {(uint8_t)i, 0};
        if (sealed_stream_seal(a, BYTES_OF(frame), wire[i], WIRE_LEN) != WIRE_LEN)
            abort();
    }
    for (size_t i = 0; !is_broken && i + 1 < in.len; i += 2) {
        unsigned which = in.at[i] < 128 ? n_heard : in.at[i] % SENT_MAX;
        uint8_t mask = in.at[i + 1];
        if (which >= SENT_MAX)
            break;
        struct bytes frame = {0};
        size_t used, at = in.at[i] % WIRE_LEN;
        bool is_in_place = which == n_heard && mask == 0;
        wire[which][at] ^= mask;
        int result =
            sealed_stream_feed(b, (struct bytes){wire[which], WIRE_LEN}, &used, &frame);
        wire[which][at] ^= mask;
        if ((result == 1) != is_in_place || (result == 1 && frame.at[0] != n_heard))
            abort();
        is_broken = !is_in_place;
        n_heard += is_in_place;
    }
    /* Nothing mends a stream that has broken. */
    for (unsigned i = 0; is_broken && b && i < in.len && i < SENT_MAX; i++) {
        struct bytes frame;
        size_t used;
        if (sealed_stream_feed(b, (struct bytes){wire[i], WIRE_LEN}, &used, &frame) == 1)
            abort();
    }
    sealed_stream_free(a);
    sealed_stream_free(b);
}

/* What decodes must be writable again and then decode to what is written the same. */
static void fuzz_claim(struct bytes in, struct arena *arena)
{
    struct claim_doc doc;
    uint8_t first[16 * 1024], second[16 * 1024];
    struct writer a = writer_of(first, sizeof(first)),
                  b = writer_of(second, sizeof(second));
    if (record_decode_claim(in, arena, &doc) < 0)
        return;
    if (record_encode_claim(&doc, &a) < 0 ||
        record_decode_claim(writer_done(&a), arena, &doc) < 0 ||
        record_encode_claim(&doc, &b) < 0 ||
        !bytes_equal(writer_done(&a), writer_done(&b)))
        abort();
}

static void fuzz_records(struct bytes in, struct arena *arena)
{
    struct node_doc node;
    struct job_doc job;
    struct control_doc control;
    struct refuse_doc refuse;
    struct text_doc text;
    (void)record_decode_node(in, arena, &node);
    (void)record_decode_job(in, arena, &job);
    (void)record_decode_control(in, &control);
    (void)record_decode_refuse(in, arena, &refuse);
    (void)record_decode_text(in, arena, &text);
    fuzz_claim(in, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    struct key_parts parts;
    struct arena arena;
    switch (data[0] % 4) {
    case 0:
        arena_init(&arena, 1 << 16);
        fuzz_records(in, &arena);
        arena_fini(&arena);
        break;
    case 1:
        (void)key_parse(in, &parts);
        break;
    case 2:
        fuzz_frames(in);
        break;
    default:
        fuzz_order(in);
    }
    return 0;
}

/* Bytes of a peer that holds the secret: frames of an open stream that were tampered
 * with, the documents of the table, and its keys.  The first byte picks the door. */
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

/* The input is one frame, then a mask over its first bytes on the wire, cut into small
 * reads. */
static void fuzz_frames(struct bytes in)
{
    static struct identity self;
    struct keyring keys = keyring_of(&secret);
    if (node_id_is_zero(self.id))
        identity_new(&self);
    struct sealed_stream *a = sealed_stream_new(&keys, NULL, true, STREAM_API);
    struct sealed_stream *b = sealed_stream_new(&keys, &self, false, STREAM_API);
    uint8_t *wire = malloc(in.len + STREAM_OVERHEAD);
    if (!a || !b || !wire)
        goto out;
    pass(a, b);
    pass(b, a);
    pass(a, b);
    if (!sealed_stream_is_open(a) || !sealed_stream_is_open(b))
        abort();
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
    (void)record_decode_node(in, arena, &node);
    (void)record_decode_job(in, arena, &job);
    (void)record_decode_control(in, &control);
    (void)record_decode_refuse(in, arena, &refuse);
    fuzz_claim(in, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    struct key_parts parts;
    struct arena arena;
    switch (data[0] % 3) {
    case 0:
        arena_init(&arena, 1 << 16);
        fuzz_records(in, &arena);
        arena_fini(&arena);
        break;
    case 1:
        (void)key_parse(in, &parts);
        break;
    default:
        fuzz_frames(in);
    }
    return 0;
}

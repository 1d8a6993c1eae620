/* Bytes of a stranger into everything that opens seals.  The first byte picks the door.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "proto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct secret secret = {{1, 2, 3, 4, 5, 6, 7, 8}};

static void fuzz_datagram(struct bytes in)
{
    static const uint8_t session[SESSION_LEN] = "fuzz";
    uint8_t out[DATAGRAM_MAX];
    struct keyring keys = keyring_of(&secret);
    struct sealer *s = sealer_new(&keys, session);
    if (s)
        (void)sealer_open(s, 0, in, out, sizeof(out));
    sealer_free(s);
}

static void fuzz_secret(struct bytes in)
{
    struct secret parsed;
    struct keyring keys, again;
    char text[KEYRING_TEXT];
    (void)secret_parse((const char *)in.at, in.len, &parsed);
    (void)secret_unwrap(&secret, in, &parsed);
    if (keyring_parse((const char *)in.at, in.len, &keys) < 0)
        return;
    keyring_text(&keys, text); /* what was read can be written and read again */
    if (keyring_parse(text, sizeof(text), &again) < 0 || again.n != keys.n ||
        memcmp(again.secrets, keys.secrets, sizeof(keys.secrets)) != 0)
        abort();
}

static void fuzz_stream(bool is_initiator, struct bytes in)
{
    static struct identity self;
    struct keyring keys = keyring_of(&secret);
    if (node_id_is_zero(self.id))
        identity_new(&self);
    struct sealed_stream *s =
        sealed_stream_new(&keys, &self, is_initiator, STREAM_GOSSIP);
    int result = s ? 0 : -1;
    while (result >= 0 && in.len > 0) {
        struct bytes frame;
        size_t used = 0;
        result = sealed_stream_feed(s, in, &used, &frame);
        in.at += used;
        in.len -= used;
    }
    sealed_stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    switch (data[0] % 4) {
    case 0:
        fuzz_datagram(in);
        break;
    case 1:
        fuzz_stream(false, in);
        break;
    case 2:
        fuzz_stream(true, in);
        break;
    default:
        fuzz_secret(in);
    }
    return 0;
}

/* Bytes of a stranger into everything that opens seals, and what a stranger can do with datagrams
 * that it recorded.  The first byte picks the door. */
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

/* ---- recorded traffic ---- */

enum { RECORDED = 96, SEALED_LEN = SEAL_OVERHEAD + 1 };

/* What one node sealed, and what another opened of it. */
struct traffic {
    struct sealer *from, *to;
    uint8_t sealed[RECORDED][SEALED_LEN];
    bool is_taken[RECORDED];
    unsigned newest; /* taken, plus one; 0: none */
    bool is_after;   /* the receiver has dropped the secret */
};

/* One datagram of the record as it was or changed, in any order and any number of times: it is
 * taken once, unchanged, while its key is known, and when it is not too old. */
static void deliver(struct traffic *t, unsigned i, uint8_t at, uint8_t mask)
{
    uint8_t copy[SEALED_LEN], out[SEALED_LEN];
    memcpy(copy, t->sealed[i], SEALED_LEN);
    copy[at % SEALED_LEN] ^= mask;
    size_t len = SEALED_LEN - (mask == 0xff ? at % SEALED_LEN : 0u);
    int result = sealer_open(t->to, at, (struct bytes){copy, len}, out, sizeof(out));
    bool is_new = !t->is_taken[i] && i + SEAL_WINDOW >= t->newest;
    bool is_right = mask == 0 && is_new && !t->is_after;
    if ((result >= 0) != is_right || (is_right && (result != 1 || out[0] != i)))
        abort();
    if (!is_right)
        return;
    t->is_taken[i] = true;
    t->newest = i + 1 > t->newest ? i + 1 : t->newest;
}

static void fuzz_traffic(struct bytes in)
{
    static const uint8_t sessions[2][SESSION_LEN] = {"one", "two"};
    static const struct secret next = {{9}};
    struct keyring keys = keyring_of(&secret), both = {{next, secret}, 2, false},
                   after = keyring_of(&next);
    struct traffic t = {.from = sealer_new(&keys, sessions[0]),
                        .to = sealer_new(&keys, sessions[1])};
    for (uint8_t i = 0; t.from && i < RECORDED; i++)
        (void)sealer_seal(t.from, (struct bytes){&i, 1}, t.sealed[i], SEALED_LEN);
    struct reader r = reader_of(in);
    while (t.from && t.to && reader_error(&r) == 0) {
        uint8_t what = reader_u8(&r), at = reader_u8(&r), mask = reader_u8(&r);
        if (reader_error(&r) == 0 && what < 2 * RECORDED)
            deliver(&t, what % RECORDED, at, what < RECORDED ? 0 : mask);
        if (what < 2 * RECORDED)
            continue;
        sealer_set_keys(t.to, what == 0xff ? &after : &both);
        t.is_after = what == 0xff;
    }
    sealer_free(t.from);
    sealer_free(t.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    switch (data[0] % 5) {
    case 0:
        fuzz_datagram(in);
        break;
    case 1:
        fuzz_stream(false, in);
        break;
    case 2:
        fuzz_stream(true, in);
        break;
    case 3:
        fuzz_secret(in);
        break;
    default:
        fuzz_traffic(in);
    }
    return 0;
}

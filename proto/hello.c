/* The handshake of sealed streams: messages and reasoning are in hello.h. */
#include "proto/hello.h"

#include <string.h>

#include <sodium.h>

enum {
    HELLO_VERSION = 1,
    NONCE_AT = 4,
    NONCE_LEN = 16,
    EPHEMERAL_AT = NONCE_AT + NONCE_LEN,
    EPHEMERAL_LEN = 32,
    HEADER_AT = EPHEMERAL_AT + EPHEMERAL_LEN,
    MAC_LEN = 32,
    PURPOSE_AT = 3,
};

_Static_assert(HELLO_1_LEN == HEADER_AT + MAC_LEN, "message 1");
_Static_assert(HELLO_2_LEN == HEADER_AT + HELLO_HEADER_LEN + MAC_LEN, "message 2");
_Static_assert(HELLO_CHANCE_LEN == NONCE_LEN + EPHEMERAL_LEN,
               "nonce and ephemeral secret");
_Static_assert(EPHEMERAL_LEN == crypto_scalarmult_BYTES, "x25519");
_Static_assert(HELLO_HEADER_LEN == crypto_secretstream_xchacha20poly1305_HEADERBYTES,
               "header");

static const uint8_t magic[3] = {'S', 'T', HELLO_VERSION};

enum hash_label { LABEL_MAC_1 = 1, LABEL_MAC_2 = 2, LABEL_KEYS = 3 };

/* BLAKE2b under the subkey over label, `extra` and the first `len` bytes of the
 * transcript. */
static void keyed_hash(const struct hello *h, enum hash_label label, struct bytes extra,
                       size_t len, uint8_t *out, size_t out_len)
{
    crypto_generichash_state state;
    uint8_t label_byte = (uint8_t)label;
    crypto_generichash_init(&state, h->key, SUBKEY_LEN, out_len);
    crypto_generichash_update(&state, &label_byte, 1);
    crypto_generichash_update(&state, extra.at, extra.len);
    crypto_generichash_update(&state, h->transcript, len);
    crypto_generichash_final(&state, out, out_len);
    sodium_memzero(&state, sizeof(state));
}

static void put_mac(struct hello *h, enum hash_label label, size_t at)
{
    keyed_hash(h, label, (struct bytes){0}, at, h->transcript + at, MAC_LEN);
}

static bool mac_is_right(const struct hello *h, enum hash_label label, size_t at)
{
    uint8_t mac[MAC_LEN];
    keyed_hash(h, label, (struct bytes){0}, at, mac, MAC_LEN);
    return sodium_memcmp(mac, h->transcript + at, MAC_LEN) == 0;
}

/* The part that both hellos begin with. */
static void put_start(struct hello *h, uint8_t *out, uint8_t purpose,
                      const uint8_t *chance)
{
    memcpy(out, magic, sizeof(magic));
    out[PURPOSE_AT] = purpose;
    memcpy(out + NONCE_AT, chance, NONCE_LEN);
    memcpy(h->ephemeral_secret, chance + NONCE_LEN, EPHEMERAL_LEN);
    crypto_scalarmult_base(out + EPHEMERAL_AT, h->ephemeral_secret);
}

/* The session keys, from the other side's ephemeral key.  The transcript they are bound
 * to ends before message 2's header: the responder needs its key to make that. */
static int agree(struct hello *h, const uint8_t *peer_ephemeral)
{
    uint8_t shared[crypto_scalarmult_BYTES], keys[64];
    if (crypto_scalarmult(shared, h->ephemeral_secret, peer_ephemeral) != 0)
        return ERR_FORGED;
    keyed_hash(h, LABEL_KEYS, BYTES_OF(shared), HELLO_1_LEN + HEADER_AT, keys,
               sizeof(keys));
    memcpy(h->initiator_key, keys, 32);
    memcpy(h->responder_key, keys + 32, 32);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(keys, sizeof(keys));
    sodium_memzero(h->ephemeral_secret, sizeof(h->ephemeral_secret));
    return 0;
}

bool hello_is_possible(struct bytes start)
{
    size_t n = start.len < sizeof(magic) ? start.len : sizeof(magic);
    return n == 0 || memcmp(start.at, magic, n) == 0;
}

void hello_begin(struct hello *h, const struct secret *secret,
                 enum stream_purpose purpose,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_1_LEN])
{
    secret_subkey(secret, SECRET_STREAMS, h->key);
    put_start(h, h->transcript, (uint8_t)purpose, chance);
    put_mac(h, LABEL_MAC_1, HEADER_AT);
    memcpy(out, h->transcript, HELLO_1_LEN);
}

int hello_check(struct hello *h, const struct secret *secret,
                const uint8_t in[static HELLO_1_LEN], enum stream_purpose *ret_purpose)
{
    secret_subkey(secret, SECRET_STREAMS, h->key);
    memcpy(h->transcript, in, HELLO_1_LEN);
    if (!hello_is_possible((struct bytes){in, HELLO_1_LEN}) ||
        !mac_is_right(h, LABEL_MAC_1, HEADER_AT))
        return ERR_FORGED;
    uint8_t purpose = in[PURPOSE_AT];
    if (purpose != STREAM_GOSSIP && purpose != STREAM_API)
        return ERR_UNSUPPORTED;
    *ret_purpose = (enum stream_purpose)purpose;
    return 0;
}

int hello_answer(struct hello *h, const uint8_t chance[static HELLO_CHANCE_LEN],
                 void (*make_header)(void *ctx, const uint8_t *key, uint8_t *header),
                 void *ctx, uint8_t out[static HELLO_2_LEN])
{
    uint8_t *answer = h->transcript + HELLO_1_LEN;
    put_start(h, answer, 0, chance);
    if (agree(h, h->transcript + EPHEMERAL_AT) != 0)
        return ERR_FORGED;
    make_header(ctx, h->responder_key, answer + HEADER_AT);
    put_mac(h, LABEL_MAC_2, HELLO_1_LEN + HEADER_AT + HELLO_HEADER_LEN);
    memcpy(out, answer, HELLO_2_LEN);
    return 0;
}

void hello_refuse(uint8_t out[static HELLO_2_LEN])
{
    memset(out, 0, HELLO_2_LEN);
    memcpy(out, magic, sizeof(magic));
}

int hello_finish(struct hello *h, const uint8_t in[static HELLO_2_LEN])
{
    memcpy(h->transcript + HELLO_1_LEN, in, HELLO_2_LEN);
    if (!mac_is_right(h, LABEL_MAC_2, HELLO_1_LEN + HEADER_AT + HELLO_HEADER_LEN))
        return ERR_FORGED;
    memcpy(h->responder_header, in + HEADER_AT, HELLO_HEADER_LEN);
    return agree(h, in + EPHEMERAL_AT);
}

void hello_wipe(struct hello *h)
{
    sodium_memzero(h, sizeof(*h));
}

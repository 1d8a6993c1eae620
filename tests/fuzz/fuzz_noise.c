/* The handshake: bytes of a stranger, and of a hostile member that has the secret and makes every
 * tag and mac right.  The first byte picks the message, and what the rest is: that message, a mask
 * over a right one, what is said inside of it, or all that somebody without the secret says. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 512, IS_MASK = 4, IS_HELLO = 8, IS_STRANGER = 0xfe };

static const struct secret secret = {{1, 2, 3}};

static void begin(struct noise side[2])
{
    uint8_t psk[NOISE_KEY_LEN] = {1}, own[NOISE_KEY_LEN], ephemeral[NOISE_KEY_LEN];
    for (uint8_t i = 0; i < 2; i++) {
        memset(own, 2 + i, sizeof(own));
        memset(ephemeral, 4 + i, sizeof(ephemeral));
        noise_begin(&side[i], i == 0, (struct bytes){0}, psk, own, ephemeral);
    }
}

static bool apply_mask(uint8_t *message, size_t len, struct bytes mask)
{
    bool is_changed = false;
    for (size_t i = 0; i < len && i < mask.len; i++) {
        message[i] ^= mask.at[i];
        is_changed |= mask.at[i] != 0;
    }
    return is_changed;
}

/* Changed bytes must not open. */
static void read_masked(struct noise *to, uint8_t *message, size_t len, struct bytes mask)
{
    uint8_t out[MESSAGE_MAX];
    bool is_changed = apply_mask(message, len, mask);
    if ((noise_read(to, (struct bytes){message, len}, out, sizeof(out)) < 0) !=
        is_changed)
        abort();
}

static void fuzz_noise(unsigned last, bool is_mask, struct bytes in)
{
    struct noise side[2];
    uint8_t message[MESSAGE_MAX], out[MESSAGE_MAX];
    begin(side);
    for (unsigned i = 0; i < 3; i++) {
        struct noise *from = &side[i % 2], *to = &side[1 - i % 2];
        if (i == last && !is_mask) {
            (void)noise_read(to, in, out, sizeof(out));
            return;
        }
        int len = noise_write(from, bytes_of_text("payload"), message, sizeof(message));
        if (len < 0)
            abort();
        read_masked(to, message, (size_t)len, i == last ? in : (struct bytes){0});
        if (i == last)
            return;
    }
}

/* ---- with the secret ---- */

static struct identity identity_of(uint8_t fill)
{
    struct identity made;
    uint8_t seed[crypto_sign_SEEDBYTES];
    memset(seed, fill, sizeof(seed));
    crypto_sign_seed_keypair(made.public_key, made.secret_key, seed);
    made.id = identity_id(made.public_key);
    return made;
}

/* Who is let in is a guest where guests are welcome, or holds the key whose hash its id is: a
 * point, or that point's negative. */
static void check_peer(const struct hello *h, const struct identity *self,
                       bool may_be_guest)
{
    uint8_t negative[32];
    memcpy(negative, self->public_key, sizeof(negative));
    negative[31] ^= 0x80;
    bool is_guest = node_id_is_zero(h->peer) && may_be_guest;
    if (!is_guest && !node_id_equal(h->peer, self->id) &&
        !node_id_equal(h->peer, identity_id(negative)))
        abort();
}

static void put_mac(uint8_t label, struct bytes first, uint8_t *message, size_t len)
{
    uint8_t key[SUBKEY_LEN];
    crypto_generichash_state state;
    secret_subkey(&secret, SECRET_HELLO, key);
    crypto_generichash_init(&state, key, sizeof(key), HELLO_MAC_LEN);
    crypto_generichash_update(&state, &label, 1);
    crypto_generichash_update(&state, first.at, first.len);
    crypto_generichash_update(&state, message, len - HELLO_MAC_LEN);
    crypto_generichash_final(&state, message + len - HELLO_MAC_LEN, HELLO_MAC_LEN);
}

/* Message 1 with any epoch, purpose and ephemeral key under a right mac. */
static void fuzz_hello_1(struct bytes in, const struct identity *self)
{
    static const uint8_t chance[HELLO_CHANCE_LEN] = {7};
    struct hello h = {0};
    struct keyring keys = keyring_of(&secret);
    uint8_t first[HELLO_1_LEN] = {'S', 'T', 3, secret_epoch(&secret), STREAM_GOSSIP};
    uint8_t second[HELLO_2_LEN];
    bool is_start = in.len > 0 && in.at[0] & 1;
    size_t at = is_start ? 0 : HELLO_START_LEN;
    if (in.len > 0)
        (void)apply_mask(first + at, sizeof(first) - at,
                         (struct bytes){in.at + 1, in.len - 1});
    put_mac(1, (struct bytes){0}, first, sizeof(first));
    if (hello_check(&h, &keys, first) == 0)
        (void)hello_answer(&h, &keys, self, chance, second);
}

/* A responder whose card says anything, right in all else. */
static void fuzz_hello_2(struct bytes in, const struct identity *self)
{
    static const uint8_t chance[HELLO_CHANCE_LEN] = {9};
    struct identity hostile = identity_of(12);
    struct hello h = {0};
    struct noise noise;
    uint8_t first[HELLO_1_LEN],
        second[HELLO_2_LEN] = {'S', 'T', 3, secret_epoch(&secret), 0};
    uint8_t third[HELLO_3_LEN], psk[SUBKEY_LEN], own[NOISE_KEY_LEN];
    uint8_t card[HELLO_CARD_LEN] = {1};
    memcpy(card + 1, hostile.public_key, sizeof(hostile.public_key));
    hello_begin(&h, &secret, self, STREAM_GOSSIP, chance, first);
    secret_subkey(&secret, SECRET_STREAMS, psk);
    (void)crypto_sign_ed25519_sk_to_curve25519(own, hostile.secret_key);
    noise_begin(&noise, false, (struct bytes){first, HELLO_START_LEN}, psk, own,
                chance + 1);
    if (noise_read(&noise, (struct bytes){first + HELLO_START_LEN, NOISE_1_EXTRA}, NULL,
                   0) < 0)
        abort();
    bool is_changed = apply_mask(card, sizeof(card), in);
    if (noise_write(&noise, BYTES_OF(card), second + HELLO_START_LEN,
                    HELLO_2_LEN - HELLO_START_LEN) < 0)
        abort();
    put_mac(2, BYTES_OF(first), second, sizeof(second));
    int result = hello_finish(&h, second, third);
    if (result == 0)
        check_peer(&h, &hostile, false);
    else if (!is_changed)
        abort();
}

/* An initiator whose card says anything. */
static void fuzz_hello_3(struct bytes in, const struct identity *self)
{
    static const uint8_t chance[HELLO_CHANCE_LEN] = {9}, other[HELLO_CHANCE_LEN] = {10};
    struct identity hostile = identity_of(12);
    struct hello a = {0}, b = {0};
    struct keyring keys = keyring_of(&secret);
    enum stream_purpose purpose = in.len > 0 && in.at[0] & 1 ? STREAM_API : STREAM_GOSSIP;
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN], third[HELLO_3_LEN];
    hello_begin(&a, &secret, &hostile, purpose, chance, first);
    bool is_changed = in.len > 0 && apply_mask(a.card, sizeof(a.card),
                                               (struct bytes){in.at + 1, in.len - 1});
    if (hello_check(&b, &keys, first) < 0 ||
        hello_answer(&b, &keys, self, other, second) < 0 ||
        hello_finish(&a, second, third) < 0)
        abort();
    int result = hello_confirm(&b, third);
    if (result == 0)
        check_peer(&b, &hostile, purpose == STREAM_API);
    else if (!is_changed)
        abort();
}

/* ---- without it ---- */

/* What anybody answers to a hello, or begins one with, in two pieces.  It opens nothing; and only a
 * refusal as it should be says that somebody has another secret. */
static void fuzz_stranger(bool is_initiator, struct bytes in, const struct identity *self)
{
    struct keyring keys = keyring_of(&secret);
    struct sealed_stream *s = sealed_stream_new(&keys, self, is_initiator, STREAM_GOSSIP);
    struct bytes frame, first = {in.at, in.len / 2},
                        rest = {in.at + in.len / 2, in.len - in.len / 2};
    size_t used;
    int result = 0;
    if (!s)
        return;
    size_t pending = sealed_stream_pending(s).len; /* an initiator's message 1 */
    result = sealed_stream_feed(s, first, &used, &frame);
    if (result == 0)
        result = sealed_stream_feed(s, rest, &used, &frame);
    if (result > 0 || sealed_stream_is_open(s) ||
        pending != (is_initiator ? (size_t)HELLO_1_LEN : 0))
        abort();
    pending = sealed_stream_pending(s).len;
    bool is_refusal = is_initiator && in.len >= HELLO_2_LEN &&
                      hello_check_start((struct bytes){in.at, HELLO_2_LEN}) == 0 &&
                      sodium_is_zero(in.at + 3, HELLO_2_LEN - 3);
    if ((result == ERR_EPOCH && is_initiator) != is_refusal ||
        (result < 0 && pending != 0 && (is_initiator || pending != HELLO_2_LEN)))
        abort();
    sealed_stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    struct identity self = identity_of(11);
    if (data[0] >= IS_STRANGER)
        fuzz_stranger(data[0] % 2 == 0, in, &self);
    else if (!(data[0] & IS_HELLO))
        fuzz_noise(data[0] % 4, data[0] & IS_MASK, in);
    else if (data[0] % 3 == 0)
        fuzz_hello_1(in, &self);
    else if (data[0] % 3 == 1)
        fuzz_hello_2(in, &self);
    else
        fuzz_hello_3(in, &self);
    return 0;
}

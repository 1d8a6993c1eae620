/* The handshake of sealed streams: messages and reasoning are in hello.h. */
#include "proto/hello.h"

#include <string.h>

#include <sodium.h>

enum { HELLO_VERSION = 3, VERSION_AT = 2, EPOCH_AT = 3, PURPOSE_AT = 4 };

enum card_kind { CARD_NODE = 1, CARD_GUEST = 2 };

static const uint8_t magic[3] = {'S', 'T', HELLO_VERSION};

enum mac_label { LABEL_MAC_1 = 1, LABEL_MAC_2 = 2 };

static void make_mac(const struct hello *h, enum mac_label label, struct bytes second,
                     uint8_t out[static HELLO_MAC_LEN])
{
    crypto_generichash_state state;
    uint8_t label_byte = (uint8_t)label;
    crypto_generichash_init(&state, h->mac_key, SUBKEY_LEN, HELLO_MAC_LEN);
    crypto_generichash_update(&state, &label_byte, 1);
    crypto_generichash_update(&state, h->first,
                              label == LABEL_MAC_1 ? HELLO_1_LEN - HELLO_MAC_LEN
                                                   : HELLO_1_LEN);
    crypto_generichash_update(&state, second.at, second.len);
    crypto_generichash_final(&state, out, HELLO_MAC_LEN);
    sodium_memzero(&state, sizeof(state));
}

static bool mac_is_right(const struct hello *h, enum mac_label label, struct bytes second,
                         const uint8_t *mac)
{
    uint8_t right[HELLO_MAC_LEN];
    make_mac(h, label, second, right);
    return sodium_memcmp(right, mac, HELLO_MAC_LEN) == 0;
}

static void put_start(uint8_t out[static HELLO_START_LEN], uint8_t epoch, uint8_t purpose)
{
    memcpy(out, magic, sizeof(magic));
    out[EPOCH_AT] = epoch;
    out[PURPOSE_AT] = purpose;
}

/* Our card, and Noise with the static key that goes with it.  `first` is there. */
static void begin_noise(struct hello *h, bool is_initiator, const struct secret *secret,
                        const struct identity *self, const uint8_t *chance)
{
    uint8_t psk[SUBKEY_LEN], static_secret[NOISE_KEY_LEN];
    memset(h->card, 0, sizeof(h->card));
    h->card[0] = self ? CARD_NODE : CARD_GUEST;
    memcpy(static_secret, chance + NOISE_KEY_LEN, NOISE_KEY_LEN);
    if (self) {
        memcpy(h->card + 1, self->public_key, sizeof(self->public_key));
        (void)crypto_sign_ed25519_sk_to_curve25519(static_secret, self->secret_key);
    }
    secret_subkey(secret, SECRET_STREAMS, psk);
    noise_begin(&h->noise, is_initiator, (struct bytes){h->first, HELLO_START_LEN}, psk,
                static_secret, chance);
    sodium_memzero(psk, sizeof(psk));
    sodium_memzero(static_secret, sizeof(static_secret));
}

/* Whose card is it, and is it the static key's? */
static int read_card(struct hello *h, const uint8_t card[static HELLO_CARD_LEN],
                     bool is_guest_welcome)
{
    uint8_t key[NOISE_KEY_LEN];
    if (card[0] == CARD_GUEST && sodium_is_zero(card + 1, HELLO_CARD_LEN - 1)) {
        h->peer = (struct node_id){0};
        return is_guest_welcome ? 0 : ERR_DENIED;
    }
    if (card[0] != CARD_NODE ||
        crypto_sign_ed25519_pk_to_curve25519(key, card + 1) != 0 ||
        sodium_memcmp(key, h->noise.peer_static, NOISE_KEY_LEN) != 0)
        return ERR_FORGED;
    h->peer = identity_id(card + 1);
    return 0;
}

int hello_check_start(struct bytes start)
{
    size_t n = start.len < sizeof(magic) ? start.len : sizeof(magic);
    if (n == 0 || memcmp(start.at, magic, n) == 0)
        return 0;
    bool is_hello = n == sizeof(magic) && memcmp(start.at, magic, VERSION_AT) == 0;
    return is_hello ? ERR_UNSUPPORTED : ERR_FORGED;
}

void hello_begin(struct hello *h, const struct secret *secret,
                 const struct identity *self, enum stream_purpose purpose,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_1_LEN])
{
    h->purpose = purpose;
    h->peer = (struct node_id){0};
    secret_subkey(secret, SECRET_HELLO, h->mac_key);
    put_start(h->first, secret_epoch(secret), (uint8_t)purpose);
    begin_noise(h, true, secret, self, chance);
    (void)noise_write(&h->noise, (struct bytes){0}, h->first + HELLO_START_LEN,
                      NOISE_1_EXTRA); /* no public key of another can spoil it */
    make_mac(h, LABEL_MAC_1, (struct bytes){0}, h->first + HELLO_1_LEN - HELLO_MAC_LEN);
    memcpy(out, h->first, HELLO_1_LEN);
}

int hello_check(struct hello *h, const struct keyring *keys,
                const uint8_t in[static HELLO_1_LEN])
{
    int error = hello_check_start((struct bytes){in, HELLO_1_LEN});
    if (error < 0)
        return error;
    const struct secret *secret = keyring_find(keys, in[EPOCH_AT]);
    if (!secret)
        return ERR_EPOCH;
    secret_subkey(secret, SECRET_HELLO, h->mac_key);
    memcpy(h->first, in, HELLO_1_LEN);
    if (!mac_is_right(h, LABEL_MAC_1, (struct bytes){0},
                      in + HELLO_1_LEN - HELLO_MAC_LEN))
        return ERR_FORGED;
    uint8_t purpose = in[PURPOSE_AT];
    if (purpose != STREAM_GOSSIP && purpose != STREAM_API)
        return ERR_UNSUPPORTED;
    h->purpose = (enum stream_purpose)purpose;
    return 0;
}

int hello_answer(struct hello *h, const struct keyring *keys, const struct identity *self,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_2_LEN])
{
    const struct secret *secret = keyring_find(keys, h->first[EPOCH_AT]);
    struct bytes first = {h->first + HELLO_START_LEN, NOISE_1_EXTRA};
    size_t mac_at = HELLO_2_LEN - HELLO_MAC_LEN;
    if (!secret)
        return ERR_EPOCH;
    begin_noise(h, false, secret, self, chance);
    int len = noise_read(&h->noise, first, NULL, 0);
    if (len >= 0)
        len = noise_write(&h->noise, BYTES_OF(h->card), out + HELLO_START_LEN,
                          mac_at - HELLO_START_LEN);
    if (len < 0)
        return len;
    put_start(out, h->first[EPOCH_AT], 0);
    make_mac(h, LABEL_MAC_2, (struct bytes){out, mac_at}, out + mac_at);
    return 0;
}

void hello_refuse(uint8_t out[static HELLO_2_LEN])
{
    memset(out, 0, HELLO_2_LEN);
    memcpy(out, magic, sizeof(magic));
}

int hello_finish(struct hello *h, const uint8_t in[static HELLO_2_LEN],
                 uint8_t out[static HELLO_3_LEN])
{
    uint8_t card[HELLO_CARD_LEN];
    size_t mac_at = HELLO_2_LEN - HELLO_MAC_LEN;
    struct bytes second = {in + HELLO_START_LEN, mac_at - HELLO_START_LEN};
    int error = hello_check_start((struct bytes){in, HELLO_2_LEN});
    if (error < 0)
        return error;
    if (sodium_is_zero(in + EPOCH_AT, HELLO_2_LEN - EPOCH_AT))
        return ERR_EPOCH; /* refused */
    if (!mac_is_right(h, LABEL_MAC_2, (struct bytes){in, mac_at}, in + mac_at))
        return ERR_FORGED;
    error = noise_read(&h->noise, second, card, sizeof(card));
    if (error >= 0)
        error = read_card(h, card, false); /* who answers is a node */
    if (error >= 0)
        error = noise_write(&h->noise, BYTES_OF(h->card), out, HELLO_3_LEN);
    return error < 0 ? error : 0;
}

int hello_confirm(struct hello *h, const uint8_t in[static HELLO_3_LEN])
{
    uint8_t card[HELLO_CARD_LEN];
    int error =
        noise_read(&h->noise, (struct bytes){in, HELLO_3_LEN}, card, sizeof(card));
    return error < 0 ? error : read_card(h, card, h->purpose == STREAM_API);
}

void hello_wipe(struct hello *h)
{
    sodium_memzero(h, sizeof(*h));
}

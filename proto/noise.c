/* The Noise handshake of noise.h, in the order of its specification: hash functions and
 * keys (4.3), CipherState (5.1), SymmetricState (5.2), HandshakeState (5.3). */
#include "proto/noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

enum {
    BLOCK_LEN = 128, /* of BLAKE2b, for HMAC (12.8) */
    NONCE_LEN = 12,
    DONE = 3, /* messages */
    BROKEN = 4,
};

_Static_assert(NOISE_HASH_LEN == crypto_generichash_BYTES_MAX, "BLAKE2b, 512 bits");
_Static_assert(NOISE_KEY_LEN == crypto_scalarmult_BYTES, "x25519");
_Static_assert(NOISE_KEY_LEN == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "ChaChaPoly");
_Static_assert(NOISE_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES, "ChaChaPoly");
_Static_assert(NONCE_LEN == crypto_aead_chacha20poly1305_ietf_NPUBBYTES, "ChaChaPoly");

static const char protocol_name[] = "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b";

_Static_assert(sizeof(protocol_name) - 1 <= NOISE_HASH_LEN, "else h is its hash (5.2)");

/* ---- hash functions (4.3) ---- */

static void hash_two(struct bytes a, struct bytes b, uint8_t out[static NOISE_HASH_LEN])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, NOISE_HASH_LEN);
    crypto_generichash_update(&state, a.at, a.len);
    crypto_generichash_update(&state, b.at, b.len);
    crypto_generichash_final(&state, out, NOISE_HASH_LEN);
}

/* HMAC (RFC 2104) with a key of at most HASHLEN bytes, which is shorter than a block. */
static void hmac(struct bytes key, struct bytes data, uint8_t out[static NOISE_HASH_LEN])
{
    uint8_t inner[BLOCK_LEN] = {0}, outer[BLOCK_LEN], digest[NOISE_HASH_LEN];
    memcpy(inner, key.at, key.len);
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    hash_two(BYTES_OF(inner), data, digest);
    hash_two(BYTES_OF(outer), BYTES_OF(digest), out);
    sodium_memzero(inner, sizeof(inner));
    sodium_memzero(outer, sizeof(outer));
    sodium_memzero(digest, sizeof(digest));
}

/* HKDF: `n` outputs of HASHLEN bytes, two or three. */
static void hkdf(const uint8_t chaining_key[static NOISE_HASH_LEN], struct bytes material,
                 size_t n, uint8_t out[][NOISE_HASH_LEN])
{
    uint8_t temporary[NOISE_HASH_LEN], data[NOISE_HASH_LEN + 1];
    size_t len = 0;
    hmac((struct bytes){chaining_key, NOISE_HASH_LEN}, material, temporary);
    for (size_t i = 0; i < n; i++) {
        data[len] = (uint8_t)(i + 1);
        hmac(BYTES_OF(temporary), (struct bytes){data, len + 1}, out[i]);
        memcpy(data, out[i], NOISE_HASH_LEN);
        len = NOISE_HASH_LEN;
    }
    sodium_memzero(temporary, sizeof(temporary));
    sodium_memzero(data, sizeof(data));
}

/* ---- CipherState (5.1) ---- */

/* "32 bits of zeros followed by little-endian encoding of n" (12.3). */
static void put_nonce(uint64_t nonce, uint8_t out[static NONCE_LEN])
{
    memset(out, 0, NONCE_LEN);
    for (size_t i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(nonce >> 8 * i);
}

static void cipher_set_key(struct noise_cipher *c, const uint8_t *key)
{
    memcpy(c->key, key, NOISE_KEY_LEN);
    c->nonce = 0;
    c->has_key = true;
}

int noise_cipher_seal(struct noise_cipher *c, struct bytes associated, struct bytes plain,
                      uint8_t *out)
{
    uint8_t nonce[NONCE_LEN];
    assert(c->has_key);
    if (c->nonce == UINT64_MAX) /* 2^64-1 is reserved for rekeying */
        return ERR_BOUND;
    put_nonce(c->nonce++, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.at, plain.len,
                                              associated.at, associated.len, NULL, nonce,
                                              c->key);
    return (int)(plain.len + NOISE_TAG_LEN);
}

int noise_cipher_open(struct noise_cipher *c, struct bytes associated, struct bytes in,
                      uint8_t *out)
{
    uint8_t nonce[NONCE_LEN];
    assert(c->has_key);
    if (in.len < NOISE_TAG_LEN)
        return ERR_TRUNCATED;
    if (c->nonce == UINT64_MAX)
        return ERR_BOUND;
    put_nonce(c->nonce, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in.at, in.len,
                                                  associated.at, associated.len, nonce,
                                                  c->key) != 0)
        return ERR_FORGED;
    c->nonce++; /* only a message that opened counts */
    return (int)(in.len - NOISE_TAG_LEN);
}

void noise_cipher_rekey(struct noise_cipher *c)
{
    static const uint8_t zeros[NOISE_KEY_LEN];
    uint8_t nonce[NONCE_LEN], sealed[NOISE_KEY_LEN + NOISE_TAG_LEN];
    put_nonce(UINT64_MAX, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, sizeof(zeros), NULL, 0,
                                              NULL, nonce, c->key);
    memcpy(c->key, sealed, NOISE_KEY_LEN); /* the nonce goes on counting (5.1, Rekey) */
    sodium_memzero(sealed, sizeof(sealed));
}

/* ---- SymmetricState (5.2) ---- */

static void mix_hash(struct noise *n, struct bytes data)
{
    hash_two(BYTES_OF(n->hash), data, n->hash);
}

static void mix_key(struct noise *n, struct bytes material)
{
    uint8_t out[2][NOISE_HASH_LEN];
    hkdf(n->chaining_key, material, 2, out);
    memcpy(n->chaining_key, out[0], NOISE_HASH_LEN);
    cipher_set_key(&n->cipher, out[1]); /* its first 32 bytes */
    sodium_memzero(out, sizeof(out));
}

static void mix_key_and_hash(struct noise *n, struct bytes material)
{
    uint8_t out[3][NOISE_HASH_LEN];
    hkdf(n->chaining_key, material, 3, out);
    memcpy(n->chaining_key, out[0], NOISE_HASH_LEN);
    mix_hash(n, BYTES_OF(out[1]));
    cipher_set_key(&n->cipher, out[2]);
    sodium_memzero(out, sizeof(out));
}

/* With a psk the first token is "e", which sets a key (9.2): so there always is one. */
static void encrypt_and_hash(struct noise *n, struct bytes plain, struct writer *w)
{
    uint8_t *at = w->at + w->len;
    (void)noise_cipher_seal(&n->cipher, BYTES_OF(n->hash), plain, at); /* nonce 0 or 1 */
    w->len += plain.len + NOISE_TAG_LEN;
    mix_hash(n, (struct bytes){at, plain.len + NOISE_TAG_LEN});
}

static int decrypt_and_hash(struct noise *n, struct bytes sealed, uint8_t *out)
{
    int len = noise_cipher_open(&n->cipher, BYTES_OF(n->hash), sealed, out);
    if (len >= 0)
        mix_hash(n, sealed);
    return len;
}

/* ---- HandshakeState (5.3), one function a token ---- */

static void set_pair(struct noise_pair *pair, const uint8_t *secret)
{
    memcpy(pair->secret, secret, NOISE_KEY_LEN);
    crypto_scalarmult_base(pair->public, secret);
}

void noise_begin(struct noise *n, bool is_initiator, struct bytes prologue,
                 const uint8_t psk[static NOISE_KEY_LEN],
                 const uint8_t static_secret[static NOISE_KEY_LEN],
                 const uint8_t ephemeral_secret[static NOISE_KEY_LEN])
{
    *n = (struct noise){.is_initiator = is_initiator};
    memcpy(n->hash, protocol_name, sizeof(protocol_name) - 1);
    memcpy(n->chaining_key, n->hash, NOISE_HASH_LEN);
    mix_hash(n, prologue);
    memcpy(n->psk, psk, NOISE_KEY_LEN);
    set_pair(&n->own_static, static_secret);
    set_pair(&n->own_ephemeral, ephemeral_secret);
}

/* DH(a, b).  "Invalid public key values" give zeros (12.1): libsodium refuses them. */
static int mix_dh(struct noise *n, const struct noise_pair *own, const uint8_t *peer)
{
    uint8_t shared[crypto_scalarmult_BYTES];
    if (crypto_scalarmult(shared, own->secret, peer) != 0)
        return ERR_FORGED;
    mix_key(n, BYTES_OF(shared));
    sodium_memzero(shared, sizeof(shared));
    return 0;
}

static int mix_ee(struct noise *n)
{
    return mix_dh(n, &n->own_ephemeral, n->peer_ephemeral);
}

/* es and se: the first letter is the initiator's key. */
static int mix_es(struct noise *n)
{
    return n->is_initiator ? mix_dh(n, &n->own_ephemeral, n->peer_static)
                           : mix_dh(n, &n->own_static, n->peer_ephemeral);
}

static int mix_se(struct noise *n)
{
    return n->is_initiator ? mix_dh(n, &n->own_static, n->peer_ephemeral)
                           : mix_dh(n, &n->own_ephemeral, n->peer_static);
}

static void write_e(struct noise *n, struct writer *w)
{
    struct bytes e = BYTES_OF(n->own_ephemeral.public);
    writer_put(w, e.at, e.len);
    mix_hash(n, e);
    mix_key(n, e); /* because of the psk (9.2) */
}

static void read_e(struct noise *n, struct reader *r)
{
    struct bytes e = reader_take(r, NOISE_KEY_LEN);
    memcpy(n->peer_ephemeral, e.at, e.len);
    mix_hash(n, e);
    mix_key(n, e);
}

static int read_s(struct noise *n, struct reader *r)
{
    return decrypt_and_hash(n, reader_take(r, NOISE_KEY_LEN + NOISE_TAG_LEN),
                            n->peer_static);
}

static size_t extra_of(unsigned message)
{
    static const size_t extra[] = {NOISE_1_EXTRA, NOISE_2_EXTRA, NOISE_3_EXTRA};
    return extra[message];
}

static bool is_turn(const struct noise *n, bool is_initiators)
{
    return n->n_messages < DONE && (n->n_messages % 2 == 0) == is_initiators;
}

int noise_write(struct noise *n, struct bytes payload, uint8_t *out, size_t cap)
{
    if (!is_turn(n, n->is_initiator))
        return ERR_INVALID;
    size_t extra = extra_of(n->n_messages);
    if (cap < extra || cap - extra < payload.len)
        return ERR_BOUND;
    struct writer w = writer_of(out, cap);
    int error = 0;
    switch (n->n_messages++) {
    case 0:
        write_e(n, &w);
        break;
    case 1:
        write_e(n, &w);
        error = mix_ee(n);
        encrypt_and_hash(n, BYTES_OF(n->own_static.public), &w);
        if (error == 0)
            error = mix_es(n);
        break;
    default:
        encrypt_and_hash(n, BYTES_OF(n->own_static.public), &w);
        error = mix_se(n);
        mix_key_and_hash(n, BYTES_OF(n->psk));
    }
    if (error < 0) {
        n->n_messages = BROKEN;
        return error;
    }
    encrypt_and_hash(n, payload, &w);
    return (int)w.len;
}

int noise_read(struct noise *n, struct bytes in, uint8_t *out, size_t cap)
{
    if (!is_turn(n, !n->is_initiator))
        return ERR_INVALID;
    size_t extra = extra_of(n->n_messages);
    if (in.len < extra)
        return ERR_TRUNCATED;
    if (cap < in.len - extra)
        return ERR_BOUND;
    struct reader r = reader_of(in);
    int error = 0;
    switch (n->n_messages++) {
    case 0:
        read_e(n, &r);
        break;
    case 1:
        read_e(n, &r);
        error = mix_ee(n);
        if (error == 0)
            error = read_s(n, &r);
        if (error >= 0)
            error = mix_es(n);
        break;
    default:
        error = read_s(n, &r);
        if (error >= 0)
            error = mix_se(n);
        mix_key_and_hash(n, BYTES_OF(n->psk));
    }
    if (error >= 0)
        error = decrypt_and_hash(n, reader_rest(&r), out);
    if (error < 0)
        n->n_messages = BROKEN;
    return error;
}

void noise_split(const struct noise *n, struct noise_cipher *ret_send,
                 struct noise_cipher *ret_receive)
{
    uint8_t out[2][NOISE_HASH_LEN];
    assert(n->n_messages == DONE);
    hkdf(n->chaining_key, (struct bytes){0}, 2, out);
    cipher_set_key(ret_send, out[n->is_initiator ? 0 : 1]);
    cipher_set_key(ret_receive, out[n->is_initiator ? 1 : 0]);
    sodium_memzero(out, sizeof(out));
}

void noise_wipe(struct noise *n)
{
    sodium_memzero(n, sizeof(*n));
}

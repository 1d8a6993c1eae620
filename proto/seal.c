/* Sealed datagrams: the layout is in seal.h, the replay window in replay.h.
 *
 * Every node seals under the same group key, so nonces must never meet: each process
 * draws a session of 16 random bytes, again and again (session.h), and counts from 1 under
 * it.  A datagram of our own session that comes back, or of the one before, is a reflection
 * (or our own multicast) and counts as replayed. */
#include "proto/seal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/replay.h"
#include "proto/secret.h"

enum { SEAL_VERSION = 2, FORMER_VERSION = 1, NONCE_LEN = 24, HEAD_LEN = 2 };

_Static_assert(NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "XChaCha20");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "Poly1305");
_Static_assert(SUBKEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "XChaCha20");
_Static_assert(SEAL_HEADER == HEAD_LEN + NONCE_LEN, "version, epoch, nonce");
_Static_assert(NONCE_LEN == SESSION_LEN + 8, "session and counter");

struct seal_key {
    uint8_t epoch;
    uint8_t key[SUBKEY_LEN];
};

struct sealer {
    struct seal_key keys[KEYRING_MAX]; /* the first seals */
    size_t n_keys;
    uint8_t session[SESSION_LEN], former[SESSION_LEN];
    uint64_t counter;    /* of the last datagram sealed */
    struct clocks drawn; /* when the session was; zero: it is spent from the start */
    struct replay_table replays;
};

void sealer_set_keys(struct sealer *s, const struct keyring *keys)
{
    assert(keys->n > 0);
    assert(keys->n <= KEYRING_MAX);
    sodium_memzero(s->keys, sizeof(s->keys));
    for (size_t i = 0; i < keys->n; i++) {
        s->keys[i].epoch = secret_epoch(&keys->secrets[i]);
        secret_subkey(&keys->secrets[i], SECRET_DATAGRAMS, s->keys[i].key);
    }
    s->n_keys = keys->n;
}

static const uint8_t *key_of(const struct sealer *s, uint8_t epoch)
{
    for (size_t i = 0; i < s->n_keys; i++)
        if (s->keys[i].epoch == epoch)
            return s->keys[i].key;
    return NULL;
}

struct sealer *sealer_new(const struct keyring *keys,
                          const uint8_t session[static SESSION_LEN])
{
    struct sealer *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    uint64_t hash_seed;
    sealer_set_keys(s, keys);
    memcpy(s->session, session, SESSION_LEN);
    memcpy(s->former, session, SESSION_LEN);
    memcpy(&hash_seed, s->keys[0].key,
           sizeof(hash_seed)); /* buckets never show on the wire */
    replay_init(&s->replays, hash_seed);
    return s;
}

void sealer_free(struct sealer *s)
{
    if (!s)
        return;
    replay_fini(&s->replays);
    sodium_memzero(s, sizeof(*s));
    free(s);
}

bool sealer_is_spent(const struct sealer *s, const struct clocks *now)
{
    return session_is_spent(&s->drawn, now);
}

void sealer_renew(struct sealer *s, const uint8_t session[static SESSION_LEN],
                  const struct clocks *now)
{
    memcpy(s->former, s->session, SESSION_LEN);
    memcpy(s->session, session, SESSION_LEN);
    s->counter = 0;
    s->drawn = *now;
}

int sealer_seal(struct sealer *s, struct bytes plain, uint8_t *out, size_t cap)
{
    if (plain.len > INT32_MAX - SEAL_OVERHEAD || cap < plain.len + SEAL_OVERHEAD)
        return ERR_BOUND;
    struct writer w = writer_of(out, cap);
    writer_u8(&w, SEAL_VERSION);
    writer_u8(&w, s->keys[0].epoch);
    writer_put(&w, s->session, SESSION_LEN);
    writer_u64(&w, ++s->counter);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_HEADER, NULL, plain.at,
                                               plain.len, out, HEAD_LEN, NULL,
                                               out + HEAD_LEN, s->keys[0].key);
    return (int)(plain.len + SEAL_OVERHEAD);
}

int sealer_open(struct sealer *s, uint64_t now_ms, struct bytes in, uint8_t *out,
                size_t cap)
{
    (void)now_ms; /* senders are forgotten in the order they were heard, not by age */
    struct reader r = reader_of(in);
    uint8_t version = reader_u8(&r), epoch = reader_u8(&r);
    struct bytes nonce = reader_take(&r, NONCE_LEN);
    struct bytes sealed = reader_rest(&r);
    if (reader_error(&r) != 0 || sealed.len < SEAL_TAG)
        return ERR_TRUNCATED;
    if (version != SEAL_VERSION && version != FORMER_VERSION)
        return ERR_UNSUPPORTED;
    const uint8_t *key = key_of(s, epoch);
    if (!key)
        return ERR_EPOCH;
    size_t plain_len = sealed.len - SEAL_TAG;
    if (cap < plain_len || plain_len > INT32_MAX)
        return ERR_BOUND;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.at, sealed.len,
                                                   in.at, HEAD_LEN, nonce.at, key) != 0)
        return ERR_FORGED;
    if (memcmp(nonce.at, s->session, SESSION_LEN) == 0 ||
        memcmp(nonce.at, s->former, SESSION_LEN) == 0)
        return ERR_REPLAYED;
    struct reader counter = reader_of((struct bytes){nonce.at + SESSION_LEN, 8});
    int error = replay_check(&s->replays, nonce.at, reader_u64(&counter));
    if (error == 0 && version == FORMER_VERSION)
        error = ERR_FORMER;
    return error < 0 ? error : (int)plain_len;
}

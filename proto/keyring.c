/* More than one secret: the bytes that name them, the ring a node keeps, its text, and
 * how a new secret is handed to those who have the old one. */
#include "proto/secret.h"

#include <string.h>

#include <sodium.h>

enum { TEXT_LEN = 44, WORD_LEN = 5 /* "next ", "last " */, HEAD_LEN = 3 };

_Static_assert(KEYRING_TEXT > 2 * TEXT_LEN + WORD_LEN + 2, "two lines");
_Static_assert(SECRET_NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");

uint8_t secret_epoch(const struct secret *secret)
{
    uint8_t subkey[SUBKEY_LEN];
    secret_subkey(secret, SECRET_EPOCH, subkey);
    return (uint8_t)(1 + subkey[0] % 255);
}

struct keyring keyring_of(const struct secret *secret)
{
    return (struct keyring){.secrets = {*secret}, .n = 1};
}

const struct secret *keyring_find(const struct keyring *keys, uint8_t epoch)
{
    for (size_t i = 0; i < keys->n; i++)
        if (secret_epoch(&keys->secrets[i]) == epoch)
            return &keys->secrets[i];
    return NULL;
}

/* ---- text ---- */

void keyring_text(const struct keyring *keys, char out[static KEYRING_TEXT])
{
    char text[TEXT_LEN + 1];
    memset(out, '\n', KEYRING_TEXT);
    secret_text(&keys->secrets[0], text);
    memcpy(out, text, TEXT_LEN);
    if (keys->n > 1) {
        char *second = out + TEXT_LEN + 1;
        secret_text(&keys->secrets[1], text);
        memcpy(second, keys->is_second_next ? "next " : "last ", WORD_LEN);
        memcpy(second + WORD_LEN, text, TEXT_LEN);
    }
    sodium_memzero(text, sizeof(text));
}

int keyring_parse(const char *text, size_t len, struct keyring *ret_keys)
{
    struct keyring keys = {0};
    while (len > 0 && strchr(" \t\r\n", text[0])) {
        text++;
        len--;
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    const char *end = memchr(text, '\n', len);
    int error = secret_parse(text, end ? (size_t)(end - text) : len, &keys.secrets[0]);
    keys.n = 1;
    if (error == 0 && end) {
        const char *second = end + 1;
        size_t left = len - (size_t)(second - text);
        keys.is_second_next = left > WORD_LEN && memcmp(second, "next ", WORD_LEN) == 0;
        if (!keys.is_second_next &&
            (left <= WORD_LEN || memcmp(second, "last ", WORD_LEN) != 0))
            return ERR_MALFORMED;
        error = secret_parse(second + WORD_LEN, left - WORD_LEN, &keys.secrets[1]);
        keys.n = 2;
    }
    if (error == 0 && keys.n == 2 &&
        secret_epoch(&keys.secrets[0]) == secret_epoch(&keys.secrets[1]))
        error = ERR_MALFORMED;
    if (error == 0)
        *ret_keys = keys;
    sodium_memzero(&keys, sizeof(keys));
    return error;
}

/* ---- handing on ---- */

void secret_wrap(const struct secret *old, const struct secret *next,
                 enum secret_urgency urgency,
                 const uint8_t nonce[static SECRET_NONCE_LEN],
                 uint8_t out[static SECRET_WRAPPED_LEN])
{
    uint8_t key[SUBKEY_LEN];
    secret_subkey(old, SECRET_WRAP, key);
    out[0] = (uint8_t)urgency;
    out[1] = secret_epoch(old);
    out[2] = secret_epoch(next);
    memcpy(out + HEAD_LEN, nonce, SECRET_NONCE_LEN);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + HEAD_LEN + SECRET_NONCE_LEN, NULL,
                                               next->at, SECRET_LEN, out, HEAD_LEN, NULL,
                                               nonce, key);
    sodium_memzero(key, sizeof(key));
}

/* Two plain texts never share this nonce, for it is a keyed hash of what is wrapped. */
void secret_rewrap(const struct secret *old, const struct secret *next,
                   enum secret_urgency urgency, uint8_t out[static SECRET_WRAPPED_LEN])
{
    uint8_t nonce[SECRET_NONCE_LEN];
    uint8_t in[SECRET_LEN + 1];
    memcpy(in, next->at, SECRET_LEN);
    in[SECRET_LEN] = (uint8_t)urgency;
    crypto_generichash(nonce, sizeof(nonce), in, sizeof(in), old->at, SECRET_LEN);
    secret_wrap(old, next, urgency, nonce, out);
    sodium_memzero(in, sizeof(in));
}

enum secret_urgency secret_wrapped_urgency(struct bytes in)
{
    return in.len > 0 && in.at[0] == SECRET_FORCED ? SECRET_FORCED : SECRET_PATIENT;
}

int secret_wrapped_epochs(struct bytes in, uint8_t *ret_old, uint8_t *ret_next)
{
    if (in.len != SECRET_WRAPPED_LEN || in.at[1] == in.at[2] ||
        (in.at[0] != SECRET_PATIENT && in.at[0] != SECRET_FORCED))
        return ERR_MALFORMED;
    *ret_old = in.at[1];
    *ret_next = in.at[2];
    return 0;
}

int secret_unwrap(const struct secret *old, struct bytes in, struct secret *ret_next)
{
    uint8_t key[SUBKEY_LEN], from, to;
    struct secret next;
    size_t at = HEAD_LEN + SECRET_NONCE_LEN;
    int error = secret_wrapped_epochs(in, &from, &to);
    if (error < 0)
        return error;
    if (from != secret_epoch(old))
        return ERR_EPOCH;
    secret_subkey(old, SECRET_WRAP, key);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(next.at, NULL, NULL, in.at + at,
                                                   in.len - at, in.at, HEAD_LEN,
                                                   in.at + HEAD_LEN, key) != 0 ||
        secret_epoch(&next) != to)
        error = ERR_FORGED;
    else
        *ret_next = next;
    sodium_memzero(key, sizeof(key));
    sodium_memzero(&next, sizeof(next));
    return error;
}

/* The cluster's secret, the keys derived from it, a node's identity, and the random
 * device. All of it is libsodium; this is where the host draws chance from. */
#include "proto/secret.h"

#include <string.h>

#include <sodium.h>

static const char kdf_context[crypto_kdf_CONTEXTBYTES] = "stratos1"; /* without its NUL */

_Static_assert(SECRET_LEN == crypto_kdf_KEYBYTES, "the secret is a master key");
_Static_assert(sizeof(((struct identity *)0)->public_key) == crypto_sign_PUBLICKEYBYTES,
               "Ed25519");
_Static_assert(sizeof(((struct identity *)0)->secret_key) == crypto_sign_SECRETKEYBYTES,
               "Ed25519");

int seal_init(void)
{
    return sodium_init() < 0 ? ERR_DENIED : 0;
}

void random_bytes(void *out, size_t len)
{
    randombytes_buf(out, len);
}

void secret_new(struct secret *ret_secret)
{
    random_bytes(ret_secret->at, sizeof(ret_secret->at));
}

void secret_text(const struct secret *secret, char out[static 45])
{
    sodium_bin2base64(out, 45, secret->at, sizeof(secret->at),
                      sodium_base64_VARIANT_ORIGINAL);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int secret_parse(const char *text, size_t len, struct secret *ret_secret)
{
    while (len > 0 && is_space(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_space(text[len - 1]))
        len--;
    struct secret secret;
    size_t n = 0;
    const char *end = NULL;
    if (len != 44 || sodium_base642bin(secret.at, sizeof(secret.at), text, len, NULL, &n,
                                       &end, sodium_base64_VARIANT_ORIGINAL) != 0)
        return ERR_MALFORMED;
    if (n != sizeof(secret.at) || end != text + len)
        return ERR_MALFORMED;
    *ret_secret = secret;
    sodium_memzero(&secret, sizeof(secret));
    return 0;
}

void secret_subkey(const struct secret *secret, enum secret_purpose purpose,
                   uint8_t out[static SUBKEY_LEN])
{
    crypto_kdf_derive_from_key(out, SUBKEY_LEN, (uint64_t)purpose, kdf_context,
                               secret->at);
}

static void hash256(struct bytes in, uint8_t out[static 32])
{
    crypto_generichash(out, 32, in.at, in.len, NULL, 0);
}

void identity_new(struct identity *ret_identity)
{
    uint8_t hash[32];
    crypto_sign_keypair(ret_identity->public_key, ret_identity->secret_key);
    hash256(BYTES_OF(ret_identity->public_key), hash);
    memcpy(ret_identity->id.at, hash, sizeof(ret_identity->id.at));
}

struct spec_hash spec_hash_of(struct bytes body)
{
    struct spec_hash hash;
    hash256(body, hash.at);
    return hash;
}

/* The cluster's secret as text, the keys derived from it, and the hash of a spec: values
 * made of values.  Where new ones come from is random.c. */
#include "proto/secret.h"

#include <string.h>

#include <sodium.h>

static const char kdf_context[crypto_kdf_CONTEXTBYTES] = "stratos1"; /* without its NUL */

_Static_assert(SECRET_LEN == crypto_kdf_KEYBYTES, "the secret is a master key");

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

struct node_id identity_id(const uint8_t public_key[static 32])
{
    uint8_t hash[32];
    struct node_id id;
    crypto_generichash(hash, sizeof(hash), public_key, 32, NULL, 0);
    memcpy(id.at, hash, sizeof(id.at));
    return id;
}

struct spec_hash spec_hash_of(struct bytes body)
{
    struct spec_hash hash;
    crypto_generichash(hash.at, sizeof(hash.at), body.at, body.len, NULL, 0);
    return hash;
}

/* The random device: new secrets, identities, seeds.  Only hosts and the CLI call these,
 * for what decides gets its chance handed in. */
#include "proto/secret.h"

#include <sodium.h>

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

void identity_new(struct identity *ret_identity)
{
    crypto_sign_keypair(ret_identity->public_key, ret_identity->secret_key);
    ret_identity->id = identity_id(ret_identity->public_key);
}

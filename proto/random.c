/* The random device: new secrets, identities, seeds, and whether an identity is one that was made
 * here.  Only hosts and the CLI call these, for what decides gets its chance handed in. */
#include "proto/secret.h"

#include <string.h>

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

/* An Ed25519 secret key is its seed, all follows from that, and the public key once more. */
bool identity_is_sound(const struct identity *identity)
{
    struct identity again;
    uint8_t seed[crypto_sign_SEEDBYTES];
    memcpy(seed, identity->secret_key, sizeof(seed));
    crypto_sign_seed_keypair(again.public_key, again.secret_key, seed);
    again.id = identity_id(again.public_key);
    bool is_sound = sodium_memcmp(again.public_key, identity->public_key,
                                  sizeof(again.public_key)) == 0 &&
                    sodium_memcmp(again.secret_key, identity->secret_key,
                                  sizeof(again.secret_key)) == 0 &&
                    node_id_equal(again.id, identity->id);
    explicit_bzero(seed, sizeof(seed));
    explicit_bzero(&again, sizeof(again));
    return is_sound;
}

/* Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b: the Noise Protocol Framework, revision 34, as
 * far as this one handshake needs it.  Section numbers are of that document.
 *
 *     -> e                        1
 *     <- e, ee, s, es             2
 *     -> s, se, psk               3
 *
 * Pure: ephemeral keys are handed in.  It knows no envelope and no payload: see hello.h. */
#ifndef PROTO_NOISE_H
#define PROTO_NOISE_H

#include "core/bytes.h"
#include "core/err.h"

enum {
    NOISE_KEY_LEN = 32,  /* DHLEN, a cipher's key, a pre-shared key */
    NOISE_HASH_LEN = 64, /* HASHLEN of BLAKE2b (12.8) */
    NOISE_TAG_LEN = 16,
    /* What each message adds to its payload. */
    NOISE_1_EXTRA = NOISE_KEY_LEN + NOISE_TAG_LEN,
    NOISE_2_EXTRA = 2 * NOISE_KEY_LEN + 2 * NOISE_TAG_LEN,
    NOISE_3_EXTRA = NOISE_KEY_LEN + 2 * NOISE_TAG_LEN,
};

/* One direction after the handshake, and what seals payloads in it (5.1). */
struct noise_cipher {
    uint8_t key[NOISE_KEY_LEN];
    uint64_t nonce;
    bool has_key;
};

struct noise_pair {
    uint8_t secret[NOISE_KEY_LEN], public[NOISE_KEY_LEN];
};

struct noise {
    uint8_t hash[NOISE_HASH_LEN], chaining_key[NOISE_HASH_LEN]; /* h and ck of 5.2 */
    struct noise_cipher cipher;
    struct noise_pair own_static, own_ephemeral;
    uint8_t peer_static[NOISE_KEY_LEN], peer_ephemeral[NOISE_KEY_LEN];
    uint8_t psk[NOISE_KEY_LEN];
    bool is_initiator;
    unsigned n_messages; /* read and written; 3 is all, 4 broken */
};

/* The secret keys are any 32 random bytes. */
void noise_begin(struct noise *n, bool is_initiator, struct bytes prologue,
                 const uint8_t psk[static NOISE_KEY_LEN],
                 const uint8_t static_secret[static NOISE_KEY_LEN],
                 const uint8_t ephemeral_secret[static NOISE_KEY_LEN]);
/* Write or read the next message: 1 and 3 are the initiator's, 2 the responder's.  Both
 * return a length: of the message, of the payload.  A message of the wrong turn is
 * ERR_INVALID, a small `cap` ERR_BOUND, one that is too short ERR_TRUNCATED, one that
 * does not open (another secret, changed bytes, an ephemeral key that is none)
 * ERR_FORGED. After an error the handshake is over. */
int noise_write(struct noise *n, struct bytes payload, uint8_t *out, size_t cap);
int noise_read(struct noise *n, struct bytes in, uint8_t *out, size_t cap);
/* After three messages: the ciphers to send and to receive with (5.2, Split). */
void noise_split(const struct noise *n, struct noise_cipher *ret_send,
                 struct noise_cipher *ret_receive);
void noise_wipe(struct noise *n);

/* Seal `plain` into `out`, which has room for NOISE_TAG_LEN more; open into `out`, which
 * may be in.at itself.  ERR_FORGED; ERR_BOUND when the nonces are used up. */
int noise_cipher_seal(struct noise_cipher *c, struct bytes associated, struct bytes plain,
                      uint8_t *out);
int noise_cipher_open(struct noise_cipher *c, struct bytes associated, struct bytes in,
                      uint8_t *out);
/* Replace the key by one from which it cannot be found (11.3, 4.2). */
void noise_cipher_rekey(struct noise_cipher *c);

#endif

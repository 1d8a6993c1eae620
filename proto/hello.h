/* The opening of a sealed stream: both sides prove the secret and agree on fresh keys.  A
 * pure function of the messages and the random bytes handed in.  (A Noise XXpsk3
 * handshake, which has the same three messages, can take this file's place alone.)
 *
 *     1  initiator ->     S T version purpose, nonce 16, ephemeral 32, mac 32
 *     2  <- responder     S T version 0, nonce 16, ephemeral 32, header 24, mac 32
 *     3  initiator ->     header 24, an empty first frame
 *
 * A mac is BLAKE2b under the streams' subkey, over all bytes so far, with a label per
 * message. The session keys are BLAKE2b under the same subkey over the x25519 result and
 * that transcript: who has no secret gets neither, and who learns it later lacks the
 * ephemeral keys.  The headers are secretstream's.
 *
 * Message 1 can be recorded and sent again, but then message 3 cannot be made: the
 * responder opens only after it.  A responder answers a wrong mac with a message 2 of
 * zeros behind the first four bytes, so that the initiator learns why it is hung up on.
 */
#ifndef PROTO_HELLO_H
#define PROTO_HELLO_H

#include "proto/secret.h"

enum {
    HELLO_1_LEN = 84,
    HELLO_2_LEN = 108,
    HELLO_HEADER_LEN = 24,
    HELLO_CHANCE_LEN = 48
};

struct hello {
    uint8_t key[SUBKEY_LEN];
    uint8_t ephemeral_secret[32];
    uint8_t transcript[HELLO_1_LEN + HELLO_2_LEN];
    uint8_t initiator_key[32], responder_key[32]; /* what each seals with; known last */
    uint8_t responder_header[HELLO_HEADER_LEN];
};

/* Write message 1.  `chance`: fresh random bytes, for the nonce and the ephemeral key. */
void hello_begin(struct hello *h, const struct secret *secret,
                 enum stream_purpose purpose,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_1_LEN]);
/* Can these first bytes still become a hello? */
bool hello_is_possible(struct bytes start);

/* The responder: check message 1.  ERR_FORGED; ERR_UNSUPPORTED for an unknown purpose.
 * Cheap: one hash, no public-key work before the secret is proven. */
int hello_check(struct hello *h, const struct secret *secret,
                const uint8_t in[static HELLO_1_LEN], enum stream_purpose *ret_purpose);
/* Then write message 2 around the secretstream header that `make_header` makes from the
 * key, and know the keys.  ERR_FORGED for an ephemeral key that is none. */
int hello_answer(struct hello *h, const uint8_t chance[static HELLO_CHANCE_LEN],
                 void (*make_header)(void *ctx, const uint8_t *key, uint8_t *header),
                 void *ctx, uint8_t out[static HELLO_2_LEN]);
void hello_refuse(uint8_t out[static HELLO_2_LEN]);

/* The initiator: check message 2 and know the keys and the responder's header.
 * ERR_FORGED. */
int hello_finish(struct hello *h, const uint8_t in[static HELLO_2_LEN]);

void hello_wipe(struct hello *h);

#endif

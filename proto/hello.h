/* The opening of a sealed stream: a Noise handshake (noise.h) in an envelope that proves
 * the secret at the first message.  A pure function of the messages and the random bytes
 * handed in.
 *
 *     1  initiator ->   S T version epoch purpose | Noise 1: e 32, tag 16          | mac
 * 16 2  <- responder   S T version epoch 0       | Noise 2: e 32, s 48, card 33+16 | mac
 * 16 3  initiator ->                               Noise 3: s 48, card 33+16
 *
 * Noise's prologue is the five bytes of message 1, its psk the streams' subkey of the
 * secret that the epoch names.  A mac is BLAKE2b under another subkey over a label and
 * all bytes so far: Noise alone would mix the secret in with message 3, after the
 * responder's public-key work and with both sides' names told to a stranger.
 *
 * A card says who speaks: a kind, and a node's Ed25519 public key.  The static key of
 * Noise is that key's x25519 form, which whoever reads the card compares: so the id,
 * which is the hash of the Ed25519 key, is the speaker's.  (A point and its negative
 * share an x25519 form: who holds a key owns two ids, never somebody else's.)  A guest,
 * the command line, has a static key for this one stream, and zeros on its card.
 *
 * Message 1 can be recorded and sent again, but then message 3 cannot be made: the
 * responder opens only after it.  A responder answers a wrong mac with a message 2 of
 * zeros behind the first three bytes, so that the initiator learns why it is hung up on. */
#ifndef PROTO_HELLO_H
#define PROTO_HELLO_H

#include "proto/noise.h"
#include "proto/secret.h"

enum {
    HELLO_START_LEN = 5,
    HELLO_MAC_LEN = 16,
    HELLO_CARD_LEN = 1 + 32,
    HELLO_1_LEN = HELLO_START_LEN + NOISE_1_EXTRA + HELLO_MAC_LEN,
    HELLO_2_LEN = HELLO_START_LEN + NOISE_2_EXTRA + HELLO_CARD_LEN + HELLO_MAC_LEN,
    HELLO_3_LEN = NOISE_3_EXTRA + HELLO_CARD_LEN,
    HELLO_CHANCE_LEN = 64, /* an ephemeral key, and a guest's static key */
};

struct hello {
    struct noise noise;
    uint8_t card[HELLO_CARD_LEN]; /* ours */
    uint8_t mac_key[SUBKEY_LEN];
    uint8_t first[HELLO_1_LEN]; /* what mac 2 also covers */
    enum stream_purpose purpose;
    struct node_id peer; /* zero for a guest */
};

/* Each side's keys: a node's identity, or NULL for a guest.  `chance`: fresh random
 * bytes. */
void hello_begin(struct hello *h, const struct secret *secret,
                 const struct identity *self, enum stream_purpose purpose,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_1_LEN]);
/* Can these first bytes still become a hello?  ERR_UNSUPPORTED when they begin one of another
 * version, else ERR_FORGED. */
int hello_check_start(struct bytes start);

/* The responder: check message 1.  ERR_EPOCH for a secret we do not have, ERR_FORGED,
 * ERR_UNSUPPORTED for an unknown purpose.  Cheap: one hash, no public-key work before
 * the secret is proven. */
int hello_check(struct hello *h, const struct keyring *keys,
                const uint8_t in[static HELLO_1_LEN]);
/* Then read it and write message 2.  ERR_FORGED for an ephemeral key that is none. */
int hello_answer(struct hello *h, const struct keyring *keys, const struct identity *self,
                 const uint8_t chance[static HELLO_CHANCE_LEN],
                 uint8_t out[static HELLO_2_LEN]);
void hello_refuse(uint8_t out[static HELLO_2_LEN]);

/* The initiator: check message 2, know the peer and write message 3.  ERR_FORGED; ERR_EPOCH
 * when it says that the responder has another secret. */
int hello_finish(struct hello *h, const uint8_t in[static HELLO_2_LEN],
                 uint8_t out[static HELLO_3_LEN]);
/* The responder: check message 3 and know the peer.  ERR_FORGED; ERR_DENIED for a guest
 * on a stream for members. */
int hello_confirm(struct hello *h, const uint8_t in[static HELLO_3_LEN]);

void hello_wipe(struct hello *h);

#endif

/* Sealing: what makes a peer's bytes unreadable and unforgeable without the cluster's secret
 * (DESIGN 7).  Nonces are counters under a random session the host hands in, so sealing itself
 * draws no randomness.
 *
 * A sealed datagram:
 *
 *     0      1      2         10        18         26                      n-16      n
 *     +------+------+---------+---------+----------+-----------------------+---------+
 *     | ver  | key  | session           | counter  | XChaCha20 ciphertext  | tag     |
 *     | = 1  | epoch| (16 random bytes) | (8)      |                       |         |
 *     +------+------+-------------------+----------+-----------------------+---------+
 *
 * Session and counter are the 24-byte nonce; the first two bytes are the associated data. */
#ifndef PROTO_SEAL_H
#define PROTO_SEAL_H

#include "core/bytes.h"
#include "core/err.h"
#include "core/ids.h"

enum { SECRET_LEN = 32, SESSION_LEN = 16, SEAL_HEADER = 26, SEAL_TAG = 16 };
enum { SEAL_OVERHEAD = SEAL_HEADER + SEAL_TAG };

struct secret {
    uint8_t at[SECRET_LEN];
};

/* A node's lasting identity: Ed25519 keys; the id is derived from the public one. */
struct identity {
    uint8_t public_key[32], secret_key[64];
    struct node_id id;
};

int seal_init(void); /* once per process, before anything else here; ERR_DENIED without entropy */
void secret_new(struct secret *ret_secret);
/* As `stratos secret new` prints it: 44 characters of base64 and a NUL. */
void secret_text(const struct secret *secret, char out[static 45]);
int secret_parse(const char *text, size_t len, struct secret *ret_secret); /* white space around is fine */
void identity_new(struct identity *ret_identity);
void random_bytes(void *out, size_t len); /* for hosts: seeds, sessions */
struct spec_hash spec_hash_of(struct bytes body); /* BLAKE2b-256 */

/* ---- datagrams ---- */

enum { SEAL_SESSIONS = 16384, SEAL_WINDOW = 64 }; /* remembered senders; counters behind the newest */

struct sealer; /* keys, own session and counter, replay windows */

/* NULL when out of memory. */
struct sealer *sealer_new(const struct secret *secret, const uint8_t session[static SESSION_LEN]);
void sealer_free(struct sealer *s);
/* Seal `plain` into `out` (cap >= plain.len + SEAL_OVERHEAD).  Returns the sealed length. */
int sealer_seal(struct sealer *s, struct bytes plain, uint8_t *out, size_t cap);
/* Open into `out` (cap >= in.len).  Returns the plain length; ERR_TRUNCATED, ERR_EPOCH, ERR_FORGED,
 * ERR_REPLAYED.  A replay window is touched only by a datagram whose seal opened. */
int sealer_open(struct sealer *s, uint64_t now_ms, struct bytes in, uint8_t *out, size_t cap);

/* ---- streams ---- */

/* A sealed byte stream as a pure machine: bytes of the socket in, frames out, and back.  Both
 * sides prove the secret (crypto_kx keys bound to it), then talk in secretstream frames:
 * u32 length, ciphertext.  The hello carries a purpose byte; an oversized, forged or truncated
 * frame ends the stream.  The Noise handshake will take the place of the hello alone. */
enum stream_purpose { STREAM_GOSSIP = 1, STREAM_API = 2 };

struct sealed_stream;

struct sealed_stream *sealed_stream_new(const struct secret *secret, bool is_initiator,
                                        enum stream_purpose purpose); /* purpose: initiator's */
void sealed_stream_free(struct sealed_stream *s);
/* Hand in what the socket gave; `*used` is how much was taken (all, unless a frame came out).
 * Returns 1 with *ret_frame set (valid until the next call) for a complete frame, 0 when more
 * bytes are needed, negative when the stream is to be closed. */
int sealed_stream_feed(struct sealed_stream *s, struct bytes in, size_t *used, struct bytes *ret_frame);
/* Bytes the machine itself wants written (handshake); empty when none.  Valid until next call. */
struct bytes sealed_stream_pending(struct sealed_stream *s);
bool sealed_stream_is_open(const struct sealed_stream *s); /* handshake done: frames may be sent */
enum stream_purpose sealed_stream_purpose(const struct sealed_stream *s);
/* Seal one frame of at most FRAME_MAX bytes into `out`; returns its length on the wire
 * (frame.len + STREAM_OVERHEAD). */
enum { STREAM_OVERHEAD = 4 + 17 };
int sealed_stream_seal(struct sealed_stream *s, struct bytes frame, uint8_t *out, size_t cap);

#endif

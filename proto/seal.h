/* Sealing: what makes a peer's bytes unreadable and unforgeable without the cluster's secret
 * (DESIGN 7).  Nonces are counters under a random session the host hands in, so sealing itself
 * draws no randomness.
 *
 * A sealed datagram:
 *
 *     0      1      2         10        18         26                      n-16      n
 *     +------+------+---------+---------+----------+-----------------------+---------+
 *     | ver  | key  | session           | counter  | XChaCha20 ciphertext  | tag     |
 *     | = 2  | epoch| (16 random bytes) | (8)      |                       |         |
 *     +------+------+-------------------+----------+-----------------------+---------+
 *
 * Session and counter are the 24-byte nonce; the first two bytes are the associated data. */
#ifndef PROTO_SEAL_H
#define PROTO_SEAL_H

#include "core/bytes.h"
#include "core/err.h"
#include "core/ids.h"
#include "proto/session.h"

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
/* The byte, never 0, by which what was sealed says with which secret.  It is derived from
 * the secret, so that no count has to be kept beside it; who makes a new one to follow an
 * old one takes one whose byte differs. */
uint8_t secret_epoch(const struct secret *secret);
int secret_parse(const char *text, size_t len, struct secret *ret_secret); /* white space around is fine */

/* The secrets a node has: the first seals, any opens.  Two while the secret is changed. */
enum { KEYRING_MAX = 2, KEYRING_TEXT = 128 };
struct keyring {
    struct secret secrets[KEYRING_MAX];
    size_t n;
    bool is_second_next; /* of two: the second is to follow the first; else it came before it */
};
struct keyring keyring_of(const struct secret *secret);
const struct secret *keyring_find(const struct keyring *keys, uint8_t epoch); /* NULL */
/* As the secret's file holds it, always KEYRING_TEXT bytes: the first secret on a line, after it
 * `next SECRET` or `last SECRET`, then empty lines.  Not a string. */
void keyring_text(const struct keyring *keys, char out[static KEYRING_TEXT]);
/* Takes what `stratos secret new` prints, too.  ERR_MALFORMED. */
int keyring_parse(const char *text, size_t len, struct keyring *ret_keys);

/* A new secret for those who have the old one: how it is to be taken up, both epochs, a nonce, the
 * new secret under a subkey of the old.  Whoever learns the old one later can open it as well. */
enum secret_urgency { SECRET_PATIENT = 1, SECRET_FORCED = 2 /* wait for nobody who is away */ };
enum { SECRET_NONCE_LEN = 24, SECRET_WRAPPED_LEN = 3 + SECRET_NONCE_LEN + SECRET_LEN + 16 };
void secret_wrap(const struct secret *old, const struct secret *next,
                 enum secret_urgency urgency, const uint8_t nonce[static SECRET_NONCE_LEN],
                 uint8_t out[static SECRET_WRAPPED_LEN]);
/* The same without a nonce, which is made of both secrets, and thus the same for the same. */
void secret_rewrap(const struct secret *old, const struct secret *next,
                   enum secret_urgency urgency, uint8_t out[static SECRET_WRAPPED_LEN]);
/* The epochs are told without any key.  ERR_MALFORMED. */
enum secret_urgency secret_wrapped_urgency(struct bytes in); /* PATIENT for what is malformed */
int secret_wrapped_epochs(struct bytes in, uint8_t *ret_old, uint8_t *ret_next);
/* ERR_EPOCH when it is for another secret than `old`, ERR_FORGED. */
int secret_unwrap(const struct secret *old, struct bytes in, struct secret *ret_next);

void identity_new(struct identity *ret_identity);
/* Do the three parts belong together? */
bool identity_is_sound(const struct identity *identity);
void random_bytes(void *out, size_t len); /* for hosts: seeds, sessions */
struct spec_hash spec_hash_of(struct bytes body); /* BLAKE2b-256 */

/* ---- datagrams ---- */

/* Remembered sessions; counters behind the newest of each: they are those of all that its node sends
 * to whomever, and so a burst to many peers that arrives in another order is still taken. */
enum { SEAL_SESSIONS = 16384, SEAL_WINDOW = 1024 };

struct sealer; /* keys, own session and counter, replay windows */

/* NULL when out of memory.  The keys are copied. */
struct sealer *sealer_new(const struct keyring *keys, const uint8_t session[static SESSION_LEN]);
/* Must another session be drawn before the next datagram is sealed?  Always for a new sealer. */
bool sealer_is_spent(const struct sealer *s, const struct clocks *now);
/* From now on count under this session, anew; it was drawn now. */
void sealer_renew(struct sealer *s, const uint8_t session[static SESSION_LEN], const struct clocks *now);
/* From now on seal with the first of these, and open what any of them opens.  Session, counter
 * and windows stay. */
void sealer_set_keys(struct sealer *s, const struct keyring *keys);
void sealer_free(struct sealer *s);
/* Seal `plain` into `out` (cap >= plain.len + SEAL_OVERHEAD).  Returns the sealed length. */
int sealer_seal(struct sealer *s, struct bytes plain, uint8_t *out, size_t cap);
/* Open into `out` (cap >= in.len).  Returns the plain length; ERR_TRUNCATED, ERR_UNSUPPORTED
 * for another version, ERR_EPOCH, ERR_FORGED, ERR_REPLAYED.  A replay window is touched only by a datagram whose seal opened.
 * ERR_FORMER for one of 0.1 under a key that is ours: then `out` has its in.len - SEAL_OVERHEAD bytes. */
int sealer_open(struct sealer *s, uint64_t now_ms, struct bytes in, uint8_t *out, size_t cap);

/* ---- streams ---- */

/* A sealed byte stream as a pure machine: bytes of the socket in, frames out, and back.  A Noise
 * handshake (hello.h) proves the secret and who both ends are; then come frames: u32 length,
 * ChaCha20-Poly1305 ciphertext, with a new key every so often.  The hello carries a purpose byte;
 * an oversized, forged or truncated frame ends the stream. */
enum stream_purpose { STREAM_GOSSIP = 1, STREAM_API = 2 };

struct sealed_stream;

/* Keys and identity are copied.  `self` NULL: a guest, which only nodes' API streams take; a
 * responder is never one.  purpose: the initiator's. */
struct sealed_stream *sealed_stream_new(const struct keyring *keys, const struct identity *self,
                                        bool is_initiator, enum stream_purpose purpose);
void sealed_stream_free(struct sealed_stream *s);
/* Hand in what the socket gave; `*used` is how much was taken (all, unless a frame came out).
 * Returns 1 with *ret_frame set (valid until the next call) for a complete frame, 0 when more
 * bytes are needed, negative when the stream is to be closed. */
int sealed_stream_feed(struct sealed_stream *s, struct bytes in, size_t *used, struct bytes *ret_frame);
/* Bytes the machine itself wants written (handshake); empty when none.  Valid until next call. */
struct bytes sealed_stream_pending(struct sealed_stream *s);
bool sealed_stream_is_open(const struct sealed_stream *s); /* handshake done: frames may be sent */
enum stream_purpose sealed_stream_purpose(const struct sealed_stream *s);
/* From open on: the node at the other end, as its key proves; zero for a guest. */
struct node_id sealed_stream_peer(const struct sealed_stream *s);
/* Seal one frame of at most FRAME_MAX bytes into `out`; returns its length on the wire
 * (frame.len + STREAM_OVERHEAD). */
enum { STREAM_OVERHEAD = 4 + 16 };
int sealed_stream_seal(struct sealed_stream *s, struct bytes frame, uint8_t *out, size_t cap);

#endif

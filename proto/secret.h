/* The keys derived from the cluster's secret: one per purpose, so that no message made
 * for one can be taken for another's.  For the neighbours in this folder. */
#ifndef PROTO_SECRET_H
#define PROTO_SECRET_H

#include "proto/seal.h"

/* Subkey numbers of crypto_kdf.  For ever: a number is never used for another purpose. */
enum secret_purpose {
    SECRET_DATAGRAMS = 1,
    SECRET_STREAMS = 2, /* the handshake's psk */
    SECRET_HELLO = 3,   /* macs around the handshake */
    SECRET_EPOCH = 4,   /* the byte that names the secret */
    SECRET_WRAP = 5,    /* the secret that follows it */
    SECRET_TOKENS = 6,  /* macs of API tokens */
};

enum { SUBKEY_LEN = 32 };

void secret_subkey(const struct secret *secret, enum secret_purpose purpose,
                   uint8_t out[static SUBKEY_LEN]);
/* The id of the node whose Ed25519 public key this is. */
struct node_id identity_id(const uint8_t public_key[static 32]);

#endif

/* Ids and addresses: plain values, compared bytewise. */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bounds.h"
#include "core/bytes.h"

/* The first 16 bytes of the BLAKE2b hash of the node's Ed25519 key (DESIGN, "Words"). */
struct node_id {
    uint8_t at[16];
};

/* BLAKE2b-256 of a spec's canonical body: which version of a job, exactly. */
struct spec_hash {
    uint8_t at[32];
};

enum { NODE_ID_TEXT = 33, SPEC_HASH_TEXT = 65 }; /* hex and a NUL */

int node_id_compare(struct node_id a, struct node_id b);
bool node_id_equal(struct node_id a, struct node_id b);
bool node_id_is_zero(struct node_id a);
const char *node_id_text(struct node_id a,
                         char out[static NODE_ID_TEXT]); /* returns out */
int node_id_parse(struct bytes text, struct node_id *ret_id);

int spec_hash_compare(struct spec_hash a, struct spec_hash b);
bool spec_hash_equal(struct spec_hash a, struct spec_hash b);
const char *spec_hash_text(struct spec_hash a, char out[static SPEC_HASH_TEXT]);
int spec_hash_parse(struct bytes text, struct spec_hash *ret_hash);

/* An IP address and port; the wire form of a peer.  IPv4 uses the first four bytes. */
struct endpoint {
    uint8_t family; /* 4, 6, or 0 for none */
    uint8_t address[16];
    uint16_t port; /* host order */
};

int endpoint_compare(const struct endpoint *a, const struct endpoint *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* "127.0.0.1:7780", "[::1]:7780"; returns out. */
const char *endpoint_text(const struct endpoint *e, char out[static ADDRESS_TEXT_MAX]);
/* The address alone. */
const char *endpoint_host_text(const struct endpoint *e,
                               char out[static ADDRESS_TEXT_MAX]);
/* "1.2.3.4:80", "[::1]:80", "1.2.3.4", "::1", ":80" (any IPv4 address); a missing port takes
 * `default_port`.  ERR_MALFORMED for anything else, names included. */
int endpoint_parse(const char *text, uint16_t default_port,
                   struct endpoint *ret_endpoint);

/* One that only this host itself is reached at. */
bool endpoint_is_loopback(const struct endpoint *e);
/* The same address, whatever the ports. */
bool endpoint_is_same_host(const struct endpoint *a, const struct endpoint *b);
/* This host itself, by family 4 or 6. */
struct endpoint endpoint_loopback(uint8_t family, uint16_t port);
/* "localhost" and what ends in ".localhost": this host without asking anybody (RFC 6761, 6.3). */
bool name_is_localhost(struct bytes name);

/* A job's name is a DNS label: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? */
bool name_is_valid(struct bytes name);

/* The N of "web.N", everywhere the same: digits without a leading zero.  ERR_MALFORMED: no number.
 * ERR_INVALID: *ret_index is the number that was meant, and this is not how it is written. */
int index_parse(struct bytes text, uint32_t *ret_index);

#endif

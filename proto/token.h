/* API tokens: what their bearer may do over HTTP, and until when.  Any node checks one offline,
 * for its mac is keyed by the cluster's secret; so one token cannot be taken back alone, and a
 * new secret ends them all.
 *
 *     st1.PAYLOAD.MAC      both in base64 for URLs without padding (RFC 4648, 5)
 *
 *     payload: key epoch (1) | scope (1) | id (8) | expiry, unix seconds (8) | n (1) |
 *              n namespaces: length (1), bytes
 *     mac:     BLAKE2b-256 of "st1." and the payload's text, under the subkey for tokens */
#ifndef PROTO_TOKEN_H
#define PROTO_TOKEN_H

#include "core/bounds.h"
#include "proto/seal.h"

enum token_scope { TOKEN_READ = 1, TOKEN_WRITE = 2 /* reads, too */ };

enum {
    TOKEN_NAMESPACES_MAX = 16, /* who needs more wants a token for all of them */
    TOKEN_ID_LEN = 8,
    TOKEN_TEXT = 1536, /* the longest one, with its NUL */
};

struct token {
    uint8_t id[TOKEN_ID_LEN]; /* random: tells tokens apart in logs */
    enum token_scope scope;
    uint8_t key_epoch;       /* of the secret that it was made with; set by both calls */
    uint64_t expires_unix_s; /* from then on it is worth nothing */
    size_t n_namespaces;     /* 0: all of them, and what belongs to none */
    char namespaces[TOKEN_NAMESPACES_MAX][NAME_LEN_MAX + 1];
};

/* Write `token` as text, under the secret that `keys` seals with.  ERR_BOUND for too many
 * namespaces. */
int token_make(const struct keyring *keys, struct token *token,
               char out[static TOKEN_TEXT]);
/* ERR_MALFORMED for what is no token, ERR_EPOCH for one of a secret that is not in `keys`,
 * ERR_FORGED, ERR_EXPIRED; *ret_token is set with the last one, too. */
int token_open(const struct keyring *keys, const char *text, uint64_t now_unix_s,
               struct token *ret_token);

/* Does the token reach namespace `ns`?  NULL: what belongs to no namespace. */
bool token_reaches(const struct token *token, const char *ns);

#endif

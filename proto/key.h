/* The keys of the table: text paths, built and taken apart.
 *
 * Each thing has exactly one spelling (lower-case hex, no leading zeros), so equal things
 * are equal bytes on every node. */
#ifndef PROTO_KEY_H
#define PROTO_KEY_H

#include "core/bytes.h"
#include "core/ids.h"

enum key_kind {
    KEY_JOB,     /* job/<ns>/<job> */
    KEY_SPEC,    /* spec/<ns>/<job>/<hash>: the body of one version, canonical JSON */
    KEY_TEXT,    /* text/<ns>/<job>/<hash>: what was submitted to become that body */
    KEY_VERSION, /* version/<ns>/<job>/<version>/<hash>: who submitted it, when and why */
    KEY_CONTROL, /* control/<ns>/<job> */
    KEY_INTENT,  /* intent/<node id> */
    KEY_VAR,     /* var/<ns>/<name> */
    KEY_NODE,    /* node/<node id> */
    KEY_CLAIM,   /* claim/<node id>/<ns>/<job>/<index> */
    KEY_REFUSE,  /* refuse/<node id>/<ns>/<job>/<index> */
    KEY_SECRET, /* secret/next: the cluster's next secret, sealed under the present one */
    KEY_OTHER,  /* of a newer version: kept, not understood */
};

/* NUL-terminated for convenience, so at most KEY_LEN_MAX - 1 bytes long. */
struct key {
    char text[KEY_LEN_MAX];
    size_t len;
};

struct key_parts {
    enum key_kind kind;
    struct node_id node;   /* KEY_INTENT, KEY_NODE, KEY_CLAIM, KEY_REFUSE */
    struct bytes ns, name; /* point into the key; a variable's name may hold '/' */
    struct spec_hash spec; /* KEY_SPEC, KEY_TEXT, KEY_VERSION */
    uint32_t index;        /* KEY_CLAIM, KEY_REFUSE */
    uint32_t version;      /* KEY_VERSION, from 1 */
};

struct bytes key_bytes(const struct key *key);
/* Builders.  A key has len 0 when a part of it is no valid name; no table entry has that
 * key. */
struct key key_job(const char *ns, const char *job);
struct key key_spec(const char *ns, const char *job, struct spec_hash hash);
struct key key_text(const char *ns, const char *job, struct spec_hash hash);
struct key key_version(const char *ns, const char *job, uint32_t version,
                       struct spec_hash hash);
struct key key_control(const char *ns, const char *job);
struct key key_intent(struct node_id node);
struct key key_var(const char *ns, const char *name);
struct key key_secret(void);
struct key key_node(struct node_id node);
struct key key_claim(struct node_id node, const char *ns, const char *job,
                     uint32_t index);
struct key key_refuse(struct node_id node, const char *ns, const char *job,
                      uint32_t index);
/* Can a variable have this name: [A-Za-z0-9._/-], of VAR_NAME_LEN_MAX bytes at most? */
bool var_name_is_valid(struct bytes name);
/* ERR_MALFORMED for a known prefix with a bad rest; KEY_OTHER for unknown prefixes. */
int key_parse(struct bytes text, struct key_parts *ret_parts);

#endif

/* The documents of the table as msgpack maps, and the keys they live under.
 *
 * Encoding appends to a writer (ERR_BOUND when full).  Decoding is strict about types and
 * bounds (ERR_MALFORMED), lenient about unknown fields: they are skipped here, and kept by the
 * table, which never re-encodes what others wrote.  Decoded strings and arrays live in `arena`. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "core/arena.h"
#include "core/cluster.h"

int record_encode_node(const struct node_doc *doc, struct writer *out);
int record_decode_node(struct bytes in, struct arena *arena, struct node_doc *ret_doc);
int record_encode_job(const struct job_doc *doc, struct writer *out);
int record_decode_job(struct bytes in, struct arena *arena, struct job_doc *ret_doc);
int record_encode_control(const struct control_doc *doc, struct writer *out);
int record_decode_control(struct bytes in, struct control_doc *ret_doc);
int record_encode_claim(const struct claim_doc *doc, struct writer *out);
int record_decode_claim(struct bytes in, struct arena *arena, struct claim_doc *ret_doc);
int record_encode_refuse(const struct refuse_doc *doc, struct writer *out);
int record_decode_refuse(struct bytes in, struct arena *arena, struct refuse_doc *ret_doc);

/* ---- keys: text, at most KEY_LEN_MAX bytes, NUL-terminated for convenience ---- */

enum key_kind {
    KEY_JOB,     /* job/<ns>/<job> */
    KEY_SPEC,    /* spec/<ns>/<job>/<hash>: the body of one version, canonical JSON */
    KEY_CONTROL, /* control/<ns>/<job> */
    KEY_INTENT,  /* intent/<node id> */
    KEY_VAR,     /* var/<name> */
    KEY_NODE,    /* node/<node id> */
    KEY_CLAIM,   /* claim/<node id>/<ns>/<job>/<index> */
    KEY_REFUSE,  /* refuse/<node id>/<ns>/<job>/<index> */
    KEY_OTHER,   /* of a newer version: kept, not understood */
};

struct key {
    char text[KEY_LEN_MAX];
    size_t len;
};

struct key_parts {
    enum key_kind kind;
    struct node_id node;   /* KEY_INTENT, KEY_NODE, KEY_CLAIM, KEY_REFUSE */
    struct bytes ns, name; /* point into the key; a var's name may hold [A-Za-z0-9._/-] */
    struct spec_hash spec; /* KEY_SPEC */
    uint32_t index;        /* KEY_CLAIM, KEY_REFUSE */
};

struct bytes key_bytes(const struct key *key);
struct key key_job(const char *ns, const char *job);
struct key key_spec(const char *ns, const char *job, struct spec_hash hash);
struct key key_control(const char *ns, const char *job);
struct key key_var(const char *name);
struct key key_node(struct node_id node);
struct key key_claim(struct node_id node, const char *ns, const char *job, uint32_t index);
struct key key_refuse(struct node_id node, const char *ns, const char *job, uint32_t index);
/* ERR_MALFORMED for a known prefix with a bad rest; KEY_OTHER for unknown prefixes. */
int key_parse(struct bytes text, struct key_parts *ret_parts);

#endif

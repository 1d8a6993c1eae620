/* JSON into the same tree as YAML, by RFC 8259 and nothing else: what YAML makes of the same bytes
 * differs (a key of 1,025 bytes, a line break before a colon, surrogates). */
#ifndef CORE_DOC_JSON_H
#define CORE_DOC_JSON_H

#include "core/doc.h"

enum { DOC_DEPTH_MAX = 64, DOC_NODES_MAX = 100000 };

/* Is it JSON?  The first word within its brackets is in quotes. */
bool doc_json_is(struct bytes text);

/* Read one JSON value into *ret_root.  *ret_used: the bytes it took, with the white space behind
 * it.  ERR_MALFORMED or ERR_BOUND with complaints; duplicate keys and NUL are refused, too. */
int doc_json_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                  struct doc **ret_root, size_t *ret_used);

#endif

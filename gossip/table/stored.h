/* How entries, numbers and remembered peers look in the local store: a version byte, the fields,
 * and a hash of both, so that damaged bytes are told from old ones. */
#ifndef GOSSIP_TABLE_STORED_H
#define GOSSIP_TABLE_STORED_H

#include "core/arena.h"
#include "gossip/face/replica.h"

/* The encoders return an empty view when the arena is full. */
struct bytes stored_entry_encode(const struct entry *e, struct arena *arena);
/* Key and value point into `value` and `key`.  ERR_DAMAGED. */
int stored_entry_decode(struct bytes key, struct bytes value, struct entry *ret_entry);

struct bytes stored_number_encode(uint64_t epoch, uint64_t number, struct arena *arena);
int stored_number_decode(struct bytes value, uint64_t *ret_epoch, uint64_t *ret_number);

/* A line of what was seen; the writer is in its key.  0.1 wrote it as a number. */
struct bytes stored_seen_encode(const struct seen_number *line, struct arena *arena);
int stored_seen_decode(struct bytes value, struct seen_number *ret_line);

/* A list of (epoch, number): the former lives of this node. */
struct bytes stored_lives_encode(const struct life *lives, size_t n, struct arena *arena);
/* Into at most `cap` of `ret_lives`; returns how many, or ERR_DAMAGED. */
int stored_lives_decode(struct bytes value, struct life *ret_lives, size_t cap);

struct bytes stored_peer_encode(const struct member *member, struct arena *arena);
/* id, name (in `name`), endpoint and incarnation; the state is alive. */
int stored_peer_decode(struct bytes value, char name[static NAME_LEN_MAX + 1],
                       struct member *ret_member);

#endif

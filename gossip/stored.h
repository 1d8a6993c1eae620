/* How entries, numbers and remembered peers look in the local store: a version byte, the fields,
 * and a hash of both, so that damaged bytes are told from old ones. */
#ifndef GOSSIP_STORED_H
#define GOSSIP_STORED_H

#include "core/arena.h"
#include "gossip/state.h"

/* The encoders return an empty view when the arena is full. */
struct bytes stored_entry_encode(const struct entry *e, struct arena *arena);
/* Key and value point into `value` and `key`.  ERR_DAMAGED. */
int stored_entry_decode(struct bytes key, struct bytes value, struct entry *ret_entry);

struct bytes stored_number_encode(uint64_t epoch, uint64_t number, struct arena *arena);
int stored_number_decode(struct bytes value, uint64_t *ret_epoch, uint64_t *ret_number);

struct bytes stored_peer_encode(const struct member *member, struct arena *arena);
/* id, name (in `name`), endpoint and incarnation; the state is alive. */
int stored_peer_decode(struct bytes value, char name[static NAME_LEN_MAX + 1],
                       struct member *ret_member);

#endif

/* Reading msgpack straight from received bytes: no tree, no allocation, no recursion, so
 * a hostile count or nesting costs nothing.  (msgpack-c's unpacker builds an object tree
 * sized by the counts it is told.)  The reader's error sticks: after one, everything
 * reads as 0.
 *
 * Format: github.com/msgpack/msgpack/blob/master/spec.md. */
#ifndef PROTO_PACK_READER_H
#define PROTO_PACK_READER_H

#include "core/bytes.h"

/* A value of another type or out of range is ERR_MALFORMED. */
uint64_t pack_read_uint(struct reader *r, uint64_t max);
int64_t pack_read_int(struct reader *r, int64_t min, int64_t max);
bool pack_read_bool(struct reader *r);
/* UTF-8 without NUL, at most `len_max` bytes; points into the input. */
struct bytes pack_read_text(struct reader *r, size_t len_max);
/* Exactly `len` bytes of type bin. */
struct bytes pack_read_bin(struct reader *r, size_t len);
/* Of type bin, at most `len_max` bytes; points into the input. */
struct bytes pack_read_bytes(struct reader *r, size_t len_max);
/* How many pairs follow, at most `n_max`; never more than the bytes left could hold. */
size_t pack_read_map(struct reader *r, size_t n_max);
/* Step over one value of any type. */
void pack_skip(struct reader *r);

#endif

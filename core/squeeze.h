/* Bytes made small, and back (zstd, RFC 8878).  Equal bytes become equal bytes within one version of this
 * program; another may squeeze them otherwise and is read all the same. */
#ifndef CORE_SQUEEZE_H
#define CORE_SQUEEZE_H

#include "core/arena.h"
#include "core/bytes.h"

/* Into `arena`; at NULL when out of memory. */
struct bytes squeeze(struct bytes in, struct arena *arena);
/* Back to exactly `len` bytes in `arena`.  ERR_MALFORMED for what was not squeezed or is of another
 * length, -ENOMEM. */
int unsqueeze(struct bytes in, size_t len, struct arena *arena, struct bytes *ret);

#endif

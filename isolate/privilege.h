/* Giving up power, for good: capabilities, ids, new privileges, dangerous system calls.
 */
#ifndef ISOLATE_PRIVILEGE_H
#define ISOLATE_PRIVILEGE_H

#include "core/err.h"
#include "isolate/users.h"

/* No capability can be gained from here on, not even by executing a file that would give
 * it. */
int privilege_bound(struct err *err);
/* Become `ids` and keep the capabilities of `keep_mask` (bits 1 << CAP_X; 0 = none). */
int privilege_drop(const struct user_ids *ids, uint64_t keep_mask, struct err *err);
/* no_new_privs and the seccomp filter (docs/ISOLATION.md lists it).  Last before exec. */
int privilege_filter(struct err *err);
/* Of a shim that has made its task ready: what it needs from then on, and EPERM for all else. */
int privilege_filter_shim(struct err *err);

#endif

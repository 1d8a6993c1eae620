/* DIR/state, the record of a task's start and end.  It is made whole and synced before the
 * task starts, so that its end can be written down on a disk that is full. */
#ifndef ISOLATE_RECORD_H
#define ISOLATE_RECORD_H

#include "isolate/shim_file.h"

struct record {
    int fd; /* -1: not made */
    uint32_t order;
};

/* In place of what an earlier run left; `state` says SHIM_PREPARED.  On the disk when it returns, unless
 * `may_lag` and the room was an earlier run's: then record_sync is to follow.  -errno. */
int record_make(struct record *r, const char *path, const struct shim_state *state,
                bool may_lag);
/* For what may lag. */
void record_sync(const struct record *r);
/* Into the older slot.  `is_synced`: wait for the disk.  -errno; then it can be tried again. */
int record_put(struct record *r, struct shim_state *state, bool is_synced);
void record_close(struct record *r);

/* What an earlier run wrote must not be taken for the next one's: it is as if there were none, but its
 * room stays. */
void record_clear(const char *path);
/* -ENOENT, also when it is clear; -errno, or what shim_state_read says. */
int record_read(const char *path, struct shim_state *ret_state);

/* Of the kernel that runs; all 0 when it does not say. */
void record_boot(uint8_t out[static SHIM_BOOT_LEN]);

#endif

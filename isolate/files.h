/* Small files, whole: read into an arena, written so that whoever is killed leaves the old or
 * the new. */
#ifndef ISOLATE_FILES_H
#define ISOLATE_FILES_H

#include <stdatomic.h>

#include "core/arena.h"

/* The whole file, at most `max` bytes; files of /proc too.  -errno, ERR_BOUND, -ENOMEM.
 */
int file_read(const char *path, size_t max, struct arena *arena,
              struct bytes *ret_content);
/* Write `path`.new and rename over, without waiting for the disk: whole for every reader, whoever is
 * killed, but after a loss of power it may be the old one, empty or gone.  -errno. */
int file_swap(const char *path, struct bytes content);
/* The same, and on a disk that has no room for another file in the room of the old one: whoever is killed
 * meanwhile leaves one that cannot be read. */
int file_renew(const char *path, struct bytes content);
/* That the file of this name is there outlasts a loss of power.  -errno. */
int file_sync_parent(const char *path);
/* Write to a file that exists, as the kernel's control files want it: one write.  -errno.
 */
int file_put(const char *path, const char *text);
/* Make a directory and those above it; what exists is fine.  -errno. */
int dir_make(const char *path, unsigned mode);
/* Remove what is inside `path`, which may be missing; never follows links nor leaves the
 * file system.  -errno of the first failure. */
int dir_empty(const char *path);
/* The same in a thread: -ECANCELED soon after `*is_stopped` became true. */
int dir_empty_until(const char *path, const atomic_bool *is_stopped);

#endif

/* How much room a file system has left for us: bytes, and files. */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include <stdint.h>

#define ROOM_UNCOUNTED UINT64_MAX /* inodes of a file system that does not count them */

struct room {
    uint64_t free_bytes;  /* as `df` says it: what is kept for root alone is not in it */
    uint64_t free_inodes; /* ROOM_UNCOUNTED */
};

/* Of the file system under `path`.  Returns 0 or -errno. */
int room_look(const char *path, struct room *ret_room);

#endif

/* Room on a file system.  See room.h. */
#include "core/room.h"

#include <errno.h>
#include <sys/statvfs.h>

int room_look(const char *path, struct room *ret_room)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return -errno;
    *ret_room = (struct room){.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
                              .free_inodes = fs.f_files ? fs.f_favail : ROOM_UNCOUNTED};
    return 0;
}

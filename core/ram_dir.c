/* Directories in memory.  See ram_dir.h. */
#include "core/ram_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/room.h"

enum { TMPFS = 0x01021994 }; /* linux/magic.h */

static bool is_memory(const char *path, uint64_t room_bytes)
{
    struct statfs fs;
    struct room room;
    return statfs(path, &fs) == 0 && fs.f_type == TMPFS && room_look(path, &room) == 0 &&
           room.free_bytes >= room_bytes;
}

/* The places are open to all, so a stranger may have made it before us. */
static bool is_ours(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0;
}

bool ram_dir_make(uint64_t owner, uint64_t room_bytes, char ret_path[RAM_DIR_TEXT])
{
    static const char *const places[] = {"/dev/shm", "/run"};
    char path[RAM_DIR_TEXT];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/stratos-%016" PRIx64, places[i], owner);
        if (!is_memory(places[i], room_bytes) ||
            (mkdir(path, 0700) < 0 && errno != EEXIST) || !is_ours(path))
            continue;
        (void)snprintf(ret_path, RAM_DIR_TEXT, "%s", path);
        return true;
    }
    return false;
}

void ram_dir_remove(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        (void)unlinkat(dirfd(dir), e->d_name, 0); /* "." and ".." are refused */
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

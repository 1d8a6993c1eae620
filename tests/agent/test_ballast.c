/* The ballast is real, is private, and leaves nothing behind where it cannot be made. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ballast.h"
#include "agent/disk.h"
#include "core/room.h"
#include "proto/seal.h"

static uint64_t free_bytes(const char *path)
{
    struct room room;
    cr_assert_eq(room_look(path, &room), 0);
    return room.free_bytes;
}

Test(ballast, stands_in_real_blocks_and_gives_them_back)
{
    char dir[] = "/tmp/stratos_ballast_XXXXXX", path[64];
    struct stat st;
    struct err err;
    cr_assert(seal_init() == 0 && mkdtemp(dir));
    if (mount("tmpfs", dir, "tmpfs", 0, "size=12m") < 0) {
        (void)rmdir(dir);
        cr_skip_test("cannot mount a tmpfs");
    }
    uint64_t empty = free_bytes(dir);
    cr_assert_not(ballast_stands(dir));
    cr_assert_eq(ballast_make(dir, &err), 0, "%s", err.text);
    cr_assert(ballast_stands(dir));
    cr_assert_leq(free_bytes(dir), empty - DISK_BALLAST_BYTES);
    (void)snprintf(path, sizeof(path), "%s/ballast", dir);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(ballast_make(dir, &err), -ENOSPC, "there is no room for a second");
    cr_assert(strstr(err.text, "/ballast: "), "%s", err.text);
    cr_assert(ballast_stands(dir), "the first one stays");
    ballast_drop(dir);
    cr_assert_not(ballast_stands(dir));
    cr_assert_geq(free_bytes(dir), empty - 8192, "nothing is left");
    cr_assert_eq(umount2(dir, MNT_DETACH), 0);
    cr_assert_eq(rmdir(dir), 0);
}

Test(ballast, a_file_of_promises_is_none)
{
    char dir[] = "/tmp/stratos_ballast_XXXXXX", path[64];
    cr_assert(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/ballast", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && ftruncate(fd, DISK_BALLAST_BYTES) == 0 && close(fd) == 0);
    cr_assert_not(ballast_stands(dir), "a hole has no blocks");
    ballast_drop(dir);
    cr_assert_eq(rmdir(dir), 0);
    ballast_drop(dir); /* nothing there is fine */
}

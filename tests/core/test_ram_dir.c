/* A directory in memory is ours alone, is found again, and leaves nothing behind. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ram_dir.h"
#include "core/room.h"

Test(ram_dir, is_for_us_alone_is_used_again_and_is_removed_with_its_files)
{
    char path[RAM_DIR_TEXT], again[RAM_DIR_TEXT], file[RAM_DIR_TEXT + 8];
    struct stat st;
    uint64_t owner = 0x7e57000000000000 + (uint64_t)getpid();
    if (!ram_dir_make(owner, 4096, path))
        cr_skip_test("this host has no place in memory");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    (void)snprintf(file, sizeof(file), "%s/file", path);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert(ram_dir_make(owner, 4096, again), "as if we had been killed");
    cr_assert_str_eq(again, path);
    ram_dir_remove(path);
    cr_assert_lt(stat(path, &st), 0);
    cr_assert_eq(write(fd, "x", 1), 1, "who has a file open keeps it");
    close(fd);
}

Test(ram_dir, one_that_others_may_enter_is_not_ours)
{
    char path[RAM_DIR_TEXT], other[RAM_DIR_TEXT];
    uint64_t owner = 0x7e57100000000000 + (uint64_t)getpid();
    if (!ram_dir_make(owner, 4096, path))
        cr_skip_test("this host has no place in memory");
    cr_assert_eq(chmod(path, 0777), 0);
    if (ram_dir_make(owner, 4096, other)) {
        cr_assert_str_neq(other, path);
        ram_dir_remove(other);
    }
    ram_dir_remove(path);
    cr_assert_not(ram_dir_make(owner, UINT64_MAX, other), "nobody has so much memory");
}

Test(room, is_told_of_a_place_that_is_there)
{
    struct room room;
    cr_assert_eq(room_look("/", &room), 0);
    cr_assert_lt(room_look("/no/such/place", &room), 0);
}

/* Emptying directories that tasks filled as they pleased. */
#include "isolate/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64], outside[80];
};

/* Less than a page, a page more, on a disk without room for either. */
Test(files, a_file_is_renewed_on_a_full_disk_where_its_own_room_is_enough)
{
    static uint8_t bytes[9000];
    char dir[] = "/tmp/stratos-full-XXXXXX", path[64], fill[64];
    struct stat info;
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert(mkdtemp(dir));
    cr_assert_eq(mount("tmpfs", dir, "tmpfs", 0, "size=64k"), 0);
    (void)snprintf(path, sizeof(path), "%s/note", dir);
    (void)snprintf(fill, sizeof(fill), "%s/fill", dir);
    memset(bytes, 'x', sizeof(bytes));
    cr_expect_eq(file_renew(path, (struct bytes){bytes, 5000}), 0);
    int fd = open(fill, O_WRONLY | O_CREAT, 0600);
    while (write(fd, bytes, 4096) > 0)
        continue;
    (void)close(fd);
    cr_expect_eq(file_swap(path, (struct bytes){bytes, 4000}), -ENOSPC);
    cr_expect_eq(file_renew(path, (struct bytes){bytes, 8000}), 0);
    cr_expect(stat(path, &info) == 0 && info.st_size == 8000);
    cr_expect_eq(file_renew(path, (struct bytes){bytes, 9000}), -ENOSPC);
    cr_expect(stat(path, &info) == 0 && info.st_size == 8000, "nothing is torn");
    cr_expect_eq(file_renew(path, (struct bytes){bytes, 10}), 0);
    cr_expect(stat(path, &info) == 0 && info.st_size == 10);
    (void)strcat(path, ".new");
    cr_expect_lt(access(path, F_OK), 0);
    cr_assert(umount(dir) == 0 && rmdir(dir) == 0);
}

static void place_open(struct place *p)
{
    *p = (struct place){.dir = "/tmp/stratos-files-XXXXXX"};
    cr_assert(mkdtemp(p->dir));
    (void)snprintf(p->outside, sizeof(p->outside), "%s.outside", p->dir);
    cr_assert(mkdir(p->outside, 0700) == 0);
}

static void place_close(struct place *p)
{
    cr_assert(rmdir(p->outside) == 0);
    cr_assert(rmdir(p->dir) == 0, "something is left");
}

/* `depth` directories, one in the other, a file in each. */
static void nest(const char *dir, unsigned depth)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY);
    for (unsigned i = 0; i < depth; i++) {
        cr_assert(mkdirat(at, "d", 0700) == 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        int file = openat(next, "f", O_WRONLY | O_CREAT, 0600);
        cr_assert(next >= 0 && file >= 0);
        (void)close(file);
        (void)close(at);
        at = next;
    }
    (void)close(at);
}

Test(files, a_directory_of_any_depth_is_emptied)
{
    static const unsigned depths[] = {0, 1, 63, 64, 65, 66, 130, 1000};
    struct place p;
    place_open(&p);
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        nest(p.dir, depths[i]);
        cr_assert(dir_empty(p.dir) == 0, "%u levels", depths[i]);
        cr_assert(rmdir(p.dir) == 0, "%u levels", depths[i]);
        cr_assert(mkdir(p.dir, 0700) == 0);
    }
    place_close(&p);
}

Test(files, links_are_removed_and_not_followed)
{
    struct place p;
    char file[96], link[96];
    place_open(&p);
    (void)snprintf(file, sizeof(file), "%s/precious", p.outside);
    cr_assert(close(open(file, O_WRONLY | O_CREAT, 0600)) == 0);
    (void)snprintf(link, sizeof(link), "%s/link", p.dir);
    cr_assert(symlink(p.outside, link) == 0);
    cr_assert(dir_empty(p.dir) == 0);
    cr_assert(access(file, F_OK) == 0);
    cr_assert(symlink(p.outside, link) == 0);
    cr_assert(dir_empty(link) < 0, "a link is no directory");
    cr_assert(access(file, F_OK) == 0);
    cr_assert(unlink(link) == 0 && unlink(file) == 0);
    place_close(&p);
}

Test(files, emptying_ends_when_it_is_told_to)
{
    struct place p;
    atomic_bool is_stopped = true;
    place_open(&p);
    nest(p.dir, 3);
    cr_assert(dir_empty_until(p.dir, &is_stopped) == -ECANCELED);
    atomic_store(&is_stopped, false);
    cr_assert(dir_empty_until(p.dir, &is_stopped) == 0);
    place_close(&p);
}

/* The record of a task's end, on a disk. */
#include "isolate/record.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64], path[80];
};

static void open_place(struct place *p)
{
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/stratos-test-XXXXXX");
    cr_assert(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof(p->path), "%s/state", p->dir);
}

static void close_place(struct place *p)
{
    (void)unlink(p->path);
    cr_assert_eq(rmdir(p->dir), 0, "something else is left in it");
}

static ino_t inode_of(const struct place *p)
{
    struct stat info;
    cr_assert_eq(stat(p->path, &info), 0);
    return info.st_ino;
}

static void write_down(const struct place *p, enum shim_phase last, uint32_t pid)
{
    struct record r = {.fd = -1};
    struct shim_state state = {.phase = SHIM_PREPARED, .pid = pid};
    cr_assert_eq(record_make(&r, p->path, &state, false), 0);
    state.phase = last;
    cr_assert_eq(record_put(&r, &state, true), 0);
    record_close(&r);
}

Test(record, the_next_run_takes_the_same_room_and_nothing_of_the_last_one_is_read)
{
    struct place p;
    struct shim_state state;
    open_place(&p);
    cr_expect_eq(record_read(p.path, &state), -ENOENT);
    write_down(&p, SHIM_EXITED, 7);
    write_down(&p, SHIM_RUNNING, 7);
    write_down(&p, SHIM_EXITED, 8);
    ino_t inode = inode_of(&p);
    cr_assert_eq(record_read(p.path, &state), 0);
    cr_expect(state.phase == SHIM_EXITED && state.pid == 8);
    record_clear(p.path);
    cr_expect_eq(record_read(p.path, &state), -ENOENT, "as if there were none");
    write_down(&p, SHIM_RUNNING, 9);
    cr_expect_eq(inode_of(&p), inode);
    cr_assert_eq(record_read(p.path, &state), 0);
    cr_expect(state.phase == SHIM_RUNNING && state.pid == 9);
    close_place(&p);
}

Test(record, an_empty_one_says_that_nothing_was_begun_and_one_of_another_form_goes)
{
    struct place p;
    struct shim_state state;
    open_place(&p);
    int fd = open(p.path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    cr_expect_eq(record_read(p.path, &state), -ENOENT);
    cr_assert_eq(write(fd, "old", 3), 3);
    (void)close(fd);
    cr_expect_neq(record_read(p.path, &state), 0);
    cr_expect_neq(record_read(p.path, &state), -ENOENT, "there was one");
    record_clear(p.path);
    cr_expect_lt(access(p.path, F_OK), 0);
    fd = open(p.path, O_CREAT | O_WRONLY, 0600);
    cr_assert_eq(ftruncate(fd, 4000), 0);
    (void)close(fd);
    write_down(&p, SHIM_EXITED, 3);
    cr_assert_eq(record_read(p.path, &state), 0);
    cr_expect_eq(state.pid, 3);
    close_place(&p);
}

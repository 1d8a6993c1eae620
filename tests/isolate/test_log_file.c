/* Output on its way to the disk: rotation, files that others touch, disks that refuse. */
#include "isolate/log_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/log_read.h"

struct place {
    char dir[64], path[128];
    struct log_file log;
};

static void place_open(struct place *p, uint64_t max_bytes, uint32_t max_files)
{
    struct err err = {0};
    (void)strcpy(p->dir, "/tmp/stratos-logs-XXXXXX");
    cr_assert(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof(p->path), "%s/stdout.log", p->dir);
    cr_assert(log_file_open(&p->log, p->dir, "stdout", max_bytes, max_files, &err) == 0,
              "%s", err.text);
}

static void place_close(struct place *p)
{
    log_file_close(&p->log, 9);
    cr_assert(dir_empty(p->dir) == 0);
    (void)rmdir(p->dir);
}

static void put(struct place *p, uint64_t at_unix_ms, const char *text)
{
    log_file_write(&p->log, at_unix_ms, bytes_of_text(text));
}

static const char *stored(const char *path)
{
    static char text[1 << 16];
    int fd = open(path, O_RDONLY);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    text[len < 0 ? 0 : len] = '\0';
    return text;
}

Test(log_file, lines_carry_the_time_of_their_beginning_and_pieces_join)
{
    struct place p;
    place_open(&p, 1 << 20, 2);
    put(&p, 1000, "one\ntw");
    put(&p, 2000, "o\n\n");
    put(&p, 3000, "tail");
    cr_assert_str_eq(stored(p.path), "1000 one\n1000 two\n2000 \n3000 tail");
    log_file_close(&p.log, 4000);
    cr_assert_str_eq(stored(p.path), "1000 one\n1000 two\n2000 \n3000 tail\n");
    place_close(&p);
}

Test(log_file, a_line_of_a_megabyte_is_stored_whole)
{
    struct place p;
    static char piece[4097];
    struct stat info;
    place_open(&p, 10 << 20, 2);
    memset(piece, 'x', 4096);
    for (int i = 0; i < 256; i++)
        put(&p, 5, piece);
    put(&p, 6, "\nnext\n");
    cr_assert(stat(p.path, &info) == 0);
    cr_assert_eq(info.st_size, (1 << 20) + 2 + 1 + 7, "%ld", (long)info.st_size);
    place_close(&p);
}

Test(log_file, old_files_go_and_the_rest_is_in_order)
{
    struct place p;
    char path[160];
    place_open(&p, 100, 3);
    for (int i = 0; i < 60; i++)
        put(&p, 5, "0123456789\n");
    (void)snprintf(path, sizeof(path), "%s.2", p.path);
    cr_assert(access(path, F_OK) == 0);
    (void)snprintf(path, sizeof(path), "%s.3", p.path);
    cr_assert(access(path, F_OK) < 0);
    (void)snprintf(path, sizeof(path), "%s.new", p.path);
    cr_assert(access(path, F_OK) < 0);
    place_close(&p);
}

Test(log_file, a_file_that_is_removed_moved_or_emptied_is_made_anew)
{
    struct place p;
    char aside[160];
    place_open(&p, 1 << 20, 2);
    put(&p, 1, "one\nmid");
    cr_assert(unlink(p.path) == 0);
    put(&p, 2, "dle\ntwo\n");
    cr_assert_str_eq(stored(p.path), "2 dle\n2 two\n");
    (void)snprintf(aside, sizeof(aside), "%s.aside", p.path);
    cr_assert(rename(p.path, aside) == 0);
    put(&p, 3, "three\n");
    cr_assert_str_eq(stored(p.path), "3 three\n");
    cr_assert(truncate(p.path, 0) == 0);
    put(&p, 4, "four\n");
    cr_assert_str_eq(stored(p.path), "4 four\n");
    place_close(&p);
}

/* A disk that takes so much of a file and no more. */
static void allow(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

Test(log_file, a_write_that_fails_costs_what_did_not_fit_and_a_line_says_how_much)
{
    struct place p;
    place_open(&p, 1 << 20, 2);
    put(&p, 1, "0123456789\n"); /* 13 bytes */
    allow(13 + 2 + 5);
    put(&p, 2, "abcdefghij\nk\n");
    cr_assert_str_eq(stored(p.path), "1 0123456789\n2 abcde");
    put(&p, 3, "lost, too\n");
    cr_assert_eq(p.log.lost_total, 8 + 10, "%llu", (unsigned long long)p.log.lost_total);
    allow(RLIM_INFINITY);
    put(&p, 4, "again\n");
    cr_assert_str_eq(stored(p.path),
                     "1 0123456789\n2 abcde\n4!lost 18 File too large\n4 again\n");
    cr_assert_eq(p.log.lost_bytes, 0);
    place_close(&p);
}

Test(log_file, a_loss_at_the_very_end_is_told_when_there_is_room_by_then)
{
    struct place p;
    place_open(&p, 1 << 20, 2);
    allow(4);
    put(&p, 2, "abc\n");
    allow(RLIM_INFINITY);
    log_file_close(&p.log, 7);
    cr_assert_str_eq(stored(p.path), "2 ab\n7!lost 2 File too large\n");
    place_close(&p);
}

/* No inodes: in a mount namespace of our own. */
Test(log_file, rotation_goes_on_with_the_old_file_where_no_other_can_be_made)
{
    struct place p;
    char path[160];
    struct err err = {0};
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        cr_skip_test("needs root");
    place_open(&p, 50, 3);
    log_file_close(&p.log, 1);
    cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    cr_assert(mount("none", p.dir, "tmpfs", 0, "size=1m,nr_inodes=2") == 0);
    cr_assert(log_file_open(&p.log, p.dir, "stdout", 50, 3, &err) == 0, "%s", err.text);
    for (int i = 0; i < 20; i++)
        put(&p, 5, "0123456789\n");
    (void)snprintf(path, sizeof(path), "%s.1", p.path);
    cr_assert(access(path, F_OK) < 0);
    const char *all = stored(p.path);
    size_t n = 0;
    for (const char *at = all; *at; at++)
        n += *at == '\n';
    cr_assert_eq(n, 20, "nothing is lost: %s", all);
    cr_assert_eq(p.log.lost_total, 0);
    cr_assert(mount("none", p.dir, "tmpfs", MS_REMOUNT, "size=1m,nr_inodes=4") == 0);
    p.log.rotate_at = 50; /* it does not ask again with every line */
    put(&p, 6, "after\n");
    cr_assert_str_eq(stored(p.path), "6 after\n");
    cr_assert(access(path, F_OK) == 0);
    log_file_close(&p.log, 1);
    (void)umount(p.dir);
    (void)rmdir(p.dir);
}

Test(log_file, with_all_inodes_used_the_oldest_file_becomes_the_next)
{
    struct place p;
    struct err err = {0};
    char path[160];
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        cr_skip_test("needs root");
    place_open(&p, 50, 3);
    log_file_close(&p.log, 1);
    cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    cr_assert(mount("none", p.dir, "tmpfs", 0, "size=1m,nr_inodes=4") == 0);
    cr_assert(log_file_open(&p.log, p.dir, "stdout", 50, 3, &err) == 0, "%s", err.text);
    for (int i = 0; i < 50; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "line %02d\n", i);
        put(&p, 5, line);
    }
    cr_assert(strstr(stored(p.path), "line 49"));
    cr_assert(strlen(stored(p.path)) <= 60, "%s", stored(p.path));
    (void)snprintf(path, sizeof(path), "%s.2", p.path);
    cr_assert(access(path, F_OK) == 0);
    cr_assert_eq(p.log.lost_total, 0);
    log_file_close(&p.log, 1);
    (void)umount(p.dir);
    (void)rmdir(p.dir);
}

Test(log_file, an_earlier_shims_torn_line_is_ended_first)
{
    struct place p;
    struct err err = {0};
    place_open(&p, 1 << 20, 2);
    put(&p, 1, "torn");
    (void)close(p.log.fd); /* killed */
    cr_assert(log_file_open(&p.log, p.dir, "stdout", 1 << 20, 2, &err) == 0);
    put(&p, 2, "next\n");
    cr_assert_str_eq(stored(p.path), "1 torn\n2 next\n");
    place_close(&p);
}

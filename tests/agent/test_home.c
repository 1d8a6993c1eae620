/* The data directory: an identity is kept, and a damaged one is not worked with; a full disk is waited
 * for, and nobody else comes in meanwhile. */
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
#include "agent/home.h"
#include "gossip/table/stored.h"

struct fixture {
    char dir[64], path[128];
    uint8_t kept[sizeof(struct identity)];
};

static void write_identity(const struct fixture *f, const uint8_t *at, size_t len)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0 && write(fd, at, len) == (ssize_t)len && close(fd) == 0);
}

static int reopen(const struct fixture *f, struct home *home, struct err *err)
{
    *err = (struct err){0};
    int status = home_open(home, f->dir, MACHINE_SAME, 1700000000000, err);
    home_close(home);
    return status;
}

static void init(struct fixture *f)
{
    struct home home;
    struct err err;
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/stratos_home_XXXXXX");
    cr_assert(seal_init() == 0 && mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/identity", f->dir);
    cr_assert_eq(reopen(f, &home, &err), 0, "%s", err.text);
    memcpy(f->kept, &home.identity, sizeof(f->kept));
}

static void fini(const struct fixture *f)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

Test(home, keeps_its_identity_for_its_owner_alone)
{
    struct fixture f;
    struct home home;
    struct err err;
    struct stat st;
    init(&f);
    cr_assert_eq(reopen(&f, &home, &err), 0, "%s", err.text);
    cr_assert_arr_eq(&home.identity, f.kept, sizeof(f.kept));
    cr_assert(stat(f.path, &st) == 0 && st.st_size == 112 && (st.st_mode & 0777) == 0600);
    fini(&f);
}

Test(home, refuses_a_damaged_identity_and_says_what_to_do)
{
    static const struct {
        size_t len, flip; /* flip: a byte to change, or none past the end */
        const char *why;
    } cases[] = {
        {0, 999, "it is too short"},          {111, 999, "it is too short"},
        {113, 999, "it is too long"},         {112, 0, "its keys do not belong together"},
        {112, 40, "its keys do not belong"},  {112, 80, "its keys do not belong"},
        {112, 111, "its keys do not belong"},
    };
    struct fixture f;
    struct home home;
    struct err err;
    init(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t damaged[sizeof(f.kept) + 1] = {0};
        memcpy(damaged, f.kept, sizeof(f.kept));
        if (cases[i].flip < sizeof(f.kept))
            damaged[cases[i].flip] ^= 1;
        write_identity(&f, damaged, cases[i].len);
        cr_expect_eq(reopen(&f, &home, &err), ERR_DAMAGED, "case %zu", i);
        cr_expect_not_null(strstr(err.text, cases[i].why), "case %zu: %s", i, err.text);
        cr_expect_not_null(strstr(err.text, "restore it, or remove it"), "%s", err.text);
        cr_expect_not_null(strstr(err.text, f.path), "%s", err.text);
    }
    write_identity(&f, f.kept, sizeof(f.kept)); /* restored */
    cr_expect_eq(reopen(&f, &home, &err), 0, "%s", err.text);
    cr_expect_arr_eq(&home.identity, f.kept, sizeof(f.kept));
    cr_expect_eq(unlink(f.path), 0); /* removed: a new node */
    cr_expect_eq(reopen(&f, &home, &err), 0, "%s", err.text);
    cr_expect(memcmp(&home.identity, f.kept, sizeof(f.kept)) != 0);
    fini(&f);
}

/* ---- full disks ---- */

static bool mount_small(struct fixture *f)
{
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/stratos_home_XXXXXX");
    cr_assert(seal_init() == 0 && mkdtemp(f->dir));
    if (mount("tmpfs", f->dir, "tmpfs", 0, "size=24m") == 0)
        return true;
    fini(f);
    return false;
}

static void unmount(const struct fixture *f)
{
    cr_assert_eq(umount2(f->dir, MNT_DETACH), 0);
    fini(f);
}

static void fill(const struct fixture *f, off_t leave)
{
    static char block[65536];
    (void)snprintf((char *)block, sizeof(block), "%s/filler", f->dir);
    int fd = open(block, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t len = sizeof(block); len >= 4096;)
        len = write(fd, block, len) == (ssize_t)len ? len : len / 2;
    cr_assert_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - leave), 0);
    close(fd);
}

static void make_room(const struct fixture *f)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/filler", f->dir);
    cr_assert_eq(unlink(path), 0);
}

/* As the driver does, on this thread. */
static int try_again(struct home *home, const char *data_dir)
{
    struct home_try t;
    home_prepare(home, data_dir, 1700000000000, &t);
    home_try(&t);
    home_take(home, &t);
    return t.status;
}

Test(home, a_second_agent_is_refused_also_where_the_store_is_shut)
{
    struct fixture f;
    struct home home, second;
    struct err err = {0};
    if (!mount_small(&f))
        cr_skip_test("cannot mount a tmpfs");
    for (int is_full = 0; is_full < 2; is_full++) {
        cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000000, &err), 0, "%s",
                     err.text);
        cr_assert_eq(home.stage, is_full ? HOME_READING : HOME_OPEN);
        cr_assert_eq(home_open(&second, f.dir, MACHINE_SAME, 1700000000000, &err),
                     ERR_CONFLICT);
        cr_assert(strstr(err.text, "another agent is running on this data directory"),
                  "%s", err.text);
        home_close(&second);
        home_close(&home);
        fill(&f, 0);
    }
    unmount(&f);
}

Test(home, a_first_start_on_a_full_disk_waits_and_keeps_who_it_is)
{
    struct fixture f;
    struct home home;
    struct err err = {0};
    if (!mount_small(&f))
        cr_skip_test("cannot mount a tmpfs");
    static const off_t left[] = {0, 4096, 65536, 512 << 10};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        char data[96];
        struct store_change change = {
            .space = STORE_LOCAL, .key = bytes_of_text("k"), .value = bytes_of_text("v")};
        (void)snprintf(data, sizeof(data), "%s/data%zu", f.dir, i);
        fill(&f, left[i]);
        cr_assert_eq(home_open(&home, data, MACHINE_SAME, 1700000000000, &err), 0, "%s",
                     err.text);
        cr_assert_eq(home.stage, HOME_WAITING);
        cr_assert_eq(home.trouble, STORE_NO_SPACE);
        cr_assert(home.was_short);
        cr_assert_eq(store_write(home.store, &change, 1, true, &err), -ENOSPC);
        struct identity is = home.identity;
        cr_assert_eq(try_again(&home, data), -ENOSPC);
        cr_assert_eq(home.stage, HOME_WAITING);
        make_room(&f);
        cr_assert_eq(try_again(&home, data), 0, "%s", home.why.text);
        cr_assert_eq(home.stage, HOME_OPEN);
        cr_assert_arr_eq(&home.identity, &is, sizeof(is));
        cr_assert_eq(store_write(home.store, &change, 1, true, &err), 0, "%s", err.text);
        home_close(&home);
        cr_assert_eq(home_open(&home, data, MACHINE_SAME, 1700000000001, &err), 0);
        cr_assert_arr_eq(&home.identity, &is, sizeof(is), "it is on the disk");
        cr_assert_eq(home.epoch, 1700000000000);
        home_close(&home);
    }
    unmount(&f);
}

Test(home, a_full_disk_is_opened_in_the_room_of_the_ballast_or_read)
{
    struct fixture f;
    struct home home;
    struct err err = {0};
    if (!mount_small(&f))
        cr_skip_test("cannot mount a tmpfs");
    cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000000, &err), 0, "%s",
                 err.text);
    cr_assert_not(home.was_short);
    home_close(&home);
    for (int has_ballast = 1; has_ballast >= 0; has_ballast--) {
        if (has_ballast)
            cr_assert_eq(ballast_make(f.dir, &err), 0, "%s", err.text);
        fill(&f, 65536);
        cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000002, &err), 0, "%s",
                     err.text);
        cr_assert(home.was_short);
        cr_assert_not(ballast_stands(f.dir));
        cr_assert_eq(home.epoch, 1700000000000);
        cr_assert_eq(home.stage, has_ballast ? HOME_OPEN : HOME_READING);
        cr_assert_eq(home.image != NULL, !has_ballast);
        if (!has_ballast) {
            cr_assert_eq(try_again(&home, f.dir), -ENOSPC);
            cr_assert(strstr(home.why.text, "64 KiB are free under"), "%s",
                      home.why.text);
        }
        make_room(&f);
        if (!has_ballast)
            cr_assert_eq(try_again(&home, f.dir), 0, "%s", home.why.text);
        cr_assert_eq(home.stage, HOME_OPEN);
        home_close(&home);
    }
    unmount(&f);
}

static void put_local(struct store *store, const char *key, struct bytes value)
{
    struct store_change change = {STORE_LOCAL, bytes_of_text(key), value};
    cr_assert_eq(store_write(store, &change, 1, true, NULL), 0);
}

static void put_form(struct store *store, uint64_t form)
{
    struct arena arena;
    arena_init(&arena, 0);
    put_local(store, "form", stored_number_encode(form, 0, &arena));
    arena_fini(&arena);
}

/* Also where there is no room to open it for more than reading. */
Test(home, a_store_of_a_newer_version_is_refused_in_words_and_left_as_it_is)
{
    struct fixture f;
    struct home home;
    struct err err = {0};
    if (!mount_small(&f))
        cr_skip_test("cannot mount a tmpfs");
    cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000000, &err), 0, "%s",
                 err.text);
    put_form(home.store, 3);
    put_local(home.store, "epoch", bytes_of_text("of a form that nobody knows"));
    home_close(&home);
    for (int is_full = 0; is_full < 2; is_full++) {
        if (is_full)
            fill(&f, 64);
        cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000000, &err),
                     ERR_UNSUPPORTED, "%s", err.text);
        cr_assert_not_null(strstr(err.text, "which a newer version has written"));
        cr_assert_not(home.was_damaged);
        home_close(&home);
    }
    unmount(&f);
}

/* What was refused may have been said: the next life is told, though there was no room to write. */
Test(home, the_mark_tells_whether_all_that_was_said_was_written)
{
    struct fixture f;
    struct home home;
    struct err err = {0};
    if (!mount_small(&f))
        cr_skip_test("cannot mount a tmpfs");
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(home_open(&home, f.dir, MACHINE_SAME, 1700000000000, &err), 0, "%s",
                     err.text);
        cr_assert_eq(home.is_unwritten, i == 2, "start %u", i);
        home_mark(&home, f.dir, true);
        if (i == 1) {
            fill(&f, 0);
            home_mark(&home, f.dir, false);
            make_room(&f);
        }
        home_close(&home);
    }
    unmount(&f);
}

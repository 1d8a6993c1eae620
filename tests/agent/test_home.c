/* The data directory: an identity is kept, and a damaged one is not worked with. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/home.h"

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
    int status = home_open(home, f->dir, 1700000000000, err);
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

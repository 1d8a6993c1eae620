/* Data that another host made, with machine ids of our own making. */
#include "agent/home_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "proto/seal.h"

struct fixture {
    char dir[64], one[80], two[80], none[80], kept[80];
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void init(struct fixture *f)
{
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/stratos_machine_XXXXXX");
    cr_assert(seal_init() == 0 && mkdtemp(f->dir));
    (void)snprintf(f->one, sizeof(f->one), "%s/one", f->dir);
    (void)snprintf(f->two, sizeof(f->two), "%s/two", f->dir);
    (void)snprintf(f->none, sizeof(f->none), "%s/none", f->dir);
    (void)snprintf(f->kept, sizeof(f->kept), "%s/machine", f->dir);
    write_text(f->one, "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
    write_text(f->two, "3d1219c7c4c5404aaa1f6d2a48adfda5\n");
}

static void fini(const struct fixture *f)
{
    char command[96];
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

static int check(const struct fixture *f, const char *id_file, enum machine_policy policy,
                 bool *ret_is_new)
{
    struct err err = {0};
    int status = machine_check(f->dir, id_file, policy, ret_is_new, &err);
    if (status < 0)
        cr_expect(strstr(err.text, "made on another host") &&
                      strstr(err.text, "--adopt") && strstr(err.text, "--new-identity"),
                  "%s", err.text);
    return status;
}

Test(home_machine, data_of_another_host_is_refused_adopted_or_begun_anew)
{
    struct fixture f;
    bool is_new = true;
    init(&f);
    cr_expect_eq(check(&f, f.one, MACHINE_SAME, &is_new), 0, "nothing is written yet");
    machine_write(f.dir, f.one);
    cr_expect_eq(check(&f, f.one, MACHINE_SAME, &is_new), 0);
    cr_expect_eq(check(&f, f.two, MACHINE_SAME, &is_new), ERR_CONFLICT);
    cr_expect_eq(check(&f, f.two, MACHINE_ADOPT, &is_new), 0);
    cr_expect_not(is_new);
    cr_expect_eq(check(&f, f.two, MACHINE_NEW, &is_new), 0);
    cr_expect(is_new);
    /* Left in a unit file, neither does anything on the host that the data is of. */
    cr_expect_eq(check(&f, f.one, MACHINE_NEW, &is_new), 0);
    cr_expect_not(is_new);
    machine_write(f.dir, f.two);
    cr_expect_eq(check(&f, f.two, MACHINE_SAME, &is_new), 0);
    cr_expect_eq(check(&f, f.one, MACHINE_SAME, &is_new), ERR_CONFLICT);
    fini(&f);
}

/* Otherwise a host that was let in would be another one at its next start. */
Test(home_machine, what_cannot_be_written_is_not_there_either)
{
    struct fixture f;
    char blocked[96];
    bool is_new = true;
    init(&f);
    machine_write(f.dir, f.one);
    (void)snprintf(blocked, sizeof(blocked), "%s.new", f.kept);
    cr_assert_eq(mkdir(blocked, 0700), 0);
    machine_write(f.dir, f.two);
    cr_expect_eq(check(&f, f.two, MACHINE_NEW, &is_new), 0);
    cr_expect_not(is_new);
    cr_expect_eq(check(&f, f.two, MACHINE_SAME, &is_new), 0);
    cr_assert_eq(rmdir(blocked), 0);
    machine_write(f.dir, f.two);
    cr_expect_eq(check(&f, f.one, MACHINE_SAME, &is_new), ERR_CONFLICT);
    fini(&f);
}

/* Containers have none, an empty one, or one that is yet to be drawn. */
Test(home_machine, a_host_without_a_machine_id_is_not_checked)
{
    static const char *const texts[] = {"", "uninitialized\n", "3d12\n",
                                        "zz1219c7c4c5404aaa1f6d2a48adfda4\n"};
    struct fixture f;
    bool is_new;
    init(&f);
    machine_write(f.dir, f.one);
    cr_expect_eq(check(&f, f.none, MACHINE_SAME, &is_new), 0, "no file");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_text(f.none, texts[i]);
        cr_expect_eq(check(&f, f.none, MACHINE_SAME, &is_new), 0, "'%s'", texts[i]);
        machine_write(f.dir, f.none);
    }
    cr_expect_eq(check(&f, f.two, MACHINE_SAME, &is_new), ERR_CONFLICT,
                 "and forgets nothing");
    fini(&f);
}

Test(home_machine, what_is_kept_does_not_tell_the_id_and_what_is_torn_counts_as_not_there)
{
    struct fixture f;
    char text[128] = "";
    bool is_new;
    init(&f);
    machine_write(f.dir, f.one);
    FILE *file = fopen(f.kept, "r");
    cr_assert(file && fgets(text, sizeof(text), file) && fclose(file) == 0);
    cr_expect_eq(strlen(text), 65);
    cr_expect_null(strstr(text, "3d1219c7"));
    write_text(f.kept, "0123");
    cr_expect_eq(check(&f, f.two, MACHINE_SAME, &is_new), 0);
    fini(&f);
}

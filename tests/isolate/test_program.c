/* What a task's program and directory must be to be seen by it; and whether a host can run tasks at all. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/cgroup_mode.h"
#include "isolate/host_try.h"
#include "isolate/places.h"
#include "isolate/program.h"

static const char *const hidden[] = {"/srv/secret"};
static const struct pair env[] = {{"STRATOS_BIN", "/tmp/clone/stratos"}};

static struct shim_launch launch_of(const char *const *argv, const char *cwd)
{
    struct shim_launch l = {.key = "default.web.0",
                            .dir = "/var/lib/stratos/tasks/default.web.0",
                            .data_dir = "/var/lib/stratos",
                            .user = "",
                            .cwd = cwd,
                            .argv = argv,
                            .env = env,
                            .n_env = 1,
                            .hidden = hidden,
                            .n_hidden = 1};
    while (argv[l.n_argv])
        l.n_argv++;
    return l;
}

Test(program, places_that_each_task_has_of_its_own_hide_what_is_below_them)
{
    static const struct {
        const char *path, *place;
    } rows[] = {
        {"/tmp/app/run", "/tmp"},
        {"/tmp", "/tmp"},
        {"/tmpx/run", NULL},
        {"/var/tmp/x", "/var/tmp"},
        {"/dev/shm/run", "/dev"},
        {"/etc/stratos/secret", "/etc/stratos"},
        {"/run/stratos/x", "/run/stratos"},
        {"/srv/secret", "/srv/secret"},
        {"/srv/secrets", NULL},
        {"/var/lib/stratos/bin/x", "/var/lib/stratos"},
        {"/var/lib/stratos/tasks/default.web.1/work/x", "/var/lib/stratos"},
        {"/var/lib/stratos/tasks/default.web.0/work/x", NULL},
        {"/opt/app/run", NULL},
        {"/usr/bin/env", NULL},
    };
    static const char *const argv[] = {"x", NULL};
    struct shim_launch l = launch_of(argv, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *place = places_hide(&l, rows[i].path);
        cr_expect(place ? rows[i].place && strcmp(place, rows[i].place) == 0
                        : !rows[i].place,
                  "%s: %s", rows[i].path, place ? place : "seen");
    }
}

Test(program, what_cannot_start_is_said_before_it_is_tried)
{
    char dir[] = "/opt/stratos-test-XXXXXX", plain[64], link[64];
    if (!mkdtemp(dir))
        cr_skip_test("/opt cannot be written");
    (void)snprintf(plain, sizeof(plain), "%s/plain", dir);
    (void)snprintf(link, sizeof(link), "%s/link", dir);
    fclose(fopen(plain, "w"));
    cr_assert_eq(symlink("/tmp/stratos-test-program", link), 0);
    fclose(fopen("/tmp/stratos-test-program", "w"));
    const struct {
        const char *program, *cwd, *why; /* NULL: it is seen */
    } rows[] = {
        {"/bin/sh", "", NULL},
        {"sh", "", NULL},
        {"${STRATOS_BIN}", "", "the program /tmp/clone/stratos is not on this host"},
        {"${STRATOS_DIR}/x", "", "/work/x is not on this host"},
        {"/bin/${NOBODY_SAYS}", "", "is a directory"},
        {"/opt/nothing/here", "", "the program /opt/nothing/here is not on this host"},
        {"/tmp/app/run", "",
         "the program /tmp/app/run is not visible to tasks, for each has a /tmp of its "
         "own: move it to /opt"},
        {link, "", "is not visible to tasks"},
        {dir, "", "is a directory"},
        {plain, "", "chmod +x makes it a program"},
        {"no-such-program", "", "this host has no program no-such-program"},
        {"./web", "", "give its whole path"},
        {"./plain", dir, "chmod +x"},
        {"./sh", "/bin", NULL},
        {"/bin/sh", "/no/where", "the directory /no/where is not on this host"},
        {"/bin/sh", "/tmp/work", "the directory /tmp/work is not visible to tasks"},
        {"/bin/sh", plain, "is not on this host"},
        {"/bin/sh", "inside", "/work/inside is not on this host"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *argv[] = {rows[i].program, NULL};
        struct shim_launch l = launch_of(argv, rows[i].cwd);
        char why[192] = "";
        bool is_seen = program_is_seen(&l, why, sizeof(why));
        cr_expect_eq(is_seen, rows[i].why == NULL, "row %zu, %s: %s", i, rows[i].program,
                     why);
        cr_expect(!rows[i].why || strstr(why, rows[i].why), "%s: %s", rows[i].program,
                  why);
    }
    (void)unlink(plain);
    (void)unlink(link);
    (void)unlink("/tmp/stratos-test-program");
    (void)rmdir(dir);
}

Test(program, who_may_not_run_it_is_told_which_place_is_closed)
{
    char dir[] = "/opt/stratos-test-XXXXXX", inner[64], program[80];
    if (geteuid() != 0 || !mkdtemp(dir))
        cr_skip_test("needs root");
    (void)snprintf(inner, sizeof(inner), "%s/inner", dir);
    (void)snprintf(program, sizeof(program), "%s/run", inner);
    cr_assert_eq(mkdir(inner, 0755), 0);
    fclose(fopen(program, "w"));
    const struct {
        mode_t outer, file;
        uid_t owner;
        const char *user, *closed; /* NULL: it may */
    } rows[] = {
        {0755, 0755, 0, "", NULL},
        {0700, 0755, 0, "", NULL},
        {0755, 0755, 0, "65534", NULL},
        {0700, 0755, 0, "65534", dir},
        {0711, 0711, 0, "65534", NULL},
        {0755, 0750, 0, "65534", program},
        {0755, 0700, 65534, "65534", NULL},
        {0755, 0700, 65534, "", program}, /* no power */
        {0755, 0710, 0, "65534:0", NULL},
        {0755, 0700, 0, "no-such-user", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *argv[] = {program, NULL};
        struct shim_launch l = launch_of(argv, "");
        char why[192] = "", wanted[96];
        l.user = rows[i].user;
        cr_assert(chmod(dir, rows[i].outer) == 0 &&
                  chown(program, rows[i].owner, 0) == 0 &&
                  chmod(program, rows[i].file) == 0);
        bool is_seen = program_is_seen(&l, why, sizeof(why));
        cr_expect_eq(is_seen, rows[i].closed == NULL, "row %zu: %s", i, why);
        (void)snprintf(wanted, sizeof(wanted), "%s is closed to it",
                       rows[i].closed ? rows[i].closed : "");
        cr_expect(!rows[i].closed || strstr(why, wanted), "row %zu: %s", i, why);
    }
    (void)unlink(program);
    (void)rmdir(inner);
    (void)rmdir(dir);
}

Test(host_try, kernels_before_5_14_are_too_old)
{
    static const struct {
        const char *release;
        bool is_old;
    } rows[] = {{"5.4.0-42-generic", true},
                {"5.13.19", true},
                {"5.14.0-503.el9", false},
                {"5.15.0", false},
                {"6.1.0", false},
                {"4.19.0", true},
                {"10.0", false},
                {"strange", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(host_kernel_is_old(rows[i].release), rows[i].is_old, "%s",
                     rows[i].release);
}

static size_t count_left(void)
{
    size_t n = 0;
    DIR *run = opendir("/run");
    for (struct dirent *e; run && (e = readdir(run));)
        n += strncmp(e->d_name, "stratos-try-", 12) == 0;
    closedir(run);
    return n;
}

Test(host_try, a_host_that_can_says_so_and_keeps_nothing_of_it)
{
    struct cgroup_host host;
    struct err err = {0};
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cgroup_host_open(&host);
    if (host.mode == CGROUP_NONE)
        cr_skip_test("no control groups here");
    size_t before = count_left();
    cr_expect_eq(host_try(host.base, &err), 0, "%s", err.text);
    cr_expect_eq(count_left(), before);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "nobody is left to be reaped");
}

/* What another user's process says. */
static void said_by_user(char *out, size_t cap)
{
    int ends[2], status;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct err err = {0};
        int code = setuid(65534) == 0 ? host_try("", &err) : 0;
        (void)!write(ends[1], err.text, strlen(err.text));
        _exit(code ? 1 : 0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], out, cap - 1);
    out[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    cr_expect_eq(status, 1 << 8);
}

Test(host_try, without_root_it_says_what_to_do)
{
    char said[256];
    if (geteuid() != 0)
        cr_skip_test("needs root");
    said_by_user(said, sizeof(said));
    cr_expect(strstr(said, "tasks need root: run the agent as root"), "%s", said);
}

/* Programs by name, as exec(3) says, whichever C library does it. */
#include "isolate/run.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/stratos-run-XXXXXX";

static void put(const char *name, const char *text, mode_t mode)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    cr_assert_eq(chmod(path, mode), 0);
}

/* The status of what ran, or the negative error of what did not. */
static int status_of(const char *name, const char *path)
{
    char first[160], variable[200], word[] = "7", *room[4] = {NULL, first, word, NULL};
    char *envp[] = {variable, NULL};
    int status = 0, channel[2], code = 0;
    (void)snprintf(first, sizeof(first), "%s", name);
    (void)snprintf(variable, sizeof(variable), "%s", path);
    cr_assert_eq(pipe2(channel, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        code = run_program(room + 1, envp);
        _exit(write(channel[1], &code, sizeof(code)) < 0);
    }
    (void)close(channel[1]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    bool has_failed = read(channel[0], &code, sizeof(code)) == sizeof(code);
    (void)close(channel[0]);
    return has_failed ? code : WEXITSTATUS(status);
}

Test(run, a_program_is_found_by_the_path_it_is_given)
{
    char here[128], both[200], script[160], none[160];
    cr_assert(mkdtemp(dir));
    put("plain", "exit $1\n", 0755);
    put("lined", "#!/bin/sh\nexit $(($1 + 1))\n", 0755);
    put("closed", "exit 0\n", 0644);
    (void)snprintf(here, sizeof(here), "PATH=%s", dir);
    (void)snprintf(both, sizeof(both), "PATH=/nowhere::%s:/bin", dir);
    (void)snprintf(script, sizeof(script), "%s/plain", dir);
    (void)snprintf(none, sizeof(none), "%s/none", dir);
    const struct {
        const char *name, *path;
        int wanted;
    } rows[] = {
        {"plain", here, 7},        {"lined", here, 8},        {"plain", both, 7},
        {script, "PATH=/bin", 7},  {"sh", "X=1", 2},          {"sh", here, -ENOENT},
        {"plain", "X=1", -ENOENT}, {"", both, -ENOENT},       {none, here, -ENOENT},
        {"closed", both, -EACCES}, {"closed", here, -EACCES}, {dir, here, -EACCES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(status_of(rows[i].name, rows[i].path), rows[i].wanted, "row %zu: %d",
                     i, status_of(rows[i].name, rows[i].path));
}

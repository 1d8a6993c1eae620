/* What a dev cluster keeps on disk. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/dev_files.h"

Test(dev_files, a_temporary_directory_goes_and_a_given_one_stays)
{
    struct dev_files f;
    struct err err = {0};
    struct stat status;
    cr_assert_eq(dev_files_open(NULL, &f, &err), 0, "%s", err.text);
    cr_assert_eq(dev_node_make(&f, 1, &err), 0);
    cr_assert_eq(dev_write_pid(&f, 1, 42, &err), 0);
    cr_assert(stat(f.secret, &status) == 0 && (status.st_mode & 0777) == 0600 &&
              status.st_size == 45);
    dev_files_close(&f, true);
    cr_assert_lt(stat(f.dir, &status), 0);

    char dir[] = "/tmp/stratos-test-XXXXXX";
    cr_assert(mkdtemp(dir));
    cr_assert_eq(dev_files_open(dir, &f, &err), 0, "%s", err.text);
    dev_files_close(&f, true);
    cr_assert_eq(stat(f.secret, &status), 0, "the next start finds the same cluster");
    cr_assert(unlink(f.secret) == 0 && rmdir(dir) == 0);
}

Test(dev_files, one_supervisor_a_directory_and_it_can_be_found)
{
    struct dev_files f, other;
    struct err err = {0};
    int ready[2], status = 0;
    char byte;
    cr_assert_eq(dev_files_open(NULL, &f, &err), 0, "%s", err.text);
    cr_assert_eq(dev_files_holder(f.dir), 0);
    cr_assert_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (dev_files_lock(&f, &err) < 0)
            _exit(1);
        (void)!write(ready[1], "1", 1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(dev_files_holder(f.dir), pid);
    other = f;
    cr_assert_eq(dev_files_lock(&other, &err), ERR_CONFLICT);
    cr_assert(strstr(err.text, "runs in"), "%s", err.text);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    cr_assert_eq(dev_files_holder(f.dir), 0, "a lock cannot be stale");
    cr_assert_eq(dev_files_lock(&f, &err), 0, "%s", err.text);
    dev_files_close(&f, true);
}

Test(dev_files, a_directory_too_deep_for_a_socket_is_refused)
{
    struct dev_files f;
    struct err err = {0};
    char dir[160] = "/tmp/stratos-test-";
    memset(dir + strlen(dir), 'a', 100);
    dir[118] = '\0';
    cr_assert_eq(dev_files_open(dir, &f, &err), -ENAMETOOLONG);
    (void)rmdir(dir);
}

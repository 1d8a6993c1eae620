/* Where the agent's socket is put. */
#include "agent/socket_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(socket_file, its_folder_is_made_and_can_be_passed_whatever_the_umask)
{
    char dir[] = "/tmp/stratos-test.XXXXXX", path[128];
    struct err err = {0};
    struct stat info;
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/a/b/stratos.sock", dir);
    (void)umask(077);
    cr_assert_eq(socket_file_make_place(path, &err), 0, "%s", err.text);
    *strrchr(path, '/') = '\0';
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0755);
    cr_assert_eq(chmod(path, 0700), 0);
    strcat(path, "/stratos.sock");
    cr_assert_eq(socket_file_make_place(path, &err), 0);
    *strrchr(path, '/') = '\0';
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0700, "what is there is left as it is");
    (void)rmdir(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    (void)rmdir(dir);
}

Test(socket_file, a_path_without_a_folder_needs_none)
{
    struct err err = {0};
    cr_assert_eq(socket_file_make_place("sock", &err), 0);
    cr_assert_eq(socket_file_make_place("/sock", &err), 0);
    cr_assert_lt(socket_file_make_place("/proc/none/sock", &err), 0);
    cr_assert_not_null(strstr(err.text, "--socket"));
}

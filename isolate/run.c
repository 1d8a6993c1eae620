/* See run.h.  Source: exec(3), of which musl leaves out the scripts, and POSIX the order of errors. */
#include "isolate/run.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Runs in what is a task already: nothing is allocated. */
static int run_there(char *path, char *argv[], char *const envp[])
{
    static char shell[] = "/bin/sh";
    (void)execve(path, argv, envp);
    if (errno != ENOEXEC)
        return -errno;
    argv[-1] = shell;
    argv[0] = path;
    (void)execve(shell, argv - 1, envp);
    return -errno;
}

static const char *path_of(char *const envp[])
{
    for (; *envp; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return "/bin:/usr/bin";
}

static bool is_elsewhere(int code)
{
    return code == -ENOENT || code == -ENOTDIR || code == -EACCES || code == -ENODEV ||
           code == -ESTALE || code == -ETIMEDOUT;
}

int run_program(char *argv[], char *const envp[])
{
    char path[PATH_MAX], *name = argv[0];
    int code = -ENOENT;
    if (strchr(name, '/'))
        return run_there(name, argv, envp);
    for (const char *at = name[0] ? path_of(envp) : NULL, *end; at;
         at = *end ? end + 1 : NULL) {
        end = at + strcspn(at, ":");
        int len = snprintf(path, sizeof(path), "%.*s%s%s", (int)(end - at), at,
                           end > at ? "/" : "", name);
        int result =
            len < (int)sizeof(path) ? run_there(path, argv, envp) : -ENAMETOOLONG;
        code = result == -ENOENT && code == -EACCES ? code : result;
        if (!is_elsewhere(result) && result != -ENAMETOOLONG)
            break;
    }
    return code;
}

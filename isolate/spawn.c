/* See spawn.h.  The usual path: the lock is taken here and handed on, so that there is no moment in
 * which the task belongs to nobody.  What can fail: a host without processes or descriptors left. */
#include "isolate/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "isolate/shim.h"

/* What a shim is given; -1 = not this one. */
enum { GIVE_REPORT, GIVE_INPUT, GIVE_LOCK, GIVE_PROGRAM, GIVE_GO, GIVEN };
static const int given_as[GIVEN] = {SHIM_STATUS_FD, STDIN_FILENO, SHIM_LOCK_FD,
                                    SHIM_PROGRAM_FD, SHIM_GO_FD};

/* A pipe's reading end with the token in it; without a token /dev/null. */
static int open_input(const char *token)
{
    int ends[2];
    if (!token)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t len = strlen(token);
    if (len > SHIM_TOKEN_MAX || pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    bool is_whole =
        write(ends[1], token, len) == (ssize_t)len; /* less than a pipe holds */
    (void)close(ends[1]);
    if (is_whole)
        return ends[0];
    (void)close(ends[0]);
    return -1;
}

/* A descriptor or -errno. */
static int open_lock(const char *dir, bool is_taken)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/" SHIM_LOCK_FILE, dir) >= sizeof(path))
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && (!is_taken || flock(fd, LOCK_EX | LOCK_NB) == 0))
        return fd;
    int code = -errno;
    if (fd >= 0)
        (void)close(fd);
    return code;
}

/* A descriptor that is one of the shim's already would lose its close-on-exec only by chance: it is
 * moved out of the way.  Consumes `fd`; -errno. */
static int move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SHIM_GO_FD + 1);
    int code = moved < 0 ? -errno : moved;
    if (fd >= 0)
        (void)close(fd);
    return code;
}

static int add_files(const int fds[GIVEN], posix_spawn_file_actions_t *files)
{
    int code = 0, n = 0;
    for (int i = 0; i < GIVEN && code == 0; i++)
        if (fds[i] >= 0) {
            code = posix_spawn_file_actions_adddup2(files, fds[i], given_as[i]);
            n = given_as[i] > n ? given_as[i] : n;
        }
    for (int fd = 1; fd < 3 && code == 0; fd++)
        code = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0);
    return code ? code : posix_spawn_file_actions_addclosefrom_np(files, n + 1);
}

static int spawn(const char *program, char *const argv[], const int fds[GIVEN],
                 posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
                 pid_t *ret_pid)
{
    static char path[] =
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *const envp[] = {path, NULL};
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int code = add_files(fds, files);
    (void)posix_spawnattr_setsigmask(attr, &none);
    (void)posix_spawnattr_setsigdefault(attr, &all);
    (void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    if (code == 0)
        code = posix_spawn(ret_pid, program, files, attr, argv, envp);
    return -code;
}

static int spawn_with(const char *dir, const char *program, const int fds[GIVEN],
                      pid_t *ret_pid)
{
    static char name[] = "stratos", verb[] = "shim", spare[] = SHIM_SPARE_WORD;
    char where[PATH_MAX];
    char *const argv[] = {name, verb, where, fds[GIVE_GO] >= 0 ? spare : NULL, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    (void)snprintf(where, sizeof(where), "%s/", dir); /* its lock fitted */
    int code = -posix_spawn_file_actions_init(&files);
    if (code)
        return code;
    code = -posix_spawnattr_init(&attr);
    if (code == 0) {
        code = spawn(program, argv, fds, &files, &attr, ret_pid);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return code;
}

static int move_up_if_any(int fd)
{
    return fd < 0 ? INT_MIN : move_up(dup(fd));
}

int spawn_shim(const struct spawn_order *order, const struct spawn_program *program,
               int *ret_lock, pid_t *ret_pid)
{
    char own[32];
    int lock_fd = open_lock(order->dir, !ret_lock);
    int fds[GIVEN] = {move_up(dup(order->report_fd)), move_up(open_input(order->token)),
                      lock_fd < 0 ? lock_fd : move_up(lock_fd),
                      move_up_if_any(program->fd), move_up_if_any(order->go_fd)};
    int code = 0;
    for (int i = 0; i < GIVEN && code == 0; i++)
        code = fds[i] < 0 && fds[i] != INT_MIN ? fds[i] : 0;
    (void)snprintf(own, sizeof(own), "/proc/self/fd/%d", SHIM_PROGRAM_FD);
    if (code == 0)
        code =
            spawn_with(order->dir, program->fd >= 0 ? own : program->path, fds, ret_pid);
    if (code == 0 && ret_lock) {
        *ret_lock = fds[GIVE_LOCK];
        fds[GIVE_LOCK] = -1;
    }
    for (int i = 0; i < GIVEN; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return code;
}

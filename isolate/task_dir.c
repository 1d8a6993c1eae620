/* See task_dir.h. */
#include "isolate/task_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/shim.h"
#include "isolate/uv_trash.h"

static void path_of(const char *dir, const char *name, char path[static PATH_MAX])
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        path[0] = '\0'; /* opens nothing; directories that long were refused */
}

int task_dir_state(const char *dir, struct shim_state *ret_state)
{
    char path[PATH_MAX];
    struct arena arena;
    struct bytes content;
    path_of(dir, SHIM_STATE_FILE, path);
    arena_init(&arena, 64 * 1024);
    int code = file_read(path, SHIM_STATE_LEN, &arena, &content);
    if (code == 0)
        code = shim_state_read(content, ret_state);
    arena_fini(&arena);
    return code;
}

/* Launch and note are of use while the kernel lives that runs the task: they need not be on the
 * disk, which would cost the agent's loop some ten milliseconds for each task. */
static int write_launch(const char *dir, const struct shim_launch *l)
{
    char path[PATH_MAX];
    uint8_t *buf = malloc(SHIM_LAUNCH_MAX);
    if (!buf)
        return -ENOMEM;
    struct writer w = writer_of(buf, SHIM_LAUNCH_MAX);
    shim_launch_write(l, &w);
    path_of(dir, SHIM_LAUNCH_FILE, path);
    int code = writer_error(&w);
    if (code == 0)
        code = file_swap(path, writer_done(&w));
    free(buf);
    return code;
}

int task_dir_put_note(const char *dir, struct bytes note)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_NOTE_FILE, path);
    return file_swap(path, note);
}

/* The task's own directory, of any size. */
static int discard_work(const char *dir, struct uv_trash *trash)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_WORK_DIR, path);
    if (uv_trash_take(trash, path) == 0)
        return 0;
    int code = dir_empty(path);
    if (code == 0 && rmdir(path) < 0 && errno != ENOENT)
        code = -errno;
    return code;
}

int task_dir_prepare(const char *dir, const struct shim_launch *l, struct bytes note,
                     struct uv_trash *trash)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_LAUNCH_FILE, path);
    int code = dir_make(dir, 0700);
    if (code == 0 && access(path, F_OK) < 0) {
        code = discard_work(dir, trash);
        if (code == 0)
            code = dir_empty(dir);
    }
    if (code == 0) {
        path_of(dir, SHIM_STATE_FILE, path);
        (void)unlink(
            path); /* of the run before: what it says must not be taken for this one's */
        code = task_dir_put_note(dir, note);
    }
    return code ? code : write_launch(dir, l);
}

int task_dir_clear(const char *dir, struct uv_trash *trash)
{
    static const char *const names[] = {SHIM_LAUNCH_FILE, SHIM_NOTE_FILE, SHIM_STATE_FILE,
                                        SHIM_LOCK_FILE};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(dir, names[i], path);
        (void)unlink(path); /* gone is what we want */
    }
    return discard_work(dir, trash);
}

static int spawn(const char *program, char *const argv[], int report_fd,
                 posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
                 pid_t *ret_pid)
{
    static char path[] =
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *const envp[] = {path, NULL};
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int code = posix_spawn_file_actions_adddup2(files, report_fd, SHIM_STATUS_FD);
    for (int fd = 0; fd < 3 && code == 0; fd++)
        code = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(files, SHIM_STATUS_FD + 1);
    (void)posix_spawnattr_setsigmask(attr, &none);
    (void)posix_spawnattr_setsigdefault(attr, &all);
    (void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    if (code == 0)
        code = posix_spawn(ret_pid, program, files, attr, argv, envp);
    return -code;
}

int task_dir_spawn_shim(const char *dir, const char *program, int report_fd,
                        pid_t *ret_pid)
{
    static char name[] = "stratos", verb[] = "shim";
    char where[PATH_MAX];
    path_of(dir, "", where);
    char *const argv[] = {name, verb, where, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    /* A report_fd of 3 would lose its close-on-exec only by chance: move it out of the
     * way. */
    int fd = fcntl(report_fd, F_DUPFD_CLOEXEC, SHIM_STATUS_FD + 1);
    if (fd < 0)
        return -errno;
    int code = -posix_spawn_file_actions_init(&files);
    if (code == 0) {
        code = -posix_spawnattr_init(&attr);
        if (code == 0) {
            code = spawn(program, argv, fd, &files, &attr, ret_pid);
            (void)posix_spawnattr_destroy(&attr);
        }
        (void)posix_spawn_file_actions_destroy(&files);
    }
    (void)close(fd);
    return code;
}

bool task_dir_is_locked(const char *dir)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_LOCK_FILE, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) < 0;
    (void)close(fd);
    return is_held;
}

int task_dir_recall(const char *dir, struct arena *arena, struct cgroup *ret_groups,
                    struct bytes *ret_note)
{
    char path[PATH_MAX];
    struct bytes content;
    struct shim_launch launch;
    path_of(dir, SHIM_LAUNCH_FILE, path);
    int code = file_read(path, SHIM_LAUNCH_MAX, arena, &content);
    if (code == 0)
        code = shim_launch_read(content, arena, &launch);
    if (code == 0)
        (void)cgroup_find(launch.group, ret_groups, NULL);
    path_of(dir, SHIM_NOTE_FILE, path);
    if (code != -ENOENT)
        (void)file_read(path, SHIM_LAUNCH_MAX, arena, ret_note);
    return code;
}

void task_dir_expire(const char *dir, long age_s)
{
    struct stat info;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (stat(dir, &info) < 0 || now.tv_sec - info.st_mtim.tv_sec < age_s)
        return;
    if (dir_empty(dir) == 0)
        (void)rmdir(dir); /* or the next agent does */
}

/* See task_dir.h. */
#include "isolate/task_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "isolate/control.h"
#include "isolate/files.h"
#include "isolate/log_runs.h"
#include "isolate/record.h"
#include "isolate/shim.h"
#include "isolate/uv_trash.h"

enum { MADE_FOR_MAX = 256 };

static void path_of(const char *dir, const char *name, char path[static PATH_MAX])
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        path[0] = '\0'; /* opens nothing; directories that long were refused */
}

int task_dir_state(const char *dir, struct shim_state *ret_state)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_STATE_FILE, path);
    return record_read(path, ret_state);
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
        code = file_renew(path, writer_done(&w));
    free(buf);
    return code;
}

int task_dir_put_note(const char *dir, struct bytes note)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_NOTE_FILE, path);
    return file_renew(path, note);
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

static const char *told_version(const struct shim_launch *l)
{
    for (size_t i = 0; i < l->n_env; i++)
        if (strcmp(l->env[i].key, "STRATOS_VERSION") == 0)
            return l->env[i].value;
    return "";
}

/* Was the last run here told the same version number?  All there is to go by where an older agent
 * started it. */
static bool was_told_alike(const char *dir, const struct shim_launch *l,
                           struct arena *arena)
{
    char path[PATH_MAX];
    struct bytes content;
    struct shim_launch last;
    path_of(dir, SHIM_LAUNCH_FILE, path);
    return file_read(path, SHIM_LAUNCH_MAX, arena, &content) == 0 &&
           shim_launch_read(content, arena, SHIM_READ_AGENT, &last) == 0 &&
           strcmp(told_version(&last), told_version(l)) == 0;
}

enum made {
    MADE_FOR_THIS,
    MADE_ALIKE,
    MADE_FOR_ANOTHER
}; /* alike: nothing says so yet */

static enum made look_at_work(const char *dir, const struct shim_launch *l,
                              const char *version)
{
    char path[PATH_MAX];
    struct arena arena;
    struct bytes content;
    enum made made = MADE_FOR_ANOTHER;
    path_of(dir, SHIM_MADE_FOR_FILE, path);
    arena_init(&arena, 4 << 20);
    int code = file_read(path, MADE_FOR_MAX, &arena, &content);
    if (code == 0 && bytes_equal(content, bytes_of_text(version)))
        made = MADE_FOR_THIS;
    else if (code == -ENOENT && was_told_alike(dir, l, &arena))
        made = MADE_ALIKE;
    arena_fini(&arena);
    return made;
}

/* First the old one goes, then it is said what the next is for: whoever is killed between the two
 * leaves one that is made anew again, and no files of another version. */
static int renew_work(const char *dir, const struct shim_launch *l, const char *version,
                      struct uv_trash *trash)
{
    char path[PATH_MAX];
    enum made made = look_at_work(dir, l, version);
    int code = made == MADE_FOR_ANOTHER ? discard_work(dir, trash) : 0;
    path_of(dir, SHIM_MADE_FOR_FILE, path);
    return code || made == MADE_FOR_THIS ? code : file_swap(path, bytes_of_text(version));
}

static bool is_log(const char *name)
{
    return strcmp(name, LOG_RUNS_FILE) == 0 || strncmp(name, "stdout.log", 10) == 0 ||
           strncmp(name, "stderr.log", 10) == 0;
}

/* All else that lies there goes. */
static int leave_logs(const char *dir)
{
    char path[PATH_MAX];
    int code = 0;
    DIR *stream = opendir(dir);
    for (struct dirent *e; stream && (e = readdir(stream));) {
        if (is_log(e->d_name) || strcmp(e->d_name, ".") == 0 ||
            strcmp(e->d_name, "..") == 0)
            continue;
        path_of(dir, e->d_name, path);
        if (unlink(path) == 0 || errno == ENOENT)
            continue;
        int result = errno == EISDIR ? dir_empty(path) : -errno;
        if (result == 0 && rmdir(path) < 0)
            result = -errno;
        code = code ? code : result;
    }
    if (stream)
        (void)closedir(stream);
    return code;
}

int task_dir_prepare(const char *dir, const struct shim_launch *l, const char *version,
                     struct bytes note, struct uv_trash *trash)
{
    char path[PATH_MAX];
    path_of(dir, SHIM_LAUNCH_FILE, path);
    int code = dir_make(dir, 0700);
    if (code == 0 && access(path, F_OK) < 0) {
        code = discard_work(dir, trash);
        if (code == 0)
            code = leave_logs(dir);
    }
    if (code == 0 && version)
        code = renew_work(dir, l, version, trash);
    if (code == 0) {
        path_of(dir, SHIM_STATE_FILE, path);
        record_clear(path); /* of the run before */
        code = task_dir_put_note(dir, note);
    }
    return code ? code : write_launch(dir, l);
}

int task_dir_clear(const char *dir, struct uv_trash *trash)
{
    static const char *const names[] = {
        SHIM_LAUNCH_FILE, SHIM_SPARE_FILE, SHIM_NOTE_FILE,    SHIM_STATE_FILE,
        SHIM_LOCK_FILE,   CONTROL_NAME,    SHIM_MADE_FOR_FILE};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(dir, names[i], path);
        (void)unlink(path); /* gone is what we want */
    }
    return discard_work(dir, trash);
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
        code = shim_launch_read(content, arena, SHIM_READ_AGENT, &launch);
    if (code == 0)
        (void)cgroup_find(launch.group, ret_groups, NULL);
    path_of(dir, SHIM_NOTE_FILE, path);
    if (code != -ENOENT)
        (void)file_read(path, SHIM_LAUNCH_MAX, arena, ret_note);
    return code;
}

/* See log_keep.h. */
#include "isolate/log_keep.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/log_runs.h"
#include "isolate/shim.h"

enum { KEEP_DEFAULT_S = 7 * 24 * 3600 }; /* where a shim of 0.1.0 has left nothing else */

static int compare_ends(const void *a, const void *b)
{
    const struct log_kept *x = a, *y = b;
    if (x->ended_unix_s != y->ended_unix_s)
        return x->ended_unix_s < y->ended_unix_s ? -1 : 1;
    return strcmp(x->dir, y->dir);
}

void log_keep_choose(struct log_kept *list, size_t n, uint64_t now_unix_s,
                     uint64_t bytes_max)
{
    uint64_t bytes = 0;
    if (n)
        qsort(list, n, sizeof(*list), compare_ends);
    for (size_t i = 0; i < n; i++) {
        list[i].is_over = now_unix_s >= list[i].ended_unix_s + list[i].keep_s;
        bytes += list[i].is_over ? 0 : list[i].bytes;
    }
    for (size_t i = 0; i < n && bytes > bytes_max; i++) {
        bytes -= list[i].is_over ? 0 : list[i].bytes;
        list[i].is_over = true;
    }
}

/* Its end is the last change of the directory, or of what was written there. */
static void measure(struct log_kept *k)
{
    struct stat info;
    struct log_run runs[LOG_RUNS_MAX];
    size_t n_runs = log_runs_load(k->dir, runs);
    DIR *dir = opendir(k->dir);
    k->keep_s =
        n_runs && runs[n_runs - 1].keep_s ? runs[n_runs - 1].keep_s : KEEP_DEFAULT_S;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(dir), e->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        uint64_t at = info.st_mtim.tv_sec > 0 ? (uint64_t)info.st_mtim.tv_sec : 0;
        k->ended_unix_s = at > k->ended_unix_s ? at : k->ended_unix_s;
        k->bytes += (uint64_t)info.st_blocks * 512;
    }
    if (dir)
        (void)closedir(dir);
}

static bool has_ended(const char *dir)
{
    char path[TASK_DIR_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/" SHIM_LAUNCH_FILE, dir);
    return access(path, F_OK) < 0;
}

/* Room for one more; false when there is no memory. */
static bool grow(void **list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? 2 * *cap : 64;
    void *grown = realloc(*list, more * size);
    if (!grown)
        return false;
    *list = grown;
    *cap = more;
    return true;
}

static bool path_of(const char *tasks, const char *name, char out[static TASK_DIR_MAX])
{
    return name[0] != '.' &&
           (size_t)snprintf(out, TASK_DIR_MAX, "%s/%s", tasks, name) < TASK_DIR_MAX;
}

size_t log_keep_scan(const char *tasks, struct log_kept **ret_list)
{
    size_t n = 0, cap = 0;
    void *list = NULL;
    DIR *dir = opendir(tasks);
    for (struct dirent *e; dir && n < LOG_KEEP_MAX && (e = readdir(dir));) {
        struct log_kept kept = {0};
        if (!path_of(tasks, e->d_name, kept.dir) || !has_ended(kept.dir))
            continue;
        if (!grow(&list, n, &cap, sizeof(kept)))
            break;
        measure(&kept);
        ((struct log_kept *)list)[n++] = kept;
    }
    if (dir)
        (void)closedir(dir);
    *ret_list = list;
    return n;
}

size_t log_loss_scan(const char *tasks, struct log_loss **ret_list)
{
    size_t n = 0, cap = 0;
    void *list = NULL;
    DIR *dir = opendir(tasks);
    for (struct dirent *e; dir && n < LOG_KEEP_MAX && (e = readdir(dir));) {
        char path[TASK_DIR_MAX];
        struct log_loss loss;
        struct shim_state state;
        if (!path_of(tasks, e->d_name, path) || task_dir_state(path, &state) ||
            state.lost_bytes == 0)
            continue;
        if (!grow(&list, n, &cap, sizeof(loss)))
            break;
        (void)snprintf(loss.key, sizeof(loss.key), "%s", e->d_name);
        loss.started_unix_ms = state.started_unix_ms;
        loss.bytes = state.lost_bytes;
        ((struct log_loss *)list)[n++] = loss;
    }
    if (dir)
        (void)closedir(dir);
    *ret_list = list;
    return n;
}

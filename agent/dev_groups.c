/* Removes the control groups of a node that was killed.  An agent that ends by itself removes
 * those of its tasks; a killed one cannot, and nobody else would: the groups' names hang on
 * a directory that is about to go.
 *
 * The usual path: the group that each DATA/tasks/<key> names, killed, removed once its last process
 * is gone.  What can fail: a process that cannot be killed keeps its group. */
#include "agent/dev_groups.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "core/arena.h"
#include "isolate/task_dir.h"

enum { TRIES = 50, TRY_MS = 20 };

static void remove_group(struct cgroup g)
{
    int code = cgroup_remove(&g);
    for (int i = 0; i < TRIES && code == -EBUSY; i++) {
        const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
        cgroup_kill(&g);
        (void)nanosleep(&pause, NULL); /* a shorter one does no harm */
        code = cgroup_remove(&g);
    }
    cgroup_prune(&g);
}

void dev_groups_remove(const char *data_dir)
{
    char path[CGROUP_PATH_MAX];
    struct arena arena;
    (void)snprintf(path, sizeof(path), "%s/tasks", data_dir);
    DIR *tasks = opendir(path);
    arena_init(&arena, 4 << 20);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.')
            continue;
        struct cgroup g = {0};
        struct bytes note;
        (void)snprintf(path, sizeof(path), "%s/tasks/%s", data_dir, entry->d_name);
        if (task_dir_recall(path, &arena, &g, &note) ==
            0) /* else it was removed, and they too */
            remove_group(g);
        arena_clear(&arena);
    }
    arena_fini(&arena);
    if (tasks)
        (void)closedir(tasks);
}

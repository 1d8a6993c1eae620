/* Removes the control groups of a node that was killed.  An agent that ends by itself removes
 * those of its tasks; a killed one cannot, and nobody else would: the groups' names hang on
 * a directory that is about to go.
 *
 * The usual path: a group for each DATA/tasks/<key>, killed, removed once its last process
 * is gone.  What can fail: a process that cannot be killed keeps its group. */
#include "agent/dev_groups.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "isolate/cgroup.h"

enum { TRIES = 50, TRY_MS = 20 };

static void remove_group(const char *group)
{
    struct cgroup g;
    if (cgroup_find(group, &g, NULL) < 0)
        return; /* no control groups on this host: nothing was made */
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
    char path[CGROUP_PATH_MAX], group[CGROUP_GROUP_MAX];
    (void)snprintf(path, sizeof(path), "%s/tasks", data_dir);
    DIR *tasks = opendir(path);
    cgroup_group(data_dir, group);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", group, entry->d_name);
        remove_group(path);
    }
    if (tasks)
        (void)closedir(tasks);
}

/* See cgroup_aside.h. */
#include "isolate/cgroup_aside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/files.h"

enum { TRIES = 8 }; /* a neighbour that ends may just have removed it */

int cgroup_go_aside(const struct cgroup *task)
{
    char dir[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX + 64], pid[24];
    if (task->n == 0)
        return -ENOENT;
    (void)snprintf(dir, sizeof(dir), "%s", task->dirs[task->is_v2 ? 0 : CGROUP_CPU].path);
    char *name = strrchr(dir, '/');
    if (!name || (size_t)(name - dir) + sizeof(CGROUP_ASIDE) > sizeof(dir))
        return -ENAMETOOLONG;
    (void)strcpy(name, CGROUP_ASIDE);
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    int code = -ENOENT;
    for (int i = 0; i < TRIES && code == -ENOENT; i++) {
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return -errno;
        (void)snprintf(path, sizeof(path), "%s/%s", dir,
                       task->is_v2 ? "cpu.weight" : "cpu.shares");
        code = file_put(path, task->is_v2 ? "2" : "64");
        (void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
        if (code == 0)
            code = file_put(path, pid);
    }
    return code;
}

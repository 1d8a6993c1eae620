/* A task's directory as the runner sees it: DATA/tasks/<key>/ with launch, state, note,
 * lock, work and logs (isolate/shim.h).  System calls, but no loop and no policy. */
#ifndef ISOLATE_TASK_DIR_H
#define ISOLATE_TASK_DIR_H

#include <sys/types.h>

#include "isolate/cgroup.h"
#include "isolate/shim_file.h"

struct uv_trash;

enum { TASK_DIR_MAX = 480 }; /* so that a log's path fits struct log_file */

/* Write launch and note.  A directory without a launch file is what a removed instance of
 * the same name left: all but its logs goes first.  The task's own directory is for `version` of its job
 * (NULL: of any): one that was made for another goes.  -errno or ERR_BOUND. */
int task_dir_prepare(const char *dir, const struct shim_launch *l, const char *version,
                     struct bytes note, struct uv_trash *trash);
int task_dir_put_note(const char *dir, struct bytes note);
/* -ENOENT: no shim has begun to start the task.  -errno, or what shim_state_read says. */
int task_dir_state(const char *dir, struct shim_state *ret_state);
bool task_dir_is_locked(const char *dir); /* a shim lives */
/* What an earlier agent launched here: where its groups are (n = 0 if this host has
 * none, or the launch cannot be read), and its note, in `arena`.  -ENOENT when it was removed. */
int task_dir_recall(const char *dir, struct arena *arena, struct cgroup *ret_groups,
                    struct bytes *ret_note);
/* Forget the task: all but its logs go, its own directory by way of `trash`.  -errno of
 * the first failure. */
int task_dir_clear(const char *dir, struct uv_trash *trash);

#endif

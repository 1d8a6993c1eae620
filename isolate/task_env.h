/* What a task is started with: its environment and its words, with ${NAME} expanded.
 * Pure. */
#ifndef ISOLATE_TASK_ENV_H
#define ISOLATE_TASK_ENV_H

#include "core/err.h"
#include "isolate/shim_file.h"

struct task_env {
    char **argv, **envp; /* NULL-terminated; argv[-1] is room: isolate/run.h */
    const char *cwd;     /* absolute; NULL = the task's own directory */
};

/* `home` is the task's own directory.  ${NAME} takes the value NAME has in the finished
 * environment; in its own value it is what lies below, so that PATH can be lengthened;
 * $${NAME} is the text ${NAME}; unknown names are empty; anything that is not a plain name
 * in braces is left as it is.  The text of `/bin/sh -c TEXT` is left to the shell, which sees the same
 * environment and has variables of its own.  ERR_BOUND when a value refers to itself or
 * grows past 128 KiB (the kernel's limit for one string), -ENOMEM. */
int task_env_make(const struct shim_launch *l, const char *home, struct arena *arena,
                  struct task_env *ret_env, struct err *err);

#endif

/* A task's token as a file within its sandbox (SHIM_TOKEN_PATH).  It lies on a file system in
 * memory that belongs to root: a user's task reads it, and neither changes it nor finds it
 * changed halfway. */
#ifndef ISOLATE_TOKEN_FILE_H
#define ISOLATE_TOKEN_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/* Make it in this mount namespace, where SHIM_TOKEN_DIR is there; for its owner alone.  -errno. */
int token_file_make(const char *token, uid_t uid, gid_t gid);
/* Put another one in the place of it, at once and whole, from outside: in the sandbox of process
 * `pid`, which `pidfd` holds on to.  It keeps its owner.  What the task did to the place does not
 * lead out of the sandbox.  -ENOENT when it has none, -ESRCH, -errno. */
int token_file_replace(pid_t pid, int pidfd, const char *token);

#endif

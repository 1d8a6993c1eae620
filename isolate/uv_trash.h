/* Where directories of removed tasks wait to be deleted, by a thread: a task may leave a
 * million files, and the loop that would delete them is the one that answers the other
 * nodes. */
#ifndef ISOLATE_UV_TRASH_H
#define ISOLATE_UV_TRASH_H

#include "core/err.h"

struct uv_loop_s;
struct uv_trash;

/* `path` is made if it is missing; what an earlier agent left in it is deleted. */
int uv_trash_open(struct uv_loop_s *loop, const char *path, struct uv_trash **ret_trash,
                  struct err *err);
/* Move the directory `path`, of the same file system, away and delete it when there is
 * time. -errno; one that is not there is fine. */
int uv_trash_take(struct uv_trash *t, const char *path);
/* Deleting stops soon; what is left is the next agent's.  The memory goes when the loop
 * has run. */
void uv_trash_close(struct uv_trash *t);

#endif

/* See uv_trash.h.  The usual path: rename into the directory, have a thread empty it. One
 * thread at a time; what comes meanwhile is seen by it or by the next round.  What can
 * fail: a rename (the caller then deletes by itself), a deletion (said once a round,
 * tried again with the next task). */
#include "isolate/uv_trash.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "core/log.h"
#include "isolate/files.h"

enum { NAME_TRIES = 1000 };

struct uv_trash {
    uv_loop_t *loop;
    uv_work_t work;
    char path[PATH_MAX];
    unsigned n_taken;
    bool is_working, is_again, is_closing;
    atomic_bool is_stopped; /* read by the thread */
    int code;               /* of the last round; written by the thread */
};

static void kick(struct uv_trash *t);

static void on_work(uv_work_t *work)
{
    struct uv_trash *t = work->data;
    t->code = dir_empty_until(t->path, &t->is_stopped);
}

static void on_done(uv_work_t *work, int status)
{
    struct uv_trash *t = work->data;
    t->is_working = false;
    if (t->is_closing) {
        free(t);
        return;
    }
    if (status == 0 && t->code < 0)
        log_line(LOG_WARN, "tasks", "cannot_delete", t->path, "error", err_text(t->code),
                 NULL);
    if (t->is_again)
        kick(t);
}

static void kick(struct uv_trash *t)
{
    t->is_again = t->is_working;
    if (t->is_working)
        return;
    t->work.data = t;
    t->is_working = uv_queue_work(t->loop, &t->work, on_work, on_done) == 0;
}

int uv_trash_open(uv_loop_t *loop, const char *path, struct uv_trash **ret_trash,
                  struct err *err)
{
    struct uv_trash *t = calloc(1, sizeof(*t));
    int code = t ? dir_make(path, 0700) : -ENOMEM;
    if (code == 0 &&
        (size_t)snprintf(t->path, sizeof(t->path), "%s", path) >= sizeof(t->path))
        code = -ENAMETOOLONG;
    if (code) {
        free(t);
        return err_set(err, code, "cannot make %.300s: %s", path, err_text(code));
    }
    t->loop = loop;
    *ret_trash = t;
    kick(t);
    return 0;
}

int uv_trash_take(struct uv_trash *t, const char *path)
{
    char to[PATH_MAX];
    int code = -EEXIST;
    /* Names of an earlier agent may not be deleted yet. */
    for (int i = 0; i < NAME_TRIES && (code == -EEXIST || code == -ENOTEMPTY); i++) {
        if ((size_t)snprintf(to, sizeof(to), "%s/%u", t->path, t->n_taken++) >=
            sizeof(to))
            return -ENAMETOOLONG;
        code = rename(path, to) < 0 ? -errno : 0;
    }
    if (code == 0)
        kick(t);
    return code == -ENOENT && access(path, F_OK) < 0 ? 0 : code;
}

void uv_trash_close(struct uv_trash *t)
{
    if (!t)
        return;
    t->is_closing = true;
    atomic_store(&t->is_stopped, true);
    if (!t->is_working)
        free(t);
}

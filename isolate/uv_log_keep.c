/* See uv_log_keep.h. */
#include "isolate/uv_log_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "core/log.h"
#include "isolate/log_keep.h"
#include "isolate/uv_trash.h"

enum { FIRST_MS = 1000, AGAIN_MS = 20 * 1000 };

struct uv_log_keep {
    struct uv_log_keep_options options;
    uv_timer_t timer;
    uv_work_t work;
    char tasks[TASK_DIR_MAX];
    struct log_kept *list; /* the thread's, while it works */
    struct log_loss *losses;
    size_t n, n_losses;
    bool is_working, is_closing, is_closed;
};

static void free_if_done(struct uv_log_keep *k)
{
    if (k->is_closed && !k->is_working)
        free(k);
}

static void on_work(uv_work_t *work)
{
    struct uv_log_keep *k = work->data;
    k->n = log_keep_scan(k->tasks, &k->list);
    log_keep_choose(k->list, k->n, (uint64_t)time(NULL), LOG_KEEP_BYTES);
    k->n_losses = log_loss_scan(k->tasks, &k->losses);
}

static void discard(struct uv_log_keep *k, const struct log_kept *kept)
{
    const char *key = strrchr(kept->dir, '/') + 1;
    if (!kept->is_over || k->options.is_held(k->options.ctx, key))
        return;
    int code = uv_trash_take(k->options.trash, kept->dir);
    if (code)
        log_line(LOG_WARN, "task", "key", key, "cannot_delete", kept->dir, "error",
                 err_text(code), NULL);
}

static void on_worked(uv_work_t *work, int status)
{
    struct uv_log_keep *k = work->data;
    bool is_wanted = status == 0 && !k->is_closing;
    k->is_working = false;
    for (size_t i = 0; is_wanted && i < k->n; i++)
        discard(k, &k->list[i]);
    for (size_t i = 0; is_wanted && i < k->n_losses; i++)
        k->options.lost(k->options.ctx, k->losses[i].key, k->losses[i].started_unix_ms,
                        k->losses[i].bytes);
    free(k->list);
    free(k->losses);
    k->list = NULL;
    k->losses = NULL;
    free_if_done(k);
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_log_keep *k = timer->data;
    if (k->is_working)
        return;
    k->work.data = k;
    k->is_working = uv_queue_work(k->options.loop, &k->work, on_work, on_worked) == 0;
}

struct uv_log_keep *uv_log_keep_open(const struct uv_log_keep_options *options)
{
    struct uv_log_keep *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->options = *options;
    (void)snprintf(k->tasks, sizeof(k->tasks), "%s", options->tasks);
    (void)uv_timer_init(options->loop, &k->timer);
    k->timer.data = k;
    (void)uv_timer_start(&k->timer, on_timer, FIRST_MS, AGAIN_MS);
    return k;
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_log_keep *k = handle->data;
    k->is_closed = true;
    free_if_done(k);
}

void uv_log_keep_close(struct uv_log_keep *k)
{
    if (!k)
        return;
    k->is_closing = true;
    uv_close((uv_handle_t *)&k->timer, on_closed);
}

/* Watching one shim from the agent: its report about the start, and its end. */
#ifndef ISOLATE_UV_WATCH_H
#define ISOLATE_UV_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct hidden;
struct uv_watch;

enum watch_end {
    WATCH_RAN,    /* `started` was told */
    WATCH_FAILED, /* not started, and `why` */
    WATCH_KILLED, /* a shim of this agent's, before it said anything */
};

struct uv_watch_events {
    void (*started)(void *ctx, uint32_t pid); /* the task's, as the host sees it */
    /* A shim of this agent's is still there when its task has ended: it tidies up, and somebody has to
     * wait for it.  `ended` follows. */
    void (*left)(void *ctx, pid_t shim_pid);
    /* The last call; the watch closes itself before. */
    void (*ended)(void *ctx, enum watch_end end, const char *why);
};

/* Watch a shim that was just spawned by this process and reports into `report_fd`.
 * Consumes the descriptors (a pidfd and the pipe), also on failure.  -errno. */
int uv_watch_open(uv_loop_t *loop, pid_t shim_pid, int shim_fd, int report_fd,
                  const struct uv_watch_events *events, void *ctx,
                  struct uv_watch **ret_watch);
/* Watch one that an earlier agent spawned and whose task runs.  `init_pid` 0: not known. */
int uv_watch_adopt(uv_loop_t *loop, int shim_fd, pid_t shim_pid, pid_t init_pid,
                   const struct uv_watch_events *events, void *ctx,
                   struct uv_watch **ret_watch);
/* Stop watching; no more events. */
void uv_watch_close(struct uv_watch *w);

bool uv_watch_is_started(const struct uv_watch *w);
void uv_watch_signal(const struct uv_watch *w,
                     int number); /* init passes it on to the task */
/* Replace SHIM_TOKEN_PATH in the task's sandbox.  -ESRCH, -ENOENT when it was started without one;
 * -errno. */
int uv_watch_put_token(const struct uv_watch *w, const char *token);
/* Mask in its sandbox what can be seen there again.  -ESRCH, -errno. */
int uv_watch_hide(const struct uv_watch *w, const struct hidden *hidden);
void uv_watch_kill_shim(const struct uv_watch *w);

#endif

/* Deletes the output of ended tasks when it has been kept long enough (isolate/log_keep.h), and says what
 * was lost of any: looked at in a thread, while the agent runs. */
#ifndef ISOLATE_UV_LOG_KEEP_H
#define ISOLATE_UV_LOG_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct uv_loop_s;
struct uv_trash;
struct uv_log_keep;

struct uv_log_keep_options {
    struct uv_loop_s *loop;
    const char *tasks; /* the directory; copied */
    struct uv_trash *trash;
    /* Is there a task of that key?  Asked on the loop, just before its directory goes. */
    bool (*is_held)(void *ctx, const char *key);
    /* The run of that start has lost so many bytes of its output so far; told again and again. */
    void (*lost)(void *ctx, const char *key, uint64_t started_unix_ms, uint64_t bytes);
    void *ctx;
};

/* NULL when out of memory: then nothing is deleted or told. */
struct uv_log_keep *uv_log_keep_open(const struct uv_log_keep_options *options);
/* Nothing is deleted after this; the memory goes when the loop has run. */
void uv_log_keep_close(struct uv_log_keep *k);

#endif

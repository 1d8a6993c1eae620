/* Health probes: one HTTP GET or TCP connect with a deadline. */
#ifndef ISOLATE_UV_PROBE_H
#define ISOLATE_UV_PROBE_H

#include <uv.h>

#include "core/job.h"

typedef void (*uv_probe_cb)(void *ctx, bool is_ok,
                            const char *detail); /* detail: "HTTP 500", "refused" */

/* Always answered, exactly once, from the loop, within timeout_ms; -ENOMEM otherwise. */
int uv_probe(uv_loop_t *loop, const struct health_spec *check, struct endpoint to,
             uv_probe_cb done, void *ctx);

#endif

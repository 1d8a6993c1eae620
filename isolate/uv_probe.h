/* Health probes: one HTTP GET or TCP connect each, with a deadline.
 *
 * However many are asked for, only so many are under way at a time; the others wait for their turn,
 * and their time runs from then on. */
#ifndef ISOLATE_UV_PROBE_H
#define ISOLATE_UV_PROBE_H

#include <uv.h>

#include "core/job.h"

enum {
    PROBES_MAX = 128,              /* under way at a time, those that are closing too */
    PROBE_LINGER_MS = 500,         /* for the peer to close after us */
    PROBE_DISCARD_MAX = 128 << 20, /* bytes of too long answers thrown away each second */
};

struct uv_prober;

/* `words`: "answered 200 OK", "connection refused"; valid during the call.  NULL: the task could not
 * be asked for want of files or ports of our own, so nothing is known of it. */
typedef void (*uv_probed_cb)(void *ctx, const char *key, unsigned check, bool is_ok,
                             const char *words);

struct probe_order {
    const char *key; /* of the task */
    unsigned check;  /* which of its checks */
    const struct health_spec *health;
    struct endpoint to;
};

int uv_prober_open(uv_loop_t *loop, uv_probed_cb done, void *ctx,
                   struct uv_prober **ret_prober);
/* What is under way ends unanswered. */
void uv_prober_close(struct uv_prober *p);

/* Answered exactly once, from the loop, unless it is forgotten before; what is needed of `order` is
 * copied.  -ENOMEM: not answered. */
int uv_probe(struct uv_prober *p, const struct probe_order *order);

/* The task of that key is another now: what was asked about the old one is not answered any more. */
void uv_prober_forget(struct uv_prober *p, const char *key);

/* Under way or waiting. */
size_t uv_prober_count(const struct uv_prober *p);

#endif

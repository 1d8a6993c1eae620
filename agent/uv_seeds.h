/* --join: addresses as they are, names through c-ares (glibc's resolver needs shared libraries).
 *
 * Names are looked up until somebody was met: a host that starts before its network or its name
 * server must not stay alone for that. */
#ifndef AGENT_UV_SEEDS_H
#define AGENT_UV_SEEDS_H

#include <uv.h>

#include "core/err.h"
#include "core/ids.h"

struct uv_seeds;

struct uv_seeds_events {
    /* What is known so far: called from uv_seeds_open with the addresses given, if there are any
     * or no names; from the loop, within ten seconds, when the names were looked up; and whenever
     * another look-up found something else.  `n_unknown` names have no address yet. */
    void (*found)(void *ctx, const struct endpoint *seeds, size_t n, size_t n_unknown);
    /* Asked before names are looked up again: does this node still know nobody? */
    bool (*is_alone)(void *ctx);
    void *ctx;
};

/* ERR_INVALID for text that is neither an address nor a name.  A name that does not resolve is
 * logged when it begins to, and when it ends. */
int uv_seeds_open(uv_loop_t *loop, const char *const *texts, size_t n,
                  uint16_t default_port, const struct uv_seeds_events *events,
                  struct uv_seeds **ret_seeds, struct err *err);
void uv_seeds_close(struct uv_seeds *s); /* NULL is fine; freed once the loop has run */

#endif

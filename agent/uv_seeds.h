/* --join: addresses as they are, names through c-ares (glibc's resolver needs shared libraries). */
#ifndef AGENT_UV_SEEDS_H
#define AGENT_UV_SEEDS_H

#include <uv.h>

#include "core/err.h"
#include "core/ids.h"

/* Calls `done` once from this call (no names given) or later from the loop, within ten seconds,
 * with what could be resolved; names that do not resolve are logged.  ERR_INVALID for text that is
 * neither an address nor a name. */
int seeds_resolve(uv_loop_t *loop, const char *const *texts, size_t n,
                  uint16_t default_port,
                  void (*done)(void *ctx, const struct endpoint *seeds, size_t n),
                  void *ctx, struct err *err);

#endif

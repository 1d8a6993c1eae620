/* Landlock: what a task may not do although its user may, on kernels that have it.
 *
 * Additive: nothing is refused to a task because a kernel is older; landlock_abi says what holds
 * and the agent tells people.  Source: kernel userspace-api/landlock.rst. */
#ifndef ISOLATE_LANDLOCK_H
#define ISOLATE_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    LANDLOCK_ABI_TCP = 4,   /* Linux 6.7: a task binds only its own TCP ports */
    LANDLOCK_ABI_SCOPE = 6, /* Linux 6.12: no abstract socket and no signal outside */
};

/* The ABI of this kernel; 0 = it has none, or it is switched off. */
unsigned landlock_abi(void);

/* Confine this process and all it will start, for good: bind(2) of TCP only to `ports` and to
 * port 0 (any free one), no abstract unix socket that was made outside and no signal to a process
 * outside; as much of it as this kernel can.  Sets no_new_privs.  Processes that are confined
 * together reach each other as before, and those outside reach them. */
int landlock_confine(const uint16_t *ports, size_t n_ports, struct err *err);

/* For people: what this kernel cannot keep a task from; NULL when it can all. */
const char *landlock_missing(unsigned abi);

#endif

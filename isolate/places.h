/* Places of the host that each task has of its own, or does not see at all.  Pure. */
#ifndef ISOLATE_PLACES_H
#define ISOLATE_PLACES_H

#include "isolate/shim_file.h"

/* The place that hides `path`, which is absolute, from that task; NULL: none does. */
const char *places_hide(const struct shim_launch *l, const char *path);
/* The agent's own program (STRATOS_BIN), which every task may run; NULL: it is not said. */
const char *places_program(const struct shim_launch *l);

#endif

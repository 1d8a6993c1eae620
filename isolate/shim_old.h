/* A task's files as 0.1.0 wrote them: format 1, every field at its place.  Read only, for
 * tasks that such an agent started and that run on. */
#ifndef ISOLATE_SHIM_OLD_H
#define ISOLATE_SHIM_OLD_H

#include "isolate/shim_file.h"

bool shim_old_is(struct bytes in, uint32_t magic);
int shim_old_launch(struct bytes in, struct arena *arena, struct shim_launch *ret_launch);
int shim_old_state(struct bytes in, struct shim_state *ret_state);

#endif

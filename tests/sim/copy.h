/* Old copies: of a node's disk, as a backup is, or of its memory as well, as a snapshot of a virtual
 * machine is. */
#ifndef SIM_COPY_H
#define SIM_COPY_H

#include "tests/sim/world.h"

struct store *copy_of(struct store *from);
/* Take a copy of a disk as it is now, in the place of an earlier one. */
void copy_take(struct sim *s, unsigned node);
/* Put it back, if there is one, and boot.  With its memory the node goes on in the life it was in. */
void copy_put_back(struct sim *s, unsigned node, bool has_memory);

#endif

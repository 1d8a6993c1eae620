/* Variables that people of the simulator set, remove and set again while tombstones are let go, and
 * what must have become of both at the end. */
#ifndef SIM_VAR_H
#define SIM_VAR_H

#include "tests/sim/world.h"

enum {
    VAR_TOKEN = SIM_JOBS_MAX + SIM_ROTATIONS_MAX
}; /* of the first variable's answer */

/* Set or remove one on a node that knows of the time before, if there is any. */
void var_order(struct sim *s, const uint64_t dice[2]);
void var_answered(struct sim *s, const struct node_effect *e);

/* What was acknowledged is so on this node, if nothing contradicted it. */
bool vars_are_right(const struct sim *s, unsigned node, char *why, size_t cap);
/* Where tombstones are let go within the run, none is left of those who are up; who were wiped
 * are waited for. */
void var_check_collected(struct sim *s);

#endif

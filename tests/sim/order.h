/* Orders of the simulator that are held to their answers, while the disks of their nodes refuse writes:
 * each is about a thing of its own, a variable or a job, so that what it did can be told from all else.
 *
 * An order that was refused is in nobody's table, ever.  One that was done is in the tables of all in
 * the end.  Of the others, whose answer says that they may stand, all tables say the same. */
#ifndef SIM_ORDER_H
#define SIM_ORDER_H

#include "tests/sim/var.h"

enum { ORDER_TOKEN = VAR_TOKEN + SIM_VARS_MAX }; /* two for each order: made, ended */

/* Make a thing, or end one that was made, on a node that knows it. */
void order_give(struct sim *s, const uint64_t dice[2]);
void order_answered(struct sim *s, const struct node_effect *e);

/* At any time: nobody has what was refused. */
void order_check_refused(struct sim *s);
/* In the end, of one node. */
bool orders_are_right(const struct sim *s, unsigned node, char *why, size_t cap);

#endif

/* Orders that come in pairs: the same order twice, as from people who did not wait for the answer, or two
 * at once to two nodes that do not know of each other's.  In the end all say the same: the value of one
 * that was not refused. */
#ifndef SIM_PAIR_H
#define SIM_PAIR_H

#include "tests/sim/order.h"

enum { PAIR_TOKEN = ORDER_TOKEN + 2 * SIM_ORDERS_MAX }; /* two for each pair */

/* Set the next variable at `nodes`, which may be one, to the same value or to two.  False: no node. */
bool pair_give(struct sim *s, const unsigned nodes[2], bool is_same, int ack);
void pair_by_dice(struct sim *s, const uint64_t dice[2]);
void pair_answered(struct sim *s, const struct node_effect *e);
/* The variable of the pair, as `node` has it, or of what lost to it; NULL. */
const struct entry *pair_entry(const struct sim *s, unsigned node, size_t index,
                               bool is_lost);
bool pairs_are_right(const struct sim *s, unsigned node, char *why, size_t cap);

#endif

/* A job's constraints against every node, remembered: what was asked of a node once is not asked
 * again in the same plan, and jobs that ask the same share the answers. */
#ifndef SCHED_PLACE_RULE_H
#define SCHED_PLACE_RULE_H

#include "sched/view.h"

struct rule {
    const struct constraint *constraint; /* NULL: a free slot */
    uint8_t *answers; /* == and like, by node: 0 not asked yet, 1 holds, 2 does not */
    /* unique, by node: which value, from 1; 0 = lacks the attribute */
    uint32_t *value_of;
    uint32_t *taken_in; /* unique, by value: the round in which it was taken last */
};

struct rules {
    const struct view *view;
    struct arena *arena;
    struct rule *slots; /* open addressing, a power of two, at most half full */
    size_t n_slots;
};

/* Room for every constraint of every job; all memory is the arena's.  0 or -ENOMEM. */
int rules_init(struct rules *r, const struct view *v, struct arena *arena);
/* The rule of a constraint, made at its first use; NULL when out of memory. */
struct rule *rules_find(struct rules *r, const struct constraint *c);

/* Does the node itself satisfy it?  For unique: does it have the attribute? */
bool rule_holds(const struct rules *r, struct rule *rule, uint32_t node);
/* unique: has the node's value been taken in this round?  Other rules are never taken. */
bool rule_is_taken(const struct rule *rule, uint32_t node, uint32_t round);
void rule_take(struct rule *rule, uint32_t node, uint32_t round);

#endif

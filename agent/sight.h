/* Sight: whom this node reaches and whom not, since when, and what waits for that, in the words that
 * every answer and every page begins with. */
#ifndef AGENT_SIGHT_H
#define AGENT_SIGHT_H

#include "agent/node.h"

struct sight_member {
    const char *name;   /* means it alone */
    uint64_t silent_ms; /* since it was heard; SILENT_SINCE_START */
};

struct sight {
    const char *self;
    size_t within, total; /* alive or suspect; these and the dead */
    const struct sight_member
        *gone; /* dead, and not said to be back: the last heard first */
    size_t n_gone;
    const struct sight_member *away; /* said to be back: silent_ms is for how long yet */
    size_t n_away;
    uint64_t wait_ms; /* so long take-overs wait yet; 0 = they do not */
    bool is_asking;   /* for at most so long: the others are being asked */
};

/* All of it in `arena`; 0 or -ENOMEM. */
int sight_of(const struct node *n, const char *self, uint64_t now_ms, struct arena *arena,
             struct sight *ret);
/* Is at least half of the cluster, and more than one node, out of reach? */
bool sight_is_split(const struct sight *s);
/* "SPLIT: n1 reaches 2 of 5 (n3, n4, n5 silent 12s); take-overs wait 18s more; this is the smaller side",
 * "n1 reaches 4 of 5 (n5 silent 44s)"; NULL while everybody is within reach, or without memory. */
const char *sight_text(const struct sight *s, struct arena *arena);
/* "n3, n4 and 7 more silent 12s, n9 silent 3m2s". */
const char *sight_gone_text(const struct sight *s, struct arena *arena);
/* "take-overs wait 18s more"; "" when they do not. */
const char *sight_wait_text(const struct sight *s, struct arena *arena);

#endif

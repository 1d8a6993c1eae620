/* Who said `away` and is not back: for how long nobody replaces their work.
 *
 * The row says a duration, and each node counts it on its own monotonic clock from when it first
 * saw a dead member's row, for clocks of two nodes are never compared.  So two nodes may differ for
 * a moment about when it is over, as they may about a suspicion; claims and generations put that
 * right.  A node that starts meanwhile counts anew: it cannot know since when. */
#ifndef SCHED_AWAY_H
#define SCHED_AWAY_H

#include "core/arena.h"
#include "gossip/face/replica.h"

enum {
    AWAY_MAX_MS = 3600000, /* nobody is waited for longer, whatever the row says */
    FORMER_MS = 120000     /* and so long for one that was heard as an agent of 0.1 */
};

struct away {
    struct node_id id;
    uint64_t epoch, number; /* of the row that says so */
    uint64_t until_ms;      /* monotonic, ours */
};

struct aways {         /* zeroed: nobody */
    struct away *list; /* by id */
    size_t n;
};

void aways_fini(struct aways *a);
/* Look at members and their rows as they are now; `arena` is for reading them.  Without memory it
 * stays as it was: -ENOMEM. */
int aways_update(struct aways *a, const struct members *members,
                 const struct table *table, struct arena *arena, uint64_t now_ms);
/* Until when the work of a member that is heard in words of 0.1 is left alone; 0 = it is not. */
uint64_t away_former_ms(const struct members *members, const struct member *m, uint64_t now_ms);
/* Until when work of `id` is left alone; 0 = it is not, or no more. */
uint64_t aways_until_ms(const struct aways *a, struct node_id id, uint64_t now_ms);

#endif

/* The queue of membership rumors: which members are talked about, least often told first.
 *
 * One rumor per member at most; what is told is the member's state at the moment of telling, so
 * a newer belief replaces an older one by itself.  A rumor is where its owner's slot points; the slot
 * is NULL while nothing is told, and must not move meanwhile. */
#ifndef GOSSIP_MEMBERS_RUMOR_H
#define GOSSIP_MEMBERS_RUMOR_H

#include <stdbool.h>
#include <stddef.h>

enum {
    RUMOR_TOLD_MAX = 31, /* more transmissions than any cluster of MEMBERS_MAX asks for */
};

struct rumor {
    struct rumor *next, *prev;
    struct rumor **slot; /* the owner's, which points here while it is told */
    unsigned told;
};

struct rumor_queue {
    struct rumor heads[RUMOR_TOLD_MAX + 1]; /* by how often told; newest first in each */
    size_t n;
};

void rumor_init(struct rumor_queue *q);
/* Told from now on as if it were never told before.  Without memory it is not told: comparisons
 * bring it. */
void rumor_put(struct rumor_queue *q, struct rumor **slot);
void rumor_drop(struct rumor_queue *q, struct rumor **slot); /* fine when not queued */

/* How often a rumor is told: mult * ceil(log10(n_members + 1))   (SWIM 4.1). */
unsigned rumor_limit(unsigned mult, size_t n_members);

/* Offer rumors to `take`, least told first and the newest of equals first, so that a refutation
 * overtakes the suspicion it answers.  `take` returns false when there is no room: the walk ends.
 * A rumor leaves the queue after `limit` transmissions.  Returns how many were taken. */
size_t rumor_take(struct rumor_queue *q, unsigned limit,
                  bool (*take)(void *ctx, struct rumor **slot), void *ctx);

#endif

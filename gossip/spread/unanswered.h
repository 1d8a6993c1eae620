/* What was pushed along the tree and has not been answered: bookkeeping only, tree.h sends.
 *
 * A datagram is told again to a peer that does not answer it, for a lost one would cut off all that
 * lies behind that peer until its other links' ids repaired it.  TCP's idea (RFC 6298) without a
 * window: what is told again is looked up anew, and comparisons stand behind it. */
#ifndef GOSSIP_SPREAD_UNANSWERED_H
#define GOSSIP_SPREAD_UNANSWERED_H

#include "gossip/machine/machine.h"

enum {
    /* In the sequence of a push that is told again: who knows it already only answers, for it may
     * have it from us, and that is no reason to prune. */
    PUSH_AGAIN = 1u,
};

/* These ranges are about to leave in one datagram: the sequence it shall carry, 0 when too much
 * waits already and nobody will look after it. */
uint32_t unanswered_add(struct gossip *g, uint64_t now_ms, const struct peer *to,
                        const struct message_range *ranges, size_t n);
/* The peer answered a sequence, whether told once or again: the ranges go, and the way is measured. */
void unanswered_hear(struct gossip *g, uint64_t now_ms, struct node_id peer, uint32_t sequence);
/* Nobody looks after them any more. */
void unanswered_clear(struct gossip *g, struct node_id peer, uint32_t sequence);
/* The peer asks for a range: if that waits for its answer, it is due again at once, and true. */
bool unanswered_hasten(struct gossip *g, uint64_t now_ms, struct node_id peer,
                       const struct push_range *range);
/* The ranges of the next datagram that is to be told again, in `scratch`; 0 when none is due.  Each
 * is returned a few times at growing pauses, then forgotten. */
size_t unanswered_take(struct gossip *g, uint64_t now_ms, struct push_range **ret_ranges,
                       struct node_id *ret_peer, uint32_t *ret_sequence);
uint64_t unanswered_deadline_ms(const struct gossip *g);

#endif

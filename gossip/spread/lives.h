/* The lives of this node.  Every start begins one, with an epoch of its own, in which numbers begin
 * at 1.  So a number never means two things, also where an old copy of the store was put back.
 *
 * Kept is how far each former life went.  What is heard of ourselves and is not among that, peers
 * know and we do not: this store, or this memory, is an old copy.  Then those entries are pulled and
 * numbered again in the present life, where everyone hears of them (renumber.h). */
#ifndef GOSSIP_SPREAD_LIVES_H
#define GOSSIP_SPREAD_LIVES_H

#include "gossip/machine/machine.h"

/* Epochs are below it: what is added to one never wraps. */
#define EPOCH_MAX ((uint64_t)1 << 60)

/* What the local store has under `number` and `lives`; ERR_DAMAGED. */
int lives_restore_number(struct gossip *g, struct bytes value);
int lives_restore(struct gossip *g, struct bytes value);
void lives_persist(struct gossip *g, struct gossip_effects *fx);
/* The epoch that the host proposes for the life that begins now. */
void lives_propose(struct gossip *g, uint64_t epoch);
/* Once, after the last restore and before the first write or message. */
void lives_begin(struct gossip *g, struct gossip_effects *fx);
/* One more: the present one is as if it had not been, and what it wrote is numbered again. */
void lives_begin_again(struct gossip *g, struct gossip_effects *fx);

/* Is this a number that we gave, and remember? */
bool lives_know(const struct gossip *g, uint64_t epoch, uint64_t number);
/* Was it given by us, or told to us with all else that the peer knew of us?  Then what is not here was
 * deleted. */
bool lives_covers(const struct gossip *g, uint64_t epoch, uint64_t number);
/* A peer that missed no deletion has told us all that it had seen of us. */
void lives_pulled(struct gossip *g, const struct seen_number *line);
/* What was pulled has been numbered again: those numbers are remembered as given. */
void lives_settle(struct gossip *g, struct gossip_effects *fx);
/* Own entries of former lives are to be looked at from the first on (renumber.h). */
void lives_walk(struct gossip *g);
/* Somebody knows this number of ours. */
void lives_heed(struct gossip *g, uint64_t epoch, uint64_t number);
/* A member has nothing that we lack. */
void lives_compared(struct gossip *g);
/* What a greeting says of ourselves: while peers know more, it asks for all that came after the last
 * life we remember. */
void lives_greet(const struct gossip *g, struct message_seen *own);

#endif

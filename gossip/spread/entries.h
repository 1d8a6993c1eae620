/* What enters the table, from others and from ourselves: checks, persistence, effects, numbers.
 *
 * A member that was forgotten (record forget/<id>, whose value is the incarnation it had) is kept
 * out with its rows until it comes back with a higher incarnation. */
#ifndef GOSSIP_SPREAD_ENTRIES_H
#define GOSSIP_SPREAD_ENTRIES_H

#include "gossip/machine/machine.h"

/* Merge all of a range and advance what is seen of its writer; entries that are not allowed are
 * skipped, and those that were superseded before, unless they fill gaps.  Returns 1 when it was news, 0 when not, ERR_MALFORMED, ERR_BOUND, -ENOMEM. */
int entries_hear(struct gossip *g, uint64_t now_ms, const struct message_range *range,
                 bool fills_gaps, struct gossip_effects *fx);
/* Take out an entry without a trace: everyone knows that it is gone. */
void entries_drop(struct gossip *g, const struct entry *e, struct gossip_effects *fx);
/* As gossip_publish, without pushing.  While the stage (stage.h) is open it is only staged. */
int entries_write(struct gossip *g, uint64_t now_ms, struct bytes key, struct bytes value,
                  uint64_t *ret_number, struct gossip_effects *fx);
/* All that is staged as one batch for the store, with the number that it reaches. */
int entries_staged(struct gossip *g, const struct store_change **ret_changes,
                   size_t *ret_n, struct gossip_effects *fx);
/* The store has it: into the table with it.  -ENOMEM when some of it found no memory there. */
int entries_commit(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* The store said no, and may have it all the same. */
void entries_burn(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* Write an own entry of a former life, as it is, once more in the present one. */
int entries_renumber(struct gossip *g, uint64_t now_ms, const struct entry *e,
                     struct gossip_effects *fx);
/* What was stored: ERR_DAMAGED for what we could not have stored. */
int entries_restore(struct gossip *g, struct bytes key, struct bytes value);
int entries_restore_seen(struct gossip *g, struct bytes key, struct bytes value);
/* PERSIST what was seen of whom, and our own number: what stands for entries that were stored before. */
void entries_persist_seen(struct gossip *g, struct gossip_effects *fx);
void entries_persist(struct gossip *g, const struct entry *e, struct gossip_effects *fx);
/* After the last restore. */
void entries_start(struct gossip *g, struct gossip_effects *fx);

/* The first incarnation in which the member would not be forgotten; 0: in any.  A record that leaves
 * none says nothing: only a hostile member writes one. */
uint32_t entries_incarnation_after(const struct gossip *g, struct node_id id);
bool entries_is_forgotten(const struct gossip *g, struct node_id id, uint32_t incarnation);
int entries_forget(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                   struct gossip_effects *fx);
/* Drop a dead or left member that was forgotten, with its rows.  False when it was not. */
bool entries_drop_forgotten(struct gossip *g, struct peer *peer, struct gossip_effects *fx);

#endif

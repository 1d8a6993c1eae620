/* What the files of entries share, highest first: entries.c (merging), entries_own.c (own writes),
 * entries_forget.c (forgotten members), entries_store.c (the local store). */
#ifndef GOSSIP_SPREAD_ENTRIES_INNER_H
#define GOSSIP_SPREAD_ENTRIES_INNER_H

#include "gossip/spread/entries.h"

/* Counters that may be used: with this many left no addition ever wraps.  What we write ourselves
 * keeps to it as well: others would refuse it, and the tables could never be the same again. */
#define COUNTER_MAX ((uint64_t)1 << 60)

static inline bool entries_is_number(uint64_t epoch, uint64_t number)
{
    return epoch <= COUNTER_MAX && number <= COUNTER_MAX;
}

/* The line of what was seen of a writer. */
void entries_persist_line(struct gossip *g, struct node_id writer, struct gossip_effects *fx);
/* No line of this writer is kept any more. */
void entries_forget_line(struct gossip *g, struct node_id writer, struct gossip_effects *fx);
/* The present life, and its newest number. */
void entries_persist_number(struct gossip *g, struct gossip_effects *fx);
/* forget/<id> */
struct bytes entries_forget_key(struct node_id id, char out[static 64]);
/* A record that forgets a member has just been merged. */
void entries_obey_forget(struct gossip *g, struct bytes key, struct gossip_effects *fx);
/* lost/<key>; empty when that is no key any more, or no record whose losers are kept: a secret that
 * nobody took is of use to nobody but thieves. */
struct bytes entries_lost_key(struct bytes key, char out[static KEY_LEN_MAX]);

#endif

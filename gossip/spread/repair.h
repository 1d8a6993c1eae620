/* The end of a comparison: what still differs although both have seen the same.
 *
 * Whole buckets are listed by the hashes of their entries, and each side sends what the other's
 * list lacks: a bounded part at a time, the next comparison goes on.  Who is stale (water.h) takes
 * out what the list of one that is not does not have although it has seen it. */
#ifndef GOSSIP_SPREAD_REPAIR_H
#define GOSSIP_SPREAD_REPAIR_H

#include "gossip/machine/stream.h"

/* Answers with a LIST of what differs, or DONE. */
void repair_hear_check(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx);
/* Of a large table (parts.h): ours says which parts differ, theirs lists them. */
void repair_hear_parts(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx);
/* Ours answers with its own LIST, then sends what is lacking; theirs sends it, then DONE. */
void repair_hear_list(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx);

/* Nothing differs any more, or as much as fits was sent. */
void repair_hear_done(struct gossip *g, const struct stream *s, const struct message *m,
                      struct gossip_effects *fx);

#endif

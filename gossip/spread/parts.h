/* Parts of buckets: of a large table a bucket is compared by 1,024 hashes before its entries are listed.
 *
 *     CHECK           bucket hashes                                            (repair.h)
 *     BUCKET_PARTS    the hashes of the parts of up to 16 buckets that differ
 *     BUCKET_PARTS    which of these parts differ, a bit each
 *     LIST            what is in those
 *
 * What is not in a part that differs is the same on both sides, as if it were listed. */
#ifndef GOSSIP_SPREAD_PARTS_H
#define GOSSIP_SPREAD_PARTS_H

#include "gossip/machine/stream.h"

/* A message that says which parts its `listed` buckets are about; none said: all of each. */
bool parts_speak_of(const struct message *m, size_t listed, struct bytes key);
/* Are this many entries in a bucket enough for it? */
bool parts_are_due(const struct table *t);
/* The hashes of the first few buckets of those wanted; false when there is no room. */
bool parts_send_hashes(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const bool *is_wanted, struct gossip_effects *fx);
/* Hashes came: say which of them differ.  ERR_MALFORMED, -ENOMEM. */
int parts_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                 const struct message *m, struct gossip_effects *fx);

#endif

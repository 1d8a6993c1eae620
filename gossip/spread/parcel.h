/* Entries packed in ranges for one frame of a comparison, as many as there is room for. */
#ifndef GOSSIP_SPREAD_PARCEL_H
#define GOSSIP_SPREAD_PARCEL_H

#include "gossip/machine/stream.h"

struct parcel {
    struct message_range *ranges; /* in the step's scratch arena */
    size_t n, cap, entries_cap, left;
    uint32_t sequence; /* of a push that is told again; 0 for a new one */
    bool has_unkept;   /* a push was sent that nobody looks after */
};

/* The first range of an epoch names what it follows on.  False when that is not known. */
bool parcel_follow(const struct gossip *g, struct message_range *range);
/* Begin a range; NULL when out of memory. */
struct message_range *parcel_range(struct gossip *g, struct parcel *p, struct node_id writer,
                                   uint64_t epoch, uint64_t after);
/* Add to the newest range.  False when there is no room; the very first entry always has. */
bool parcel_entry(struct gossip *g, struct parcel *p, const struct entry *e);
void parcel_send(struct gossip *g, uint64_t now_ms, struct stream *s, const struct parcel *p,
                 struct gossip_effects *fx);

/* A range of what we have seen of a writer that goes on where the stream's cursor is, into this epoch; the
 * rest of the epochs between, which may be empty, comes first.  NULL when there is no room. */
struct message_range *parcel_follow_on(struct gossip *g, struct stream *s, struct parcel *p,
                                       const struct seen_number *seen, uint64_t epoch);

#endif

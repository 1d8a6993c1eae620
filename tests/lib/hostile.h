/* Messages as a member that holds the secret could make them up, read off a script of bytes: right in
 * form, with ids, counters, keys and values of the kind that hurts.  For fuzz targets; the same
 * script makes the same messages. */
#ifndef TESTS_LIB_HOSTILE_H
#define TESTS_LIB_HOSTILE_H

#include "gossip/gossip.h"
#include "proto/codec.h"

enum { HOSTILE_IDS = 8 }; /* the first two are those of the machines under test */

/* What the hostile member has overheard, and may tell rightly or almost. */
struct hostile_truth {
    uint64_t number, epoch, digest, members_digest;
    uint32_t sequence;       /* of the newest probe */
    const uint64_t *buckets; /* may be NULL */
};

struct node_id hostile_id(unsigned i);
struct endpoint hostile_endpoint(unsigned i);
uint64_t hostile_number(struct reader *script, const struct hostile_truth *truth);
/* A key, and a value of up to some 70 KiB, .at NULL for a deletion; both in `arena`. */
struct bytes hostile_key(struct reader *script, struct arena *arena);
struct bytes hostile_value(struct reader *script, struct arena *arena);
/* The message lives in `arena`.  False when the script or the arena has ended. */
bool hostile_message(struct reader *script, struct arena *arena,
                     const struct hostile_truth *truth, struct message *ret_message);
/* What is wrong with a machine whatever it has heard: digests that are not those of what is in the
 * table, or of the members; NULL when nothing is. */
const char *hostile_harm(const struct gossip *g, struct node_id self);

#endif

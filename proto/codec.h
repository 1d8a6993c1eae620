/* Messages between members as plain structs, and their wire form (protobuf, stratos.proto).
 *
 * Decoding is strict about ids, endpoints, counts and lengths.  What comes back lives in the
 * arena and nothing of it points into the input; the arena's limit bounds what a hostile
 * message can make us allocate.  What the values mean is judged a floor higher. */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "core/arena.h"
#include "core/cluster.h"
#include "proto/seal.h"

enum {
    MESSAGE_BUCKETS = 128,
    MESSAGE_OLDER = 3, /* lives in a line of what was seen, older than the former one */
    MESSAGE_PARTS =
        1024, /* of what was seen, by the writers' ids; of a bucket, by its keys' hashes */
    MESSAGE_PARTED_MAX = 16, /* buckets whose parts one message has: 128 KiB of hashes */
    MESSAGE_COORDINATE = 11,
    /* A message that travels as a datagram has to leave room for its seal. */
    MESSAGE_DATAGRAM_MAX = DATAGRAM_MAX - SEAL_OVERHEAD,
};

enum message_kind {
    MESSAGE_PING = 1,
    MESSAGE_ACK,
    MESSAGE_PING_REQ, /* please probe `target` for me */
    MESSAGE_NACK,     /* I tried; nothing came yet */
    MESSAGE_NEWS,     /* only what is piggybacked: `members` */
    MESSAGE_PUSH,     /* fresh `ranges` */
    MESSAGE_SEEN,     /* answer to a push; what was seen is in the header */
    MESSAGE_SYNC,     /* opens a comparison: `buckets`, `seen` or `parts` */
    MESSAGE_SYNC_REPLY, /* `buckets`, `differing`, `unsaid`, and of those that differ `seen` */
    MESSAGE_BUSY,       /* not now: too many comparisons run */
    MESSAGE_MEMBERS, /* `members`, a part of the list */
    MESSAGE_ENTRIES, /* `ranges` the other lacks */
    MESSAGE_CREDIT,  /* one more frame may be sent */
    MESSAGE_END,     /* everything the other lacked was sent */
    MESSAGE_CHECK,   /* `buckets` after both ends */
    MESSAGE_LIST,    /* `listed`, `items`: what is in buckets that still differ */
    MESSAGE_DONE,    /* the comparison is over */
    MESSAGE_HAVE,    /* `seen`: what the sender has of these writers, for who lacks it */
    MESSAGE_GRAFT,   /* `seen`: send me what follows, and whatever is fresh from now on */
    MESSAGE_PRUNE,   /* I have that already; send me only HAVE */
    MESSAGE_GREET,   /* after `parts`: as SYNC_REPLY, of the side that asked */
    MESSAGE_TWIN, /* `members`, `items`: two lives of one id, the elder first, and their epochs */
    MESSAGE_BUCKET_PARTS, /* `listed`, and their `parts`; answered by `listed_parts` */
    MESSAGE_KINDS,
};

struct message_member {
    struct node_id id;
    const char *name; /* never NULL after decoding */
    struct endpoint endpoint;
    struct endpoint second; /* of the other family; family 0: nothing is said of one */
    enum member_state state;
    uint32_t incarnation;
    struct node_id accuser; /* zero: none */
};

struct message_entry {
    struct bytes key, value; /* value.at == NULL: a tombstone */
    uint64_t number, generation;
    stamp_t stamp;
};

struct message_range {
    struct node_id writer;
    uint64_t epoch, after, through;
    struct message_entry *entries;
    size_t n_entries;
    uint64_t before_epoch, before_number; /* where its epoch before ended; zeros: unknown */
};

struct message_life {
    uint64_t epoch, number;
};

struct message_seen {
    struct node_id writer;
    uint64_t epoch, number;
    bool is_stale; /* of a greeting, as what follows */
    uint64_t before_epoch, before_number; /* seen of epochs before; zeros: all */
    struct message_life older[MESSAGE_OLDER]; /* of those before that one */
};

struct message {
    enum message_kind kind;
    struct message_member sender;
    struct node_id to; /* zero: whoever is at the address */
    uint32_t sequence;
    bool has_target;
    struct message_member target;
    uint64_t digest, members_digest;
    uint64_t known_epoch, known_number;
    uint64_t at_unix_ms;
    struct message_member *members;
    size_t n_members;
    struct message_range *ranges;
    size_t n_ranges;
    struct message_seen *seen;
    size_t n_seen;
    uint64_t *buckets; /* MESSAGE_BUCKETS or none */
    size_t n_buckets;
    uint32_t *listed; /* each below MESSAGE_BUCKETS */
    size_t n_listed;
    uint64_t epoch; /* of the sender's present life; 0: not told */
    struct endpoint observed; /* of an ACK: where the PING came from; family 0: from its sender's endpoint */
    struct bytes coordinate; /* of the sender, MESSAGE_COORDINATE bytes; .at NULL: not told */
    uint64_t *items;
    size_t n_items;
    uint64_t *
        parts; /* MESSAGE_PARTS, of BUCKET_PARTS so many of each that is listed; or none */
    size_t n_parts;
    struct bytes listed_parts;    /* MESSAGE_PARTS bits of each that is listed; or none */
    uint32_t *differing, *unsaid; /* each below MESSAGE_PARTS, no more than MESSAGE_PARTS */
    size_t n_differing, n_unsaid;
    uint64_t graves; /* of a greeting: which writers are retired */
};

/* The wire form, in `arena`; 0, -ENOMEM. */
int message_encode(const struct message *m, struct arena *arena, struct bytes *ret_out);
/* ERR_MALFORMED also for a known field with an impossible value; -ENOMEM at the arena's limit. */
int message_decode(struct bytes in, struct arena *arena, struct message *ret_message);

/* Upper bounds of what a part adds to a message, for filling datagrams and frames. */
size_t message_member_size(const struct message_member *member);
size_t message_entry_size(struct bytes key, struct bytes value);
enum {
    MESSAGE_RANGE_SIZE = 86,   /* a range without its entries */
    MESSAGE_HEADER_SIZE = 362, /* everything that is not repeated, with the longest names */
};

#endif

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
    MESSAGE_COORDINATE = 11,
    /* A message that travels as a datagram has to leave room for its seal. */
    MESSAGE_DATAGRAM_MAX = DATAGRAM_MAX - SEAL_OVERHEAD,
};

enum message_kind {
    MESSAGE_PING = 1,
    MESSAGE_ACK,
    MESSAGE_PING_REQ,   /* please probe `target` for me */
    MESSAGE_NACK,       /* I tried; nothing came yet */
    MESSAGE_NEWS,       /* only what is piggybacked: `members` */
    MESSAGE_PUSH,       /* fresh `ranges` */
    MESSAGE_SEEN,       /* answer to a push; what was seen is in the header */
    MESSAGE_SYNC,       /* opens a comparison: `buckets`, `seen` */
    MESSAGE_SYNC_REPLY, /* the same of the other side */
    MESSAGE_BUSY,       /* not now: too many comparisons run */
    MESSAGE_MEMBERS,    /* `members`, a part of the list */
    MESSAGE_ENTRIES,    /* `ranges` the other lacks */
    MESSAGE_CREDIT,     /* one more frame may be sent */
    MESSAGE_END,        /* everything the other lacked was sent */
    MESSAGE_CHECK,      /* `buckets` after both ends */
    MESSAGE_LIST,       /* `listed`, `items`: what is in buckets that still differ */
    MESSAGE_DONE,       /* the comparison is over */
    MESSAGE_HAVE,       /* `seen`: what the sender has of these writers, for who lacks it */
    MESSAGE_GRAFT,      /* `seen`: send me what follows, and whatever is fresh from now on */
    MESSAGE_PRUNE,      /* I have that already; send me only HAVE */
    MESSAGE_KINDS,
};

struct message_member {
    struct node_id id;
    const char *name; /* never NULL after decoding */
    struct endpoint endpoint;
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
};

struct message_seen {
    struct node_id writer;
    uint64_t epoch, number;
    bool is_stale; /* of a greeting */
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
    struct bytes coordinate; /* of the sender, MESSAGE_COORDINATE bytes; .at NULL: not told */
    uint64_t *items;
    size_t n_items;
};

/* The wire form, in `arena`; 0, -ENOMEM. */
int message_encode(const struct message *m, struct arena *arena, struct bytes *ret_out);
/* ERR_MALFORMED also for a known field with an impossible value; -ENOMEM at the arena's limit. */
int message_decode(struct bytes in, struct arena *arena, struct message *ret_message);

/* Upper bounds of what a part adds to a message, for filling datagrams and frames. */
size_t message_member_size(const struct message_member *member);
size_t message_entry_size(struct bytes key, struct bytes value);
enum {
    MESSAGE_RANGE_SIZE = 64,   /* a range without its entries */
    MESSAGE_HEADER_SIZE = 352, /* everything that is not repeated, with the longest names */
};

#endif

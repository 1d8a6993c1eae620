/* Replay windows: which counters of which sender's session were seen (RFC 6479's idea
 * with a ring of bits that is cleared as it moves on).  Pure; who calls has opened the
 * seal first, so only holders of the secret can make it remember anything.
 *
 * Promised: as long as a session is remembered, each of its counters is accepted once,
 * and one that is SEAL_WINDOW or more behind the newest never.
 *
 * Not promised: anything about a session that was forgotten, be it that this process
 * restarted or that SEAL_SESSIONS others were heard since.  A recorded datagram of such a
 * session is accepted again.  The window keeps echoes and duplicates cheap; what the
 * datagrams mean (incarnations, probe numbers, entries that merge by maximum) is what
 * makes an old one harmless. */
#ifndef PROTO_REPLAY_H
#define PROTO_REPLAY_H

#include "proto/seal.h"

struct replay_sender;

struct replay_table {
    struct replay_sender *senders; /* grows by doubling, from none to SEAL_SESSIONS */
    uint32_t *buckets;             /* heads of chains; twice as many as senders */
    uint32_t cap, n;
    uint32_t newest, oldest; /* ends of the list by when last heard */
    uint64_t hash_seed;
};

/* The seed makes bucket order unpredictable. */
void replay_init(struct replay_table *t, uint64_t hash_seed);
void replay_fini(struct replay_table *t);
/* 0 when this counter is new, which it then no longer is; ERR_REPLAYED; -ENOMEM when a
 * new sender found no room at all. */
int replay_check(struct replay_table *t, const uint8_t session[static SESSION_LEN],
                 uint64_t counter);

#endif

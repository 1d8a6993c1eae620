/* How long the way to a peer is, and the patience that follows from it.
 *
 * The profile's times are right for peers whose answers take a quarter of the probe timeout at most:
 * they are near, and their deaths are met as if there were nobody else.  Who is farther has that much
 * more time for an answer, for those who ask in our place, and for a refutation. */
#ifndef GOSSIP_MACHINE_TRIP_H
#define GOSSIP_MACHINE_TRIP_H

#include "gossip/machine/machine.h"

/* An answer to what was sent at `sent_ms` (and `sent_us`, 0: not known) came, straight from the peer. */
void trip_learn(struct gossip *g, uint64_t now_ms, struct peer *peer, const struct probe *sent,
                const struct message *m);
/* A round trip in ms, as last measured or, when that is more, as the coordinates have it. */
uint64_t trip_ms(const struct gossip *g, const struct peer *peer); /* 0: not known */
/* Of some peers, whose links are to be preferred?  The less, the nearer: ways of one kind differ by a
 * factor of two, and one that is not known is tried before one that is known to be long. */
unsigned trip_class(const struct gossip *g, const struct peer *peer);
/* The same of a peer that is far; 0 for others. */
uint64_t trip_far_ms(const struct gossip *g, const struct peer *peer);

/* Without an answer for so long others are asked, */
uint64_t trip_timeout_ms(const struct gossip *g, const struct peer *peer);
/* and in so much time theirs are back as well. */
uint64_t trip_probe_ms(const struct gossip *g, const struct peer *peer);
/* For a refutation, beside what suspicion lasts. */
uint64_t trip_refute_ms(const struct gossip *g, const struct peer *peer);

#endif

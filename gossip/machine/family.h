/* Members with two endpoints, one of each family, and members that can only be reached through them.
 *
 * A host with IPv4 alone and one with IPv6 alone cannot speak to each other.  They are members of one
 * cluster all the same when some other has both: it answers for each to the other as a relay of probes,
 * passes rumors on, and compares its table with both. */
#ifndef GOSSIP_MACHINE_FAMILY_H
#define GOSSIP_MACHINE_FAMILY_H

#include "gossip/machine/machine.h"

/* Have we an endpoint of this family ourselves? */
bool family_is_ours(const struct gossip *g, uint8_t family);
/* Where a peer is spoken to: in the family that it answered in last, else in one that we have. */
struct endpoint family_endpoint(const struct gossip *g, const struct peer *to);
/* Its other one, if we have both as well; family 0: none. */
struct endpoint family_other(const struct gossip *g, const struct peer *to);
/* Can we speak to it at all? */
bool family_reaches(const struct gossip *g, const struct peer *to);
bool family_is_at(const struct peer *peer, const struct endpoint *at); /* one of its endpoints */

/* It said, or somebody said, that it has this second endpoint.  True when that is news. */
bool family_learn(struct peer *peer, const struct endpoint *second);
/* Its first endpoint is another one now: what was the second may be the first, and no member has two of
 * one family. */
void family_settle(struct peer *peer);
/* Our own; family 0: none.  True when it was another. */
bool family_set_own(struct gossip *g, const struct endpoint *second);
/* A datagram of its came by this family. */
void family_hear(struct peer *peer, uint8_t family);
/* Up to `n` random live members that we can speak to, without `except`.  Returns how many. */
size_t family_draw(struct gossip *g, const struct peer *except, struct peer **ret_peers, size_t n);
/* Up to `n` live members that have both families, from a random one on.  Returns how many. */
size_t family_draw_bridges(struct gossip *g, const struct peer *except, struct peer **ret_peers,
                           size_t n);

#endif

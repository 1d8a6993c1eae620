/* Comparing tables with one peer over a stream, until both hold the same.
 *
 *     us                                      them
 *     SYNC  buckets, seen              --->
 *                                      <---   SYNC_REPLY buckets, seen   (or BUSY)
 *     MEMBERS, ENTRIES ..., END        <-->   MEMBERS, ENTRIES ..., END  (a CREDIT for each)
 *     CHECK buckets                    --->
 *                                      <---   LIST items   (or DONE: nothing differs)
 *     ENTRIES, LIST items              --->
 *                                      <---   ENTRIES, DONE
 *
 * First both send what the other has not seen, writer by writer in number order, so that an
 * interrupted comparison is not begun anew.  What still differs then (a store that lost
 * something) is found by listing the hashes of whole buckets, a bounded part at a time. */
#ifndef GOSSIP_SPREAD_SYNC_H
#define GOSSIP_SPREAD_SYNC_H

#include "gossip/machine/stream.h"

/* `hear_member` takes what a comparison says of a member. */
void sync_start(struct gossip *g, uint64_t now_ms, sync_hear_member *hear_member);
/* The next comparison of our own does not begin before. */
void sync_not_before(struct gossip *g, uint64_t at_ms);
/* Begin with this peer, unless one of ours runs already. */
void sync_with(struct gossip *g, uint64_t now_ms, struct peer *peer, struct gossip_effects *fx);
bool sync_is_running(const struct gossip *g);
/* A header came: does the table of this peer differ, and lastingly? */
void sync_notice(struct gossip *g, uint64_t now_ms, const struct peer *peer);
void sync_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t sync_deadline_ms(const struct gossip *g);

void sync_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx);
/* The messages of the picture above.  Returns true when a comparison of ours has just ended. */
bool sync_hear(struct gossip *g, uint64_t now_ms, struct stream *s, const struct message *m,
               struct gossip_effects *fx);

#endif

/* The gossip streams of this node, ours and those accepted: a bounded table with idle times.
 * What is said on them belongs to swim, push and sync. */
#ifndef GOSSIP_MACHINE_STREAM_H
#define GOSSIP_MACHINE_STREAM_H

#include "gossip/machine/machine.h"

enum {
    STREAM_IDLE_MS = 15 * 1000,
    STREAM_OWN_MAX =
        (1u << 31) - 1,     /* ids with the top bit set are of accepted streams */
    STREAM_SEEN_MAX = 4000, /* writers in one frame: 119 bytes each at most stay below FRAME_MAX */
};

/* Connect to a peer.  NULL when all places are taken, our host has no address, or the peer has none of a
 * family that we have. */
struct stream *stream_connect(struct gossip *g, uint64_t now_ms, const struct peer *to,
                              enum stream_use use, struct gossip_effects *fx);
/* The same to an address; `who` is zero where that is not known. */
struct stream *stream_connect_to(struct gossip *g, uint64_t now_ms, struct node_id who,
                                 struct endpoint at, enum stream_use use,
                                 struct gossip_effects *fx);
/* The host accepted one.  NULL when there is no place: it has been told to close it. */
struct stream *stream_accept(struct gossip *g, uint64_t now_ms, uint32_t id,
                             struct gossip_effects *fx);
struct stream *stream_find(struct gossip *g, uint32_t id); /* NULL: not ours any more */
/* The one of ours that leads to a peer; NULL. */
struct stream *stream_to(struct gossip *g, struct node_id peer, enum stream_use use);
size_t stream_count(const struct gossip *g, bool is_ours, enum stream_use use);
void stream_touch(struct stream *s, uint64_t now_ms);
/* Forget it; `stream_close` also tells the host. */
void stream_drop(struct gossip *g, struct stream *s);
void stream_close(struct gossip *g, struct stream *s, struct gossip_effects *fx);
void stream_close_all(struct gossip *g, struct gossip_effects *fx);

/* ---- what the other side of a comparison had seen when it began (greet.h) ---- */

/* Of a writer; number 0: nothing. */
struct seen_number stream_their_seen(const struct stream *s, struct node_id writer);
/* By its own word it may hold what the writer deleted. */
bool stream_is_stale(const struct stream *s, struct node_id writer);
/* False when nothing was said of the writer, because there was no room for it. */
bool stream_speaks_of(const struct stream *s, struct node_id writer);
unsigned stream_part(struct node_id writer);
bool stream_is_unsaid(const struct stream *s, unsigned part);
void stream_leave_unsaid(struct stream *s, unsigned part, bool is_unsaid);

#endif

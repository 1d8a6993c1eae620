/* Fresh entries go out at once, gathered for a moment.
 *
 * Up to DIRECT_MEMBERS a writer tells every live member itself and repeats what was not
 * answered.  In larger clusters ranges are passed on: every receiver tells a few others, a few
 * times (push epidemic); what that misses, the comparison of digests finds. */
#ifndef GOSSIP_PUSH_H
#define GOSSIP_PUSH_H

#include "gossip/stream.h"

void push_fresh(struct gossip *g, uint64_t now_ms); /* there are own writes to tell */
void push_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t push_deadline_ms(const struct gossip *g);
/* A push came, as a datagram (`s` NULL) or on a stream. */
void push_hear(struct gossip *g, uint64_t now_ms, struct endpoint from, struct stream *s,
               const struct message *m, struct gossip_effects *fx);
/* One frame of a push of ours was answered. */
void push_hear_seen(struct stream *s, struct gossip_effects *fx);
void push_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx);

#endif

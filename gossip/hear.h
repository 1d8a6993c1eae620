/* Messages that were decoded and are for us, to the parts that they are for. */
#ifndef GOSSIP_HEAR_H
#define GOSSIP_HEAR_H

#include "gossip/machine/machine.h"

/* A datagram of `len` bytes.  0, or ERR_INVALID for a kind that comes on streams only. */
int hear_datagram(struct gossip *g, uint64_t now_ms, struct endpoint from,
                  const struct message *m, size_t len, struct gossip_effects *out);
/* The header alone: who speaks, what it has seen, which digest it shows. */
void hear_header(struct gossip *g, uint64_t now_ms, const struct message *m, size_t len,
                 struct gossip_effects *out);
/* A frame of an open stream, without its header; the stream may be closed by it. */
void hear_frame(struct gossip *g, uint64_t now_ms, struct stream *s,
                const struct message *m, struct gossip_effects *out);

#endif

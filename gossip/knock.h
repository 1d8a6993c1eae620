/* Asking an address by TCP why it does not answer.  A datagram under another secret is dropped without
 * a word, as if nobody were there; the hello of a stream (proto/hello.h) is answered.  So a stream is
 * opened for nothing but to see how that ends. */
#ifndef GOSSIP_KNOCK_H
#define GOSSIP_KNOCK_H

#include "gossip/machine/machine.h"

enum { KNOCKS_MAX = 4 }; /* at one time */

/* False when it is not asked now: too many are, or it is being asked already. */
bool knock_at(struct gossip *g, uint64_t now_ms, struct endpoint at, struct gossip_effects *fx);
/* The stream is open: a holder of our secret is there. */
void knock_opened(struct gossip *g, struct stream *s, struct node_id peer, struct gossip_effects *fx);
/* It will not be. */
void knock_failed(struct stream *s, enum knock how, struct gossip_effects *fx);

#endif

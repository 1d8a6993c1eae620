/* Where this node is reached: the host tells, it may change while we run, and there may be none.
 *
 * Without an address the machine is mute: it says nothing, judges nobody and is not ready.  What it
 * believes stays as it was. */
#ifndef GOSSIP_ADDRESS_H
#define GOSSIP_ADDRESS_H

#include "gossip/machine/machine.h"

/* See gossip_move. */
void address_move(struct gossip *g, uint64_t now_ms, struct endpoint to,
                  struct gossip_effects *fx);
/* An answer to our ping: it says where that came from, or nothing, when that is where we say we are. */
void address_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m);

#endif

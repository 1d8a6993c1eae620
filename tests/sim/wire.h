/* The simulated network: datagrams that are delayed, lost, repeated and reordered, and streams that
 * keep their order and break.  All of it is sealed, see secret.h. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "tests/sim/event.h"

void wire_datagram(struct sim *s, unsigned from, const struct gossip_effect *e);
void wire_beacon(struct sim *s, unsigned from, unsigned to, struct bytes beacon);
void wire_stream_open(struct sim *s, unsigned from, const struct gossip_effect *e);
void wire_stream_send(struct sim *s, unsigned node, const struct gossip_effect *e);
void wire_stream_close(struct sim *s, unsigned node, uint32_t id);
/* Who is at the other end of the stream an event is about. */
struct node_id wire_stream_peer(struct sim *s, const struct sim_event *e);
void wire_sweep(struct sim *s); /* free streams that both ends have left */
void wire_fini(struct sim *s);

#endif

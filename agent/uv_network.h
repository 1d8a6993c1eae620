/* The agent's way to its peers: gossip's sockets, beacons, and who --join names. */
#ifndef AGENT_UV_NETWORK_H
#define AGENT_UV_NETWORK_H

#include "agent/uv_agent.h"

/* What gossip's sockets need; uv_address_open binds them. */
int uv_network_open(struct agent *a, struct err *err);
/* Look for peers; the node's tasks were found. */
int uv_network_join(struct agent *a, struct err *err);
/* a->advertise is another now. */
void uv_network_moved(struct agent *a);
void uv_network_close(struct agent *a);

#endif

/* Settings: the agent's options as text become addresses, sizes and the node's own row. */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "agent/uv_agent.h"

struct settings {
    struct endpoint
        advertise; /* what peers are told: bind, with a routable address for `any` */
    const struct gossip_profile *profile;
    struct node_doc self; /* strings in the agent's arena */
    uint16_t port_min, port_max;
    const char *binary; /* of this very program */
};

/* Fills a->name, a->bind, a->http, a->dns too.  ERR_INVALID names the flag and what it wants. */
int settings_read(struct agent *a, struct settings *ret_settings, struct err *err);

/* sd_notify(3)'s protocol: one datagram to $NOTIFY_SOCKET, nothing when it is not set. */
void settings_notify(const char *state);

#endif

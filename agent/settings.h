/* Settings: the agent's options as text become addresses, sizes and the node's own row. */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "agent/uv_agent.h"

struct settings {
    struct gossip_profile profile;
    struct node_doc self; /* strings in the agent's arena */
    uint16_t port_min, port_max;
    int ack;            /* of orders that do not say; ACK_DEFAULT */
    uint32_t lone_ms;   /* see struct node_options */
    const char *binary; /* of this very program */
    const char *api;    /* where tasks on this host reach HTTP; NULL = nowhere */
};

/* Fills a->name, a->wanted, a->http, a->dns too.  ERR_INVALID names the flag and what it wants. */
int settings_read(struct agent *a, struct settings *ret_settings, struct err *err);

/* sd_notify(3)'s protocol: one datagram to $NOTIFY_SOCKET, nothing when it is not set. */
void settings_notify(const char *state);

#endif

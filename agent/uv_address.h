/* The agent follows its host's addresses: it listens where peers are told to reach it, or waits. */
#ifndef AGENT_UV_ADDRESS_H
#define AGENT_UV_ADDRESS_H

#include <uv.h>

#include "core/err.h"

struct agent;
struct uv_notes;

/* Part of the agent. */
struct uv_address {
    struct uv_notes *notes; /* of the kernel; NULL: none can be had */
    uv_timer_t timer;
    uint64_t noted_ms; /* the first note that was not followed by a look; 0: none */
    /* when it was last said that the address cannot be bound; 0: it can */
    uint64_t said_ms;
    uint64_t second_said_ms; /* the same of the second one */
};

/* Bind gossip's sockets if the host has the address, and watch from now on; the node's own look follows
 * from there.  Fails where waiting would not help: another program has the address, ... */
int uv_address_open(struct agent *a, struct err *err);
/* Look now, and do what follows from it. */
void uv_address_look(struct agent *a);
void uv_address_close(struct agent *a);

#endif

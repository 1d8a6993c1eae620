/* Addresses of simulated hosts: late, changed, gone.  What agent/uv_address.c does with the kernel's. */
#ifndef SIM_MOVE_H
#define SIM_MOVE_H

#include "tests/sim/event.h"

enum { MOVE_NOTICE_MS = 500 }; /* the driver's quiet */

/* The `serial`th address of that host, its own at every time; 0 is the one it begins with. */
struct endpoint move_address(unsigned node, unsigned serial);
/* The host has that address, or none (family 0); its agent notices later. */
void move_host(struct sim *s, unsigned node, struct endpoint to);
/* A node looks at its host's addresses: at its start, and when it notices. */
void move_look(struct sim *s, unsigned node);
/* The host's address, by the agent's sockets: can they speak, and be reached? */
bool move_is_bound(const struct sim_node *n);
/* Of the dice: the address changes, or goes; a host that has none gets one.  `is_fixed`: always the same. */
void move_by_dice(struct sim *s, unsigned node, uint64_t dice, bool is_fixed);
void move_end(struct sim *s); /* all hosts have an address */

#endif

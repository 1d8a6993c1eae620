/* The simulated LAN: beacons by multicast, which reach every node of the same side that listens. */
#ifndef SIM_LAN_H
#define SIM_LAN_H

#include "tests/sim/event.h"

void lan_start(struct sim *s, unsigned node); /* with a node that meets by beacons */
void lan_due(struct sim *s, unsigned node);   /* the time of its next beacon has come */
void lan_hear(struct sim *s, const struct sim_event *e);

#endif

/* Local health (Lifeguard, section IV-A): who is late itself is more patient with others. */
#ifndef GOSSIP_DETECT_HEALTH_H
#define GOSSIP_DETECT_HEALTH_H

#include "gossip/machine/machine.h"

enum { HEALTH_SCORE_MAX = 8 };

/* What times are multiplied with: 1 where all is well. */
uint64_t health_patience(const struct gossip *g);
/* For the worse where `change` is above 0. */
void health_change(struct gossip *g, int change);

#endif

/* Fill: the table has bounds, and people hear of them before they are reached. */
#ifndef AGENT_FILL_H
#define AGENT_FILL_H

#include "agent/effects.h"
#include "core/moment.h"
#include "gossip/gossip.h"

enum {
    FILL_WARNS =
        50, /* percent: from here on nobody who is gone is waited for (gossip/spread/collect.h) */
    FILL_ALARMS = 80,
    FILL_SLACK = 5, /* this much less takes either back */
    FILL_TEXT = 256,
};

struct fill {
    unsigned told; /* 0, FILL_WARNS or FILL_ALARMS */
};

/* Look again; emits an event when a limit is passed either way. */
void fill_step(struct fill *f, const struct gossip *gossip, const char *node,
               struct moment at, struct node_effects *out);
/* What fills it and what to do; how full it is in *ret. */
const char *fill_cause(const struct gossip *gossip, uint64_t now_ms,
                       struct gossip_fill *ret, char out[static FILL_TEXT]);

#endif

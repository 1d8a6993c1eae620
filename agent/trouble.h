/* Is a job in trouble, so that an order for what is there already has something to say? */
#ifndef AGENT_TROUBLE_H
#define AGENT_TROUBLE_H

#include "core/arena.h"
#include "gossip/gossip.h"

/* Has a live member given an instance of it up, or does one of them keep falling there? */
bool trouble_has(const struct gossip *g, const char *ns, const char *name,
                 struct arena *arena);

#endif

/* What this host can do for tasks: looked at once, before anything else, and told.  A host that can run none is a
 * member like any other, offers nothing, and is given none. */
#ifndef AGENT_UV_HOST_H
#define AGENT_UV_HOST_H

#include "agent/uv_agent.h"

/* Tells at once where no task can run. */
void uv_host_look(struct agent *a);
/* The limits and the sandbox: what of them this kernel cannot do. */
void uv_host_announce(const struct agent *a);

#endif

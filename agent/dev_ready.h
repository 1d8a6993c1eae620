/* Do the agents of `stratos dev` know each other yet? */
#ifndef AGENT_DEV_READY_H
#define AGENT_DEV_READY_H

#include <stdbool.h>

#include "agent/dev_files.h"

/* Every agent answers on its socket, has synced, and has the rows of `nodes` members it
 * believes alive. */
bool dev_is_ready(const struct dev_files *f, unsigned nodes);

#endif

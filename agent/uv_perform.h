/* Performing a node's effects with the real drivers. */
#ifndef AGENT_UV_PERFORM_H
#define AGENT_UV_PERFORM_H

#include "agent/uv_agent.h"

/* Serve HTTP to a peer or a remote CLI over a sealed stream. */
void perform_api_stream(struct agent *a, struct uv_gossip_stream *stream);

#endif

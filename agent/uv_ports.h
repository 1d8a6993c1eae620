/* Which ports of this host are free, asked of the kernel. */
#ifndef AGENT_UV_PORTS_H
#define AGENT_UV_PORTS_H

#include "agent/ports.h"
#include "core/ids.h"

/* Say of each of the `n` asks how it is with its port: on all IPv4 and IPv6 addresses of this host, for
 * TCP, UDP or both.  A fixed port of a node that has a loopback address, one of several on this host, is
 * looked at there alone.  Once `n_wanted` that are not fixed were found free the rest is left out (0:
 * nothing is).  Returns how many were looked at. */
size_t uv_ports_look(struct endpoint own, const struct port_ask *asks, size_t n,
                     size_t n_wanted, enum port_state *ret_states);

#endif

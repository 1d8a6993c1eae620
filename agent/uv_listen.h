/* Where the agent listens for commands and questions: the unix socket, HTTP and DNS.
 *
 * The socket must be had: without it nobody could command this node, and whoever listens
 * there already is another agent.  HTTP and DNS need not be: a program that has their
 * port is an outage of the page or of names, not of the node.  They are tried again each
 * second. */
#ifndef AGENT_UV_LISTEN_H
#define AGENT_UV_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/err.h"

struct agent;

/* One address that cannot be had yet. */
struct uv_listen_wait {
    char text[sizeof(((struct err *)0)->text)]; /* which, and why; empty: nothing waits */
    uint64_t said_ms;                           /* when the log was last told */
};

struct uv_listen {
    uv_timer_t retry; /* runs while something waits */
    struct uv_listen_wait http, dns;
};

/* Open a->http_driver and a->dns_driver.  An error is one of the unix socket. */
int uv_listen_open(struct agent *a, struct err *err);
/* Tries nothing any more; the drivers are the agent's to close. */
void uv_listen_close(struct agent *a);

/* How many connections may be open with so many descriptors, when some are kept for
 * gossip, the store and tasks. */
struct uv_listen_limits {
    size_t http; /* of each kind of listener */
    size_t dns;
};
struct uv_listen_limits uv_listen_limits_of(size_t n_descriptors);

#endif

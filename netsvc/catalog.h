/* The catalog: what DNS, resolve and the balancer know, as one immutable snapshot that the packet
 * paths read, on the agent's one thread, and the agent swaps when the node says that it changed. */
#ifndef NETSVC_CATALOG_H
#define NETSVC_CATALOG_H

#include "core/arena.h"
#include "gossip/face/replica.h"

/* Which name a job is served under; made by whoever knows specs. */
struct catalog_rule {
    const char *ns, *job;
    const char *service; /* name in DNS */
    /* NULL: the job has no ports, so its service has only addresses */
    const char *port_name;
    const char *protocol; /* "tcp", "udp", "http" */
};

struct catalog_port {
    const char *name; /* "http", "metrics" */
    uint16_t port;
};

struct catalog_endpoint {
    const char *instance; /* "web.0" */
    uint32_t index;
    const char *node;
    struct endpoint at; /* the service's port; 0: none */
    enum health health;
    bool is_served;     /* healthy and its node is live: named in answers */
    const char *reason; /* why not, when it is not */
    const struct catalog_port *ports; /* all of the instance's */
    size_t n_ports;
};

struct catalog_service {
    const char *ns, *name, *protocol, *port_name;
    const struct catalog_endpoint *endpoints; /* by index, then node */
    size_t n_endpoints;
};

struct catalog_node {
    const char *name;   /* in lower case */
    struct endpoint at; /* port 0 */
    bool is_live;
};

struct catalog {
    struct arena *arena; /* owns everything */
    unsigned refs;
    bool is_ready;   /* false: answer SERVFAIL, this node has not synced yet */
    uint32_t serial; /* for the SOA */
    const struct catalog_service *services; /* sorted by (ns, name) */
    size_t n_services;
    const struct catalog_node *nodes; /* sorted by name */
    size_t n_nodes;
    const struct endpoint *hosts; /* addresses of live nodes: sorted, port 0 */
    size_t n_hosts;
};

/* NULL when out of memory.  `called`: of each member, in members_at order, the name that means it alone;
 * NULL: its own.  `serial` should grow with every change. */
struct catalog *catalog_build(const struct members *members, const struct table *table,
                              const char *const *called,
                              const struct catalog_rule *rules, size_t n_rules,
                              bool is_ready, uint32_t serial);
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);
const struct catalog_service *catalog_find(const struct catalog *c, const char *ns,
                                           const char *name);
const struct catalog_node *catalog_find_node(const struct catalog *c, const char *name);
/* Is this the address of a live node?  The port does not count. */
bool catalog_has_host(const struct catalog *c, const struct endpoint *at);

#endif

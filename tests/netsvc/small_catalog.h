/* A catalog made by hand: three nodes, services in two namespaces. */
#ifndef TESTS_NETSVC_SMALL_CATALOG_H
#define TESTS_NETSVC_SMALL_CATALOG_H

#include "netsvc/catalog.h"

#define V4(a, b, c, d, p)                                                                \
    {                                                                                    \
        .family = 4, .address = {a, b, c, d}, .port = p                                  \
    }
#define V6_LOOPBACK(p)                                                                   \
    {                                                                                    \
        .family = 6, .address = {[15] = 1}, .port = p                                    \
    }

static const struct catalog_endpoint small_web[] = {
    {"web.0", 0, "n1", V4(127, 77, 0, 1, 20011), HEALTH_PASSING, true, NULL, NULL, 0},
    {"web.1", 1, "n2", V4(127, 77, 0, 2, 20012), HEALTH_PASSING, true, NULL, NULL, 0},
    {"web.2", 2, "n1", V4(127, 77, 0, 1, 20013), HEALTH_PASSING, true, NULL, NULL, 0},
    {"web.3", 3, "n3", V4(127, 77, 0, 3, 20014), HEALTH_FAILING, false,
     "health check failing", NULL, 0},
};
static const struct catalog_endpoint small_one[] = {
    {"one.0", 0, "n1", V4(127, 77, 0, 1, 20099), HEALTH_PASSING, true, NULL, NULL, 0},
};
static const struct catalog_endpoint small_six[] = {
    {"six.0", 0, "n3", V6_LOOPBACK(53), HEALTH_NONE, true, NULL, NULL, 0},
};
static const struct catalog_endpoint small_down[] = {
    {"down.0", 0, "n3", V4(127, 77, 0, 3, 1), HEALTH_UNKNOWN, false, "starting", NULL,
     0},
};
static const struct catalog_service small_services[] = {
    {"default", "down", "tcp", "main", small_down, 1},
    {"default", "one", "http", "main", small_one, 1},
    {"default", "six", "udp", "dns", small_six, 1},
    {"default", "web", "http", "http", small_web, 4},
    {"shop", "web", "tcp", "main", small_one, 1},
};
static const struct catalog_node small_nodes[] = {
    {"n1", V4(127, 77, 0, 1, 0), true},
    {"n2", V4(127, 77, 0, 2, 0), true},
    {"n3", V4(127, 77, 0, 3, 0), false},
};

static const struct endpoint small_hosts[] = {
    V4(127, 77, 0, 1, 0),
    V4(127, 77, 0, 2, 0),
    V6_LOOPBACK(0),
};

static inline struct catalog small_catalog(void)
{
    return (struct catalog){.refs = 1,
                            .is_ready = true,
                            .serial = 7,
                            .services = small_services,
                            .n_services =
                                sizeof(small_services) / sizeof(small_services[0]),
                            .nodes = small_nodes,
                            .n_nodes = sizeof(small_nodes) / sizeof(small_nodes[0]),
                            .hosts = small_hosts,
                            .n_hosts = sizeof(small_hosts) / sizeof(small_hosts[0])};
}

#endif

/* Which name is what.  Names are matched label by label from the right; a namespace, a
 * service and an index may look alike, so the longer meaning (a namespace) is tried
 * first. */
#include "netsvc/dns_zone.h"

#include <string.h>

static const char DEFAULT_NS[] = "default";

static struct dns_match of_kind(enum dns_kind kind)
{
    return (struct dns_match){.kind = kind};
}

static struct dns_match of_service(enum dns_kind kind, const struct catalog_service *s)
{
    return (struct dns_match){.kind = s ? kind : DNS_KIND_NONE, .service = s};
}

static bool is_transport(const char *label)
{
    return strcmp(label, "_tcp") == 0 || strcmp(label, "_udp") == 0;
}

static bool has_transport(const struct catalog_service *s, const char *label)
{
    const char *transport = strcmp(s->protocol, "udp") == 0 ? "_udp" : "_tcp";
    return strcmp(transport, label) == 0;
}

/* "_http" names the port or the protocol of `s`. */
static bool has_port(const struct catalog_service *s, const char *label)
{
    return label[0] == '_' && ((s->port_name && strcmp(s->port_name, label + 1) == 0) ||
                               strcmp(s->protocol, label + 1) == 0);
}

/* The first service of the namespace; n_services when there is none. */
static size_t first_of(const struct catalog *c, const char *ns)
{
    size_t low = 0, high = c->n_services;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->services[middle].ns, ns) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_services && strcmp(c->services[low].ns, ns) == 0 ? low
                                                                       : c->n_services;
}

static bool has_namespace(const struct catalog *c, const char *ns)
{
    return first_of(c, ns) < c->n_services;
}

/* "_udp" exists above names only (RFC 8020): where a service of the namespace has it. */
static bool has_transport_below(const struct catalog *c, const char *ns,
                                const char *label)
{
    for (size_t i = first_of(c, ns);
         i < c->n_services && strcmp(c->services[i].ns, ns) == 0; i++)
        if (has_transport(&c->services[i], label))
            return true;
    return false;
}

static struct dns_match match_instance(const struct catalog_service *s, const char *label)
{
    uint32_t index;
    if (!s || index_parse(bytes_of_text(label), &index) < 0)
        return of_kind(DNS_KIND_NONE);
    size_t low = 0, high = s->n_endpoints;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->endpoints[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->n_endpoints || s->endpoints[low].index != index)
        return of_kind(DNS_KIND_NONE);
    return (struct dns_match){.kind = DNS_KIND_INSTANCE, .service = s, .index = index};
}

/* "_x._tcp" before the service or namespace that `s` was found by. */
static struct dns_match match_port(const struct catalog_service *s, const char *port,
                                   const char *transport)
{
    bool fits = s && has_transport(s, transport) && has_port(s, port);
    return of_service(DNS_KIND_PORT, fits ? s : NULL);
}

static struct dns_match match_named(const struct catalog *c, const char *ns,
                                    const char *label, const char *transport)
{
    const struct catalog_service *s =
        label[0] == '_' ? catalog_find(c, ns, label + 1) : NULL;
    return of_service(DNS_KIND_PORT, s && has_transport(s, transport) ? s : NULL);
}

/* <a>.service */
static struct dns_match match_one(const struct catalog *c, const char *a)
{
    const struct catalog_service *s = catalog_find(c, DEFAULT_NS, a);
    if (s)
        return of_service(DNS_KIND_SERVICE, s);
    bool exists =
        is_transport(a) ? has_transport_below(c, DEFAULT_NS, a) : has_namespace(c, a);
    return of_kind(exists ? DNS_KIND_EMPTY : DNS_KIND_NONE);
}

/* <b>.<a>.service */
static struct dns_match match_two(const struct catalog *c, const char *b, const char *a)
{
    if (is_transport(a))
        return match_named(c, DEFAULT_NS, b, a);
    const struct catalog_service *here = catalog_find(c, DEFAULT_NS, a);
    if (is_transport(b)) {
        bool exists = (here && has_transport(here, b)) || has_transport_below(c, a, b);
        return of_kind(exists ? DNS_KIND_EMPTY : DNS_KIND_NONE);
    }
    const struct catalog_service *s = catalog_find(c, a, b);
    return s ? of_service(DNS_KIND_SERVICE, s) : match_instance(here, b);
}

/* <c>.<b>.<a>.service */
static struct dns_match match_three(const struct catalog *c, const char *left,
                                    const char *b, const char *a)
{
    if (is_transport(b)) {
        struct dns_match m = match_port(catalog_find(c, DEFAULT_NS, a), left, b);
        return m.kind == DNS_KIND_PORT ? m : match_named(c, a, left, b);
    }
    const struct catalog_service *s = catalog_find(c, a, b);
    if (is_transport(left))
        return of_kind(s && has_transport(s, left) ? DNS_KIND_EMPTY : DNS_KIND_NONE);
    return match_instance(s, left);
}

static struct dns_match match_service(const struct catalog *c,
                                      const struct dns_name *name)
{
    const char *label[4];
    for (size_t i = 0; i < 4; i++)
        label[i] = dns_name_label(name, 2 + i);
    switch (name->n_labels - 2) {
    case 0:
        return of_kind(DNS_KIND_EMPTY);
    case 1:
        return match_one(c, label[0]);
    case 2:
        return match_two(c, label[1], label[0]);
    case 3:
        return match_three(c, label[2], label[1], label[0]);
    case 4:
        return is_transport(label[2])
                   ? match_port(catalog_find(c, label[0], label[1]), label[3], label[2])
                   : of_kind(DNS_KIND_NONE);
    default:
        return of_kind(DNS_KIND_NONE);
    }
}

size_t dns_address_label(const struct endpoint *at, char out[static DNS_HEX_MAX])
{
    size_t len = at->family == 4 ? 4 : at->family == 6 ? 16 : 0;
    hex_encode(at->address, len, out);
    return 2 * len;
}

/* <hex>.addr, of an address that a live node has. */
static struct dns_match match_address(const struct catalog *c, const char *label)
{
    struct dns_match m = of_kind(DNS_KIND_NONE);
    size_t len = strlen(label);
    m.address.family = len == 8 ? 4 : len == 32 ? 6 : 0;
    if (m.address.family != 0 &&
        hex_decode(label, len, m.address.address, len / 2) == 0 &&
        catalog_has_host(c, &m.address))
        m.kind = DNS_KIND_ADDRESS;
    return m;
}

/* <node>.node */
static struct dns_match match_node(const struct catalog *c, const char *label)
{
    const struct catalog_node *node = catalog_find_node(c, label);
    return (struct dns_match){.kind = node ? DNS_KIND_NODE : DNS_KIND_NONE, .node = node};
}

bool dns_zone_holds(const struct dns_name *name)
{
    return strcmp(dns_name_label(name, 0), "stratos") == 0;
}

struct dns_match dns_zone_match(const struct catalog *catalog,
                                const struct dns_name *name)
{
    if (!dns_zone_holds(name))
        return of_kind(DNS_KIND_OFF_ZONE);
    if (name->n_labels == 1)
        return of_kind(DNS_KIND_APEX);
    const char *branch = dns_name_label(name, 1);
    if (strcmp(branch, "service") == 0)
        return match_service(catalog, name);
    if (strcmp(branch, "ns") == 0)
        return of_kind(name->n_labels == 2 ? DNS_KIND_SERVERS : DNS_KIND_NONE);
    bool is_node = strcmp(branch, "node") == 0, is_address = strcmp(branch, "addr") == 0;
    if ((!is_node && !is_address) || name->n_labels > 3)
        return of_kind(DNS_KIND_NONE);
    if (name->n_labels == 2)
        return of_kind(DNS_KIND_EMPTY);
    const char *label = dns_name_label(name, 2);
    return is_node ? match_node(catalog, label) : match_address(catalog, label);
}

bool dns_match_has(const struct dns_match *m, const struct catalog_endpoint *e)
{
    return m->kind != DNS_KIND_INSTANCE || e->index == m->index;
}

/* The shape of the zone `stratos.`: what a name means, looked up in a catalog.
 *
 *     stratos                          the apex: SOA, NS
 *     ns.stratos                       the name servers: every live node is one
 *     <node>.node.stratos              a node's address
 *     <hex>.addr.stratos               the address itself, of a live node: the targets of SRV records
 *     <svc>.service.stratos            a service of namespace default
 *     <svc>.<ns>.service.stratos       a service
 *     <index>.<svc>[.<ns>].service.stratos                one instance of it
 *     _<port or protocol>._tcp.<svc>[.<ns>].service.stratos   its SRV records
 *     _<svc>._tcp[.<ns>].service.stratos                  the same, as RFC 2782 has it
 */
#ifndef NETSVC_DNS_ZONE_H
#define NETSVC_DNS_ZONE_H

#include "netsvc/catalog.h"
#include "netsvc/dns_name.h"

enum dns_kind {
    DNS_KIND_OFF_ZONE,
    DNS_KIND_NONE,  /* NXDOMAIN */
    DNS_KIND_EMPTY, /* only an inner node of the tree */
    DNS_KIND_APEX,
    DNS_KIND_SERVERS,
    DNS_KIND_NODE,
    DNS_KIND_ADDRESS,
    DNS_KIND_SERVICE,
    DNS_KIND_INSTANCE, /* endpoints of `index` alone */
    DNS_KIND_PORT,     /* SRV alone */
};

struct dns_match {
    enum dns_kind kind;
    const struct catalog_service *service;
    const struct catalog_node *node;
    uint32_t index;
    struct endpoint address; /* DNS_KIND_ADDRESS */
};

enum { DNS_HEX_MAX = 33 }; /* 16 bytes in hex, and a NUL */
/* "7f4d0001": the label that stands for an address, whoever has it.  Returns its length, 0 when there is
 * no address. */
size_t dns_address_label(const struct endpoint *at, char out[static DNS_HEX_MAX]);

bool dns_zone_holds(const struct dns_name *name);
/* `catalog` must be ready. */
struct dns_match dns_zone_match(const struct catalog *catalog,
                                const struct dns_name *name);
/* Whether the match names this endpoint of its service, healthy or not. */
bool dns_match_has(const struct dns_match *m, const struct catalog_endpoint *e);

#endif

/* Names of addresses backwards: 4.3.2.1.in-addr.arpa (RFC 1035, 3.5) and 32 nibbles before ip6.arpa
 * (RFC 3596, 2.5). */
#ifndef NETSVC_DNS_REVERSE_H
#define NETSVC_DNS_REVERSE_H

#include "netsvc/catalog.h"
#include "netsvc/dns_name.h"

/* False when it is no address. */
bool dns_reverse_read(const struct dns_name *name, struct endpoint *ret_address);
/* The next live node from *at on that has the address; several agents may share a host.  NULL: none. */
const struct catalog_node *dns_reverse_next(const struct catalog *c,
                                            const struct endpoint *address, size_t *at);

#endif

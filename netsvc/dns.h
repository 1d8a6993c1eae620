/* DNS answers from a catalog, as a pure function of bytes (RFC 1035, 2308, 2782, 6891).
 * Authoritative for `stratos.`; REFUSED elsewhere; SERVFAIL before the first sync. */
#ifndef NETSVC_DNS_H
#define NETSVC_DNS_H

#include "core/rng.h"
#include "netsvc/catalog.h"

enum {
    DNS_MESSAGE_MAX = 65535,
    DNS_UDP_PLAIN_MAX = 512,
    DNS_UDP_MAX = 1232,
    DNS_TTL_S = 2,
    DNS_SRV_WEIGHT = 1 /* haproxy takes no server from a record of weight 0 */
};

/* Answer `query` into `out`.  Over UDP the answer fits the client's EDNS0 size (at most
 * DNS_UDP_MAX), TC set when it does not.  Endpoints come in the rng's order.  Returns the answer's
 * length, or 0: drop silently (not a query, too short to answer). */
size_t dns_answer(const struct catalog *catalog, struct rng *rng, struct bytes query,
                  bool is_udp, uint8_t *out, size_t cap);

/* For `resolve`: what the name gives, and what was left out. */
struct dns_record {
    const char *type, *value; /* "A", "127.77.0.1"; "SRV", "0 1 20011 7f4d0001.addr.stratos." */
    uint32_t ttl;
};
struct dns_omission {
    const char *instance, *reason;
};
/* ERR_NOT_FOUND for a name nobody has; ERR_NOT_READY before the first sync. */
int dns_resolve(const struct catalog *catalog, const char *name, struct arena *arena,
                struct dns_record **ret_records, size_t *ret_n,
                struct dns_omission **ret_omitted, size_t *ret_n_omitted);

#endif

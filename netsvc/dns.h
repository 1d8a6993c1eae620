/* DNS answers from a catalog, as a pure function of bytes (RFC 1035, 2308, 2782, 6891).
 * Authoritative for `stratos.`; REFUSED elsewhere; SERVFAIL before the first sync. */
#ifndef NETSVC_DNS_H
#define NETSVC_DNS_H

#include "core/rng.h"
#include "netsvc/catalog.h"

enum {
    DNS_MESSAGE_MAX = 65535,
    DNS_UDP_PLAIN_MAX = 512,
    /* What crosses networks in one piece (dnsflagday.net/2020); within a host nothing is cut. */
    DNS_UDP_MAX = 1232,
    DNS_UDP_NEAR_MAX = 65000,
    DNS_TTL_S = 2,
    DNS_SRV_WEIGHT = 1 /* haproxy takes no server from a record of weight 0 */
};

/* How a query came, and its answer goes. */
enum dns_way {
    DNS_WAY_TCP,
    DNS_WAY_UDP,      /* to DNS_UDP_MAX */
    DNS_WAY_UDP_NEAR, /* from this very host: to DNS_UDP_NEAR_MAX */
};

/* Answer `query` into `out`, which holds DNS_UDP_PLAIN_MAX at least.  Over UDP the answer fits the client's EDNS0
 * size and the way's bound; of endpoints as many are told as fit, TC set when that is not all.  Endpoints
 * come in the rng's order.  Returns the answer's length, or 0: drop silently (not a query, too short to answer). */
size_t dns_answer(const struct catalog *catalog, struct rng *rng, struct bytes query,
                  enum dns_way way, uint8_t *out, size_t cap);

/* For `resolve`: what the name gives, and what was left out. */
struct dns_record {
    const char *type,
        *value; /* "A", "127.77.0.1"; "SRV", "0 1 20011 7f4d0001.addr.stratos." */
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

/* The DNS driver: UDP and TCP on one address, answering from the current catalog. */
#ifndef NETSVC_UV_DNS_H
#define NETSVC_UV_DNS_H

#include <uv.h>

#include "core/err.h"
#include "core/metrics.h"
#include "netsvc/dns.h"

/* Connections by TCP.  Resolvers use it for the rare large answer, one query and gone; at
 * this many, a source has 256 before its own oldest goes. */
enum { DNS_CONNECTIONS_MAX = 1024 };

struct uv_dns;
/* Both or neither: what was bound is free again after an error, and it may be tried
 * again.  *bind is told the port that was chosen for port 0.  `n_connections` by TCP, at
 * least 4. */
int uv_dns_open(uv_loop_t *loop, struct endpoint *bind, size_t n_connections,
                uint64_t seed, struct metrics *metrics, struct uv_dns **ret_dns,
                struct err *err);
void uv_dns_serve(struct uv_dns *d,
                  struct catalog *catalog); /* takes its own reference; swaps */
void uv_dns_close(struct uv_dns *d);

#endif

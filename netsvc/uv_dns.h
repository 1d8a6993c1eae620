/* The DNS driver: UDP and TCP on one address, answering from the current catalog. */
#ifndef NETSVC_UV_DNS_H
#define NETSVC_UV_DNS_H

#include <uv.h>

#include "core/err.h"
#include "core/metrics.h"
#include "netsvc/dns.h"

struct uv_dns;
int uv_dns_open(uv_loop_t *loop, struct endpoint *bind, uint64_t seed,
                struct metrics *metrics, struct uv_dns **ret_dns, struct err *err);
void uv_dns_serve(struct uv_dns *d,
                  struct catalog *catalog); /* takes its own reference; swaps */
void uv_dns_close(struct uv_dns *d);

#endif

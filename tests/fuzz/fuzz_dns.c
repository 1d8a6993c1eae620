/* A DNS message from anybody: whatever the bytes, an answer fits its bounds, repeats the question's
 * id, is a response, and parses the same when it is asked again. */
#include <stdlib.h>
#include <string.h>

#include "netsvc/dns.h"
#include "tests/netsvc/small_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct catalog *catalog, struct bytes query, enum dns_way way)
{
    static uint8_t out[DNS_MESSAGE_MAX], again[DNS_MESSAGE_MAX];
    struct rng rng, same;
    rng_init(&rng, 7);
    rng_init(&same, 7);
    size_t most = way == DNS_WAY_UDP        ? DNS_UDP_MAX
                  : way == DNS_WAY_UDP_NEAR ? DNS_UDP_NEAR_MAX
                                            : DNS_MESSAGE_MAX;
    size_t len = dns_answer(catalog, &rng, query, way, out, sizeof(out));
    if (len == 0)
        return;
    if (len < 12 || len > most || query.len < 12)
        abort();
    if (memcmp(out, query.at, 2) != 0 || !(out[2] & 0x80))
        abort();
    size_t len_again = dns_answer(catalog, &same, query, way, again, sizeof(again));
    if (len_again != len || memcmp(out, again, len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalog catalog = small_catalog();
    struct bytes query = {data, size};
    check(&catalog, query, DNS_WAY_UDP);
    check(&catalog, query, DNS_WAY_UDP_NEAR);
    check(&catalog, query, DNS_WAY_TCP);
    check(NULL, query, DNS_WAY_UDP);
    catalog.is_ready = false;
    check(&catalog, query, DNS_WAY_UDP);
    return 0;
}

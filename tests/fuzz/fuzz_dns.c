/* A DNS message from anybody: whatever the bytes, an answer fits its bounds, repeats the question's
 * id, is a response, and parses the same when it is asked again. */
#include <stdlib.h>
#include <string.h>

#include "netsvc/dns.h"
#include "tests/netsvc/small_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct catalog *catalog, struct bytes query, bool is_udp)
{
    static uint8_t out[DNS_MESSAGE_MAX], again[DNS_MESSAGE_MAX];
    struct rng rng, same;
    rng_init(&rng, 7);
    rng_init(&same, 7);
    size_t len = dns_answer(catalog, &rng, query, is_udp, out, sizeof(out));
    if (len == 0)
        return;
    if (len < 12 || (is_udp && len > DNS_UDP_MAX) || query.len < 12)
        abort();
    if (memcmp(out, query.at, 2) != 0 || !(out[2] & 0x80))
        abort();
    size_t len_again = dns_answer(catalog, &same, query, is_udp, again, sizeof(again));
    if (len_again != len || memcmp(out, again, len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalog catalog = small_catalog();
    struct bytes query = {data, size};
    check(&catalog, query, true);
    check(&catalog, query, false);
    check(NULL, query, true);
    catalog.is_ready = false;
    check(&catalog, query, true);
    return 0;
}

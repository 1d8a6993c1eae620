/* How many answers a second one core gives for a service of three endpoints, without
 * sockets. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "netsvc/dns.h"
#include "tests/netsvc/small_catalog.h"

enum { ANSWERS = 2000000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run(const char *what, uint8_t type)
{
    static const char head[] = "\xbe\xef\1\0\0\1\0\0\0\0\0\0\3web\7service\7stratos\0";
    uint8_t query[sizeof(head) + 4], out[DNS_UDP_MAX];
    memcpy(query, head, sizeof(head) - 1);
    memcpy(query + sizeof(head) - 1, (const uint8_t[]){0, type, 0, 1}, 4);
    struct bytes in = {query, sizeof(head) - 1 + 4};
    struct catalog catalog = small_catalog();
    struct rng rng;
    size_t bytes = 0;
    rng_init(&rng, 1);
    double start = seconds();
    for (size_t i = 0; i < ANSWERS; i++)
        bytes += dns_answer(&catalog, &rng, in, DNS_WAY_UDP, out, sizeof(out));
    double took = seconds() - start;
    printf("%-4s %.0f answers/s, %zu bytes each\n", what, ANSWERS / took,
           bytes / ANSWERS);
}

int main(void)
{
    run("A", 1);
    run("SRV", 33);
    run("AAAA", 28);
    return 0;
}

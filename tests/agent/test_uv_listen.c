/* How many connections there may be, by the descriptors that a host gives. */
#include <criterion/criterion.h>

#include "agent/uv_listen.h"
#include "netsvc/uv_dns.h"
#include "netsvc/uv_http.h"

Test(uv_listen, what_the_rest_of_the_agent_needs_is_left)
{
    static const struct {
        size_t descriptors, http, dns, kept;
    } rows[] = {
        {1048576, HTTP_CONNECTIONS_MAX, DNS_CONNECTIONS_MAX, 1024},
        {16384, HTTP_CONNECTIONS_MAX, DNS_CONNECTIONS_MAX, 1024}, /* what is asked for */
        {10240, HTTP_CONNECTIONS_MAX, DNS_CONNECTIONS_MAX, 1024},
        {4096, 1365, 341, 1024},
        {1024, 227, 56, 512}, /* little: half of it */
        {256, 56, 16, 100},
        {0, 16, 16, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct uv_listen_limits limits = uv_listen_limits_of(rows[i].descriptors);
        cr_expect_eq(limits.http, rows[i].http, "row %zu: %zu", i, limits.http);
        cr_expect_eq(limits.dns, rows[i].dns, "row %zu: %zu", i, limits.dns);
        if (rows[i].kept > 0)
            cr_expect(2 * limits.http + limits.dns + rows[i].kept <= rows[i].descriptors,
                      "row %zu", i);
    }
}

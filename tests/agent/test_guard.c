/* Which browser's requests are taken. */
#include "agent/guard.h"

#include <criterion/criterion.h>
#include <stddef.h>

Test(guard, only_names_of_this_host_are_served)
{
    static const struct {
        const char *host;
        bool is_own;
    } rows[] = {
        {NULL, true},
        {"127.0.0.1:7781", true},
        {"127.77.0.2:7781", true},
        {"127.0.0.1", true},
        {"localhost:9000", true},
        {"LocalHost", true},
        {"[::1]:7781", true},
        {"", false},
        {"evil.example:7781", false},
        {"localhost.evil.example", false},
        {"127.0.0.1.evil.example:7781", false},
        {"localhost:7781.evil.example", false},
        {"localhost@evil.example", false},
        {"10.0.0.1:7781", false},
        {"[fe80::1]:7781", false},
        {"0.0.0.0:7781", false},
    };
    const struct guard_self self = {
        .at = {.family = 4, .port = 7781, .address = {127, 77, 0, 1}}, .name = "n1"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(guard_host_is_own(rows[i].host, &self), rows[i].is_own, "'%s'",
                     rows[i].host ? rows[i].host : "none");
}

Test(guard, beyond_loopback_the_own_address_and_name_are_served)
{
    static const struct {
        const char *host;
        bool is_own, is_own_of_any;
    } rows[] = {
        {"10.0.0.1:7781", true, true},
        {"10.0.0.1", true, true},
        {"10.0.0.2:7781", false, true},
        {"127.0.0.1:7781", true, true},
        {"localhost", true, true},
        {"n1", true, true},
        {"N1:7781", true, true},
        {"n1.node.stratos:7781", true, true},
        {"n1.evil.example", false, false},
        {"n11", false, false},
        {"n1:77.evil.example", false, false},
        {"evil.example", false, false},
        {"[2001:db8::1]:7781", false, true},
    };
    const struct guard_self one = {.at = {.family = 4, .address = {10, 0, 0, 1}},
                                   .name = "n1"},
                            any = {.at = {.family = 4}, .name = "n1"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(guard_host_is_own(rows[i].host, &one), rows[i].is_own, "'%s'",
                     rows[i].host);
        cr_assert_eq(guard_host_is_own(rows[i].host, &any), rows[i].is_own_of_any, "'%s'",
                     rows[i].host);
    }
}

Test(guard, orders_come_from_no_page_or_from_our_own)
{
    static const struct {
        const char *origin, *host;
        bool is_own;
    } rows[] = {
        {NULL, "127.0.0.1:7781", true},
        {"http://127.0.0.1:7781", "127.0.0.1:7781", true},
        {"http://localhost:9000", "localhost:9000", true},
        {"http://localhost:8000", "localhost:7781", false},
        {"https://localhost:7781", "localhost:7781", false},
        {"http://evil.example", "127.0.0.1:7781", false},
        {"null", "127.0.0.1:7781", false},
        {"http://", NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(guard_origin_is_own(rows[i].origin, rows[i].host), rows[i].is_own,
                     "row %zu", i);
}

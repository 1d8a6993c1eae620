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
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(guard_host_is_own(rows[i].host), rows[i].is_own, "'%s'",
                     rows[i].host ? rows[i].host : "none");
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

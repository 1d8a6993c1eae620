/* Ids, addresses and names as text. */
#include <string.h>

#include <criterion/criterion.h>

#include "core/err.h"
#include "core/ids.h"

Test(ids, a_node_id_survives_its_text)
{
    struct node_id id = {{0}}, back;
    char text[NODE_ID_TEXT];
    cr_assert(node_id_is_zero(id));
    for (uint8_t i = 0; i < 16; i++)
        id.at[i] = (uint8_t)(i * 17);
    cr_assert_str_eq(node_id_text(id, text), "00112233445566778899aabbccddeeff");
    cr_assert_eq(node_id_parse(bytes_of_text(text), &back), 0);
    cr_assert(node_id_equal(id, back));
    cr_assert_eq(node_id_parse(bytes_of_text("00"), &back), ERR_MALFORMED);
    back.at[15]--;
    cr_assert_gt(node_id_compare(id, back), 0);
}

Test(ids, a_spec_hash_survives_its_text)
{
    struct spec_hash hash, back;
    char text[SPEC_HASH_TEXT];
    memset(&hash, 0xa5, sizeof(hash));
    cr_assert_eq(strlen(spec_hash_text(hash, text)), 64);
    cr_assert_eq(spec_hash_parse(bytes_of_text(text), &back), 0);
    cr_assert(spec_hash_equal(hash, back));
}

Test(ids, addresses_are_read_and_written)
{
    static const struct {
        const char *in, *out, *host;
    } good[] = {
        {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1:7780", "127.0.0.1"},
        {"[::1]:80", "[::1]:80", "::1"},
        {"[::1]", "[::1]:7780", "::1"},
        {"::1", "[::1]:7780", "::1"},
        {":80", "0.0.0.0:80", "0.0.0.0"},
        {"10.0.0.1:65535", "10.0.0.1:65535", "10.0.0.1"},
    };
    static const char *const bad[] = {
        "",
        "host",
        "host:80",
        "1.2.3.4:65536",
        "1.2.3.4:",
        "1.2.3.4:-1",
        "1.2.3:80",
        "[::1",
        "[::1]80",
        "[1.2.3.4]:80",
        ":",
        "1.2.3.4:0x50",
        "[]:80",
        "[::1]:80x",
        "::1::2",
        "1.2.3.4: 80",
        "[::1]:",
        "fe80::1%eth0",
        "1.2.3.4:99999999999999999999",
        "1111111111111111111111111111111111111111111111111111111111111111111111.1:1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct endpoint e;
        char text[ADDRESS_TEXT_MAX];
        cr_assert_eq(endpoint_parse(good[i].in, 7780, &e), 0, "%s", good[i].in);
        cr_assert_str_eq(endpoint_text(&e, text), good[i].out);
        cr_assert_str_eq(endpoint_host_text(&e, text), good[i].host);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct endpoint e = {.port = 1};
        cr_assert_eq(endpoint_parse(bad[i], 7780, &e), ERR_MALFORMED, "%s", bad[i]);
        cr_assert_eq(e.port, 1);
    }
}

Test(ids, endpoints_order_by_family_address_and_port)
{
    static const char *const sorted[] = {"1.2.3.4:1", "1.2.3.4:2", "1.2.4.0:1", "[::1]:1",
                                         "[::2]:1"};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct endpoint a, b;
            cr_assert_eq(endpoint_parse(sorted[i], 0, &a), 0);
            cr_assert_eq(endpoint_parse(sorted[j], 0, &b), 0);
            int order = endpoint_compare(&a, &b);
            cr_assert_eq((order > 0) - (order < 0), (i > j) - (i < j), "%zu %zu", i, j);
            cr_assert_eq(endpoint_equal(&a, &b), i == j);
        }
    }
}

Test(ids, a_name_is_a_dns_label)
{
    char longest[65];
    memset(longest, 'a', sizeof(longest));
    static const char *const good[] = {"a", "web", "web-2", "0", "a-b-c"};
    static const char *const bad[] = {"",    "-a",  "a-",       "Web",
                                      "a.b", "a_b", "\xc3\xa9", "a b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert(name_is_valid(bytes_of_text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(name_is_valid(bytes_of_text(bad[i])), "%s", bad[i]);
    cr_assert(name_is_valid((struct bytes){(uint8_t *)longest, 63}));
    cr_assert_not(name_is_valid((struct bytes){(uint8_t *)longest, 64}));
}

Test(ids, localhost_is_this_host_by_name)
{
    static const char *const good[] = {"localhost", "LOCALHOST", "localhost.",
                                       "n1.localhost", "a.b.Localhost."};
    static const char *const bad[] = {
        "", ".", "localhos", "localhost.com", "mylocalhost", "localhost.."};
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert(name_is_localhost(bytes_of_text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(name_is_localhost(bytes_of_text(bad[i])), "%s", bad[i]);
    struct endpoint four = endpoint_loopback(4, 80), six = endpoint_loopback(6, 80);
    cr_assert_str_eq(endpoint_text(&four, text), "127.0.0.1:80");
    cr_assert_str_eq(endpoint_text(&six, text), "[::1]:80");
}

Test(ids, an_index_is_written_in_one_way)
{
    static const struct {
        const char *text;
        int status;
        uint32_t index;
    } rows[] = {
        {"0", 0, 0},
        {"17", 0, 17},
        {"4294967295", 0, UINT32_MAX},
        {"00", ERR_INVALID, 0},
        {"007", ERR_INVALID, 7},
        {"", ERR_MALFORMED, 99},
        {"x", ERR_MALFORMED, 99},
        {"-1", ERR_MALFORMED, 99},
        {"+1", ERR_MALFORMED, 99},
        {" 1", ERR_MALFORMED, 99},
        {"1 ", ERR_MALFORMED, 99},
        {"4294967296", ERR_MALFORMED, 99},
        {"99999999999999999999", ERR_MALFORMED, 99},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t index = 99;
        cr_expect_eq(index_parse(bytes_of_text(rows[i].text), &index), rows[i].status,
                     "'%s'", rows[i].text);
        cr_expect_eq(index, rows[i].index, "'%s'", rows[i].text);
    }
}

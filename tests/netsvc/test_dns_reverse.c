/* PTR: from addresses of both families back to the names of nodes. */
#include <criterion/criterion.h>
#include <string.h>

#include "netsvc/dns.h"
#include "netsvc/dns_name.h"
#include "netsvc/dns_reverse.h"

#define V6_HEAD "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

static const struct catalog_node nodes[] = {
    {"n1", {4, {10, 0, 0, 1}, 0}, true},
    {"n2", {4, {10, 0, 0, 2}, 0}, false},
    {"n3", {6, {0xfd, 0x78, [15] = 1}, 0}, true},
    {"n4", {4, {10, 0, 0, 1}, 0}, true}, /* on the host of n1 */
};

static const struct catalog catalog = {
    .is_ready = true, .nodes = nodes, .n_nodes = 4, .serial = 7};

/* The code, and how many answers; *ret_out has the message. */
static unsigned ask(const struct catalog *c, const char *text, uint16_t type,
                    uint8_t *out, size_t *ret_len)
{
    uint8_t query[512];
    struct dns_name name;
    struct rng rng;
    struct writer w = writer_of(query, sizeof(query));
    cr_assert_eq(dns_name_of_text(text, &name), 0);
    writer_put(&w, "\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    writer_put(&w, name.wire, name.len);
    writer_u16(&w, type);
    writer_u16(&w, 1);
    rng_init(&rng, 1);
    *ret_len = dns_answer(c, &rng, writer_done(&w), DNS_WAY_UDP, out, DNS_MESSAGE_MAX);
    cr_assert_geq(*ret_len, 12);
    return (unsigned)(out[3] & 0xf) << 8 | out[7];
}

static bool has(const uint8_t *out, size_t len, const char *wire, size_t wire_len)
{
    return memmem(out, len, wire, wire_len) != NULL;
}

Test(dns_reverse, addresses_of_both_families_lead_to_the_names_of_live_nodes)
{
    static const struct {
        const char *name;
        uint16_t type;
        unsigned code, answers;
    } rows[] = {
        {"1.0.0.10.in-addr.arpa", DNS_PTR, 0, 2},
        {"1.0.0.10.IN-ADDR.ARPA", DNS_PTR, 0, 2},
        {"1.0.0.10.in-addr.arpa", DNS_ANY, 0, 2},
        {"1.0.0.10.in-addr.arpa", DNS_A, 0, 0},
        {"2.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0}, /* dead */
        {"3.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0}, /* nobody of ours */
        {"0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"1.1.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"01.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"256.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"1.0.0.10.in-addr.example", DNS_PTR, DNS_REFUSED, 0},
        {V6_HEAD "8.7.d.f.ip6.arpa", DNS_PTR, 0, 1},
        {V6_HEAD "8.7.D.F.ip6.arpa", DNS_PTR, 0, 1},
        {V6_HEAD "9.7.d.f.ip6.arpa", DNS_PTR, DNS_REFUSED, 0},
        {V6_HEAD "8.7.d.g.ip6.arpa", DNS_PTR, DNS_REFUSED, 0},
        {V6_HEAD "8.7.df.ip6.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"8.7.d.f.ip6.arpa", DNS_PTR, DNS_REFUSED, 0},
        {"arpa", DNS_PTR, DNS_REFUSED, 0},
    };
    uint8_t out[DNS_MESSAGE_MAX];
    size_t len;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(ask(&catalog, rows[i].name, rows[i].type, out, &len),
                     rows[i].code << 8 | rows[i].answers, "%s", rows[i].name);
    (void)ask(&catalog, "1.0.0.10.in-addr.arpa", DNS_PTR, out, &len);
    cr_expect(has(out, len, "\2n1\4node\7stratos", 17));
    cr_expect(has(out, len, "\2n4\4node\7stratos", 17));
    cr_expect(out[2] & 4, "with authority");
    struct catalog early = catalog;
    early.is_ready = false;
    cr_expect_eq(ask(&early, "1.0.0.10.in-addr.arpa", DNS_PTR, out, &len) >> 8,
                 DNS_SERVFAIL);
}

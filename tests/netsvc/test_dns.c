/* DNS answers: golden bytes, every kind of name, truncation, and queries that are no
 * queries. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "netsvc/dns.h"
#include "netsvc/dns_name.h"
#include "tests/netsvc/small_catalog.h"

struct asked {
    uint8_t out[DNS_MESSAGE_MAX];
    size_t len;
    unsigned code, flags, counts[4];
};

/* A query for `name`; edns 0: none, else the advertised size. */
static struct bytes query(const char *name, uint16_t type, uint16_t edns, uint8_t *buf)
{
    struct dns_name parsed;
    struct writer w = writer_of(buf, 512);
    cr_assert_eq(dns_name_of_text(name, &parsed), 0);
    writer_u16(&w, 0xbeef);
    writer_u16(&w, 0x0100);
    writer_u16(&w, 1);
    writer_u32(&w, 0);
    writer_u16(&w, edns ? 1 : 0);
    writer_put(&w, parsed.wire, parsed.len);
    writer_u16(&w, type);
    writer_u16(&w, 1);
    if (edns) {
        writer_u8(&w, 0);
        writer_u16(&w, DNS_OPT);
        writer_u16(&w, edns);
        writer_u32(&w, 0);
        writer_u16(&w, 0);
    }
    return writer_done(&w);
}

static struct asked ask_bytes(const struct catalog *c, struct bytes in, enum dns_way way)
{
    struct asked a = {0};
    struct rng rng;
    rng_init(&rng, 1);
    a.len = dns_answer(c, &rng, in, way, a.out, sizeof(a.out));
    struct reader r = reader_of((struct bytes){a.out, a.len});
    (void)reader_u16(&r);
    a.flags = reader_u16(&r);
    a.code = a.flags & 0xf;
    for (size_t i = 0; i < 4; i++)
        a.counts[i] = reader_u16(&r);
    return a;
}

static struct asked ask(const struct catalog *c, const char *name, uint16_t type,
                        uint16_t edns)
{
    uint8_t buf[512];
    return ask_bytes(c, query(name, type, edns, buf), DNS_WAY_UDP);
}

static void expect_hex(const struct asked *a, const char *hex)
{
    char text[4096];
    cr_assert_lt(a->len, 2000);
    hex_encode(a->out, a->len, text);
    cr_expect_str_eq(text, hex);
}

Test(dns, answers_are_these_very_bytes)
{
    struct catalog c = small_catalog();
    struct asked a =
        ask(&c, "oNe.Service.stratos", DNS_A, 0); /* the asker's case comes back */
    expect_hex(
        &a, "beef85000001000100000000036f4e6507536572766963650773747261746f730000010001"
            "c00c00010001000000020004"
            "7f4d0001");
    a = ask(&c, "one.service.stratos", DNS_SRV, 4096);
    expect_hex(
        &a, "beef85000001000100000002036f6e6507736572766963650773747261746f730000210001"
            "c00c0021000100000002001d0000"
            "00014e8308376634643030303104616464720773747261746f7300"
            "c03700010001000000020004"
            "7f4d0001"
            "00002904d0000000000000");
    a = ask(&c, "none.service.stratos", DNS_A, 0);
    expect_hex(
        &a, "beef85030001000000010000046e6f6e6507736572766963650773747261746f730000010001"
            "c01900060001000000020026026e73c0190a686f73746d6173746572c019"
            "000000070000003c000000050001518000000002");
    a = ask(&c, "one.service.stratos", DNS_TXT, 0);
    expect_hex(
        &a, "beef85000001000100000000036f6e6507736572766963650773747261746f730000100001"
            "c00c00100001000000020017"
            "0e696e7374616e63653d6f6e652e30"
            "076e6f64653d6e31");
    a = ask(&c, "one.service.stratos", DNS_ANY, 0);
    expect_hex(
        &a, "beef85000001000100000000036f6e6507736572766963650773747261746f730000ff0001"
            "c00c000d00010000000200090752464338343832"
            "00");
    a = ask(&c, "example.org", DNS_A, 0);
    expect_hex(&a, "beef81050001000000000000076578616d706c65036f72670000010001");
}

Test(dns, every_kind_of_name_has_its_answer)
{
    static const struct {
        const char *name;
        uint16_t type;
        unsigned code, answers, authority, additional;
    } rows[] = {
        {"web.service.stratos", DNS_A, 0, 2, 0,
         0}, /* n1 twice, once in the answer; web.3 fails */
        {"web.service.stratos", DNS_SRV, 0, 3, 0, 2},
        {"web.service.stratos", DNS_AAAA, 0, 0, 1, 0},
        {"web.service.stratos", DNS_TXT, 0, 3, 0, 0},
        {"web.service.stratos", DNS_NS, 0, 0, 1, 0},
        {"web.default.service.stratos", DNS_A, 0, 2, 0, 0},
        {"web.shop.service.stratos", DNS_A, 0, 1, 0, 0},
        {"six.service.stratos", DNS_AAAA, 0, 1, 0, 0},
        {"six.service.stratos", DNS_A, 0, 0, 1, 0},
        {"down.service.stratos", DNS_A, 0, 0, 1, 0}, /* exists, nobody healthy: no data */
        {"gone.service.stratos", DNS_A, 3, 0, 1, 0},
        {"web.gone.service.stratos", DNS_A, 3, 0, 1, 0},
        {"1.web.service.stratos", DNS_A, 0, 1, 0, 0},
        {"1.web.service.stratos", DNS_SRV, 0, 1, 0, 1},
        {"3.web.service.stratos", DNS_A, 0, 0, 1, 0}, /* failing */
        {"4.web.service.stratos", DNS_A, 3, 0, 1, 0},
        {"01.web.service.stratos", DNS_A, 3, 0, 1, 0},
        {"0.web.shop.service.stratos", DNS_A, 0, 1, 0, 0},
        {"_http._tcp.web.service.stratos", DNS_SRV, 0, 3, 0, 2},
        {"_http._tcp.web.service.stratos", DNS_A, 0, 0, 1, 0},
        {"_http._tcp.web.default.service.stratos", DNS_SRV, 0, 3, 0, 2},
        {"_main._tcp.web.shop.service.stratos", DNS_SRV, 0, 1, 0, 1},
        {"_web._tcp.service.stratos", DNS_SRV, 0, 3, 0, 2},
        {"_web._tcp.shop.service.stratos", DNS_SRV, 0, 1, 0, 1},
        {"_dns._udp.six.service.stratos", DNS_SRV, 0, 1, 0, 1},
        {"_dns._tcp.six.service.stratos", DNS_SRV, 3, 0, 1, 0},
        {"_ftp._tcp.web.service.stratos", DNS_SRV, 3, 0, 1, 0},
        {"_tcp.web.service.stratos", DNS_SRV, 0, 0, 1, 0},
        {"_tcp.service.stratos", DNS_SRV, 0, 0, 1, 0},
        {"_tcp.shop.service.stratos", DNS_SRV, 0, 0, 1, 0},
        {"_tcp.web.shop.service.stratos", DNS_SRV, 0, 0, 1, 0},
        {"_udp.service.stratos", DNS_SRV, 0, 0, 1, 0}, /* six has it */
        {"_udp.six.service.stratos", DNS_SRV, 0, 0, 1, 0},
        {"_tcp.six.service.stratos", DNS_SRV, 3, 0, 1, 0},
        {"_udp.web.service.stratos", DNS_SRV, 3, 0, 1, 0}, /* nothing is below it */
        {"_udp.shop.service.stratos", DNS_SRV, 3, 0, 1, 0},
        {"_udp.web.shop.service.stratos", DNS_SRV, 3, 0, 1, 0},
        {"shop.service.stratos", DNS_A, 0, 0, 1, 0},
        {"service.stratos", DNS_A, 0, 0, 1, 0},
        {"node.stratos", DNS_A, 0, 0, 1, 0},
        {"N1.node.stratos", DNS_A, 0, 1, 0, 0},
        {"n1.node.stratos", DNS_AAAA, 0, 0, 1, 0},
        {"n3.node.stratos", DNS_A, 0, 0, 1, 0}, /* dead */
        {"n9.node.stratos", DNS_A, 3, 0, 1, 0},
        {"x.n1.node.stratos", DNS_A, 3, 0, 1, 0},
        {"7f4d0001.addr.stratos", DNS_A, 0, 1, 0, 0},
        {"7F4D0001.Addr.stratos", DNS_A, 0, 1, 0, 0},
        {"7f4d0001.addr.stratos", DNS_AAAA, 0, 0, 1, 0},
        {"7f4d0001.addr.stratos", DNS_ANY, 0, 1, 0, 0},
        {"00000000000000000000000000000001.addr.stratos", DNS_AAAA, 0, 1, 0, 0},
        {"7f4d0003.addr.stratos", DNS_A, 3, 0, 1, 0}, /* of a dead node */
        {"7f4d000.addr.stratos", DNS_A, 3, 0, 1, 0},
        {"7f4d000g.addr.stratos", DNS_A, 3, 0, 1, 0},
        {"x.7f4d0001.addr.stratos", DNS_A, 3, 0, 1, 0},
        {"addr.stratos", DNS_A, 0, 0, 1, 0},
        {"stratos", DNS_SOA, 0, 1, 0, 0},
        {"stratos", DNS_NS, 0, 1, 0, 2},
        {"stratos", DNS_A, 0, 0, 1, 0},
        {"ns.stratos", DNS_A, 0, 2, 0, 0},
        {"other.stratos", DNS_A, 3, 0, 1, 0},
        {"a.b.c.d.e.service.stratos", DNS_A, 3, 0, 1, 0},
        {"notstratos", DNS_A, 5, 0, 0, 0},
        {"", DNS_NS, 5, 0, 0, 0},
        {"stratos", DNS_AXFR, 5, 0, 0, 0},
    };
    struct catalog c = small_catalog();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked a = ask(&c, rows[i].name, rows[i].type, 0);
        cr_expect(a.code == rows[i].code && a.counts[0] == 1 &&
                      a.counts[1] == rows[i].answers &&
                      a.counts[2] == rows[i].authority &&
                      a.counts[3] == rows[i].additional,
                  "%s %u: code %u, %u answers, %u authority, %u additional", rows[i].name,
                  rows[i].type, a.code, a.counts[1], a.counts[2], a.counts[3]);
        cr_expect_eq((a.flags & 0x0400) != 0, a.code != DNS_REFUSED, "AA of %s",
                     rows[i].name);
        cr_expect_eq(a.flags & 0x8180, 0x8100, "QR, RD and no RA for %s", rows[i].name);
    }
}

Test(dns, before_the_first_sync_it_is_a_failure_not_a_no)
{
    struct catalog c = small_catalog();
    c.is_ready = false;
    struct asked a = ask(&c, "web.service.stratos", DNS_A, 0);
    cr_expect_eq(a.code, DNS_SERVFAIL);
    a = ask(NULL, "web.service.stratos", DNS_A, 0);
    cr_expect_eq(a.code, DNS_SERVFAIL);
    cr_expect_eq(a.flags & 0x0400, 0);
}

/* A service of `n` endpoints on `n` nodes. */
static struct catalog wide_catalog(size_t n, struct catalog_service *service,
                                   struct arena *arena)
{
    struct catalog_endpoint *all = arena_array(arena, n, sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] = (struct catalog_endpoint){
            .instance = arena_printf(arena, "wide.%zu", i),
            .index = (uint32_t)i,
            .node = arena_printf(arena, "node-number-%zu", i),
            .at = V4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 80),
            .health = HEALTH_PASSING,
            .is_served = true};
    *service = (struct catalog_service){"default", "wide", "tcp", "http", all, n};
    return (struct catalog){
        .refs = 1, .is_ready = true, .services = service, .n_services = 1};
}

Test(dns, as_many_are_told_as_fit_and_all_over_tcp)
{
    static const struct {
        size_t n;
        uint16_t type, edns;
        enum dns_way way;
        unsigned answers;
    } rows[] = {
        {20, DNS_A, 0, DNS_WAY_UDP, 20},
        {29, DNS_A, 0, DNS_WAY_UDP, 29},
        {30, DNS_A, 0, DNS_WAY_UDP, 29},
        {200, DNS_A, 0, DNS_WAY_UDP, 29},
        {30, DNS_A, 1232, DNS_WAY_UDP, 30},
        {70, DNS_A, 4096, DNS_WAY_UDP, 70},
        {80, DNS_A, 4096, DNS_WAY_UDP, 73},
        {30, DNS_A, 100, DNS_WAY_UDP, 28},
        {9, DNS_SRV, 0, DNS_WAY_UDP, 9},
        {20, DNS_SRV, 0, DNS_WAY_UDP, 11},
        {9, DNS_TXT, 0, DNS_WAY_UDP, 9},
        {5000, DNS_A, 1232, DNS_WAY_UDP, 73},
        {80, DNS_A, 0, DNS_WAY_UDP_NEAR, 29},
        {80, DNS_A, 8192, DNS_WAY_UDP_NEAR, 80},
        {400, DNS_SRV, 65535, DNS_WAY_UDP_NEAR, 400},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct catalog_service service;
        struct arena arena;
        uint8_t buf[512];
        arena_init(&arena, 0);
        struct catalog c = wide_catalog(rows[i].n, &service, &arena);
        struct bytes in = query("wide.service.stratos", rows[i].type, rows[i].edns, buf);
        struct asked a = ask_bytes(&c, in, rows[i].way);
        size_t most = rows[i].way == DNS_WAY_UDP_NEAR ? 65000 : 1232;
        cr_expect_eq(a.counts[1], rows[i].answers, "row %zu: %u answers in %zu bytes", i,
                     a.counts[1], a.len);
        cr_expect_eq((a.flags & 0x0200) != 0, rows[i].answers < rows[i].n, "row %zu", i);
        cr_expect_leq(a.len, rows[i].edns < 512    ? 512
                             : rows[i].edns < most ? rows[i].edns
                                                   : most);
        a = ask_bytes(&c, in, DNS_WAY_TCP);
        cr_expect_eq(a.counts[1], rows[i].n < 512 ? rows[i].n : 512, "row %zu over TCP",
                     i);
        cr_expect_eq(a.flags & 0x0200, 0);
        arena_fini(&arena);
    }
}

Test(dns, what_fits_is_another_part_each_time)
{
    enum { HOSTS = 200 };
    struct catalog_service service;
    struct arena arena;
    struct rng rng;
    uint8_t buf[512], out[DNS_UDP_PLAIN_MAX];
    bool is_told[HOSTS] = {false};
    size_t n_told = 0;
    arena_init(&arena, 0);
    rng_init(&rng, 3);
    struct catalog c = wide_catalog(HOSTS, &service, &arena);
    struct bytes in = query("wide.service.stratos", DNS_A, 0, buf);
    for (size_t i = 0; i < 100; i++) {
        size_t len = dns_answer(&c, &rng, in, DNS_WAY_UDP, out, sizeof(out));
        for (size_t at = in.len + 15; at < len; at += 16)
            is_told[out[at]] = true;
    }
    for (size_t i = 0; i < HOSTS; i++)
        n_told += is_told[i];
    cr_expect_eq(n_told, HOSTS, "%zu", n_told);
    arena_fini(&arena);
}

Test(dns, answers_are_shuffled_and_evenly_so)
{
    struct catalog c = small_catalog();
    struct rng rng;
    rng_init(&rng, 3);
    uint8_t buf[512], out[1232];
    struct bytes in = query("web.service.stratos", DNS_SRV, 0, buf);
    size_t first[3] = {0};
    for (size_t i = 0; i < 3000; i++) {
        size_t len = dns_answer(&c, &rng, in, DNS_WAY_UDP, out, sizeof(out));
        cr_assert_gt(len, in.len + 20);
        first[(out[in.len + 16] << 8 | out[in.len + 17]) - 20011]++;
    }
    for (size_t i = 0; i < 3; i++)
        cr_expect(first[i] > 850 && first[i] < 1150, "%zu came first %zu times", i,
                  first[i]);
}

Test(dns, wrong_queries_get_the_right_refusal)
{
    static const struct {
        const char *hex;
        int code; /* -1: no answer */
        const char *what;
    } rows[] = {
        {"", -1, "empty"},
        {"beef0100000100000000", -1, "short header"},
        {"beef81000001000000000000"
         "0773747261746f730000010001",
         -1, "a response"},
        {"beef28000001000000000000"
         "0773747261746f730000010001",
         4, "UPDATE"},
        {"beef01000000000000000000", 1, "no question"},
        {"beef01000002000000000000"
         "0773747261746f730000010001"
         "0773747261746f730000010001",
         1, "two"},
        {"beef01000001000000000000"
         "0773747261746f73000001",
         1, "cut"},
        {"beef01000001000000000000"
         "0773747261746f730000010001"
         "00",
         1, "left over"},
        {"beef01000001000000000000"
         "c00c00010001",
         1, "pointer to itself"},
        {"beef01000001000000000000"
         "01"
         "61c00c00010001",
         1, "pointer to its own name"},
        {"beef01000001000000000000"
         "4061"
         "00010001",
         1, "reserved label kind"},
        {"beef01000001000000000000"
         "0773747261746f730000010003",
         5, "class CH"},
        {"beef01000001000000000001"
         "0773747261746f730000010001"
         "00002904d0000100000000",
         0, "BADVERS"},
        {"beef01000001000000000002"
         "0773747261746f730000010001"
         "00002904d0000000000000"
         "00002904d0000000000000",
         1, "two OPT"},
        {"beef01000001000000000001"
         "0773747261746f730000010001"
         "016100"
         "002904d0000000000000",
         1, "named OPT"},
    };
    struct catalog c = small_catalog();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t in[256];
        size_t len = strlen(rows[i].hex) / 2;
        cr_assert_eq(hex_decode(rows[i].hex, 2 * len, in, len), 0);
        struct asked a = ask_bytes(&c, (struct bytes){in, len}, DNS_WAY_UDP);
        cr_expect_eq(a.len ? (int)a.code : -1, rows[i].code, "%s: %d", rows[i].what,
                     (int)a.code);
        if (strcmp(rows[i].what, "BADVERS") == 0)
            cr_expect_eq(a.out[a.len - 6], 1, "the extended code's upper bits");
    }
}

Test(dns, every_cut_and_many_mutations_of_a_query_are_survived)
{
    struct catalog c = small_catalog();
    uint8_t buf[512];
    struct bytes in = query("_http._tcp.web.service.stratos", DNS_SRV, 1232, buf);
    for (size_t len = 0; len < in.len; len++) {
        uint8_t *copy = malloc(len ? len : 1); /* its end is guarded under ASan */
        memcpy(copy, in.at, len);
        struct asked a = ask_bytes(&c, (struct bytes){copy, len}, DNS_WAY_UDP);
        cr_expect(len < 12 ? a.len == 0 : a.code == DNS_FORMERR, "length %zu", len);
        free(copy);
    }
    struct rng rng;
    rng_init(&rng, 11);
    uint8_t out[1232];
    for (size_t i = 0; i < 200000; i++) {
        uint8_t copy[512];
        memcpy(copy, in.at, in.len);
        for (size_t flips = 1 + rng_below(&rng, 4); flips > 0; flips--)
            copy[rng_below(&rng, in.len)] = (uint8_t)rng_next(&rng);
        size_t len = dns_answer(&c, &rng, (struct bytes){copy, in.len},
                                rng_chance(&rng, 0.5) ? DNS_WAY_TCP : DNS_WAY_UDP, out,
                                sizeof(out));
        cr_assert_leq(len, sizeof(out));
    }
}

static char *resolve(const struct catalog *c, const char *name, struct arena *arena)
{
    struct dns_record *records;
    struct dns_omission *omitted;
    size_t n, n_omitted;
    int status = dns_resolve(c, name, arena, &records, &n, &omitted, &n_omitted);
    if (status < 0)
        return arena_text(arena, err_name(status));
    char *out = arena_text(arena, "");
    for (size_t i = 0; i < n; i++)
        out = arena_printf(arena, "%s%s %s; ", out, records[i].type, records[i].value);
    for (size_t i = 0; i < n_omitted; i++)
        out = arena_printf(arena, "%s-%s %s; ", out, omitted[i].instance,
                           omitted[i].reason);
    return out;
}

Test(dns, resolve_says_what_is_given_and_what_is_left_out)
{
    struct catalog c = small_catalog();
    struct arena arena;
    arena_init(&arena, 0);
    const char *web =
        "A 127.77.0.1; A 127.77.0.2; SRV 0 1 20011 7f4d0001.addr.stratos.; "
        "SRV 0 1 20012 7f4d0002.addr.stratos.; SRV 0 1 20013 7f4d0001.addr.stratos.; "
        "-web.3 health check failing; ";
    cr_expect_str_eq(resolve(&c, "web", &arena), web);
    cr_expect_str_eq(resolve(&c, "web.service.stratos.", &arena), web);
    cr_expect_str_eq(resolve(&c, "web.shop", &arena),
                     "A 127.77.0.1; SRV 0 1 20099 7f4d0001.addr.stratos.; ");
    cr_expect_str_eq(resolve(&c, "down", &arena), "-down.0 starting; ");
    cr_expect_str_eq(resolve(&c, "n1.node.stratos", &arena), "A 127.77.0.1; ");
    cr_expect_str_eq(
        resolve(&c, "six", &arena),
        "AAAA ::1; SRV 0 1 53 00000000000000000000000000000001.addr.stratos.; ");
    cr_expect_str_eq(resolve(&c, "nobody", &arena), err_name(ERR_NOT_FOUND));
    cr_expect_str_eq(resolve(&c, "a..b", &arena), err_name(ERR_NOT_FOUND));
    cr_expect_str_eq(resolve(NULL, "web", &arena), err_name(ERR_NOT_READY));
    arena_fini(&arena);
}

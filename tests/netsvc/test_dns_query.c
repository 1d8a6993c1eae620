/* Queries to the letter: OPT, its flags and options, and TSIG with a key that nobody here has. */
#include <criterion/criterion.h>
#include <string.h>

#include "netsvc/dns.h"
#include "netsvc/dns_name.h"
#include "tests/netsvc/small_catalog.h"

#define HEAD "beef0100000100000000" /* then the number of additional records */
#define ONE                                                                              \
    "036f6e6507736572766963650773747261746f730000010001" /* one.service.stratos A */
#define OPT "00002904d00000" /* then flags, then the length of the options */
#define KEY "036b657900"     /* key. */
#define ALGORITHM "0b686d61632d73686132353600"            /* hmac-sha256. */
#define SIGNED "00006a1e0d00012c0004aabbccddbeef00000000" /* time, fudge, signature, id */
#define TSIG                                                                             \
    KEY "00fa00ff00000000"                                                               \
        "0021" ALGORITHM SIGNED

struct answer {
    uint8_t at[DNS_MESSAGE_MAX];
    size_t len;
    unsigned code, n_answers, n_additional;
};

static struct answer ask(const char *hex, enum dns_way way)
{
    struct catalog c = small_catalog();
    struct answer a = {0};
    struct rng rng;
    uint8_t in[1024];
    size_t len = strlen(hex) / 2;
    cr_assert(len <= sizeof(in) && hex_decode(hex, 2 * len, in, len) == 0, "%s", hex);
    rng_init(&rng, 1);
    a.len = dns_answer(&c, &rng, (struct bytes){in, len}, way, a.at, sizeof(a.at));
    cr_assert_geq(a.len, 12);
    a.code = a.at[3] & 0xf;
    a.n_answers = a.at[7];
    a.n_additional = a.at[11];
    return a;
}

static bool ends_with(const struct answer *a, const char *hex)
{
    uint8_t end[512];
    size_t len = strlen(hex) / 2;
    cr_assert_eq(hex_decode(hex, 2 * len, end, len), 0);
    return a->len >= len && memcmp(a->at + a->len - len, end, len) == 0;
}

Test(dns_query, every_row_has_its_code)
{
    static const struct {
        const char *hex;
        unsigned code;
        const char *what;
    } rows[] = {
        {HEAD "0001" ONE OPT "0000"
              "0000",
         DNS_NOERROR, "OPT"},
        {HEAD "0001" ONE OPT "0000"
              "0008"
              "fde9"
              "0004"
              "01020304",
         DNS_NOERROR, "an option that nobody knows"},
        {HEAD "0001" ONE OPT "0000"
              "0008"
              "00030000"
              "000c0000",
         DNS_NOERROR, "two empty options"},
        {HEAD "0001" ONE OPT "0000"
              "0008"
              "fde9"
              "0005"
              "01020304",
         DNS_FORMERR, "an option longer than the record"},
        {HEAD "0001" ONE OPT "0000"
              "0008"
              "fde9"
              "0003"
              "01020304",
         DNS_FORMERR, "a byte after the last option"},
        {HEAD "0001" ONE OPT "0000"
              "0003"
              "fde900",
         DNS_FORMERR, "half a head"},
        {HEAD "0001" ONE TSIG, DNS_NOTAUTH, "TSIG"},
        {HEAD "0002" ONE OPT "0000"
              "0000" TSIG,
         DNS_NOTAUTH, "OPT, TSIG"},
        {HEAD "0002" ONE TSIG OPT "0000"
              "0000",
         DNS_FORMERR, "OPT after TSIG"},
        {HEAD "0002" ONE TSIG TSIG, DNS_FORMERR, "two TSIG"},
        {HEAD "0002" ONE TSIG "00000100010000000000047f000001", DNS_FORMERR,
         "an address after TSIG"},
        {"beef01000001000100000000" ONE TSIG, DNS_FORMERR, "TSIG as an answer"},
        {"beef01000001000000010000" ONE TSIG, DNS_FORMERR, "TSIG as authority"},
        {HEAD "0001" ONE KEY "00fa000100000000"
              "0021" ALGORITHM SIGNED,
         DNS_FORMERR, "TSIG of class IN"},
        {HEAD "0001" ONE KEY "00fa00ff00000001"
              "0021" ALGORITHM SIGNED,
         DNS_FORMERR, "TSIG with a TTL"},
        {HEAD "0001" ONE KEY "00fa00ff00000000"
              "0020" ALGORITHM "00006a1e0d00012c0004aabbccddbeef000000",
         DNS_FORMERR, "TSIG cut"},
        {HEAD "0001" ONE KEY "00fa00ff00000000"
              "0022" ALGORITHM SIGNED "00",
         DNS_FORMERR, "TSIG with a byte too many"},
        {HEAD "0001" ONE KEY "00fa00ff00000000"
              "0016"
              "c00c" SIGNED,
         DNS_FORMERR, "TSIG whose algorithm is a pointer"},
        {HEAD "0001" ONE "c0ff00fa00ff00000000"
              "0021" ALGORITHM SIGNED,
         DNS_FORMERR, "TSIG whose owner points nowhere"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer a = ask(rows[i].hex, i % 2 ? DNS_WAY_UDP : DNS_WAY_TCP);
        cr_expect_eq(a.code, rows[i].code, "%s: %u", rows[i].what, a.code);
        cr_expect_eq(a.n_answers, rows[i].code == DNS_NOERROR, "%s", rows[i].what);
    }
}

Test(dns_query, the_wish_for_dnssec_is_repeated_and_no_other_flag)
{
    struct answer a = ask(HEAD "0001" ONE OPT "8000"
                               "0000",
                          DNS_WAY_UDP);
    cr_expect_eq(a.code, DNS_NOERROR);
    cr_expect(ends_with(&a, "00002904d0000080000000"));
    a = ask(HEAD "0001" ONE OPT "7fff"
                 "0000",
            DNS_WAY_UDP);
    cr_expect(ends_with(&a, "00002904d0000000000000"));
    a = ask("beef01000001000000000001"
            "076578616d706c6503636f6d0000010001" OPT "8000"
            "0000",
            DNS_WAY_UDP);
    cr_expect_eq(a.code, DNS_REFUSED);
    cr_expect(ends_with(&a, "00002904d0000080000000"));
}

Test(dns_query, whoever_sends_an_opt_gets_one_whatever_is_wrong)
{
    static const char *const rows[] = {
        HEAD "0001" ONE OPT "8000"
             "0008"
             "fde9"
             "0005"
             "01020304",
        HEAD "0002" ONE OPT "8000"
             "0000" OPT "8000"
             "0000",
        HEAD "0002" ONE OPT "8000"
             "0000"
             "0000010001000000000004",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer a = ask(rows[i], DNS_WAY_UDP);
        cr_expect_eq(a.code, DNS_FORMERR, "row %zu", i);
        cr_expect(ends_with(&a, "00002904d0000080000000"), "row %zu", i);
    }
}

Test(dns_query, an_unknown_key_is_named_in_an_unsigned_answer)
{
#define BADKEY                                                                           \
    KEY "00fa00ff00000000"                                                               \
        "001d" ALGORITHM "00006a1e0d00012c0000beef00110000"
    struct answer a = ask(HEAD "0001" ONE TSIG, DNS_WAY_UDP);
    cr_expect_eq(a.n_additional, 1);
    cr_expect(ends_with(&a, ONE BADKEY));
    a = ask(HEAD "0002" ONE OPT "8000"
                 "0000" TSIG,
            DNS_WAY_UDP);
    cr_expect_eq(a.n_additional, 2);
    cr_expect(ends_with(&a, "00002904d0000080000000" BADKEY));
    /* An owner that points to the question is written out. */
    a = ask(HEAD "0001" ONE "c00c"
                 "00fa00ff00000000"
                 "0021" ALGORITHM SIGNED,
            DNS_WAY_TCP);
    cr_expect(ends_with(&a, "036f6e6507736572766963650773747261746f7300"
                            "00fa00ff00000000"
                            "001d" ALGORITHM "00006a1e0d00012c0000beef00110000"));
}

/* Three names of 255 bytes: the code comes in any case. */
Test(dns_query, names_that_leave_no_room_for_a_tsig_get_the_code_alone)
{
    char hex[2048] = HEAD "0001";
    for (int i = 0; i < 3; i++) {
        for (int label = 0; label < 63; label++)
            strcat(hex, "03616161");
        strcat(hex, "0100"); /* one label of a zero byte */
        strcat(hex, "00");
        strcat(hex, i == 0   ? "00010001"
                    : i == 1 ? "00fa00ff00000000"
                               "0113"
                             : SIGNED);
    }
    struct answer a = ask(hex, DNS_WAY_UDP);
    cr_expect_eq(a.code, DNS_NOTAUTH);
    cr_expect_eq(a.n_additional, 0);
    cr_expect_leq(a.len, DNS_UDP_PLAIN_MAX);
    a = ask(hex, DNS_WAY_TCP);
    cr_expect_eq(a.code, DNS_NOTAUTH);
    cr_expect_eq(a.n_additional, 1);
}

/* Which address a node is told to have: facts in, choice out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/address.h"

/* As `ip addr` would show it: "eth0 10.0.0.1" in the kernel's order. */
static size_t host(const char *words, struct host_address *out)
{
    char copy[512], *rest = copy, *word;
    size_t n = 0;
    bool is_up = true, is_lo = false;
    (void)snprintf(copy, sizeof(copy), "%s", words);
    while ((word = strsep(&rest, " ")) != NULL) {
        if (strcmp(word, "lo") == 0 || strncmp(word, "eth", 3) == 0) {
            is_up = strchr(word, '-') == NULL; /* "eth1-": no carrier */
            is_lo = word[0] == 'l';
            continue;
        }
        out[n] = (struct host_address){.is_up = is_up, .is_on_loopback = is_lo};
        cr_assert_eq(endpoint_parse(word, 0, &out[n].at), 0, "%s", word);
        n++;
    }
    return n;
}

static struct endpoint parsed(const char *text)
{
    struct endpoint e = {0};
    if (text)
        cr_assert_eq(endpoint_parse(text, 7780, &e), 0, "%s", text);
    return e;
}

struct row {
    const char *why;
    const char *host;    /* what it has */
    const char *bind;    /* NULL: not given */
    bool is_there;       /* what is given */
    const char *present; /* NULL: nothing yet */
    bool seeks_others;
    const char *want; /* NULL: none */
};

static const struct row rows[] = {
    {"the first that others can reach", "lo 127.0.0.1 eth0 10.0.0.1 eth1 10.1.0.1", NULL,
     false, NULL, true, "10.0.0.1:7780"},
    {"v4 before v6", "lo ::1 eth0 fd00::1 eth1 10.1.0.1", NULL, false, NULL, true,
     "10.1.0.1:7780"},
    {"v6 where there is no other", "lo ::1 eth0 fe80::1 fd00::1", NULL, false, NULL, true,
     "[fd00::1]:7780"},
    {"not one without a carrier, which bridges of containers lack",
     "lo 127.0.0.1 eth1- 172.17.0.1", NULL, false, NULL, true, NULL},
    {"nor before one with a carrier", "eth1- 172.17.0.1 eth0 10.0.0.1", NULL, false, NULL,
     true, "10.0.0.1:7780"},
    {"not one that a host gives itself while DHCP is silent", "eth0 169.254.7.7 fe80::1",
     NULL, false, NULL, true, NULL},
    {"an address on lo that is routed to this host is no choice", "lo 10.9.9.9", NULL,
     false, NULL, true, NULL},
    {"loopback only for one that seeks nobody", "lo 127.0.0.1", NULL, false, NULL, false,
     "127.0.0.1:7780"},
    {"never where others are elsewhere", "lo 127.0.0.1", NULL, false, NULL, true, NULL},
    {"the present one stays while it is there", "eth0 10.0.0.1 10.0.0.2", NULL, false,
     "10.0.0.2", true, "10.0.0.2:7780"},
    {"also without a carrier", "eth0- 10.0.0.2 eth1 10.1.0.1", NULL, false, "10.0.0.2",
     true, "10.0.0.2:7780"},
    {"it goes when it is gone", "eth1 10.1.0.1", NULL, false, "10.0.0.2", true,
     "10.1.0.1:7780"},
    {"and nothing may be left", "lo 127.0.0.1", NULL, false, "10.0.0.2", true, NULL},
    {"one that seeks nobody goes to loopback then", "lo 127.0.0.1", NULL, false,
     "10.0.0.2", false, "127.0.0.1:7780"},
    {"a guess is given up for the real one", "lo 127.0.0.1 eth0 10.0.0.1", NULL, false,
     "127.0.0.1", false, "10.0.0.1:7780"},
    {"but not for nothing", "lo 127.0.0.1", NULL, false, "127.0.0.1", true,
     "127.0.0.1:7780"},
    {"what is given is taken", "lo 127.0.0.1 eth0 10.0.0.1", "127.77.0.2:9", true, NULL,
     true, "127.77.0.2:9"},
    {"whatever was there before", "eth0 10.0.0.1", "10.0.0.9", true, "10.0.0.1", true,
     "10.0.0.9:7780"},
    {"or waited for", "eth0 10.0.0.1", "10.0.0.9", false, NULL, false, NULL},
    {"any address is bound but never told", "lo 127.0.0.1 eth0 10.0.0.1", "0.0.0.0:5",
     false, NULL, true, "10.0.0.1:5"},
    {"in its own family", "eth0 10.0.0.1 fd00::1", "[::]:5", false, NULL, true,
     "[fd00::1]:5"},
    {"any without others is loopback", "lo ::1", "[::]:5", false, NULL, false, "[::1]:5"},
    {"any without an address waits for one", "lo 127.0.0.1", "0.0.0.0:5", false, NULL,
     true, NULL},
};

Test(address, the_choice_follows_from_the_facts)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct host_address list[16];
        char got[ADDRESS_TEXT_MAX];
        struct address_facts facts = {.bind = r->bind ? parsed(r->bind)
                                                      : (struct endpoint){.port = 7780},
                                      .is_given = r->bind != NULL,
                                      .is_given_there = r->is_there,
                                      .list = list,
                                      .n = host(r->host, list)};
        struct endpoint choice =
            address_choose(&facts, parsed(r->present), r->seeks_others);
        cr_expect_str_eq(choice.family ? endpoint_text(&choice, got) : "none",
                         r->want ? r->want : "none", "%s: %s", r->why,
                         choice.family ? endpoint_text(&choice, got) : "none");
    }
}

Test(address, names_lead_off_this_host_but_for_localhost)
{
    static const char *const here[] = {"127.0.0.1", "127.77.0.2:7780", "::1",
                                       "localhost", "localhost:7780",  "a.localhost"};
    static const char *const there[] = {"10.0.0.1", "fd00::1", "[fd00::1]:80", "n1",
                                        "n1.example:7780"};
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
        cr_expect(!address_is_elsewhere(here[i]), "%s", here[i]);
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        cr_expect(address_is_elsewhere(there[i]), "%s", there[i]);
}

Test(address, a_refusal_says_whether_it_is_late_or_gone)
{
    struct err err;
    struct address a = {0};
    cr_assert_eq(address_refuse(&a, &err), ERR_NOT_READY);
    cr_expect(strstr(err.text, "no address yet"), "%s", err.text);
    a.last = parsed("10.0.0.1");
    cr_assert_eq(address_refuse(&a, &err), ERR_NOT_READY);
    cr_expect(strstr(err.text, "cut off") && strstr(err.text, "10.0.0.1"), "%s",
              err.text);
}

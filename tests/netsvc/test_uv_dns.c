/* The DNS server on a real loop, asked by dig and by hand. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netsvc/uv_dns.h"
#include "tests/netsvc/small_catalog.h"

struct world {
    uv_loop_t loop;
    struct uv_dns *dns;
    struct metrics metrics;
    struct catalog catalog;
    uint16_t port;
};

static void world_init_at(struct world *w, struct endpoint at, size_t n_connections)
{
    struct err err;
    *w = (struct world){.catalog = small_catalog()};
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    cr_assert_eq(uv_dns_open(&w->loop, &at, n_connections, 5, &w->metrics, &w->dns, &err),
                 0, "%s", err.text);
    cr_assert_neq(at.port, 0);
    w->port = at.port;
    uv_dns_serve(w->dns, &w->catalog);
}

static void world_init_of(struct world *w, size_t n_connections)
{
    world_init_at(w, (struct endpoint){.family = 4, .address = {127, 0, 0, 1}},
                  n_connections);
}

static void world_init(struct world *w)
{
    world_init_of(w, DNS_CONNECTIONS_MAX);
}

static void world_fini(struct world *w)
{
    uv_dns_close(w->dns);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&w->loop), 0);
    cr_expect_eq(w->catalog.refs, 1); /* its reference is back */
}

static int dial(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static void turn(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* What dig prints. */
static char *dig(struct world *w, const char *const *words)
{
    static char out[4096];
    char port[16], path[] = "/tmp/stratos-dig-XXXXXX";
    const char *args[24] = {"dig",      "@127.0.0.1", "-p",    port,
                            "+tries=1", "+time=5",    "+noall"};
    snprintf(port, sizeof(port), "%u", w->port);
    size_t n = 7;
    for (; *words; words++)
        args[n++] = *words;
    int fd = mkstemp(path);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, 1);
        execvp("dig", (char *const *)(uintptr_t)args);
        _exit(127);
    }
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    cr_expect_eq(status, 0);
    ssize_t len = pread(fd, out, sizeof(out) - 1, 0);
    out[len < 0 ? 0 : len] = '\0';
    close(fd);
    unlink(path);
    return out;
}

#define DIG(w, ...) dig(w, (const char *const[]){__VA_ARGS__, NULL})

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

Test(uv_dns, dig_understands_every_answer)
{
    struct world w;
    world_init(&w);
    const char *out = DIG(&w, "+answer", "web.service.stratos", "A");
    cr_expect(count_of(out, "127.77.0.1") == 1 && count_of(out, "127.77.0.2") == 1, "%s",
              out);
    out = DIG(&w, "+answer", "+additional", "_http._tcp.web.service.stratos", "SRV");
    cr_expect_eq(count_of(out, "addr.stratos."), 5, "%s", out);
    cr_expect_not_null(strstr(out, "0 1 20012 7f4d0002.addr.stratos."));
    out = DIG(&w, "+answer", "+tcp", "six.service.stratos", "AAAA");
    cr_expect_not_null(strstr(out, "::1"), "%s", out);
    out = DIG(&w, "+answer", "web.service.stratos", "TXT");
    cr_expect_not_null(strstr(out, "\"instance=web.1\" \"node=n2\""), "%s", out);
    out = DIG(&w, "+comments", "+authority", "gone.service.stratos", "A");
    cr_expect_not_null(strstr(out, "NXDOMAIN"), "%s", out);
    cr_expect_not_null(strstr(out, "ns.stratos. hostmaster.stratos. 7 60 5 86400 2"),
                       "%s", out);
    out = DIG(&w, "+comments", "example.org", "A");
    cr_expect_not_null(strstr(out, "REFUSED"), "%s", out);
    out =
        DIG(&w, "+comments", "+edns=1", "+noednsnegotiation", "web.service.stratos", "A");
    cr_expect_not_null(strstr(out, "BADVERS"), "%s", out);
    cr_expect_null(strstr(out, "malformed"));
    uv_dns_serve(w.dns, NULL);
    out = DIG(&w, "+comments", "web.service.stratos", "A");
    cr_expect_not_null(strstr(out, "SERVFAIL"), "%s", out);
    cr_expect_geq(w.metrics.dns_queries, 8);
    world_fini(&w);
}

/* A client that takes answers from the address alone that it asked; -1: none came. */
static ssize_t ask_at(struct world *w, const struct sockaddr *from,
                      const struct sockaddr *to, socklen_t len, struct bytes query,
                      uint8_t *out, size_t cap)
{
    int fd = socket(to->sa_family, SOCK_DGRAM, 0);
    ssize_t n = -1;
    cr_assert_eq(bind(fd, from, len), 0);
    cr_assert_eq(connect(fd, to, len), 0);
    cr_assert_eq(send(fd, query.at, query.len, 0), (ssize_t)query.len);
    for (int i = 0; i < 50 && n < 0; i++) {
        turn(w, 1);
        n = recv(fd, out, cap, MSG_DONTWAIT);
    }
    close(fd);
    return n;
}

static const uint8_t one[] =
    "\xbe\xef\1\0\0\1\0\0\0\0\0\0\3one\7service\7stratos\0\0\1\0\1";
static const struct bytes ONE = {one, sizeof(one) - 1};

Test(uv_dns, an_answer_comes_from_the_address_that_was_asked)
{
    struct world w;
    uint8_t out[512];
    world_init_at(&w, (struct endpoint){.family = 4}, DNS_CONNECTIONS_MAX);
    static const uint32_t asked[] = {0x7f000001, 0x7f4d0009, 0x7f4d00fe};
    for (size_t i = 0; i < 3; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(0x7f000001)};
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(w.port),
                                 .sin_addr.s_addr = htonl(asked[i])};
        cr_expect_eq(ask_at(&w, (struct sockaddr *)&from, (struct sockaddr *)&to,
                            sizeof(to), ONE, out, sizeof(out)),
                     53, "at %x", asked[i]);
    }
    world_fini(&w);
}

Test(uv_dns, also_with_both_families_on_one_socket)
{
    struct world w;
    uint8_t out[512];
    struct sockaddr_in6 from = {.sin6_family = AF_INET6}, to = {.sin6_family = AF_INET6};
    int probe = socket(AF_INET6, SOCK_DGRAM, 0);
    from.sin6_addr = in6addr_loopback;
    bool has_v6 =
        probe >= 0 && bind(probe, (const struct sockaddr *)&from, sizeof(from)) == 0;
    close(probe);
    if (!has_v6)
        cr_skip_test("no IPv6 here");
    world_init_at(&w, (struct endpoint){.family = 6}, DNS_CONNECTIONS_MAX);
    to.sin6_port = htons(w.port);
    static const char *const asked[] = {"::1", "::ffff:127.0.0.1", "::ffff:127.77.0.9"};
    for (size_t i = 0; i < 3; i++) {
        inet_pton(AF_INET6, asked[i], &to.sin6_addr);
        inet_pton(AF_INET6, i == 0 ? "::1" : "::ffff:127.0.0.1", &from.sin6_addr);
        cr_expect_eq(ask_at(&w, (struct sockaddr *)&from, (struct sockaddr *)&to,
                            sizeof(to), ONE, out, sizeof(out)),
                     53, "at %s", asked[i]);
    }
    world_fini(&w);
}

Test(uv_dns, within_a_host_a_long_answer_is_one_datagram)
{
    enum { HOSTS = 300 };
    static struct catalog_endpoint all[HOSTS];
    static const uint8_t query[] = "\xbe\xef\1\0\0\1\0\0\0\0\0\1"
                                   "\4wide\7service\7stratos\0\0\1\0\1"
                                   "\0\0\x29\x20\0\0\0\0\0\0"; /* to 8192 bytes */
    static uint8_t out[65536];
    struct world w;
    for (size_t i = 0; i < HOSTS; i++)
        all[i] =
            (struct catalog_endpoint){.instance = "wide.0",
                                      .index = (uint32_t)i,
                                      .node = "n",
                                      .at = V4(10, 0, (uint8_t)(i >> 8), (uint8_t)i, 80),
                                      .is_served = true};
    struct catalog_service wide = {"default", "wide", "tcp", "http", all, HOSTS};
    world_init(&w);
    w.catalog.services = &wide;
    w.catalog.n_services = 1;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in to = from;
    to.sin_port = htons(w.port);
    ssize_t n =
        ask_at(&w, (struct sockaddr *)&from, (struct sockaddr *)&to, sizeof(to),
               (struct bytes){query, sizeof(query)}, out, sizeof(out)); /* its own NUL */
    cr_expect_eq(n, 12 + 26 + HOSTS * 16 + 11, "%zd", n);
    cr_expect_eq(out[2] & 2, 0);
    world_fini(&w);
}

Test(uv_dns, a_burst_of_datagrams_is_answered_whole)
{
    enum { ASKED = 200 };
    struct world w;
    world_init(&w);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    for (size_t i = 0; i < ASKED; i++) { /* each has its id; every tenth is no query */
        uint8_t query[sizeof(one)];
        memcpy(query, one, sizeof(one));
        query[1] = (uint8_t)i;
        size_t len = i % 10 == 9 ? 5 : sizeof(one) - 1;
        cr_assert_eq(send(fd, query, len, 0), (ssize_t)len);
    }
    bool has[ASKED] = {false};
    size_t n_answers = 0;
    uint8_t out[512];
    for (int i = 0; i < 100; i++) {
        turn(&w, 1);
        while (recv(fd, out, sizeof(out), MSG_DONTWAIT) == 53) {
            cr_expect(!has[out[1]] && out[1] % 10 != 9, "%u", out[1]);
            has[out[1]] = true;
            n_answers++;
        }
    }
    cr_expect_eq(n_answers, ASKED * 9 / 10, "%zu", n_answers);
    cr_expect_eq(w.metrics.dns_malformed, ASKED / 10);
    close(fd);
    world_fini(&w);
}

Test(uv_dns, tcp_queries_may_be_pipelined_and_cut_anywhere)
{
    struct world w;
    world_init(&w);
    uint8_t in[256];
    static const char query[] =
        "\0\x25\xbe\xef\1\0\0\1\0\0\0\0\0\0\3one\7service\7stratos\0\0\1\0\1";
    size_t len = sizeof(query) - 1;
    cr_assert_eq(len, 39);
    for (size_t i = 0; i < 3; i++)
        memcpy(in + i * len, query, len);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(w.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t cut = 1; cut < 3 * len; cut += 5) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        cr_assert_eq(send(fd, in, cut, 0), (ssize_t)cut);
        for (int i = 0; i < 3; i++)
            uv_run(&w.loop, UV_RUN_NOWAIT);
        cr_assert_eq(send(fd, in + cut, 3 * len - cut, 0), (ssize_t)(3 * len - cut));
        uint8_t out[512];
        size_t got = 0;
        for (int i = 0; i < 200 && got < 3 * 55; i++) {
            uv_run(&w.loop, UV_RUN_NOWAIT);
            ssize_t n = recv(fd, out + got, sizeof(out) - got, MSG_DONTWAIT);
            got += n > 0 ? (size_t)n : 0;
            usleep(200);
        }
        cr_expect_eq(got, 3 * 55, "cut %zu: %zu", cut, got);
        close(fd);
    }
    int fd = dial(&w); /* what is no query ends it */
    cr_assert_eq(send(fd, "\0\3abc", 5, 0), 5);
    turn(&w, 10);
    char byte;
    cr_expect_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
    world_fini(&w);
}

Test(uv_dns, who_asks_and_says_no_more_is_answered)
{
    struct world w;
    world_init(&w);
    static const char query[] =
        "\0\x25\xbe\xef\1\0\0\1\0\0\0\0\0\0\3one\7service\7stratos\0\0\1\0\1";
    size_t len = sizeof(query) - 1;
    int fd = dial(&w);
    for (size_t i = 0; i < 100; i++) /* together with the end */
        cr_assert_eq(send(fd, query, len, 0), (ssize_t)len);
    shutdown(fd, SHUT_WR);
    uint8_t out[100 * 55 + 1];
    size_t got = 0;
    for (int i = 0; i < 200; i++) {
        turn(&w, 1);
        ssize_t n = recv(fd, out + got, sizeof(out) - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
        if (n == 0)
            break;
    }
    cr_expect_eq(got, 100 * 55, "%zu", got);
    close(fd);
    world_fini(&w);
}

Test(uv_dns, a_query_may_be_as_long_as_its_prefix_can_say)
{
    struct world w;
    world_init(&w);
    static uint8_t in[2 + 0xffff] = "\xff\xff\xbe\xef\1\0\0\1\0\0\0\0\0\1"
                                    "\3one\7service\7stratos\0\0\1\0\1"
                                    "\0\0\x29\4\xd0\0\0\0\0";
    size_t head =
        2 + 12 + 21 + 4 + 9; /* an OPT record with one long option of no meaning */
    size_t option = sizeof(in) - head - 2;
    in[head] = (uint8_t)(option >> 8);
    in[head + 1] = (uint8_t)option;
    in[head + 2] = 0xfd;
    in[head + 3] = 0xe9;
    in[head + 4] = (uint8_t)((option - 4) >> 8);
    in[head + 5] = (uint8_t)(option - 4);
    int fd = dial(&w);
    uint8_t out[512];
    ssize_t n = -1;
    for (size_t at = 0; at < sizeof(in) || n < 0;) {
        ssize_t sent = send(fd, in + at, sizeof(in) - at, MSG_DONTWAIT);
        at += sent > 0 ? (size_t)sent : 0;
        turn(&w, 1);
        n = recv(fd, out, sizeof(out), MSG_DONTWAIT);
        cr_assert_neq(n, 0);
    }
    cr_assert(n > 14);
    cr_expect_eq(out[2], 0xbe);
    cr_expect_eq(out[5] & 15, 0, "rcode %d", out[5] & 15);
    close(fd);
    world_fini(&w);
}

Test(uv_dns, the_longest_idle_connection_goes_and_never_the_newcomer)
{
    struct world w;
    world_init_of(&w, 64); /* all of this is one source, which may have a quarter */
    int fds[40];
    for (size_t i = 0; i < 40; i++) {
        fds[i] = dial(&w);
        turn(&w, 1);
    }
    cr_expect_eq(w.metrics.connections_evicted, 24);
    for (size_t i = 0; i < 40; i++) {
        char byte;
        ssize_t n = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        cr_expect_eq(n, i < 24 ? 0 : -1, "connection %zu: %zd", i, n);
        close(fds[i]);
    }
    turn(&w, 5);
    const char *out = DIG(&w, "+answer", "+tcp", "web.service.stratos", "A");
    cr_expect_not_null(strstr(out, "127.77.0.1"), "%s", out);
    world_fini(&w);
}

Test(uv_dns, what_cannot_be_had_whole_is_not_kept_in_part)
{
    struct world w;
    struct err err;
    struct uv_dns *dns;
    world_init(&w);
    struct endpoint at = {.family = 4, .address = {127, 0, 0, 1}};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int tcp = socket(AF_INET, SOCK_STREAM, 0); /* somebody has the port, by TCP alone */
    cr_assert_eq(bind(tcp, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(tcp, 1), 0);
    cr_assert_eq(getsockname(tcp, (struct sockaddr *)&address, &len), 0);
    at.port = ntohs(address.sin_port);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(uv_dns_open(&w.loop, &at, 4, 5, &w.metrics, &dns, &err),
                     UV_EADDRINUSE);
        int udp = socket(AF_INET, SOCK_DGRAM, 0); /* UDP is free at once */
        cr_expect_eq(bind(udp, (struct sockaddr *)&address, sizeof(address)), 0);
        close(udp);
    }
    close(tcp);
    turn(&w, 2);
    cr_assert_eq(uv_dns_open(&w.loop, &at, 4, 5, &w.metrics, &dns, &err), 0, "%s",
                 err.text);
    uv_dns_close(dns);
    world_fini(&w);
}

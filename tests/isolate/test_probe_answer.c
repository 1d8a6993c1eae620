/* What a probe makes of what it meets: verdicts and words. */
#include "isolate/probe_answer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static const struct health_spec http_check = {.name = "x",
                                              .kind = HEALTH_HTTP,
                                              .path = "/health",
                                              .timeout_ms = 2000,
                                              .status_min = 200,
                                              .status_max = 399};

/* How the connection ends after the text. */
enum { CLOSED = 0, OPEN = 1 };

struct row {
    const char *text;
    int end; /* CLOSED, or an error; OPEN: it is over without an end */
    bool is_ok;
    const char *words;
};

static void run(struct probe_answer *a, const char *text, size_t len, size_t step,
                int end)
{
    probe_answer_init(a, &http_check);
    (void)probe_answer_connected(a);
    for (size_t at = 0; at < len && !a->is_over; at += step) {
        struct bytes in = {(const uint8_t *)text + at, len - at < step ? len - at : step};
        (void)probe_answer_feed(a, in);
    }
    if (end != OPEN)
        probe_answer_end(a, end);
}

static void expect_row(const struct row *row, size_t step)
{
    struct probe_answer *a = malloc(sizeof(*a));
    run(a, row->text, strlen(row->text), step, row->end);
    cr_expect(a->is_over && a->is_ok == row->is_ok && strcmp(a->words, row->words) == 0,
              "in steps of %zu: %s\nis %s: %s", step, row->text,
              a->is_ok ? "well" : "not well", a->is_over ? a->words : "(not over)");
    free(a);
}

Test(probe_answer, every_answer_that_is_allowed_has_its_verdict_and_words)
{
    static const struct row rows[] = {
        {OK_HEAD "Content-Length: 0\r\n\r\n", OPEN, true, "answered 200 OK"},
        {OK_HEAD "Content-Length: 3\r\n\r\nok\n", OPEN, true, "answered 200 OK: ok"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", OPEN, true, "answered 200"},
        {"HTTP/1.0 399 x\r\n\r\n", CLOSED, true, "answered 399 x"},
        {"HTTP/1.1 204 No Content\r\n\r\n", OPEN, true, "answered 204 No Content"},
        {"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", CLOSED, true,
         "answered 301 Moved"},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", OPEN, true, "answered 304 Not Modified"},
        {"HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "\r\n", CLOSED, true, "answered 200 OK"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n\r\n", CLOSED, false,
         "answered 500 No"},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", OPEN, true,
         "answered 200 OK: ok"},
        {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 28\r\n\r\n\r\n  no "
         "database\r\nat "
         "line 7\r\n",
         CLOSED, false, "answered 500 Internal Server Error: no database"},
        {"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno "
         "\r\n4\r\ndata\r\n0\r\n\r\n",
         OPEN, false, "answered 503 Busy: no data"},
        {"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", OPEN, false,
         "answered 400 Bad"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello", OPEN, false,
         "answered 101 Switching Protocols"},
        {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", OPEN, false,
         "answered 999 Odd"},
        {"HTTP/1.1 007 Odd\r\nContent-Length: 0\r\n\r\n", OPEN, false,
         "answered 007 Odd"},
        /* the status decides, whatever becomes of the body */
        {OK_HEAD "Content-Length: 10\r\n\r\nshort", CLOSED, true,
         "answered 200 OK: short"},
        {OK_HEAD "Content-Length: 10\r\n\r\nshort", ERR_TIMEOUT, true,
         "answered 200 OK: short"},
        {OK_HEAD "\r\nno end", ERR_TIMEOUT, true, "answered 200 OK: no end"},
        {OK_HEAD "\r\n", -ECONNRESET, true, "answered 200 OK"},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", OPEN, true,
         "answered 200 OK"},
        {"HTTP/1.1 502 Bad Gateway\r\n\r\nwhy", -ECONNRESET, false,
         "answered 502 Bad Gateway: why"},
        /* harmless */
        {"HTTP/1.1 500 \x1b[31mred\r\n\r\na\x1b]0;x\x07 b\tc", CLOSED, false,
         "answered 500 ?[31mred: a?]0;x? b c"},
        {"HTTP/1.1 500 gr\xc3\xbc\xc3\x9f\r\n\r\n\xe2\x82\xac\xff!", CLOSED, false,
         "answered 500 gr\xc3\xbc\xc3\x9f: \xe2\x82\xac?!"},
        {"HTTP/1.1 500 No\r\n\r\n\x1f\x8b\x08zzz", CLOSED, false, "answered 500 No"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step < 80; step++)
            expect_row(&rows[i], step);
}

Test(probe_answer, what_is_no_answer_has_words_too)
{
    static const struct row rows[] = {
        {"", CLOSED, false, "the connection was closed without an answer"},
        {"", -ECONNRESET, false, "the connection was reset without an answer"},
        {"", -EPIPE, false, "the connection was reset without an answer"},
        {"", ERR_TIMEOUT, false, "no answer within 2s"},
        {"", -EHOSTUNREACH, false, "No route to host"},
        {"HTTP/1", CLOSED, false,
         "the connection was closed in the middle of the answer"},
        {"HTTP/1", -ECONNRESET, false,
         "the connection was reset in the middle of the answer"},
        {"HTTP/1", ERR_TIMEOUT, false, "no whole answer within 2s"},
        {OK_HEAD "X: y\r\n", ERR_TIMEOUT, false, "no whole answer within 2s"},
        {"HTTP/1.1 100 Continue\r\n\r\n", ERR_TIMEOUT, false,
         "no whole answer within 2s"},
        {OK_HEAD, CLOSED, false, "the connection was closed in the middle of the answer"},
        {OK_HEAD "nonsense\r\n\r\n", OPEN, false,
         "answered 200 with headers that are not HTTP"},
        {OK_HEAD "Content-Length: x\r\n\r\n", OPEN, false,
         "answered 200 with headers that are not HTTP"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step < 40; step++)
            expect_row(&rows[i], step);
}

Test(probe_answer, a_stranger_is_named_where_its_first_words_tell)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } rows[] = {
        {"SSH-2.0-OpenSSH_9.2p1\r\n", 23, "not HTTP: SSH-2.0-OpenSSH_9.2p1"},
        {"220 mail.example ESMTP\r\n", 24, "not HTTP: 220 mail.example ESMTP"},
        {"\x15\x03\x01\x00\x02\x02\x16", 7, "not HTTP: it speaks TLS"},
        {"\0\0\x12\x04\0\0\0\0\0", 9, "not HTTP/1.1: it speaks HTTP/2"},
        {"HTTP/2 200\r\n", 12, "not HTTP: HTTP/2 200"},
        {"\xff\xfe\x01\x02", 4, "not HTTP"},
        {"\n\n\x1b[2J", 6, "not HTTP"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct probe_answer *a = malloc(sizeof(*a));
        run(a, rows[i].bytes, rows[i].len, rows[i].len, OPEN);
        cr_expect(a->is_over && !a->is_ok);
        cr_expect_str_eq(a->words, rows[i].words);
        run(a, rows[i].bytes, rows[i].len, 1,
            CLOSED); /* may know less, says nothing false */
        cr_expect(a->is_over && !a->is_ok && strncmp(a->words, "not HTTP", 8) == 0, "%s",
                  a->words);
        free(a);
    }
}

Test(probe_answer, every_cut_of_an_answer_ends_in_words)
{
    static const char text[] =
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 500 Oh no\r\n"
        "Transfer-Encoding: chunked\r\n\r\n6\r\nthe db\r\n4;x\r\n is "
        "\r\n4\r\ngone\r\n0\r\nA: b\r\n\r\n";
    static const int ends[] = {CLOSED, ERR_TIMEOUT, -ECONNRESET};
    size_t headers = (size_t)(strstr(text, "\r\n6\r\n") + 2 - text);
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
            struct probe_answer *a = malloc(sizeof(*a));
            run(a, text, cut, 1 + cut % 7, ends[i]);
            cr_expect(a->is_over && !a->is_ok && a->words[0]);
            cr_expect_eq(strncmp(a->words, "answered 500 Oh no", 18) == 0, cut >= headers,
                         "%zu: %s", cut, a->words);
            if (cut == sizeof(text) - 1)
                cr_expect_str_eq(a->words, "answered 500 Oh no: the db is gone");
            free(a);
        }
    }
}

/* `n` bytes of body after a head; returns how many were taken before it was over. */
static size_t feed_body(struct probe_answer *a, const char *head, size_t n)
{
    static uint8_t piece[1000];
    size_t fed = 0;
    memset(piece, 'z', sizeof(piece));
    run(a, head, strlen(head), 100, OPEN);
    while (!a->is_over && fed < n) {
        (void)probe_answer_feed(a, (struct bytes){piece, sizeof(piece)});
        fed += sizeof(piece);
    }
    return fed;
}

Test(probe_answer, of_a_long_one_64_kib_are_read)
{
    enum { LONG = 20 << 20 };
    struct probe_answer *a = malloc(sizeof(*a));
    size_t fed = feed_body(a, OK_HEAD "Content-Length: 20971520\r\n\r\n", LONG);
    cr_expect(a->is_over && a->is_ok);
    cr_expect(fed > 64 * 1000 && fed <= 66 * 1000, "%zu", fed);
    cr_expect_eq(strlen(a->words), strlen("answered 200 OK: ") + PROBE_LINE_MAX);
    fed = feed_body(a, "HTTP/1.1 500 No\r\n\r\n", LONG);
    cr_expect(a->is_over && !a->is_ok && fed <= 66 * 1000);

    /* a header of 5 KB, and headers without end */
    fed = feed_body(a, OK_HEAD "X-Long: ", 5000);
    cr_expect(!a->is_over && fed == 5000);
    static const char rest[] = "\r\nContent-Length: 2\r\n\r\nok";
    cr_expect(probe_answer_feed(a, (struct bytes){(const uint8_t *)rest, strlen(rest)}));
    cr_expect(a->is_ok);
    cr_expect_str_eq(a->words, "answered 200 OK: ok");
    (void)feed_body(a, OK_HEAD "X-Long: ", LONG);
    cr_expect(a->is_over && !a->is_ok);
    cr_expect_str_eq(a->words, "more than 64 KiB of headers");
    free(a);
}

Test(probe_answer, times_are_said_as_people_write_them)
{
    static const struct {
        uint32_t ms;
        const char *words;
    } rows[] = {{2000, "no answer within 2s"},     {10, "no answer within 10ms"},
                {999, "no answer within 999ms"},   {1500, "no answer within 1.5s"},
                {1250, "no answer within 1250ms"}, {60000, "no answer within 60s"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct probe_answer *a = malloc(sizeof(*a));
        struct health_spec check = http_check;
        check.timeout_ms = rows[i].ms;
        probe_answer_init(a, &check);
        (void)probe_answer_connected(a);
        probe_answer_end(a, ERR_TIMEOUT);
        cr_expect_str_eq(a->words, rows[i].words);
        free(a);
    }
}

Test(probe_answer, without_a_connection)
{
    static const struct {
        int code;
        const char *words;
    } rows[] = {{-ECONNREFUSED, "connection refused"},
                {ERR_TIMEOUT, "no connection within 2s"},
                {-ENETUNREACH, "Network is unreachable"}};
    struct health_spec tcp = http_check;
    tcp.kind = HEALTH_TCP;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct probe_answer *a = malloc(sizeof(*a));
        probe_answer_init(a, i % 2 ? &tcp : &http_check);
        probe_answer_end(a, rows[i].code);
        cr_expect(a->is_over && !a->is_ok);
        cr_expect_str_eq(a->words, rows[i].words);
        probe_answer_init(a, &tcp);
        cr_expect(probe_answer_connected(a) && a->is_ok);
        free(a);
    }
}

Test(probe_answer, the_request_is_one_that_any_server_takes)
{
    static const struct {
        const char *path, *to, *line, *host;
    } rows[] = {
        {"/health", "127.0.0.1:20011", "/health", "127.0.0.1:20011"},
        {NULL, "10.0.0.1:80", "/", "10.0.0.1"},
        {"/a?b=c&d=%20/", "[::1]:8080", "/a?b=c&d=%20/", "[::1]:8080"},
        {"/x", "[2001:db8::1]:80", "/x", "[2001:db8::1]"},
        {"/gr\xc3\xbc\xc3\x9f#x", "127.0.0.1:1", "/gr%C3%BC%C3%9F%23x", "127.0.0.1:1"},
        {"/\x01\"<>\\^`{|}\x7f", "127.0.0.1:1", "/%01%22%3C%3E%5C%5E%60%7B%7C%7D%7F",
         "127.0.0.1:1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct health_spec check = http_check;
        struct endpoint to;
        char out[512], wanted[512];
        check.path = rows[i].path;
        cr_assert_eq(endpoint_parse(rows[i].to, 0, &to), 0);
        int len =
            snprintf(wanted, sizeof(wanted),
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: stratos/" STRATOS_VERSION
                     "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                     rows[i].line, rows[i].host);
        cr_expect_eq(probe_request(&check, &to, NULL, 0), (size_t)len);
        cr_expect_eq(probe_request(&check, &to, out, sizeof(out)), (size_t)len);
        cr_expect_eq(memcmp(out, wanted, (size_t)len), 0, "%.*s", len, out);
        memset(out, '#', sizeof(out));
        (void)probe_request(&check, &to, out, 10);
        cr_expect_eq(out[10], '#', "no more than there is room for");
    }
}

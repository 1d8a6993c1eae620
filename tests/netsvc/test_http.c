/* The message layer: requests in any cutting, refusals, decoding, answers byte for byte. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/err.h"
#include "netsvc/http.h"

static struct bytes text(const char *s)
{
    return bytes_of_text(s);
}

/* Feed all of `in`, `piece` bytes at a time, through the head to the end. */
static enum http_event feed_all(struct http_parser *p, struct bytes in, size_t piece)
{
    enum http_event event = HTTP_EVENT_MORE;
    while (in.len > 0 && event != HTTP_EVENT_DONE && event != HTTP_EVENT_REFUSED) {
        struct bytes part = {in.at, in.len < piece ? in.len : piece};
        size_t used;
        event = http_parser_feed(p, part, &used);
        in.at += used;
        in.len -= used;
    }
    if (event == HTTP_EVENT_HEAD) {
        size_t used;
        event = http_parser_feed(p, (struct bytes){0}, &used);
    }
    return event;
}

Test(http, a_request_reads_the_same_in_any_cutting)
{
    const char *in =
        "PUT /v1/jobs/default/my%20job?if=3&by=a+b%26c&flag HTTP/1.1\r\n"
        "Host: n1\r\nX-Note:  some words \t\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t piece = 1; piece <= strlen(in); piece++) {
        struct http_parser *p = http_parser_new();
        cr_assert_eq(feed_all(p, text(in), piece), HTTP_EVENT_DONE, "piece %zu", piece);
        const struct http_request *r = http_parser_request(p);
        cr_expect_str_eq(r->method, "PUT");
        cr_expect_str_eq(r->path, "/v1/jobs/default/my job");
        cr_expect_str_eq(r->target, "/v1/jobs/default/my%20job?if=3&by=a+b%26c&flag");
        cr_expect_str_eq(http_request_param(r, "if"), "3");
        cr_expect_str_eq(http_request_param(r, "by"), "a b&c");
        cr_expect_str_eq(http_request_param(r, "flag"), "");
        cr_expect_null(http_request_param(r, "other"));
        cr_expect_str_eq(http_request_header(r, "x-NOTE"), "some words");
        cr_expect_str_eq(http_request_header(r, "empty"), "");
        cr_expect_null(http_request_header(r, "none"));
        cr_expect(bytes_equal(r->body, text("hello")));
        cr_expect(r->keep_alive);
        http_parser_free(p);
    }
}

Test(http, pipelined_requests_come_one_by_one_and_leave_the_rest)
{
    const char *in = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                     "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: no\r\n\r\n"
                     "HEAD /c HTTP/1.0\r\n\r\n";
    const char *paths[] = {"/a", "/b", "/c"};
    for (size_t piece = 1; piece <= strlen(in); piece++) {
        struct http_parser *p = http_parser_new();
        struct bytes left = text(in);
        for (size_t i = 0; i < 3; i++) {
            cr_assert(http_parser_is_idle(p));
            enum http_event event = HTTP_EVENT_MORE;
            while (event != HTTP_EVENT_DONE && event != HTTP_EVENT_REFUSED) {
                struct bytes part = {left.at, left.len < piece ? left.len : piece};
                size_t used;
                event = http_parser_feed(p, part, &used);
                left.at += used;
                left.len -= used;
            }
            cr_assert_eq(event, HTTP_EVENT_DONE, "piece %zu request %zu", piece, i);
            const struct http_request *r = http_parser_request(p);
            cr_expect_str_eq(r->path, paths[i]);
            cr_expect_str_eq(r->method, i == 1 ? "POST" : "GET");
            cr_expect_eq(r->is_head, i == 2);
            cr_expect_eq(r->keep_alive, i != 2);
            cr_expect(i != 1 || bytes_equal(r->body, text("abcde")));
            cr_expect_null(http_request_header(r, "trailer"));
            http_parser_next(p);
        }
        cr_expect_eq(left.len, 0);
        http_parser_free(p);
    }
}

Test(http, what_cannot_be_served_is_refused_with_its_status)
{
    static const struct {
        const char *in;
        int status;
    } rows[] = {
        {"GET /\r\n\r\n", 505},          /* HTTP/0.9 */
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"MKCOL / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"\x16\x03\x01\x02", 400}, /* TLS */
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a?b=%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
         "3\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097153\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 1; piece <= 200; piece += 199) {
            struct http_parser *p = http_parser_new();
            enum http_event event = feed_all(p, text(rows[i].in), piece);
            cr_expect_eq(event, HTTP_EVENT_REFUSED, "row %zu: event %d", i, (int)event);
            cr_expect_eq(http_parser_status(p), rows[i].status, "row %zu: %d", i,
                         http_parser_status(p));
            http_parser_free(p);
        }
}

Test(http, heads_and_bodies_end_at_their_bounds)
{
    struct http_parser *p = http_parser_new();
    char *big = malloc(HTTP_HEADER_MAX * 2);
    int n = sprintf(big, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(big + n, 'x', (size_t)(HTTP_HEADER_MAX * 2 - n));
    cr_expect_eq(feed_all(p, (struct bytes){(uint8_t *)big, HTTP_HEADER_MAX * 2}, 1000),
                 HTTP_EVENT_REFUSED);
    cr_expect_eq(http_parser_status(p), 431);
    memset(big + n, ' ',
           (size_t)(HTTP_HEADER_MAX * 2 - n)); /* skipped bytes count as well */
    http_parser_next(p);
    cr_expect_eq(feed_all(p, (struct bytes){(uint8_t *)big, HTTP_HEADER_MAX * 2}, 1),
                 HTTP_EVENT_REFUSED);
    cr_expect_eq(http_parser_status(p), 431);
    free(big);

    http_parser_next(p); /* many small headers */
    cr_expect_neq(feed_all(p, text("GET / HTTP/1.1\r\nHost: a\r\n"), 100),
                  HTTP_EVENT_REFUSED);
    enum http_event event = HTTP_EVENT_MORE;
    for (int i = 0; i < HTTP_HEADERS_MAX && event != HTTP_EVENT_REFUSED; i++)
        event = feed_all(p, text("a: b\r\n"), 100);
    cr_expect_eq(event, HTTP_EVENT_REFUSED);
    cr_expect_eq(http_parser_status(p), 431);

    http_parser_next(p); /* a chunked body announces nothing */
    (void)feed_all(
        p, text("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 100);
    event = HTTP_EVENT_MORE;
    char chunk[16 + 4096];
    int len = sprintf(chunk, "1000\r\n%4096s\r\n", "");
    size_t rounds = 0;
    for (; event != HTTP_EVENT_REFUSED; rounds++)
        event = feed_all(p, (struct bytes){(uint8_t *)chunk, (size_t)len}, 10000);
    cr_expect_eq(http_parser_status(p), 413);
    cr_expect_eq(rounds, HTTP_BODY_MAX / 4096 + 1);

    http_parser_next(p); /* crumbs with long extensions */
    (void)feed_all(
        p, text("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 100);
    event = HTTP_EVENT_MORE;
    len = sprintf(chunk, "1;x=%s\r\n-\r\n",
                  "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
    for (rounds = 0; event != HTTP_EVENT_REFUSED && rounds < 100000; rounds++)
        event = feed_all(p, (struct bytes){(uint8_t *)chunk, (size_t)len}, 10000);
    cr_expect_eq(event, HTTP_EVENT_REFUSED);
    cr_expect_eq(http_parser_status(p), 413);
    http_parser_free(p);
}

Test(http, a_waiting_client_and_an_upgrade_are_recognised)
{
    struct http_parser *p = http_parser_new();
    size_t used;
    const char *in =
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    cr_expect_eq(http_parser_feed(p, text(in), &used), HTTP_EVENT_HEAD);
    cr_expect(http_parser_request(p)->expects_continue);
    cr_expect(http_parser_is_in_body(p));
    cr_expect_eq(http_parser_feed(p, text("hi"), &used), HTTP_EVENT_DONE);
    http_parser_next(p);
    in = "GET http://n1:7781?x=1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: "
         "h2c\r\n\r\n";
    cr_expect_eq(feed_all(p, text(in), 1000), HTTP_EVENT_DONE);
    cr_expect_str_eq(http_parser_request(p)->path, "/");
    cr_expect_str_eq(http_request_param(http_parser_request(p), "x"), "1");
    http_parser_free(p);
}

Test(http, escapes_are_decoded_once)
{
    static const struct {
        const char *in, *out;
        bool is_query;
    } rows[] = {
        {"", "", false},         {"a%2Fb", "a/b", false},
        {"%25%32", "%2", false}, {"a+b", "a+b", false},
        {"a+b", "a b", true},    {"%", NULL, false},
        {"%4", NULL, false},     {"a%4g", NULL, false},
        {"%00", NULL, true},     {"%e2%82%ac", "\xe2\x82\xac", false},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *out = NULL;
        int status = http_decode(text(rows[i].in), rows[i].is_query, &arena, &out);
        cr_expect_eq(status, rows[i].out ? 0 : ERR_MALFORMED, "row %zu", i);
        if (rows[i].out)
            cr_expect_str_eq(out, rows[i].out);
    }
    arena_fini(&arena);
}

Test(http, answers_are_written_byte_for_byte)
{
    char buf[1024], date[32];
    struct writer w = writer_of(buf, sizeof(buf) - 1);
    struct http_pair extra = {"X-Stratos-Node", "n1\r\nSet-Cookie: x"};
    struct http_answer plain = {.status = 200,
                                .type = "text/plain",
                                .headers = &extra,
                                .n_headers = 1,
                                .date = http_date_text(784111777, date),
                                .keep_alive = true,
                                .body_len = 5};
    http_answer_write(&plain, &w);
    buf[w.len] = '\0';
    cr_expect_str_eq(buf, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 5\r\n"
                          "X-Stratos-Node: n1  Set-Cookie: x\r\n\r\n");
    w = writer_of(buf, sizeof(buf) - 1);
    http_answer_write(
        &(struct http_answer){.status = 200, .is_stream = true, .keep_alive = true}, &w);
    http_chunk_write(31, &w);
    buf[w.len] = '\0';
    cr_expect_str_eq(buf, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n");
    w = writer_of(buf, sizeof(buf) - 1);
    http_answer_write(
        &(struct http_answer){
            .status = 404, .is_stream = true, .is_old = true, .keep_alive = true},
        &w);
    buf[w.len] = '\0';
    cr_expect_str_eq(buf, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    cr_expect_str_eq(http_date_text(951782400, date), "Tue, 29 Feb 2000 00:00:00 GMT");
    cr_expect_str_eq(http_date_text(0, date), "Thu, 01 Jan 1970 00:00:00 GMT");
    cr_expect_str_eq(http_date_text(4107542399, date), "Sun, 28 Feb 2100 23:59:59 GMT");
}

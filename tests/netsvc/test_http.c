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

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

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
        {"brew / HTTP/1.1\r\nHost: a\r\n\r\n", 501}, /* methods have a case */
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n", 501}, /* of another protocol */
        {"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 501},
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
        /* lines */
        {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400}, /* folded */
        {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n \r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n X: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400}, /* the first one too */
        {"GET / HTTP/1.1\r\n\tX: 1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n Content-Length: 5\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400}, /* a space before the colon */
        {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400}, /* no name */
        {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},   /* no colon */
        {"GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa4: z\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n", 400}, /* CR alone, LF alone */
        {"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400}, /* the request line */
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/11\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
        {"GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/0.9\r\n\r\n", 505},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {"GET / \r\nHost: a\r\n\r\n", 400},
        {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        /* targets */
        {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS %2a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421},
        {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://:77/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://a:1:2/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /?a=%c3 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        /* bodies */
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3.0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, "
         "chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         400},
        {CHUNKED "\r\n", 400},
        {CHUNKED "-1\r\n", 400},
        {CHUNKED "+1\r\n", 400},
        {CHUNKED "0x1\r\n", 400},
        {CHUNKED " 1\r\na\r\n", 400},
        {CHUNKED "1 \r\na\r\n", 400},
        {CHUNKED "1\na\n0\n\n", 400},
        {CHUNKED "1;x\n", 400},
        {CHUNKED "1;x\rb", 400},
        {CHUNKED "1\r\nab", 400},
        {CHUNKED "1\r\na\n0\r\n", 400},
        {CHUNKED "00000000000000001\r\n", 400},
        {CHUNKED "ffffffffffffffff\r\n", 413},
        {CHUNKED "200001\r\n", 413},
        {CHUNKED "0\r\n X: 1\r\n\r\n", 400}, /* trailers are lines too */
        {CHUNKED "0\r\nX: 1\r\n 2\r\n\r\n", 400},
        {CHUNKED "0\r\nX : 1\r\n\r\n", 400},
        {CHUNKED "0\r\nX: 1\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n", 417},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, foo\r\nContent-Length: "
         "1\r\n\r\n",
         417},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: "
         "later\r\nContent-Length: 1\r\n\r\n",
         417},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 1; piece <= 200; piece += 199) {
            struct http_parser *p = http_parser_new();
            enum http_event event = feed_all(p, text(rows[i].in), piece);
            cr_expect_eq(event, HTTP_EVENT_REFUSED, "row %zu: event %d", i, (int)event);
            cr_expect_eq(http_parser_status(p), rows[i].status, "row %zu, %s: %d", i,
                         rows[i].in, http_parser_status(p));
            const char *why = http_parser_why(p); /* a sentence that JSON can hold */
            cr_assert_not_null(why, "row %zu", i);
            cr_expect(strlen(why) > 20 && !strpbrk(why, "\"\\\n"), "row %zu: %s", i, why);
            http_parser_free(p);
        }
}

Test(http, a_byte_that_ends_strings_ends_no_check)
{
    static const char *const rows[] = {
        "GET /~ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a~\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX~: b\r\n\r\n",
        CHUNKED "1;~\r\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char in[200];
        size_t len = strlen(rows[i]);
        memcpy(in, rows[i], len);
        *(char *)memchr(in, '~', len) = '\0';
        struct http_parser *p = http_parser_new();
        cr_expect_eq(feed_all(p, (struct bytes){(uint8_t *)in, len}, 1000),
                     HTTP_EVENT_REFUSED, "row %zu", i);
        cr_expect_eq(http_parser_status(p), 400);
        http_parser_free(p);
    }
}

Test(http, whoever_is_asked_for_must_be_a_host_and_perhaps_a_port)
{
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        {"localhost", true},
        {"localhost:77", true},
        {"localhost:", true},
        {"", true},
        {"127.0.0.1:7781", true},
        {"[::1]:7781", true},
        {"[::1]", true},
        {"a_b.c-d~e", true},
        {"a%20b", true},
        {"localhost:65535", true},
        {":77", true},
        {"localhost:77:81", false},
        {"a b", false},
        {"user@x", false},
        {"localhost:65536", false},
        {"localhost:7a", false},
        {"localhost:-1", false},
        {"localhost:+1", false},
        {"::1", false},
        {"[::1", false},
        {"[::1]x", false},
        {"[]", false},
        {"[::g]", false},
        {"[127.0.0.1]", false},
        {"a/b", false},
        {"a?b", false},
        {"a#b", false},
        {"a%2", false},
        {"a\\b", false},
        {"<a>", false},
        {"\xc3\xa4", false},
        {"a,b", true},
        {"[fe80::1%25eth0]", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char in[200];
        (void)snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
                       rows[i].text);
        struct http_parser *p = http_parser_new();
        enum http_event event = feed_all(p, text(in), 1000);
        cr_expect_eq(event, rows[i].is_valid ? HTTP_EVENT_DONE : HTTP_EVENT_REFUSED,
                     "Host: %s", rows[i].text);
        if (rows[i].is_valid)
            cr_expect_str_eq(http_parser_request(p)->authority, rows[i].text);
        cr_expect_eq(http_authority_is_valid(rows[i].text), rows[i].is_valid);
        http_parser_free(p);
    }
}

Test(http, forms_that_are_rare_and_right_are_served)
{
    static const struct {
        const char *in, *method, *path, *raw_path, *authority, *body;
    } rows[] = {
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "/", "a", ""},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "/", "a", ""},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET", "/", "/", "a", ""},
        {"MKCOL /x HTTP/1.1\r\nHost: a\r\n\r\n", "MKCOL", "/x", "/x", "a", ""},
        {"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", "TRACE", "/x", "/x", "a", ""},
        {"M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH", "/x", "/x", "a", ""},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "*", "a", ""},
        {"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "*", "b", ""},
        {"GET HTTP://b:8/a%2fb%20c?d HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a/b c",
         "/a%2fb%20c", "b:8", ""},
        {"GET http://b HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "/", "b", ""},
        {"GET / HTTP/1.1\r\nHost: a\r\nX:\tb \xe4 c\t\r\nExpect:\r\n\r\n", "GET", "/",
         "/", "a", ""},
        {"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 002\r\n\r\nhi", "PUT", "/x", "/x",
         "a", "hi"},
        {CHUNKED "002 ; a=\"b\"\r\nhi\r\nA\r\n0123456789\r\n0;x\r\nX: y\r\nZ:\r\n\r\n",
         "POST", "/", "/", "a", "hi0123456789"},
        {"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , Chunked\r\n\r\n0\r\n\r\n",
         "PUT", "/x", "/x", "a", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 1; piece <= 200; piece++) {
            struct http_parser *p = http_parser_new();
            enum http_event event = feed_all(p, text(rows[i].in), piece);
            const struct http_request *r = http_parser_request(p);
            cr_assert_eq(event, HTTP_EVENT_DONE, "row %zu piece %zu: %s", i, piece,
                         http_parser_why(p));
            cr_expect_str_eq(r->method, rows[i].method);
            cr_expect_str_eq(r->path, rows[i].path);
            cr_expect_str_eq(r->raw_path, rows[i].raw_path);
            cr_expect_str_eq(r->authority, rows[i].authority);
            cr_expect(bytes_equal(r->body, text(rows[i].body)), "row %zu", i);
            http_parser_free(p);
        }
}

Test(http, refusals_are_error_objects)
{
    static const struct {
        int status;
        const char *code;
    } rows[] = {{400, "malformed"},   {408, "timeout"},     {413, "too_large"},
                {417, "unsupported"}, {421, "denied"},      {431, "too_large"},
                {500, "failed"},      {501, "unsupported"}, {505, "unsupported"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[200], expected[200];
        struct writer w = writer_of(out, sizeof(out) - 1);
        http_error_write(rows[i].status, "do it so", &w);
        out[w.len] = '\0';
        (void)snprintf(expected, sizeof(expected),
                       "{\"error\":{\"code\":\"%s\",\"message\":\"do it so\"}}",
                       rows[i].code);
        cr_expect_str_eq(out, expected);
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

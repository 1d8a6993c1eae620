/* Reading an HTTP answer, whatever the standard allows and however it arrives. */
#include "core/http_reader.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

enum { HEAD_MAX = 16 * 1024 };

struct row {
    const char *text;
    int status;
    const char *body;
    bool needs_end; /* complete only when the connection ends */
};

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const struct row rows[] = {
    {OK_HEAD "Content-Length: 5\r\nX-Stratos-Node: n1\r\n\r\nhello", 200, "hello", false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 900\r\n\r\n", 304, "", false},
    {"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", 404, "", false},
    /* the status line */
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"HTTP/1.1 200 gr\xc3\xbc\xc3\x9f dich\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999, "", false},
    {"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", 99, "", false},
    {"\r\n\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nok", 200, "ok", false},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok", false},
    /* 1xx */
    {"HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nok", 200, "ok",
     false},
    {"HTTP/1.1 100\r\n\r\nHTTP/1.1 102 P\r\nA: b\r\n\r\nHTTP/1.1 103 Early "
     "Hints\r\nLink: "
     "<x>\r\nContent-Length: 7\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
     503, "", false},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, "", false},
    /* headers */
    {OK_HEAD "Content-Length: 4, 4\r\nCONTENT-LENGTH:\t04 \r\n\r\nbody", 200, "body",
     false},
    {OK_HEAD "Content-Length : 2\r\n\r\nok", 200, "ok", false},
    {OK_HEAD "X: a\r\n  folded\r\n\tfurther\r\nContent-Length:\r\n 2\r\n\r\nok", 200,
     "ok", false},
    {OK_HEAD " nobody's: line\r\n and more\r\nContent-Length: 2\r\n\r\nok", 200, "ok",
     false},
    {OK_HEAD "X:\r\nY: \r\nContent-Length: 1\r\n\r\n!", 200, "!", false},
    {OK_HEAD "X: a\rb\r\nContent-Length: 0\r\n\r\n", 200, "", false},
    {OK_HEAD "Content-Length: nonsense\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     200, "", false},
    /* chunks */
    {CHUNKED "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", 200, "hello", false},
    {CHUNKED "5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n folded\r\n\r\n", 200, "hello",
     false},
    {CHUNKED "0000000000000000000000005  \r\nhello\r\n000;last\r\n\r\n", 200, "hello",
     false},
    {CHUNKED "A ; a=\"b;c\"\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789", false},
    {CHUNKED "1\n!\n0\n\n", 200, "!", false},
    {OK_HEAD "Transfer-Encoding: gzip, Chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n", 200, "!",
     false},
    {OK_HEAD
     "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n",
     200, "!", false},
    {OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\n!\r\n0\r\n\r\n",
     200, "!", false},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n", 200, "!",
     false},
    /* to the end */
    {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end", true},
    {"HTTP/1.1 200 OK\r\n\r\n", 200, "", true},
    {OK_HEAD "Transfer-Encoding: identity\r\n\r\nall of it", 200, "all of it", true},
    {OK_HEAD "Transfer-Encoding: chunked, gzip\r\n\r\nall of it", 200, "all of it", true},
    {"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, "", false},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void init(struct http_reader *r)
{
    http_reader_init(r, HEAD_MAX, NULL, 0);
}

/* Feed `len` bytes in pieces of `step`; returns the last result, the body in `out`. */
static int feed(struct http_reader *r, const char *text, size_t len, size_t step,
                char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t at = 0; at < len; at += step) {
        struct bytes in = {(const uint8_t *)text + at, len - at < step ? len - at : step},
                     piece;
        size_t used = 0;
        int got;
        while ((got = http_reader_feed(r, in, &used, &piece)) > 0) {
            cr_assert_lt(n + piece.len, cap);
            memcpy(out + n, piece.at, piece.len);
            n += piece.len;
            out[n] = '\0';
        }
        if (got < 0)
            return got;
    }
    return 0;
}

Test(http_reader, reads_the_same_in_pieces_of_every_size)
{
    char body[256];
    for (size_t i = 0; i < ROWS; i++) {
        size_t len = strlen(rows[i].text);
        for (size_t step = 1; step <= len; step++) {
            struct http_reader r;
            init(&r);
            cr_assert_eq(feed(&r, rows[i].text, len, step, body, sizeof(body)), 0, "%s",
                         rows[i].text);
            cr_assert(http_reader_has_headers(&r), "%s", rows[i].text);
            cr_assert_eq(http_reader_is_complete(&r), !rows[i].needs_end, "%s",
                         rows[i].text);
            cr_assert_eq(http_reader_end(&r), 0, "%s", rows[i].text);
            cr_assert_eq(r.status, rows[i].status, "%s", rows[i].text);
            cr_assert_str_eq(body, rows[i].body, "%s", rows[i].text);
        }
    }
}

Test(http_reader, reads_the_same_however_it_is_cut_in_two)
{
    char whole[512], first[256], second[256];
    for (size_t i = 0; i < ROWS; i++) {
        size_t len = strlen(rows[i].text);
        for (size_t cut = 0; cut <= len; cut++) {
            struct http_reader r;
            init(&r);
            cr_assert_eq(feed(&r, rows[i].text, cut, len, first, sizeof(first)), 0);
            cr_assert_eq(
                feed(&r, rows[i].text + cut, len - cut, len, second, sizeof(second)), 0);
            (void)snprintf(whole, sizeof(whole), "%s%s", first, second);
            cr_assert_str_eq(whole, rows[i].body, "%zu of: %s", cut, rows[i].text);
            cr_assert_eq(http_reader_end(&r), 0);
        }
    }
}

Test(http_reader, every_truncation_is_noticed)
{
    char body[256];
    for (size_t i = 0; i < ROWS; i++) {
        size_t len = strlen(rows[i].text);
        for (size_t cut = 0; cut < len && !rows[i].needs_end; cut++) {
            struct http_reader r;
            init(&r);
            cr_assert_eq(feed(&r, rows[i].text, cut, cut + 1, body, sizeof(body)), 0);
            cr_assert_eq(http_reader_end(&r), ERR_TRUNCATED, "%zu of: %s", cut,
                         rows[i].text);
        }
    }
}

Test(http_reader, what_follows_it_is_not_read)
{
    static const char next[] = "HTTP/1.1 500 next\r\n\r\n";
    char text[512];
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].needs_end)
            continue;
        size_t len = strlen(rows[i].text), used = 0;
        struct bytes in = {(const uint8_t *)text, len + strlen(next)}, piece;
        struct http_reader r;
        (void)snprintf(text, sizeof(text), "%s%s", rows[i].text, next);
        init(&r);
        while (http_reader_feed(&r, in, &used, &piece) > 0)
            ;
        cr_assert_eq(used, len, "%s", rows[i].text);
        cr_assert_eq(r.status, rows[i].status);
    }
}

Test(http_reader, what_is_none_is_refused)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH\r\n",
        "\x15\x03\x01",
        "h",
        "HTTP/2 200\r\n",
        "HTTP/2.0 200 OK\r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.x 200 OK\r\n",
        "HTTP/1.1\t200 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 \r\n",
        "HTTP/1.1\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 200OK\r\n",
        OK_HEAD "no colon\r\n\r\n",
        OK_HEAD ": no name\r\n\r\n",
        OK_HEAD "Content-Length: -1\r\n\r\n",
        OK_HEAD "Content-Length: 1 2\r\n\r\n",
        OK_HEAD "Content-Length: 0x10\r\n\r\n",
        OK_HEAD "Content-Length: \r\n\r\n",
        OK_HEAD "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
        OK_HEAD "Content-Length: 4, 5\r\n\r\n",
        OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n",
        OK_HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n",
        CHUNKED "zz\r\n",
        CHUNKED "\r\n",
        CHUNKED "-1\r\n",
        CHUNKED "5 5\r\n",
        CHUNKED "10000000000000000\r\n",
        CHUNKED "2\r\nabc\r\n",
    };
    char body[256];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t step = 1; step < 9; step++) {
            struct http_reader r;
            init(&r);
            cr_assert_lt(feed(&r, bad[i], strlen(bad[i]), step, body, sizeof(body)), 0,
                         "%s", bad[i]);
        }
    }
}

Test(http_reader, a_stranger_is_known_by_the_first_wrong_byte)
{
    struct http_reader r;
    struct bytes piece;
    for (size_t right = 0; right < 13; right++) {
        char text[] = "HTTP/1.1 200 OK";
        size_t used = 0;
        text[right] = 'x';
        init(&r);
        cr_assert_eq(http_reader_feed(&r,
                                      (struct bytes){(const uint8_t *)text, right + 1},
                                      &used, &piece),
                     ERR_MALFORMED, "%s", text);
        cr_assert_eq(used, right + 1);
    }
}

/* A header of `len` bytes, then a body. */
static int with_header(size_t len, const char *more, struct http_reader *r, char *out,
                       size_t cap)
{
    static char text[64 * 1024 + 256];
    size_t n = (size_t)snprintf(text, sizeof(text), OK_HEAD "X-Long: ");
    memset(text + n, 'a', len);
    n += len;
    n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n%s", more);
    http_reader_init(r, 64 * 1024, NULL, 0);
    return feed(r, text, n, 1000, out, cap);
}

Test(http_reader, headers_may_be_long_and_are_bounded)
{
    static const size_t fits[] = {0, 1014, 1015, 1016, 1017, 5 * 1024, 64 * 1024 - 80};
    struct http_reader r;
    char body[16];
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
        int code =
            with_header(fits[i], "Content-Length: 2\r\n\r\nok", &r, body, sizeof(body));
        cr_assert(code == 0 && http_reader_is_complete(&r), "%zu: %d", fits[i], code);
        cr_assert_str_eq(body, "ok");
    }
    cr_assert_eq(
        with_header(64 * 1024, "Content-Length: 2\r\n\r\nok", &r, body, sizeof(body)),
        ERR_BOUND);

    char line[] = "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    init(&r);
    int error = feed(&r, OK_HEAD, strlen(OK_HEAD), 17, body, sizeof(body));
    for (int i = 0; i < 1000 && error == 0; i++)
        error = feed(&r, line, strlen(line), 100, body, sizeof(body));
    cr_assert_eq(error, ERR_BOUND);
}

Test(http_reader, endless_interim_answers_and_trailers_are_bounded)
{
    static const char *const endless[] = {"HTTP/1.1 100 Continue\r\n\r\n", "X: y\r\n"};
    static const char *const before[] = {"", CHUNKED "0\r\n"};
    char body[16];
    for (size_t k = 0; k < 2; k++) {
        struct http_reader r;
        init(&r);
        int error = feed(&r, before[k], strlen(before[k]), 64, body, sizeof(body));
        for (int i = 0; i < HEAD_MAX && error == 0; i++)
            error = feed(&r, endless[k], strlen(endless[k]), 64, body, sizeof(body));
        cr_assert_eq(error, ERR_BOUND);
    }
}

Test(http_reader, gives_the_headers_that_are_wanted_cut_to_fit)
{
    char node[8] = "before", view[32] = "none", body[16];
    const struct http_wanted wanted[] = {{"X-Stratos-Node", node, sizeof(node)},
                                         {"x-view", view, sizeof(view)}};
    static const char text[] =
        "HTTP/1.1 100 C\r\n\r\n" OK_HEAD "X-STRATOS-NODE:  a-long-name \t\r\n"
        "X-View: one\r\n two\r\nContent-Length: 0\r\n\r\n";
    struct http_reader r;
    http_reader_init(&r, HEAD_MAX, wanted, 2);
    cr_assert_eq(feed(&r, text, strlen(text), 5, body, sizeof(body)), 0);
    cr_assert_str_eq(node, "a-long-");
    cr_assert_str_eq(view, "one two");
    cr_assert_str_eq(r.phrase, "OK");
}

Test(http_reader, knows_whether_the_connection_goes_on)
{
    static const struct {
        const char *text;
        bool is_closing;
    } lines[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, close "
         ",keep-alive\r\n\r\n",
         true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\n\r\n", true},
    };
    char body[16];
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct http_reader r;
        init(&r);
        cr_assert_eq(
            feed(&r, lines[i].text, strlen(lines[i].text), 64, body, sizeof(body)), 0);
        cr_assert_eq(r.is_closing, lines[i].is_closing, "%s", lines[i].text);
    }
}

Test(http_reader, to_a_head_has_no_body)
{
    static const char text[] =
        "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    struct http_reader r;
    char body[16];
    init(&r);
    r.is_head = true;
    cr_assert_eq(feed(&r, text, strlen(text), 3, body, sizeof(body)), 0);
    cr_assert(http_reader_is_complete(&r));
}

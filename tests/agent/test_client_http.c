/* Reading an HTTP answer, however it arrives. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/client_http.h"
#include "core/err.h"

struct row {
    const char *text;
    int status;
    const char *body;
    bool needs_end; /* complete only when the connection ends */
};

static const struct row rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Stratos-Node: n1\r\n\r\nhello", 200,
     "hello", false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
    {"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", 404, "", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
     "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     200, "hello", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: "
     "x\r\n\r\n",
     200, "hello", false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200,
     "ok", false},
    {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end", true},
};

/* Feed `len` bytes in pieces of `step`; returns the last result, the body in `out`. */
static int feed(struct client_http *r, const char *text, size_t len, size_t step,
                char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t at = 0; at < len; at += step) {
        struct bytes in = {(const uint8_t *)text + at, len - at < step ? len - at : step},
                     piece;
        size_t used = 0;
        int got;
        while ((got = client_http_feed(r, in, &used, &piece)) > 0) {
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

Test(client_http, an_answer_reads_the_same_in_pieces_of_every_size)
{
    char body[256];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].text);
        for (size_t step = 1; step <= len; step++) {
            struct client_http r;
            client_http_init(&r);
            cr_assert_eq(feed(&r, rows[i].text, len, step, body, sizeof(body)), 0, "%s",
                         rows[i].text);
            cr_assert_eq(client_http_is_complete(&r), !rows[i].needs_end, "%s",
                         rows[i].text);
            cr_assert_eq(client_http_end(&r), 0, "%s", rows[i].text);
            cr_assert_eq(r.status, rows[i].status, "%s", rows[i].text);
            cr_assert_str_eq(body, rows[i].body);
        }
    }
}

Test(client_http, every_truncation_is_noticed)
{
    char body[256];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].text);
        for (size_t cut = 0; cut < len && !rows[i].needs_end; cut++) {
            struct client_http r;
            client_http_init(&r);
            cr_assert_eq(feed(&r, rows[i].text, cut, cut + 1, body, sizeof(body)), 0);
            cr_assert_eq(client_http_end(&r), ERR_TRUNCATED, "%zu of: %s", cut,
                         rows[i].text);
        }
    }
}

Test(client_http, what_is_no_answer_is_refused)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
    };
    char body[256];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct client_http r;
        client_http_init(&r);
        cr_assert_lt(feed(&r, bad[i], strlen(bad[i]), 7, body, sizeof(body)), 0, "%s",
                     bad[i]);
    }
}

Test(client_http, headers_are_bounded)
{
    struct client_http r;
    char body[16],
        line[] = "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    int error;
    client_http_init(&r);
    error = feed(&r, "HTTP/1.1 200 OK\r\n", 17, 17, body, sizeof(body));
    for (int i = 0; i < 1000 && error == 0; i++)
        error = feed(&r, line, strlen(line), 100, body, sizeof(body));
    cr_assert_eq(error, ERR_BOUND);
}

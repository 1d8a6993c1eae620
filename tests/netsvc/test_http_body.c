/* Where bodies end: the same in every cutting, and nowhere beyond a bound. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "netsvc/http_body.h"

/* Take all of `in`, `piece` bytes at a time; the content goes to `out`. */
static enum http_body_event take_all(struct http_body *b, struct bytes in, size_t piece,
                                     char *out, size_t *ret_left)
{
    enum http_body_event event = HTTP_BODY_MORE;
    size_t n = 0;
    bool is_first = true;
    while (event == HTTP_BODY_MORE && (in.len > 0 || is_first)) {
        struct bytes part = {in.at, in.len < piece ? in.len : piece}, content;
        size_t used;
        event = http_body_take(b, part, &used, &content);
        cr_assert(used <= part.len && content.len <= used);
        cr_assert(used > 0 || event != HTTP_BODY_MORE, "it goes on");
        if (out && content.len > 0) {
            memcpy(out + n, content.at, content.len);
            n += content.len;
            out[n] = '\0';
        }
        in.at += used;
        in.len -= used;
        is_first = false;
    }
    *ret_left = in.len;
    return event;
}

Test(http_body, ends_are_found_in_any_cutting)
{
    static const struct {
        const char *in, *content;
        bool is_chunked;
        size_t len, left;
    } rows[] = {
        {"", "", false, 0, 0},
        {"GET", "", false, 0, 3},
        {"helloGET", "hello", false, 5, 3},
        {"0\r\n\r\nGET", "", true, 0, 3},
        {"5\r\nhello\r\n0\r\n\r\n", "hello", true, 0, 0},
        {"0000000000000005;a=b\r\nhello\r\n1 ; x\r\n!\r\n0;y\r\nA: b\r\nC:\r\n\r\nGET",
         "hello!", true, 0, 3},
        {"b\r\n0\r\n\r\n0\r\n\r\n0\r\n0\r\n\r\n", "0\r\n\r\n0\r\n\r\n0", true, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 1; piece <= strlen(rows[i].in) + 1; piece++) {
            struct http_body b;
            char out[64] = "";
            size_t left;
            http_body_init(&b, rows[i].is_chunked, rows[i].len);
            enum http_body_event event =
                take_all(&b, bytes_of_text(rows[i].in), piece, out, &left);
            cr_expect_eq(event, HTTP_BODY_DONE, "row %zu piece %zu", i, piece);
            cr_expect_str_eq(out, rows[i].content, "row %zu piece %zu", i, piece);
            cr_expect_eq(left, rows[i].left, "row %zu piece %zu", i, piece);
        }
}

Test(http_body, every_beginning_of_one_waits_for_more)
{
    static const char in[] = "3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for (size_t len = 1; len < sizeof(in) - 1; len++) {
        struct http_body b;
        size_t left;
        http_body_init(&b, true, 0);
        cr_expect_eq(
            take_all(&b, (struct bytes){(const uint8_t *)in, len}, 1000, NULL, &left),
            HTTP_BODY_MORE, "%zu bytes", len);
    }
}

/* `head`, then `n` times `c`. */
static int refusal(const char *head, char c, size_t n)
{
    struct http_body b;
    size_t left, len = strlen(head);
    char *in = malloc(len + n);
    memcpy(in, head, len);
    memset(in + len, c, n);
    http_body_init(&b, true, 0);
    (void)take_all(&b, (struct bytes){(const uint8_t *)in, len + n}, 700, NULL, &left);
    free(in);
    return b.refusal.status;
}

Test(http_body, what_frames_it_is_bounded_too)
{
    cr_expect_eq(refusal("1;", 'x', 500), 0);
    cr_expect_eq(refusal("1;", 'x', 2000), 413);
    cr_expect_eq(refusal("1", ' ', 2000), 413);
    cr_expect_eq(refusal("", '0', 16), 0);
    cr_expect_eq(refusal("", '0', 17), 400);
    cr_expect_eq(refusal("0\r\nX: ", 'y', HTTP_HEADER_MAX - 100), 0);
    cr_expect_eq(refusal("0\r\nX: ", 'y', HTTP_HEADER_MAX), 431);
    cr_expect_eq(refusal("200000\r\n", 'x', 1000), 0);
    cr_expect_eq(refusal("200001\r\n", 'x', 1000), 413);
    struct http_body b;
    size_t left;
    http_body_init(&b, false, HTTP_BODY_MAX + 1); /* before a byte of it is there */
    cr_expect_eq(take_all(&b, (struct bytes){0}, 1, NULL, &left), HTTP_BODY_BAD);
    cr_expect_eq(b.refusal.status, 413);
}

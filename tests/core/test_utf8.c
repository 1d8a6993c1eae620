/* Characters and harmless lines. */
#include "core/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

Test(utf8, a_line_keeps_what_is_text_and_nothing_else)
{
    static const struct {
        const char *in;
        size_t cap;
        const char *out;
    } rows[] = {
        {"", 10, ""},
        {"plain text", 32, "plain text"},
        {"gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80", 32,
         "gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"a\tb\nc\rd\x1b[31me\x7f", 32, "a b?c?d?[31me?"},
        {"\xc2\x9b"
         "31m",
         32, "?31m"}, /* a C1 escape */
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa6"
         "c\xef\xbb\xbf",
         32, "a?b?c?"}, /* direction, mark */
        {"a\xe2\x80\xa8"
         "b",
         32, "a?b"},                                        /* a line separator */
        {"\xff\xc3(\xed\xa0\x80\xc0\x80", 32, "?\?(?????"}, /* no UTF-8 */
        {"\xe2\x82", 32, "??"},                             /* cut short */
        {"12345", 4, "123"},
        {"12\xe2\x82\xac", 5, "12"}, /* not in the middle of one */
        {"12\xe2\x82\xac", 6, "12\xe2\x82\xac"},
        {"12345", 1, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[32];
        size_t len = utf8_line(bytes_of_text(rows[i].in), out, rows[i].cap);
        cr_expect_str_eq(out, rows[i].out, "row %zu: '%s'", i, out);
        cr_expect_eq(len, strlen(rows[i].out));
    }
    char out[8];
    cr_expect_eq(utf8_line((struct bytes){(const uint8_t *)"a\0b", 3}, out, sizeof(out)),
                 3);
    cr_expect_str_eq(out, "a?b");
}

Test(utf8, what_was_cut_short_is_dropped_and_other_bytes_are_questions)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"ends in a cut \xe2\x82", "ends in a cut "},
        {"\xf0\x9f\x98", ""},
        {"'\xc3' in the middle", "'' in the middle"},
        {"\xff\x80\xc0\xaf\xed\xa0\x80", "???????"},
        {"a\xe2\x82\xe2\x82\xac", "a\xe2\x82\xac"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];
        strcpy(text, rows[i].in);
        cr_expect_eq(utf8_mend(text), strlen(rows[i].out), "row %zu", i);
        cr_expect_str_eq(text, rows[i].out, "row %zu: %s", i, text);
    }
}

Test(utf8, a_text_is_cut_between_characters_and_that_shows)
{
    static const struct {
        const char *in;
        size_t cap;
        const char *out;
    } rows[] = {
        {"", 4, ""},
        {"abc", 4, "abc"},
        {"abcd", 4, "..."},
        {"abcdefgh", 8, "abcd..."},
        {"abcdefg", 8, "abcdefg"},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 8, "\xc3\xa4\xc3\xa4..."},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 9, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8, "\xf0\x9f\x98\x80..."},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 7, "..."},
        {"ab\xff\xe2", 8, "ab?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[16];
        memset(out, '#', sizeof(out));
        cr_expect_eq(utf8_cut(rows[i].in, out, rows[i].cap), strlen(rows[i].out), "row %zu", i);
        cr_expect_str_eq(out, rows[i].out, "row %zu: %s", i, out);
        cr_expect_eq(out[rows[i].cap], '#', "row %zu", i);
    }
}

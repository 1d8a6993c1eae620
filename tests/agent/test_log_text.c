/* Lines for people and programs: every byte survives, and nothing steers a terminal. */
#include "agent/log_text.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

static char *said;
static size_t said_len;

static void collect(void *ctx, struct bytes piece)
{
    (void)ctx;
    said = realloc(said, said_len + piece.len + 1);
    if (piece.len > 0)
        memcpy(said + said_len, piece.at, piece.len);
    said_len += piece.len;
    said[said_len] = '\0';
}

static const struct log_sink sink = {collect, NULL};

static struct log_frame line_of(const void *text, size_t len)
{
    return (struct log_frame){.kind = LOG_LINE,
                              .index = 2,
                              .version = 3,
                              .at_unix_ms = 1700000000123,
                              .node = bytes_of_text("n1"),
                              .text = {text, len}};
}

Test(log_text, json_has_every_fact_and_every_byte)
{
    static const struct {
        const char *text;
        size_t len;
        const char *wanted;
        size_t wanted_len;
    } rows[] = {
        {"plain", 5, "plain", 5},
        {"nul \0 after", 11, "nul \0 after", 11},
        {"caf\xe9 x", 6, "caf\xef\xbf\xbd x", 8},
        {"\xc3\xa4\xf0\x9f\x98\x80", 6, "\xc3\xa4\xf0\x9f\x98\x80", 6},
        {"\xf0\x9f\x98", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9},
        {"\"\\\033\177\t\r", 6, "\"\\\033\177\t\r", 6},
        {"", 0, "", 0},
    };
    const struct log_look look = {.job = "web"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_frame f = line_of(rows[i].text, rows[i].len);
        said_len = 0;
        log_text_json(&f, &look, &sink);
        cr_assert_eq(said[said_len - 1], '\n');
        json_t *o = json_loadb(said, said_len, JSON_ALLOW_NUL, NULL);
        cr_assert(o, "row %zu: %s", i, said);
        json_t *text = json_object_get(o, "text");
        cr_expect(
            json_string_length(text) == rows[i].wanted_len &&
                memcmp(json_string_value(text), rows[i].wanted, rows[i].wanted_len) == 0,
            "row %zu: %s", i, said);
        cr_expect_str_eq(json_string_value(json_object_get(o, "at")),
                         "2023-11-14T22:13:20.123Z");
        cr_expect_str_eq(json_string_value(json_object_get(o, "instance")), "web.2");
        cr_expect_str_eq(json_string_value(json_object_get(o, "job")), "web");
        cr_expect_str_eq(json_string_value(json_object_get(o, "node")), "n1");
        cr_expect_str_eq(json_string_value(json_object_get(o, "version")), "v3");
        cr_expect_str_eq(json_string_value(json_object_get(o, "stream")), "stdout");
        json_decref(o);
    }
}

Test(log_text, every_pair_of_bytes_is_valid_json)
{
    const struct log_look look = {.job = "web"};
    for (unsigned pair = 0; pair < 65536; pair += 7) {
        const uint8_t text[] = {(uint8_t)(pair >> 8), (uint8_t)pair, 'x'};
        struct log_frame f = line_of(text, sizeof(text));
        said_len = 0;
        log_text_json(&f, &look, &sink);
        json_t *o = json_loadb(said, said_len, JSON_ALLOW_NUL, NULL);
        cr_assert(o, "%04x: %s", pair, said);
        json_decref(o);
    }
}

Test(log_text, a_line_of_an_unknown_version_has_no_byte_that_is_none)
{
    const struct log_look look = {.job = "web", .has_details = true, .has_both = true};
    static const char wanted[] = "2023-11-14T22:13:20.123Z n1 web.2 v? | x\n";
    struct log_frame f = line_of("x", 1);
    f.version = 0;
    said_len = 0;
    log_text_line(&f, &look, &sink);
    cr_assert_eq(said_len, sizeof(wanted) - 1, "%.*s", (int)said_len, said);
    cr_assert_arr_eq(said, wanted, sizeof(wanted) - 1);
}

Test(log_text, looks_of_a_line)
{
    static const struct {
        struct log_look look;
        uint8_t kind, stream;
        const char *text, *wanted;
    } rows[] = {
        {{.job = "web"}, LOG_LINE, 0, "x\033[2J", "x\033[2J\n"},
        {{.job = "web", .has_labels = true}, LOG_LINE, 0, "x", "web.2 | x\n"},
        {{.job = "web", .has_labels = true, .has_both = true},
         LOG_LINE,
         1,
         "x",
         "web.2 ! x\n"},
        {{.job = "web", .has_both = true}, LOG_LINE, 1, "x", "! x\n"},
        {{.job = "web"}, LOG_LINE, 1, "x", "x\n"},
        {{.job = "web", .has_details = true},
         LOG_LINE,
         0,
         "x",
         "2023-11-14T22:13:20.123Z n1 web.2 v3 | x\n"},
        {{.job = "web", .is_harmless = true},
         LOG_LINE,
         0,
         "\033]0;x\007\033[2J\r\t\xc3\xa4",
         "\\x1b]0;x\\x07\\x1b[2J\\x0d\t\xc3\xa4\n"},
        {{.job = "web", .is_harmless = true},
         LOG_LINE,
         0,
         "\033[1;31mred\033[0m \033[38;5;9mx",
         "\033[1;31mred\033[0m \033[38;5;9mx\033[0m\n"},
        {{.job = "web", .is_harmless = true},
         LOG_LINE,
         0,
         "\033[31\033[1K\033[?25m\033[\033m\xd8\x9c\xd8\x9b",
         "\\x1b[31\\x1b[1K\\x1b[?25m\\x1b[\\x1bm\\u061c\xd8\x9b\n"},
        {{.job = "web", .is_harmless = true},
         LOG_LINE,
         0,
         "\xc2\x9b\x9b\xe2\x80\xae\x7f",
         "\\x9b\xef\xbf\xbd\\u202e\\x7f\n"},
        {{.job = "web"},
         LOG_LOST,
         1,
         "No space left on device",
         "[stratos: 77 bytes of stderr were lost here: No space left on device]\n"},
        {{.job = "web", .has_labels = true},
         LOG_MISSING,
         0,
         "d is dead: its part is missing",
         "[stratos: d is dead: its part is missing]\n"},
        {{.job = "web"}, LOG_TICK, 0, "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_frame f = line_of(rows[i].text, strlen(rows[i].text));
        f.kind = rows[i].kind;
        f.stream = rows[i].stream;
        f.number = 77;
        said_len = 0;
        collect(NULL, (struct bytes){0});
        log_text_line(&f, &rows[i].look, &sink);
        cr_expect_str_eq(said, rows[i].wanted, "row %zu", i);
    }
}

Test(log_text, a_line_of_a_megabyte_comes_through_both_ways)
{
    static uint8_t text[LOG_TEXT_MAX];
    const struct log_look plain = {.job = "web"},
                          harmless = {.job = "web", .is_harmless = true};
    memset(text, 1, sizeof(text));
    struct log_frame f = line_of(text, sizeof(text));
    said_len = 0;
    log_text_line(&f, &plain, &sink);
    cr_assert_eq(said_len, sizeof(text) + 1);
    said_len = 0;
    log_text_line(&f, &harmless, &sink);
    cr_assert_eq(said_len, 4 * sizeof(text) + 1);
    said_len = 0;
    log_text_json(&f, &plain, &sink);
    json_t *o = json_loadb(said, said_len, JSON_ALLOW_NUL, NULL);
    cr_assert_eq(json_string_length(json_object_get(o, "text")), sizeof(text));
    json_decref(o);
}

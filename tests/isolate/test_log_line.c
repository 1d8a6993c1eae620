/* The stored form of a line of output: stamps, losses, and where a long one is cut. */
#include "isolate/log_line.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(log_line, stored_lines_of_every_release_are_read)
{
    static const struct {
        const char *stored, *text;
        bool has_stamp, is_lost;
        uint64_t at, lost;
    } rows[] = {
        {"1700000000123 hello\n", "hello", true, false, 1700000000123, 0},
        {"1700000000123 \n", "", true, false, 1700000000123, 0},
        {"1700000000123  x", " x", true, false, 1700000000123, 0},
        {"12!lost 345 No space left on device\n", "No space left on device", true, true,
         12, 345},
        {"12!lost ", "", true, true, 12, 0},
        {"12!found 3\n", "found 3", true, false, 12, 0},
        {"no stamp at all\n", "no stamp at all", false, false, 0, 0},
        {"123\n", "123", false, false, 0, 0},
        {"99999999999999999999999 x\n", "99999999999999999999999 x", false, false, 0, 0},
        {"", "", false, false, 0, 0},
        {"\n", "", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_line line;
        struct bytes in = bytes_of_text(rows[i].stored);
        cr_expect_eq(log_line_read(in, &line), in.len, "row %zu", i);
        cr_expect(bytes_equal(line.text, bytes_of_text(rows[i].text)), "row %zu: '%.*s'",
                  i, (int)line.text.len, (const char *)line.text.at);
        cr_expect(line.has_stamp == rows[i].has_stamp &&
                      line.is_lost == rows[i].is_lost && line.at_unix_ms == rows[i].at &&
                      line.lost_bytes == rows[i].lost,
                  "row %zu", i);
    }
}

Test(log_line, what_is_written_is_read_back_and_only_the_first_line_is_taken)
{
    char stamp[LOG_STAMP_MAX], note[LOG_NOTE_MAX], both[LOG_NOTE_MAX + 64];
    struct log_line line;
    cr_assert_eq(log_line_stamp(1700000000123, stamp), 14);
    size_t len = log_line_lost(7, 99, "why", note);
    memcpy(both, note, len);
    memcpy(both + len, "8 x\n", 4);
    cr_assert_eq(log_line_read((struct bytes){(uint8_t *)both, len + 4}, &line), len);
    cr_assert(line.is_lost && line.at_unix_ms == 7 && line.lost_bytes == 99);
    cr_assert(bytes_equal(line.text, bytes_of_text("why")));
}

Test(log_line, a_long_line_is_cut_between_characters)
{
    static const struct {
        size_t len;
        const char *next;
        size_t room;
    } rows[] = {
        {0, "abc", 3},
        {LOG_TEXT_MAX - 1, "abc", 1},
        {LOG_TEXT_MAX - 1, "\xc3\xa4x", 2},
        {LOG_TEXT_MAX - 1, "\xf0\x9f\x98\x80x", 4},
        {LOG_TEXT_MAX, "\xa4x", 1}, /* the rest of one that came before */
        {LOG_TEXT_MAX, "x", 0},
        {LOG_TEXT_MAX, "\x80\x80\x80\x80\x80", 3}, /* no character is so long */
        {LOG_TEXT_MAX + 3, "\x80", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(log_line_room(rows[i].len, bytes_of_text(rows[i].next)),
                     rows[i].room, "row %zu", i);
}

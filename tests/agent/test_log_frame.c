/* Lines on their way between nodes: round trips, every truncation, what is no frame. */
#include "agent/log_frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static struct bytes write_frame(const struct log_frame *f, uint8_t *out)
{
    size_t len = log_frame_head(f, out);
    memcpy(out + len, f->text.at, f->text.len);
    return (struct bytes){out, len + f->text.len};
}

static const struct log_frame line = {.kind = LOG_LINE,
                                      .stream = 1,
                                      .index = 7,
                                      .version = 3,
                                      .at_unix_ms = 1700000000123,
                                      .number = 9,
                                      .node = {(const uint8_t *)"n1", 2},
                                      .text = {(const uint8_t *)"a\0b", 3}};

Test(log_frame, has_its_golden_bytes)
{
    uint8_t out[LOG_FRAME_HEAD + NAME_LEN_MAX + 3];
    char hex[2 * sizeof(out) + 1];
    struct bytes all = write_frame(&line, out);
    hex_encode(all.at, all.len, hex);
    cr_assert_str_eq(hex, "f5020102"
                          "00000007"
                          "00000003"
                          "0000018bcfe5687b"
                          "0000000000000009"
                          "00000003"
                          "6e31"
                          "610062");
}

Test(log_frame, round_trips_and_every_truncation_waits_for_more)
{
    uint8_t out[LOG_FRAME_HEAD + NAME_LEN_MAX + 3];
    struct log_frame back;
    struct bytes all = write_frame(&line, out);
    cr_assert_eq(log_frame_read(all, &back), (long)all.len);
    cr_assert(back.kind == line.kind && back.stream == 1 && back.index == 7 &&
              back.version == 3 && back.at_unix_ms == line.at_unix_ms &&
              back.number == 9);
    cr_assert(bytes_equal(back.node, line.node) && bytes_equal(back.text, line.text));
    for (size_t len = 0; len < all.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, out, len);
        cr_expect_eq(log_frame_read((struct bytes){copy, len}, &back), 0, "%zu", len);
        free(copy);
    }
}

Test(log_frame, what_is_no_frame_is_refused)
{
    uint8_t out[LOG_FRAME_HEAD + NAME_LEN_MAX + 3];
    struct log_frame back;
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = {{0, 'w'}, {2, LOG_STREAMS}, {3, NAME_LEN_MAX + 1}, {28, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes all = write_frame(&line, out);
        out[rows[i].at] = rows[i].value;
        cr_expect_eq(log_frame_read(all, &back), ERR_MALFORMED, "row %zu", i);
    }
}

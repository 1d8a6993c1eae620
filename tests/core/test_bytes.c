/* Cursors and hex: golden bytes, every truncation, sticky errors. */
#include <string.h>

#include <criterion/criterion.h>

#include "core/bytes.h"
#include "core/err.h"

static const char golden[] = "01"
                             "0203"
                             "04050607"
                             "08090a0b0c0d0e0f"
                             "616263";

static size_t write_sample(void *buf, size_t cap, int *ret_error)
{
    struct writer w = writer_of(buf, cap);
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_u32(&w, 0x04050607);
    writer_u64(&w, 0x08090a0b0c0d0e0f);
    writer_bytes(&w, bytes_of_text("abc"));
    *ret_error = writer_error(&w);
    return writer_done(&w).len;
}

Test(bytes, integers_are_written_big_endian)
{
    uint8_t buf[18];
    char hex[37];
    int error;
    cr_assert_eq(write_sample(buf, sizeof(buf), &error), 18);
    cr_assert_eq(error, 0);
    hex_encode(buf, sizeof(buf), hex);
    cr_assert_str_eq(hex, golden);
}

Test(bytes, a_writer_that_is_full_keeps_its_error_and_its_bounds)
{
    for (size_t cap = 0; cap < 18; cap++) {
        uint8_t buf[19];
        int error;
        memset(buf, 0xee, sizeof(buf));
        size_t len = write_sample(buf, cap, &error);
        cr_assert_eq(error, ERR_BOUND, "cap %zu", cap);
        cr_assert_leq(len, cap);
        cr_assert_eq(buf[cap], 0xee, "cap %zu", cap);
    }
}

static int read_sample(struct bytes in)
{
    struct reader r = reader_of(in);
    uint8_t a = reader_u8(&r);
    uint16_t b = reader_u16(&r);
    uint32_t c = reader_u32(&r);
    uint64_t d = reader_u64(&r);
    struct bytes e = reader_take(&r, 3);
    if (reader_end(&r) == 0) {
        cr_assert_eq(a, 1);
        cr_assert_eq(b, 0x0203);
        cr_assert_eq(c, 0x04050607);
        cr_assert_eq(d, 0x08090a0b0c0d0e0f);
        cr_assert(bytes_equal(e, bytes_of_text("abc")));
    }
    return reader_error(&r);
}

Test(bytes, a_reader_takes_back_what_was_written_and_notices_every_truncation)
{
    uint8_t buf[19] = {0};
    cr_assert_eq(hex_decode(golden, strlen(golden), buf, 18), 0);
    for (size_t len = 0; len < 18; len++)
        cr_assert_eq(read_sample((struct bytes){buf, len}), ERR_TRUNCATED, "len %zu",
                     len);
    cr_assert_eq(read_sample((struct bytes){buf, 18}), 0);
    cr_assert_eq(read_sample((struct bytes){buf, 19}), ERR_MALFORMED);
}

Test(bytes, the_first_error_of_a_reader_stays_and_later_reads_are_empty)
{
    struct reader r = reader_of(bytes_of_text("abcdef"));
    uint8_t copy[4] = {1, 2, 3, 4};
    reader_fail(&r, ERR_INVALID);
    reader_fail(&r, ERR_BOUND);
    cr_assert_eq(reader_u32(&r), 0);
    reader_copy(&r, copy, sizeof(copy));
    cr_assert_eq(copy[0] | copy[1] | copy[2] | copy[3], 0);
    cr_assert_eq(reader_rest(&r).len, 0);
    cr_assert_eq(reader_end(&r), ERR_INVALID);
}

Test(bytes, views_order_as_memcmp_with_the_shorter_first)
{
    static const char *const sorted[] = {"", "a", "ab", "abc", "b", "\xff"};
    size_t n = sizeof(sorted) / sizeof(sorted[0]);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            int order = bytes_compare(bytes_of_text(sorted[i]), bytes_of_text(sorted[j]));
            cr_assert_eq((order > 0) - (order < 0), (i > j) - (i < j), "%zu %zu", i, j);
        }
    }
    cr_assert(bytes_start_with(bytes_of_text("abc"), bytes_of_text("ab")));
    cr_assert(bytes_start_with(bytes_of_text("abc"), (struct bytes){0}));
    cr_assert_not(bytes_start_with(bytes_of_text("ab"), bytes_of_text("abc")));
}

Test(bytes, hex_takes_both_cases_and_refuses_the_rest_untouched)
{
    static const char *const bad[] = {"", "0", "01020", "010203", "01g2", "01 2", "0x12"};
    uint8_t out[2] = {7, 7};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(hex_decode(bad[i], strlen(bad[i]), out, 2), ERR_MALFORMED, "%s",
                     bad[i]);
        cr_assert_eq(out[0], 7);
    }
    cr_assert_eq(hex_decode("aBCd", 4, out, 2), 0);
    cr_assert_eq(out[0] << 8 | out[1], 0xabcd);
}

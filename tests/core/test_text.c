/* Scalars as values: what is read, what is refused, where numbers end. */
#include <inttypes.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/doc.h"
#include "core/err.h"

static int as_uint(const char *text, uint64_t *ret_value)
{
    return text_uint(text, 1000, ret_value);
}

static int as_milli(const char *text, uint64_t *ret_value)
{
    uint32_t milli;
    int result = text_cpu_milli(text, &milli);
    if (result == 0)
        *ret_value = milli;
    return result;
}

struct row {
    const char *text;
    uint64_t value; /* REFUSED: must not be taken */
};

#define REFUSED UINT64_C(0xdeadbeefdeadbeef)

static void check(const char *what, int (*read)(const char *, uint64_t *),
                  const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = REFUSED;
        int result = read(rows[i].text, &value);
        cr_assert_eq(result, rows[i].value == REFUSED ? ERR_MALFORMED : 0, "%s '%s'",
                     what, rows[i].text);
        cr_assert_eq(value, rows[i].value, "%s '%s': %" PRIu64, what, rows[i].text,
                     value);
    }
}

Test(text, durations_need_units_that_fall_and_do_not_overflow)
{
    static const struct row rows[] = {
        {"10s", 10000},
        {"5m", 300000},
        {"1h30m", 5400000},
        {"2d", 172800000},
        {"250ms", 250},
        {"1d2h3m4s5ms", 93784005},
        {"0", 0},
        {"0s", 0},
        {"90m", 5400000},
        {"", REFUSED},
        {"10", REFUSED},
        {"s", REFUSED},
        {"1m1h", REFUSED},
        {"1s1s", REFUSED},
        {"-1s", REFUSED},
        {"1.5s", REFUSED},
        {"1 s", REFUSED},
        {"1s ", REFUSED},
        {"10sec", REFUSED},
        {"1M", REFUSED},
        {"00", REFUSED},
        {"18446744073709551615ms", UINT64_MAX},
        {"1h30", REFUSED},
        {"18446744073709551616ms", REFUSED},
        {"18446744073709552s", REFUSED},
        {"213503982334d", 18446744073657600000u},
        {"213503982335d", REFUSED},
        {"18446744073709551s616ms", REFUSED},
        {"18446744073709551s615ms", UINT64_MAX},
    };
    check("duration", text_duration_ms, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(text, sizes_are_binary)
{
    static const struct row rows[] = {
        {"512", 512},
        {"64K", 65536},
        {"256M", 268435456},
        {"1G", 1073741824},
        {"2T", 2199023255552u},
        {"1.5G", 1610612736},
        {"256Mi", 268435456},
        {"256MiB", 268435456},
        {"0", 0},
        {"", REFUSED},
        {"M", REFUSED},
        {"1.5", REFUSED},
        {"256MB", 268435456},
        {"256m", 268435456},
        {"1g", 1073741824},
        {"64kb", 65536},
        {"256Mb", 268435456},
        {"256mib", 268435456},
        {"256Mx", REFUSED},
        {"256MBs", REFUSED},
        {"-1M", REFUSED},
        {"1 M", REFUSED},
        {"1P", REFUSED},
        {"1.M", REFUSED},
        {"0.0001K", REFUSED},
        {"1KK", REFUSED},
        {"16777216T", REFUSED},
        {"16777215T", 18446742974197923840u},
        {"18446744073709551616", REFUSED},
    };
    check("size", text_size_bytes, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(text, a_size_is_written_exactly_and_read_back)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "1"},
                {1023, "1023"},
                {1024, "1K"},
                {1536, "1536"},
                {256ULL << 20, "256M"},
                {3ULL << 40, "3T"},
                {1ULL << 50, "1024T"},
                {(1ULL << 53) + 1, "9007199254740993"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[SIZE_TEXT];
        uint64_t again;
        cr_expect_str_eq(size_text(rows[i].bytes, text), rows[i].text);
        cr_expect_eq(text_size_bytes(text, &again), 0, "%s", text);
        cr_expect_eq(again, rows[i].bytes, "%s", text);
    }
}

Test(text, cpu_is_read_in_thousandths)
{
    static const struct row rows[] = {
        {"0.5", 500},
        {"2", 2000},
        {"0.125", 125},
        {"1.05", 1050},
        {"0", 0},
        {"", REFUSED},
        {".5", REFUSED},
        {"0.1234", REFUSED},
        {"1.", REFUSED},
        {"1e3", REFUSED},
        {"-1", REFUSED},
        {"500m", 500},
        {"0.5m", REFUSED},
        {"m", REFUSED},
        {"4294967296m", REFUSED},
        {"4294967.295", UINT32_MAX},
        {"4294967.296", REFUSED},
        {"18446744073709551615", REFUSED},
        {"0.50", 500},
        {"+1", REFUSED},
    };
    check("cpu", as_milli, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(text, whole_numbers_stay_within_their_maximum)
{
    static const struct row rows[] = {
        {"0", 0},
        {"1000", 1000},
        {"007", 7},
        {"1001", REFUSED},
        {"", REFUSED},
        {"-1", REFUSED},
        {"1x", REFUSED},
        {"0x1", REFUSED},
        {" 1", REFUSED},
        {"1.0", REFUSED},
        {"18446744073709551617", REFUSED},
    };
    check("uint", as_uint, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(text, only_true_and_false_are_truth_values)
{
    static const char *const bad[] = {"", "yes", "no", "True", "on", "1", "truee"};
    bool value = false;
    cr_assert_eq(text_bool("true", &value), 0);
    cr_assert(value);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(text_bool(bad[i], &value), ERR_MALFORMED, "%s", bad[i]);
    cr_assert(value);
    cr_assert_eq(text_bool("false", &value), 0);
    cr_assert_not(value);
}

Test(text, the_nearest_word_is_within_two_edits)
{
    static const char *const keys[] = {"count", "constraints", "command",
                                       "cpu",   "memory",      NULL};
    static const struct {
        const char *word, *nearest; /* NULL: none */
    } rows[] = {
        {"conut", "count"},
        {"coutn", "count"},
        {"counts", "count"},
        {"ount", "count"},
        {"comand", "command"},
        {"constriants", "constraints"},
        {"memroy", "memory"},
        {"count", "count"},
        {"cuont", "count"},
        {"xyzzy", NULL},
        {"", NULL},
        {"c", NULL},
        {"cp", "cpu"},
        {"qqu", "cpu"},
        {"qq", NULL},
        {"commmmmand", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *found = did_you_mean(rows[i].word, keys);
        cr_assert((found == NULL) == (rows[i].nearest == NULL) &&
                      (!found || strcmp(found, rows[i].nearest) == 0),
                  "'%s' -> %s", rows[i].word, found ? found : "none");
    }
    char longest[200];
    memset(longest, 'c', sizeof(longest) - 1);
    longest[199] = '\0';
    cr_assert_null(did_you_mean(longest, keys));
}

Test(text, sizes_are_said_in_few_figures_and_never_as_more_than_they_are)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0"},           {1023, "1023"},     {1024, "1K"},
        {1536, "1.5K"},     {3865470566, "3.5G"}, {3687ull << 20, "3.6G"},
        {1ull << 30, "1G"}, {(1ull << 30) - 1, "1023M"}, {UINT64_MAX, "16777215T"},
        {100ull << 20, "100M"}, {(10ull << 30) + (900ull << 20), "10.8G"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[SIZE_TEXT];
        uint64_t back;
        cr_expect_str_eq(size_text_below(rows[i].bytes, out), rows[i].text, "%s", out);
        if (rows[i].bytes > 0 && rows[i].bytes < UINT64_MAX) {
            cr_assert_eq(text_size_bytes(out, &back), 0, "%s", out);
            cr_expect_leq(back, rows[i].bytes);
        }
    }
}

Test(text, thousandths_are_said_as_people_write_them)
{
    static const struct {
        uint64_t milli;
        const char *text;
    } rows[] = {{0, "0"}, {1000, "1"}, {500, "0.5"}, {1250, "1.25"}, {7, "0.007"}, {10010, "10.01"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[SIZE_TEXT];
        cr_expect_str_eq(thousandths_text(rows[i].milli, out), rows[i].text, "%s", out);
    }
}

/* Tables, ages, sizes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render.h"

Test(render, ages_have_two_units)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "0.0s"},       {200, "0.2s"},      {9999, "9.9s"},      {10000, "10s"},
        {59999, "59s"},    {60000, "1m0s"},    {192000, "3m12s"},   {3600000, "1h0m"},
        {7500000, "2h5m"}, {86400000, "1d0h"}, {356400000, "4d3h"},
    };
    char text[RENDER_TEXT];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_str_eq(age_text(rows[i].ms, text), rows[i].text);
}

Test(render, sizes_are_binary_and_cores_short)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0"},          {1023, "1023"},       {1024, "1K"},
                 {1536, "1.5K"},    {256u << 20, "256M"}, {4ull << 30, "4G"},
                 {1ull << 50, "1P"}};
    static const struct {
        double cores;
        const char *text;
    } cores[] = {{0, "0"}, {0.5, "0.5"}, {4, "4"}, {0.125, "0.125"}, {10, "10"}};
    char text[RENDER_TEXT];
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        cr_assert_str_eq(size_rounded(sizes[i].bytes, text), sizes[i].text);
    for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++)
        cr_assert_str_eq(cores_text(cores[i].cores, text), cores[i].text);
}

Test(render, round_trips_below_what_a_probe_can_measure_say_so)
{
    static const struct {
        double ms;
        const char *text;
    } rows[] = {{0, "<1ms"}, {0.001, "<1ms"}, {1.001, "1ms"}, {12.4, "12ms"}, {2500, "2500ms"}};
    char text[RENDER_TEXT];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_str_eq(rtt_text(rows[i].ms, text), rows[i].text);
}

Test(render, a_wrapped_last_column_loses_nothing_and_stays_within_the_width)
{
    static const char *const heads[] = {"AT", "TEXT", NULL};
    struct grid grid;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    grid_init(&grid, heads);
    grid.width = 80;
    grid_row(&grid, (const char *const[]){
                        "10:00:00", "web.0 is pending on n1: no node fits: 3 refused: exited "
                                    "with status 3; gave up"});
    grid_row(&grid, (const char *const[]){"10:00:01", "short"});
    grid_print(&grid, out, false);
    grid_fini(&grid);
    fclose(out);
    cr_assert_str_eq(text, "AT        TEXT\n"
                           "10:00:00  web.0 is pending on n1: no node fits: 3 refused: "
                           "exited with status 3;\n"
                           "          gave up\n"
                           "10:00:01  short\n");
    free(text);
}

Test(render, times_are_read_back)
{
    cr_assert_eq(time_parse("1970-01-01T00:00:01.500Z"), 1500);
    cr_assert_eq(time_parse("2026-11-21T00:45:46.123Z"), 1795221946123);
    cr_assert_eq(time_parse(""), 0);
    cr_assert_eq(time_parse(NULL), 0);
    cr_assert_eq(time_parse("yesterday"), 0);
}

static char *print(const char *const *heads, const char *const (*rows)[4], size_t n,
                   bool is_coloured)
{
    struct grid grid;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    grid_init(&grid, heads);
    for (size_t i = 0; i < n; i++)
        grid_row(&grid, rows[i]);
    grid_print(&grid, out, is_coloured);
    grid_fini(&grid);
    fclose(out);
    return text;
}

Test(render, a_table_has_two_space_gutters_and_dashes_for_nothing)
{
    static const char *const heads[] = {"JOB", "STATE", NULL};
    static const char *const rows[][4] = {
        {"web", "running"}, {"database", NULL}, {"x", ""}};
    char *text = print(heads, rows, 3, false);
    cr_assert_str_eq(text, "JOB       STATE\n"
                           "web       running\n"
                           "database  -\n"
                           "x         -\n");
    free(text);
}

/* Columns that a terminal would show. */
static size_t width_of_line(const char *line)
{
    size_t n = 0;
    for (; *line; line++)
        n += ((unsigned char)*line & 0xc0) != 0x80;
    return n;
}

Test(render, on_a_terminal_of_any_width_nothing_is_cut_and_no_line_is_longer)
{
    static const char *const heads[] = {"JOB", "NODE", "STATE", "REASON", NULL};
    static const char *const rows[][4] = {
        {"web", "n1", "running",
         "a reason that goes on and on and on and on and on and on and on and on"},
        {"a-name-of-forty-characters-is-still-short", "host-with-a-long-name", "pending",
         "größer als größer, größer, größer"}};
    static const size_t widths[] = {40, 50, 80, 132, 200};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct grid grid;
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        grid_init(&grid, heads);
        grid.width = widths[i];
        for (size_t r = 0; r < 2; r++)
            grid_row(&grid, rows[r]);
        grid_print(&grid, out, false);
        grid_fini(&grid);
        fclose(out);
        /* Every letter is there as often as in the cells. */
        size_t counts[2][256] = {{0}};
        for (const char *c = text; *c; c++)
            counts[0][(unsigned char)*c]++;
        for (size_t c = 0; heads[c]; c++)
            for (const char *l = heads[c]; *l; l++)
                counts[1][(unsigned char)*l]++;
        for (size_t r = 0; r < 2; r++)
            for (size_t c = 0; c < 4; c++)
                for (const char *l = rows[r][c]; *l; l++)
                    counts[1][(unsigned char)*l]++;
        for (unsigned c = '!'; c < 256; c++)
            cr_expect_eq(counts[0][c], counts[1][c], "%zu columns: %zu of '%c', not %zu",
                         widths[i], counts[0][c], (int)c, counts[1][c]);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            cr_expect_leq(width_of_line(line), widths[i], "%s", line);
        free(text);
    }
}

Test(render, in_a_pipe_a_row_is_a_line_however_long)
{
    static const char *const heads[] = {"AT", "TEXT", NULL};
    char words[1000];
    memset(words, 'x', sizeof(words) - 1);
    words[500] = ' ';
    words[sizeof(words) - 1] = '\0';
    const char *const rows[][4] = {{"10:00:00", words}};
    char *text = print(heads, rows, 1, false);
    cr_assert(strstr(text, words));
    free(text);
}

Test(render, colour_adds_to_the_word_and_control_bytes_never_pass)
{
    static const char *const heads[] = {"STATE", "TEXT", NULL};
    static const char *const rows[][4] = {{"failed", "\033[2Jcleared\n"}};
    char *text = print(heads, rows, 1, true);
    cr_assert_str_eq(text, "STATE   TEXT\n\033[31mfailed\033[0m   [2Jcleared \n");
    free(text);
}

/* What a person sees of a mistake in a file. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/doc.h"

/* Render one complaint about `source` into `out`. */
static void render(const char *source, unsigned line, unsigned column,
                   char out[static 4096])
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct complaints c = {.arena = &arena};
    complain(&c, line, column, "wrong: '%s'", "x");
    const char *text = complaints_text(&c, "web.yaml", bytes_of_text(source), &arena);
    cr_assert(text);
    (void)snprintf(out, 4096, "%s", text);
    arena_fini(&arena);
}

Test(complaint, the_caret_stands_under_its_column)
{
    static const struct {
        const char *source;
        unsigned line, column;
        const char *shown;
    } rows[] = {
        {"a: 1\ncuont: 2\n", 2, 1, "    2 | cuont: 2\n      | ^\n"},
        {"a: 1\ncount: x", 2, 8, "    2 | count: x\n      |        ^\n"},
        {"a: 1\r\nb: 2\r\n", 1, 4, "    1 | a: 1\n      |    ^\n"},
        {"\tx\ty: 1\n", 1, 4, "    1 | \tx\ty: 1\n      | \t \t^\n"},
        {"\xc3\xa9\xe2\x82\xac: x", 1, 5,
         "    1 | \xc3\xa9\xe2\x82\xac: x\n      |     ^\n"},
        {"\xe6\x97\xa5\xe6\x9c\xac: x", 1, 5,
         "    1 | \xe6\x97\xa5\xe6\x9c\xac: x\n      |       ^\n"},
        {"\xf0\x9f\x9a\x80: x", 1, 4, "    1 | \xf0\x9f\x9a\x80: x\n      |     ^\n"},
        {"e\xcc\x81: x", 1, 5, "    1 | e\xcc\x81: x\n      |    ^\n"},
        {"\xef\xbb\xbf"
         "ab: x",
         1, 3, "    1 | ab: x\n      |   ^\n"},
        {"a\x1b[31mb", 1, 7, "    1 | a?[31mb\n      |       ^\n"},
        {"ab", 1, 99, NULL},
        {"a\n\nb", 2, 1, ""},
        {"a", 7, 1, ""},
        {"", 1, 1, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char head[64], shown[4096];
        render(rows[i].source, rows[i].line, rows[i].column, shown);
        int len = snprintf(head, sizeof(head), "web.yaml:%u:%u: error: wrong: 'x'\n",
                           rows[i].line, rows[i].column);
        cr_assert_eq(strncmp(shown, head, (size_t)len), 0, "row %zu: %s", i, shown);
        if (rows[i].shown)
            cr_assert_str_eq(shown + len, rows[i].shown, "row %zu: %s", i, shown);
    }
}

Test(complaint, of_a_long_line_the_part_around_the_caret_is_shown)
{
    char source[100001], shown[4096];
    memset(source, 'a', 100000);
    source[100000] = '\0';
    source[49999] = 'B';
    render(source, 1, 50000, shown);
    const char *line = strstr(shown, "    1 | ...aaa"),
               *under = strstr(shown, "      |    ");
    cr_assert(line && under, "%s", shown);
    cr_assert_lt(strlen(line), 260);
    cr_assert_eq(strchr(line, 'B') - line, strchr(under, '^') - under);
    memset(source, 0x80, 100000); /* no character at all, and it must still end */
    render(source, 1, 50000, shown);
    cr_assert_lt(strlen(shown), 1000);
}

Test(complaint, a_file_as_a_whole_has_no_line_and_the_rest_is_counted)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct complaints c = {.arena = &arena};
    for (int i = 0; i < 25; i++)
        complain(&c, 0, 0, "complaint %d", i);
    cr_assert_eq(c.n, 20);
    cr_assert_eq(c.n_more, 5);
    const char *text = complaints_text(&c, "f", bytes_of_text("a: 1"), &arena);
    cr_assert_eq(strncmp(text, "f: error: complaint 0\nf: error: complaint 1\n", 44), 0);
    cr_assert(strstr(text, "complaint 19\nf: and 5 more\n"), "%s", text);
    arena_fini(&arena);
}

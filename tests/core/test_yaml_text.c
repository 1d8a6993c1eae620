/* The one writer of YAML: what it writes is the same text for readers of YAML 1.1 and 1.2. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/yaml_text.h"

Test(yaml_text, what_a_reader_could_take_for_another_type_is_quoted)
{
    static const struct {
        const char *text, *written;
    } rows[] = {
        {"web", "web"},
        {"./web-1.2", "./web-1.2"},
        {"10s", "10s"},
        {"256M", "256M"},
        {"1.2.3", "\"1.2.3\""},
        {"no", "\"no\""},
        {"Yes", "\"Yes\""},
        {"null", "\"null\""},
        {"~", "\"~\""},
        {"", "\"\""},
        {"1.0", "\"1.0\""},
        {"010", "\"010\""},
        {"0x1F", "\"0x1F\""},
        {"0o17", "\"0o17\""},
        {"1_000", "\"1_000\""},
        {"1:30", "\"1:30\""},
        {"2001-12-14", "\"2001-12-14\""},
        {"2001-12-14T10:00:00Z", "\"2001-12-14T10:00:00Z\""},
        {"1e3", "\"1e3\""},
        {".5", "\".5\""},
        {".inf", "\".inf\""},
        {"-1", "\"-1\""},
        {"a: b", "\"a: b\""},
        {"a #b", "\"a #b\""},
        {"- a", "\"- a\""},
        {"${X}", "\"${X}\""},
        {"a\nb", "\"a\\nb\""},
        {"say \"hi\"", "'say \"hi\"'"},
        {"it's", "\"it's\""},
        {"\xe2\x80\xa8", "\"\\u2028\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct yaml_text t = {.arena = &arena};
        yaml_scalar(&t, rows[i].text);
        cr_expect_str_eq(t.at, rows[i].written, "%s -> %s", rows[i].text, t.at);
        arena_fini(&arena);
    }
}

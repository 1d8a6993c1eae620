/* Patterns: what they match, that they agree with POSIX, and that none of them takes
 * long. */
#include "sched/pattern.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/rng.h"

static bool matches(const char *text, const char *value)
{
    static struct pattern pattern;
    struct err err = {0};
    cr_assert_eq(pattern_compile(text, &pattern, &err), 0, "%s: %s", text, err.text);
    return pattern_matches(&pattern, value);
}

Test(pattern, matches_the_whole_value_or_not_at_all)
{
    static const struct {
        const char *pattern, *yes[4], *no[4];
    } rows[] = {
        {"", {""}, {"a"}},
        {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
        {"a|b|", {"a", "b", ""}, {"ab"}},
        {"ab|cd", {"ab", "cd"}, {"abd", "acd"}},
        {"a*", {"", "a", "aaa"}, {"b", "aab"}},
        {"a+b?", {"a", "ab", "aab"}, {"", "b", "abb"}},
        {"(ab)+", {"ab", "abab"}, {"", "aba"}},
        {"a{2}", {"aa"}, {"a", "aaa"}},
        {"a{2,}", {"aa", "aaaaa"}, {"", "a"}},
        {"a{,2}", {"", "a", "aa"}, {"aaa"}},
        {"a{2,3}", {"aa", "aaa"}, {"a", "aaaa"}},
        {"a{0}b", {"b"}, {"ab"}},
        {"(a|bc){2}", {"aa", "abc", "bcbc"}, {"a", "bcb"}},
        {"(a*){2,3}b", {"b", "aab"}, {"a"}},
        {"()*x", {"x"}, {""}},
        {".", {"a", "."}, {"", "ab"}},
        {"a\\.b", {"a.b"}, {"axb"}},
        {"[abc]", {"a", "c"}, {"d", ""}},
        {"[^abc]", {"d", "^"}, {"a", ""}},
        {"[a-c0-9]+", {"a1c9"}, {"d", "-"}},
        {"[]a]", {"]", "a"}, {"b"}},
        {"[^]a]", {"b"}, {"]", "a"}},
        {"[a-]", {"a", "-"}, {"b"}},
        {"[[:alpha:]_]+[[:digit:]]*", {"ab_12", "_"}, {"1", "a1b"}},
        {"[\\d]", {"\\", "d"}, {"1"}},
        {"\\d+\\w\\s", {"12_ "}, {"x_ "}},
        {"\\D\\W\\S", {"a-x"}, {"1-x", "aax"}},
        {"^a$", {"a"}, {"ba"}},
        {"a^b", {NULL}, {"ab", "a^b"}},
        {"(^a|b$)+", {"a", "b", "ab"}, {"ba"}},
        {"srv2.*", {"srv2", "srv21.x"}, {"srv1"}},
        {"\xc3\xa9+", {"\xc3\xa9"}, {"e"}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t j = 0; j < 4; j++) {
            cr_expect(!rows[i].yes[j] || matches(rows[i].pattern, rows[i].yes[j]),
                      "%s: %s", rows[i].pattern, rows[i].yes[j]);
            cr_expect(!rows[i].no[j] || !matches(rows[i].pattern, rows[i].no[j]),
                      "%s: not %s", rows[i].pattern, rows[i].no[j]);
        }
}

Test(pattern, classes_hold_what_the_c_locale_says)
{
    static const char *const names[] = {"alpha", "digit", "alnum", "upper",
                                        "lower", "space", "blank", "punct",
                                        "print", "graph", "cntrl", "xdigit"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[32];
        regex_t regex;
        snprintf(text, sizeof(text), "[[:%s:]]", names[i]);
        cr_assert_eq(regcomp(&regex, text, REG_EXTENDED | REG_NOSUB), 0);
        for (int byte = 1; byte < 256; byte++) {
            const char value[] = {(char)byte, '\0'};
            cr_expect_eq(matches(text, value), regexec(&regex, value, 0, NULL, 0) == 0,
                         "%s: %d", text, byte);
        }
        regfree(&regex);
    }
}

Test(pattern, what_is_no_pattern_is_refused_with_a_reason)
{
    static const struct {
        const char *pattern, *why;
    } rows[] = {
        {"(", "a ( has no )"},
        {"(a", "a ( has no )"},
        {")", "a ) has no ("},
        {"a)", "a ) has no ("},
        {"*", "nothing before it"},
        {"a|+", "nothing before it"},
        {"(?:a)", "nothing before it"},
        {"[", "a [ has no ]"},
        {"[a", "a [ has no ]"},
        {"[]", "a [ has no ]"},
        {"[b-a]", "backwards"},
        {"[[:x:]]", "a class is one such as"},
        {"[[:alpha:", "a class is"},
        {"[[.a.]]", "collating"},
        {"\\", "a \\ stands before"},
        {"\\n", "a \\ stands before"},
        {"(a)\\1", "refer back"},
        {"a{", "starts a repetition"},
        {"a{x}", "starts a repetition"},
        {"a{,}", "starts a repetition"},
        {"a{3,2}", "starts a repetition"},
        {"a{2", "starts a repetition"},
        {"a{1025}", "too large"},
        {"a{99999999999999999999}", "too large"},
        {"(a{100}){100}", "too large"},
        {"((((((((((aa){2}){2}){2}){2}){2}){2}){2}){2}){2}){2}", "too large"},
        {"(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))",
         "nested more than 32"},
    };
    static struct pattern pattern;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        cr_expect_lt(pattern_compile(rows[i].pattern, &pattern, &err), 0, "%s",
                     rows[i].pattern);
        cr_expect(strstr(err.text, rows[i].why), "%s: %s", rows[i].pattern, err.text);
    }
}

/* A pattern over a and b that glibc can cope with: shallow, repetitions of single letters
 * and small groups only. */
static void random_pattern(struct rng *rng, char *out, int depth)
{
    static const char *const atoms[] = {"a", "b", ".", "[ab]", "[^a]", "ab"};
    static const char *const repeats[] = {"", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}"};
    uint64_t n = 1 + rng_below(rng, 3);
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0 && rng_chance(rng, 0.3))
            strcat(out, "|");
        uint64_t atom = rng_below(rng, 6);
        if (depth > 0 && rng_chance(rng, 0.4)) {
            strcat(out, "(");
            random_pattern(rng, out, depth - 1);
            strcat(out, ")");
        } else {
            strcat(out, atoms[atom]);
        }
        strcat(out, repeats[rng_below(rng, 8)]);
    }
}

Test(pattern, agrees_with_the_c_library)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 3000; i++) {
        char text[512] = "", whole[520];
        regex_t regex;
        random_pattern(&rng, text, 2);
        snprintf(whole, sizeof(whole), "^(%s)$", text);
        if (strlen(text) > 200 || regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB) != 0)
            continue;
        for (unsigned bits = 0; bits < 64; bits++) {
            char value[8] = "";
            for (unsigned j = 0; j < bits % 6; j++)
                value[j] = bits >> j & 1 ? 'a' : 'b';
            bool is_match = regexec(&regex, value, 0, NULL, 0) == 0;
            cr_assert_eq(matches(text, value), is_match, "%s against '%s': glibc says %d",
                         text, value, is_match);
        }
        regfree(&regex);
    }
}

Test(pattern, no_pattern_takes_long)
{
    static const char *const bits[] = {"(",  ")", "a", "a",     "[ab]",    "[)]",  "+",
                                       "*",  "?", "|", "{1,3}", "{2,}",    "{,2}", ".",
                                       ".*", "^", "$", "(a+)+", "((a*)*)*"};
    static struct pattern pattern;
    struct rng rng;
    char value[256];
    memset(value, 'a', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    rng_init(&rng, 3);
    clock_t start = clock();
    cr_expect_not(matches("[)]*{1,3}{2,}{1,3}{,2}.*.*^", value));
    cr_expect(matches("((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)", value));
    for (int i = 0; i < 3000; i++) {
        char text[1024] = "";
        uint64_t n = rng_below(&rng, 30);
        for (uint64_t j = 0; j < n; j++)
            strcat(text, bits[rng_below(&rng, sizeof(bits) / sizeof(bits[0]))]);
        if (pattern_compile(text, &pattern, NULL) == 0)
            (void)pattern_matches(&pattern, value);
    }
    cr_expect_lt((double)(clock() - start) / CLOCKS_PER_SEC, 10.0);
}

/* The words of a command line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/words.h"

static const struct flag flags[] = {
    {"timeout", 't', "D", "", false},
    {"follow", 'f', NULL, "", false},
    {"hidden", 0, NULL, "", true},
    {0},
};
static const struct flag globals[] = {
    {"json", 0, NULL, "", false}, {"socket", 0, "PATH", "", false}, {0}};

static int parse(struct words *w, const char *line, bool stop_at_word, int *used,
                 struct err *err)
{
    static char buf[512];
    char *argv[WORDS_MAX * 2];
    int argc = 0;
    (void)snprintf(buf, sizeof(buf), "%s", line);
    for (char *word = strtok(buf, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    *w = (struct words){0};
    *err = (struct err){0};
    return words_parse(w, argc, argv, flags, globals, stop_at_word, used, err);
}

Test(words, flags_may_stand_anywhere_in_every_spelling)
{
    static const struct {
        const char *line, *timeout, *socket;
        bool has_follow, has_json;
        size_t n_args;
    } rows[] = {
        {"", NULL, NULL, false, false, 0},
        {"web", NULL, NULL, false, false, 1},
        {"--timeout 5s web", "5s", NULL, false, false, 1},
        {"web --timeout 5s", "5s", NULL, false, false, 1},
        {"web --timeout=5s 3", "5s", NULL, false, false, 2},
        {"--timeout= web", "", NULL, false, false, 1},
        {"-t 5s -f web", "5s", NULL, true, false, 1},
        {"--timeout 1s --timeout 2s", "2s", NULL, false, false, 0},
        {"--json web --socket /a --follow", NULL, "/a", true, true, 1},
        {"-- --json -f", NULL, NULL, false, false, 2},
        {"--timeout --json", "--json", NULL, false, false, 0},
        {"- web", NULL, NULL, false, false, 2},
        {"--hidden", NULL, NULL, false, false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct words w;
        struct err err;
        int used = 0;
        cr_assert_eq(parse(&w, rows[i].line, false, &used, &err), 0, "%s: %s",
                     rows[i].line, err.text);
        const char *timeout = words_value(&w, "timeout"),
                   *socket = words_value(&w, "socket");
        cr_assert(timeout ? rows[i].timeout && strcmp(timeout, rows[i].timeout) == 0
                          : !rows[i].timeout,
                  "%s", rows[i].line);
        cr_assert(socket ? rows[i].socket && strcmp(socket, rows[i].socket) == 0
                         : !rows[i].socket,
                  "%s", rows[i].line);
        cr_assert_eq(words_has(&w, "follow"), rows[i].has_follow, "%s", rows[i].line);
        cr_assert_eq(words_has(&w, "json"), rows[i].has_json, "%s", rows[i].line);
        cr_assert_eq(w.n_args, rows[i].n_args, "%s", rows[i].line);
    }
}

Test(words, a_bad_word_is_named_and_what_was_meant)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"--timeuot 5s", "unknown flag --timeuot: did you mean --timeout?"},
        {"--jsn", "unknown flag --jsn: did you mean --json?"},
        {"--whatever=3", "unknown flag --whatever"},
        {"--hiden", "unknown flag --hiden"},
        {"-x", "unknown flag -x"},
        {"-ff", "unknown flag -ff"},
        {"--timeout", "--timeout wants a value: --timeout D"},
        {"web -t", "--timeout wants a value: --timeout D"},
        {"--follow=yes", "--follow takes no value"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct words w;
        struct err err;
        int used = 0;
        cr_assert_eq(parse(&w, rows[i].line, false, &used, &err), ERR_INVALID, "%s",
                     rows[i].line);
        cr_assert_str_eq(err.text, rows[i].text);
    }
}

Test(words, global_flags_may_stand_before_the_verb)
{
    struct words w;
    struct err err;
    int used = 0;
    cr_assert_eq(
        parse(&w, "--json --socket /a status web --timeout 3s", true, &used, &err), 0);
    cr_assert_eq(used, 3);
    cr_assert_eq(w.n_args, 0);
    cr_assert(words_has(&w, "json"));
}

Test(words, too_many_words_are_refused)
{
    struct words w = {0};
    struct err err = {0};
    char *argv[WORDS_MAX + 1];
    char word[] = "a";
    int used = 0;
    for (int i = 0; i <= WORDS_MAX; i++)
        argv[i] = word;
    cr_assert_eq(words_parse(&w, WORDS_MAX + 1, argv, flags, NULL, false, &used, &err),
                 ERR_INVALID);
}

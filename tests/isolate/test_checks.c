/* Health checks by transcript: what results make of an instance, and how often that is told. */
#include "isolate/checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct job_spec spec;
    struct health_spec health[4];
    struct checks checks;
    uint64_t now_ms;
    unsigned n_told, n_restarts;
    char text[4096];
};

static struct health_spec check(enum health_role role, uint32_t unready_after,
                                uint32_t max_failures)
{
    return (struct health_spec){.name = "a",
                                .role = role,
                                .interval_ms = 5000,
                                .grace_ms = 0,
                                .unready_after = unready_after,
                                .max_failures = max_failures};
}

/* `n` checks like `one`, named a, b, c, d; started at 0. */
static void begin(struct world *w, size_t n, struct health_spec one)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    *w = (struct world){.spec = {.health = w->health, .n_health = n}};
    for (size_t i = 0; i < n; i++) {
        w->health[i] = one;
        w->health[i].name = names[i];
    }
    checks_init(&w->checks, &w->spec);
    cr_assert_eq(checks_health(&w->checks), n ? HEALTH_UNKNOWN : HEALTH_NONE);
    checks_start(&w->checks, 0);
}

static enum checks_news probed(struct world *w, unsigned i, bool is_ok, const char *said)
{
    enum checks_news news =
        checks_probed(&w->checks, (struct moment){.now_ms = w->now_ms, .at_unix_ms = 9000 + w->now_ms}, w->now_ms,
                      i, is_ok, said);
    w->n_told += news != CHECKS_SAME;
    w->n_restarts += news == CHECKS_RESTART;
    return news;
}

/* One result for each character, a second apart: a lower-case letter is a failure of the check of that
 * name, a capital one a pass.  The text has a character for each: the health by its first letter, a
 * capital when it is told, "!" for a restart. */
static const char *play(struct world *w, const char *script)
{
    size_t n = 0;
    for (; *script; script++, w->now_ms += 1000) {
        bool is_ok = *script < 'a';
        char letter = (char)(*script | 0x20);
        enum checks_news news = probed(w, (unsigned)(letter - 'a'), is_ok,
                                       is_ok ? "answered 200 OK" : "refused");
        char shown = health_name(checks_health(&w->checks))[0];
        w->text[n++] =
            news == CHECKS_RESTART ? '!' : (char)(news ? shown & ~0x20 : shown);
    }
    w->text[n] = '\0';
    return w->text;
}

Test(checks, health_follows_failures_in_a_row)
{
    static const struct {
        size_t n;
        enum health_role role;
        uint32_t unready_after, max_failures;
        const char *script, *wanted;
    } rows[] = {
        /* one live check, 2 and 3: unknown, passing, one stumble, failing, back at once */
        {1, HEALTH_LIVE, 2, 3, "AAaAaaAAaaa", "PppppFPppF!"},
        {1, HEALTH_LIVE, 2, 8, "Aaaaaaaaa", "PpFfFfff!"},
        {1, HEALTH_LIVE, 2, 0, "Aaaaaaaaaaaaaaaaaa", "PpFfFfffFfffffffFf"},
        {1, HEALTH_READY, 2, 3, "AaaaaaA", "PpFfFfP"},
        {1, HEALTH_LIVE, 1, 1, "Aa", "P!"},
        {1, HEALTH_LIVE, 1, 2, "Aaa", "PF!"},
        {1, HEALTH_LIVE, 5, 2, "Aaa", "Pp!"}, /* clamped: it leaves with the restart */
        {1, HEALTH_LIVE, 2, 3, "aaa", "uF!"}, /* it never passed, and has no grace */
        {1, HEALTH_READY, 1, 0, "aAaA", "FPFP"},
        {1, HEALTH_READY, 0, 0, "Aa", "PF"},
        /* flapping that is no failing is told to nobody */
        {1, HEALTH_LIVE, 2, 3, "AaAaAaAaAa", "Pppppppppp"},
        /* all must pass, and one that fails is enough */
        {2, HEALTH_READY, 2, 0, "AB", "uP"},
        {2, HEALTH_READY, 2, 0, "ABaaBbA", "uPpFffP"},
        {2, HEALTH_READY, 2, 0, "ABaabbAB", "uPpFffFP"},
        {2, HEALTH_READY, 2, 0, "AbbB", "uuFP"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world *w = malloc(sizeof(*w));
        begin(w, rows[i].n,
              check(rows[i].role, rows[i].unready_after, rows[i].max_failures));
        cr_expect_str_eq(play(w, rows[i].script), rows[i].wanted, "row %zu: %s gives %s",
                         i, rows[i].script, w->text);
        free(w);
    }
}

Test(checks, a_live_and_a_ready_one_side_by_side)
{
    struct world w;
    begin(&w, 2, check(HEALTH_LIVE, 2, 3));
    w.health[1].role = HEALTH_READY;
    cr_expect_str_eq(play(&w, "ABbbbbbA"), "uPpFfFff");
    cr_expect_eq(w.n_restarts, 0);
    cr_expect_str_eq(play(&w, "aaa"), "ff!");
}

Test(checks, failures_within_the_grace_do_not_count)
{
    struct world w;
    begin(&w, 1, check(HEALTH_LIVE, 2, 3));
    w.health[0].grace_ms = 4000;
    /* told at the second, for it starts slowly; counted from the fifth on */
    cr_expect_str_eq(play(&w, "aaaa"), "uUuU");
    cr_expect_str_eq(play(&w, "aaa"), "uF!");

    begin(&w, 1, check(HEALTH_LIVE, 2, 3));
    w.health[0].grace_ms = 4000; /* it ends with the first pass */
    cr_expect_str_eq(play(&w, "aAaa"), "uPpF");
}

Test(checks, what_could_not_be_asked_is_no_failure)
{
    struct world w;
    begin(&w, 1, check(HEALTH_LIVE, 2, 3));
    cr_expect_str_eq(play(&w, "Aa"), "Pp");
    for (int i = 0; i < 10; i++, w.now_ms += 1000) {
        cr_expect_eq(probed(&w, 0, false, NULL), CHECKS_SAME);
        cr_expect_eq(w.checks.list[0].next_ms, w.now_ms + 5000, "it is tried again");
    }
    cr_expect_eq(checks_health(&w.checks), HEALTH_PASSING);
    cr_expect_str_eq(play(&w, "aa"), "F!");
}

Test(checks, a_check_that_fails_for_a_day_is_told_some_twenty_times)
{
    struct world w;
    char said[64];
    begin(&w, 1, check(HEALTH_READY, 2, 0));
    (void)probed(&w, 0, true, "answered 200 OK");
    w.n_told = 0;
    for (unsigned i = 0; i < 17280; i++, w.now_ms += 5000)
        (void)probed(&w, 0, false, "answered 503 Service Unavailable");
    cr_expect(w.n_told >= 10 && w.n_told <= 20, "%u", w.n_told);

    /* words that are others each time: every few minutes */
    begin(&w, 1, check(HEALTH_READY, 2, 0));
    for (unsigned i = 0; i < 17280; i++, w.now_ms += 5000) {
        (void)snprintf(said, sizeof(said), "answered 503: uptime %u", i);
        (void)probed(&w, 0, false, said);
    }
    cr_expect(w.n_told >= 200 && w.n_told <= 320, "%u", w.n_told);
}

Test(checks, words_and_their_count_and_time)
{
    struct world w;
    char text[160];
    begin(&w, 2, check(HEALTH_LIVE, 2, 8));
    (void)play(&w, "AB");
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(text, "");
    cr_expect_null(checks_doc(&w.checks).name);

    w.now_ms = 10000;
    (void)probed(&w, 1, false, "connection refused");
    cr_expect_null(checks_doc(&w.checks).name, "one stumble is not told");
    w.now_ms = 15000;
    cr_expect_eq(probed(&w, 1, false, "answered 500 Internal Server Error: no database"),
                 CHECKS_TOLD);
    struct check_doc doc = checks_doc(&w.checks);
    cr_expect_str_eq(doc.name, "b");
    cr_expect_str_eq(doc.said, "answered 500 Internal Server Error: no database");
    cr_expect_eq(doc.failures, 2);
    cr_expect_eq(doc.since_unix_ms, 19000);
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(
        text, "health check 'b' fails (2 or more in a row, restarts after 8): answered "
              "500 Internal Server Error: no database");

    /* another one that fails as well does not take the word */
    (void)probed(&w, 0, false, "no answer within 2s");
    (void)probed(&w, 0, false, "no answer within 2s");
    cr_expect_str_eq(checks_doc(&w.checks).name, "b");
    /* until the first is well again */
    cr_expect_eq(probed(&w, 1, true, "answered 200 OK"), CHECKS_TOLD);
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(text,
                     "health check 'a' fails (2 or more in a row, restarts after 8)");
    cr_expect_eq(probed(&w, 0, false, "no answer within 2s"), CHECKS_TOLD);
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(
        text, "health check 'a' fails (3 or more in a row, restarts after 8): no answer "
              "within 2s");
    cr_expect_eq(probed(&w, 0, true, "answered 200 OK"), CHECKS_TOLD);
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(text, "");
}

Test(checks, the_one_that_asks_for_the_restart_is_named)
{
    struct world w;
    char text[160];
    begin(&w, 2, check(HEALTH_LIVE, 2, 3));
    w.health[0].role = HEALTH_READY;
    (void)play(&w, "ABaaaaaabb");
    cr_expect_eq(probed(&w, 1, false, "refused by b"), CHECKS_RESTART);
    checks_sentence(&w.checks, text, sizeof(text));
    cr_expect_str_eq(text, "health check 'b' failed 3 times in a row: refused by b");
}

Test(checks, a_sentence_is_cut_and_never_longer_than_its_place)
{
    struct world w;
    char text[160], name[64], said[400];
    memset(name, 'n', 63);
    name[63] = '\0';
    memset(said, 's', sizeof(said) - 1);
    said[sizeof(said) - 1] = '\0';
    begin(&w, 1, check(HEALTH_LIVE, 2, 1000));
    w.health[0].name = name;
    (void)probed(&w, 0, false, said);
    (void)probed(&w, 0, false, said);
    cr_expect_eq(strlen(checks_doc(&w.checks).said), CHECK_SAID_MAX - 1);
    for (size_t cap = 1; cap <= sizeof(text); cap++) {
        checks_sentence(&w.checks, text, cap);
        cr_expect_eq(strlen(text), cap - 1);
    }
    cr_expect(strstr(text, "restarts after 1000): sss"));
}

Test(checks, are_due_one_by_one_and_not_while_one_is_under_way)
{
    struct world w;
    begin(&w, 2, check(HEALTH_LIVE, 2, 3));
    w.health[1].interval_ms = 500;
    cr_expect_eq(checks_deadline_ms(&w.checks), 0);
    cr_expect(checks_tick(&w.checks, 0));
    cr_expect(w.checks.list[0].is_due && w.checks.list[1].is_due);
    cr_expect_eq(checks_deadline_ms(&w.checks), UINT64_MAX);
    checks_clear_due(&w.checks);
    cr_expect_not(checks_tick(&w.checks, 100000));
    (void)probed(&w, 0, false, "x");
    cr_expect_eq(w.checks.list[0].next_ms, 1000, "soon, until it passed");
    (void)probed(&w, 0, true, "x");
    cr_expect_eq(w.checks.list[0].next_ms, 5000);
    (void)probed(&w, 1, false, "x");
    cr_expect_eq(checks_deadline_ms(&w.checks), 500, "but not sooner than it says");
    checks_stop(&w.checks, false);
    cr_expect_eq(checks_deadline_ms(&w.checks), UINT64_MAX);
}

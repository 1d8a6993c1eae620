/* The feed of events: numbered, bounded, read from any place. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/feed.h"

enum { AT_UNIX_MS = 1000 };

static struct feed *feed_with(unsigned n)
{
    struct feed *f = malloc(sizeof(*f));
    cr_assert_not_null(f);
    feed_init(f);
    for (unsigned i = 1; i <= n; i++) {
        char subject[16];
        (void)snprintf(subject, sizeof(subject), "s%u", i);
        struct node_event event = {.kind = "var", .subject = subject, .text = "x"};
        cr_assert_eq(feed_add(f, AT_UNIX_MS, "n1", &event), i);
    }
    return f;
}

static void feed_free(struct feed *f)
{
    feed_fini(f);
    free(f);
}

static json_int_t id_at(const json_t *list, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(list, i), "id"));
}

Test(feed, an_event_has_every_field_of_the_interface)
{
    struct feed *f = feed_with(0);
    struct node_event event = {.kind = "instance",
                               .subject = "web.0",
                               .state = "running",
                               .text = "web.0 is running on n1",
                               .cause = "spread"};
    (void)feed_add(f, AT_UNIX_MS, "n1", &event);
    json_t *list = feed_list(f, 0, 10);
    char *text = json_dumps(json_array_get(list, 0), JSON_SORT_KEYS | JSON_COMPACT);
    cr_assert_str_eq(
        text,
        "{\"at\":\"1970-01-01T00:00:01.000Z\",\"cause\":\"spread\",\"cause_id\":null,\"id\":1,"
        "\"kind\":\"instance\",\"level\":\"info\",\"node\":\"n1\",\"state\":\"running\","
        "\"subject\":\"web.0\",\"text\":\"web.0 is running on n1\"}");
    free(text);
    json_decref(list);
    feed_free(f);
}

Test(feed, what_an_event_leaves_out_is_empty_and_a_missing_cause_is_null)
{
    struct feed *f = feed_with(0);
    (void)feed_add(f, AT_UNIX_MS, "n1", &(struct node_event){.kind = "var"});
    json_t *list = feed_list(f, 0, 10), *event = json_array_get(list, 0);
    cr_assert_str_eq(json_string_value(json_object_get(event, "subject")), "");
    cr_assert_str_eq(json_string_value(json_object_get(event, "text")), "");
    cr_assert(json_is_null(json_object_get(event, "cause")));
    cr_assert(json_is_null(json_object_get(event, "cause_id")));
    cr_assert_null(json_object_get(event, "state"));
    json_decref(list);
    feed_free(f);
}

struct row {
    unsigned n;
    uint64_t after;
    size_t limit;
    size_t want_n;
    json_int_t want_first;
};

static const struct row rows[] = {
    {0, 0, 10, 0, 0},
    {5, 0, 10, 5, 1},
    {5, 0, 2, 2, 4}, /* the newest two */
    {5, 3, 10, 2, 4},
    {5, 5, 10, 0, 0},
    {5, 99, 10, 0, 0},
    {5, 0, 0, 0, 0},
    {FEED_MAX, 0, SIZE_MAX, FEED_MAX, 1},
    {FEED_MAX + 1, 0, SIZE_MAX, FEED_MAX, 2},
    {3 * FEED_MAX + 7, 0, SIZE_MAX, FEED_MAX, 2 * FEED_MAX + 8},
    {3 * FEED_MAX + 7, 3 * FEED_MAX + 5, 10, 2, 3 * FEED_MAX + 6},
    {3 * FEED_MAX + 7, 0, 3, 3, 3 * FEED_MAX + 5},
    {3 * FEED_MAX + 7, UINT64_MAX, 10, 0, 0},
    {5, UINT64_MAX, 10, 0, 0},
};

Test(feed, lists_the_newest_after_an_id_oldest_first_through_every_wrap)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct feed *f = feed_with(row->n);
        json_t *list = feed_list(f, row->after, row->limit);
        cr_assert_eq(json_array_size(list), row->want_n, "row %zu: %zu", i,
                     json_array_size(list));
        for (size_t k = 0; k < row->want_n; k++)
            cr_assert_eq(id_at(list, k), row->want_first + (json_int_t)k, "row %zu", i);
        json_decref(list);
        feed_free(f);
    }
}

Test(feed, an_event_that_is_no_text_is_told_all_the_same)
{
    struct feed *f = feed_with(1);
    (void)feed_add(f, AT_UNIX_MS, "n1",
                   &(struct node_event){.kind = "var", .text = "\xff"});
    (void)feed_add(f, AT_UNIX_MS, "n1",
                   &(struct node_event){.kind = "var", .text = "fine"});
    json_t *list = feed_list(f, 0, 10);
    cr_assert_eq(json_array_size(list), 3);
    cr_assert_eq(id_at(list, 1), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(list, 1), "text")), "?");
    json_decref(list);
    feed_free(f);
}

static void fall(struct feed *f, uint64_t at_ms, const char *state, const char *cause)
{
    struct node_event event = {.kind = "instance",
                               .subject = "web.0",
                               .state = state,
                               .text = "web.0 is as it is on n2",
                               .cause = cause,
                               .ns = "default"};
    (void)feed_add(f, at_ms, "n2", &event);
}

Test(feed, who_falls_again_and_again_is_one_event_that_counts)
{
    struct feed *f = feed_with(2);
    for (unsigned i = 0; i < 50; i++) {
        fall(f, AT_UNIX_MS + i * 1000, "starting", NULL);
        fall(f, AT_UNIX_MS + i * 1000 + 100, "running", NULL);
        fall(f, AT_UNIX_MS + i * 1000 + 200, "pending", "exited with status 3");
    }
    fall(f, AT_UNIX_MS + 51000, "failed", "exited with status 3; gave up after 51 exits");
    json_t *list = feed_list(f, 0, FEED_MAX);
    size_t n = json_array_size(list);
    const json_t *last = json_array_get(list, n - 1);
    cr_expect_eq(n, 5, "%zu", n); /* the two before, the first start, and the falls */
    cr_expect_eq(json_integer_value(json_object_get(last, "times")), 51);
    cr_expect_str_eq(json_string_value(json_object_get(last, "since")),
                     "1970-01-01T00:00:01.200Z");
    cr_expect_str_eq(json_string_value(json_object_get(last, "level")), "warn");
    json_decref(list);
    fall(f, AT_UNIX_MS + 60000, "pending", "killed by signal 9"); /* another cause */
    list = feed_list(f, 0, FEED_MAX);
    cr_expect_eq(json_array_size(list), 6);
    cr_expect_null(json_object_get(json_array_get(list, 5), "times"));
    json_decref(list);
    feed_free(f);
}

/* ---- causes ---- */

/* Tell one event; returns the id of what it came of, 0: nothing. */
static json_int_t tell(struct feed *f, const char *kind, const char *subject, const char *state,
                       const char *node, const char *cause, const char *because)
{
    char text[128];
    bool is_member = strcmp(kind, "member") == 0;
    (void)snprintf(text, sizeof(text), "%s is %s", subject, state);
    struct node_event event = {.kind = kind,
                               .subject = subject,
                               .state = state,
                               .text = text,
                               .cause = cause,
                               .because = because,
                               .ns = is_member ? NULL : "default"};
    uint64_t id = feed_add(f, AT_UNIX_MS, node, &event);
    json_t *list = feed_list(f, id - 1, 1);
    json_int_t found = json_integer_value(json_object_get(json_array_get(list, 0), "cause_id"));
    json_decref(list);
    return found;
}

Test(feed, every_event_names_the_one_it_came_of_and_chains_end_at_orders_deaths_and_exits)
{
    static const struct {
        const char *kind, *subject, *state, *node, *cause, *because;
        json_int_t of;
    } rows[] = {
        {"job", "web", "v1", "n1", "a note", NULL, 0},
        {"instance", "web.0", "starting", "n1", NULL, NULL, 1},
        {"instance", "web.0", "running", "n1", NULL, NULL, 2},
        {"instance", "webb.0", "running", "n1", NULL, NULL, 0}, /* of no job that was told */
        {"member", "n1", "suspect", "n1", "it does not answer", NULL, 0},
        {"member", "n1", "dead", "n1", "no answer within the suspicion time", NULL, 5},
        {"hold", "n2", "on", "n2", NULL, NULL, 6},
        {"hold", "n2", "off", "n2", NULL, NULL, 7},
        {"instance", "web.0", "starting", "n2", "n1 is dead", "n1", 6},
        {"instance", "web.0", "running", "n2", NULL, NULL, 9},
        {"instance", "web.0", "pending", "n2", "exited with 3", NULL, 10}, /* 11: it falls */
        {"instance", "web.0", "starting", "n2", NULL, NULL, 11},
        {"instance", "web.0", "failed", "n2", "gave up", NULL, 12},
        {"instance", "web.0", "gone", "n2", NULL, NULL, 13},
        {"instance", "web.0", "starting", "n3", NULL, NULL, 14},
        {"member", "n1", "alive", "n1", NULL, NULL, 6},
        {"job", "web", "v2", "n1", NULL, NULL, 0},
        {"instance", "web.0", "stopping", "n3", "update from v1 to v2", NULL, 17},
        {"instance", "web.0", "starting", "n3", NULL, NULL, 17},
        {"job", "web", "removed", "n1", NULL, NULL, 0},
        {"job", "web", "v1", "n1", NULL, NULL, 0},
        {"instance", "web.0", "stopping", "n3", "its job was removed", NULL, 20},
        {"instance", "web.0", "starting", "n1", NULL, NULL, 21},
        {"instance", "web.0", "gone", "n3", NULL, NULL, 22},
        {"instance", "web.0", "running", "n1", NULL, NULL, 23},
        {"instance", "web.0", "stopping", "n1", "held by n9", NULL, 24},
        {"disk", "n1", "full", "n1", NULL, NULL, 0},
        {"disk", "n1", "ok", "n1", NULL, NULL, 27},
        {"var", "x", "set", "n1", NULL, NULL, 0},
    };
    struct feed *f = feed_with(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(tell(f, rows[i].kind, rows[i].subject, rows[i].state, rows[i].node, rows[i].cause,
                          rows[i].because),
                     rows[i].of, "event %zu", i + 1);
    json_t *list = feed_list(f, 0, FEED_MAX), *event;
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(list, 2), "cause")), "web.0 is starting");
    size_t i;
    json_array_foreach(list, i, event)
    {
        json_int_t cause = json_integer_value(json_object_get(event, "cause_id"));
        cr_expect_lt(cause, json_integer_value(json_object_get(event, "id")));
        cr_expect(!cause || !json_is_null(json_object_get(event, "cause")));
    }
    json_decref(list);
    feed_free(f);
}

/* What is folded away takes no cause with it: its own stands for it. */
Test(feed, a_cause_is_never_an_event_that_was_folded_away)
{
    struct feed *f = feed_with(0);
    (void)tell(f, "job", "web", "v1", "n1", NULL, NULL);
    for (unsigned i = 0; i < 40; i++) {
        fall(f, AT_UNIX_MS + i, "starting", NULL);
        fall(f, AT_UNIX_MS + i, "running", NULL);
        fall(f, AT_UNIX_MS + i, "pending", "exited with status 3");
        (void)tell(f, "instance", "web.0", "starting", "n9", NULL, NULL);
    }
    json_t *list = feed_list(f, 0, FEED_MAX), *event;
    size_t i, k;
    json_array_foreach(list, i, event)
    {
        json_int_t cause = json_integer_value(json_object_get(event, "cause_id"));
        bool is_there = cause == 0;
        for (k = 0; k < i; k++)
            is_there = is_there || id_at(list, k) == cause;
        cr_expect(is_there, "%zu of %zu came of %d, which is not there", i, json_array_size(list), (int)cause);
    }
    json_decref(list);
    feed_free(f);
}

/* The feed of events: numbered, bounded, read from any place. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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
        "{\"at\":\"1970-01-01T00:00:01.000Z\",\"cause\":\"spread\",\"id\":1,"
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

Test(feed, an_event_that_is_no_text_takes_its_number_and_is_left_out)
{
    struct feed *f = feed_with(1);
    (void)feed_add(f, AT_UNIX_MS, "n1",
                   &(struct node_event){.kind = "var", .text = "\xff"});
    (void)feed_add(f, AT_UNIX_MS, "n1",
                   &(struct node_event){.kind = "var", .text = "fine"});
    json_t *list = feed_list(f, 0, 10);
    cr_assert_eq(json_array_size(list), 2);
    cr_assert_eq(id_at(list, 1), 3);
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

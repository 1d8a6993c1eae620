/* What a submission does to a job, told before it is done. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report.h"
#include "host.h"
#include "sched/jobfile.h"
#include "sched/spec.h"

#define HEAD "job: web\nupdate: {min_healthy_time: 1s}\n"
#define WEB HEAD "count: 3\ntask: {command: [./web]}\n"
#define BAD HEAD "count: 3\ntask: {command: [./bad]}\n"

/* The members of `out` that are named, as compact JSON. */
static const char *part(const json_t *out, const char *const *names)
{
    static char text[1024];
    json_t *some = json_object();
    for (size_t i = 0; names[i]; i++)
        if (json_object_get(out, names[i]))
            (void)json_object_set(some, names[i], json_object_get(out, names[i]));
    char *json = json_dumps(some, JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "%s", json);
    free(json);
    json_decref(some);
    return text;
}

static json_t *report_of(struct host *h, const char *file, bool keeps_scale)
{
    struct arena arena;
    struct complaints complaints = {.arena = &arena};
    struct jobfile parsed;
    struct report r;
    arena_init(&arena, 0);
    cr_assert_eq(jobfile_read(bytes_of_text(file), &arena, &complaints, &parsed), 0);
    cr_assert_eq(report_open(&r, h->node, "n1", hosts_now(h->all)), 0);
    struct bytes body = spec_canonical(parsed.jobs, &arena);
    json_t *list = report_edits(&r, parsed.jobs, &body, 1, keeps_scale);
    cr_assert_eq(json_array_size(list), 1);
    json_t *out = json_incref(json_array_get(list, 0));
    json_decref(list);
    report_close(&r);
    arena_fini(&arena);
    return out;
}

static void expect(struct host *h, const char *file, bool keeps_scale, const char *wanted)
{
    static const char *const names[] = {
        "version",    "action",  "count",        "count_before", "restarts",
        "restarting", "changed", "restarts_for", "was_stopped",  NULL};
    json_t *out = report_of(h, file, keeps_scale);
    cr_expect_str_eq(part(out, names), wanted);
    json_decref(out);
}

static void scale(struct host *h, uint32_t count)
{
    struct order command = {.kind = ORDER_SCALE,
                            .ns = "default",
                            .name = "web",
                            .count = count,
                            .by = "root@n1",
                            .token = 900 + count};
    host_command(h, &command);
    hosts_run(h->all, 4000);
}

Test(report_edit, tells_which_keys_change_and_what_restarts_for_them)
{
    struct hosts *all = hosts_settled(2);
    struct host *h = &all->hosts[0];
    for (unsigned i = 0; i < 2; i++)
        all->hosts[i].obeys = true;
    expect(h, WEB, false,
           "{\"version\":\"v1\",\"action\":\"create\",\"count\":3,\"restarts\":false,"
           "\"restarting\":0,\"changed\":[],\"restarts_for\":[]}");
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 4000);
    expect(h, WEB, false,
           "{\"version\":\"v1\",\"action\":\"none\",\"count\":3,\"count_before\":3,"
           "\"restarts\":false,\"restarting\":0,\"changed\":[],\"restarts_for\":[],"
           "\"was_stopped\":false}");
    expect(h, WEB "labels: {a: b}\n", false,
           "{\"version\":\"v2\",\"action\":\"update\",\"count\":3,\"count_before\":3,"
           "\"restarts\":false,\"restarting\":0,\"changed\":[\"labels\"],\"restarts_"
           "for\":[],"
           "\"was_stopped\":false}");
    expect(h, BAD "labels: {a: b}\n", false,
           "{\"version\":\"v2\",\"action\":\"update\",\"count\":3,\"count_before\":3,"
           "\"restarts\":true,\"restarting\":3,\"changed\":[\"command\",\"labels\"],"
           "\"restarts_for\":[\"command\"],\"was_stopped\":false}");
    /* One of three has switched: only that one has to go back. */
    (void)host_submit(h, BAD, 0, ACK_DEFAULT);
    hosts_run(all, 700);
    expect(h, WEB, false,
           "{\"version\":\"v3\",\"action\":\"update\",\"count\":3,\"count_before\":3,"
           "\"restarts\":true,\"restarting\":1,\"changed\":[\"command\"],"
           "\"restarts_for\":[\"command\"],\"was_stopped\":false}");
    /* And with an edit of what it cannot see on top, the two others still follow. */
    expect(
        h, BAD "labels: {a: b}\n", false,
        "{\"version\":\"v3\",\"action\":\"update\",\"count\":3,\"count_before\":3,"
        "\"restarts\":true,\"restarting\":2,\"changed\":[\"labels\"],\"restarts_for\":[],"
        "\"was_stopped\":false}");
    hosts_free(all);
}

Test(report_edit, tells_what_becomes_of_a_scale_and_of_a_stop)
{
    static const char *const names[] = {
        "version",       "action",      "count", "count_before",
        "count_in_file", "was_stopped", "scale", NULL};
    struct hosts *all = hosts_settled(1);
    struct host *h = &all->hosts[0];
    h->obeys = true;
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 4000);
    h->all->wall_step_ms = 1700000000000 - (int64_t)hosts_now(all).at_unix_ms;
    scale(h, 5);
    json_t *out = report_of(h, WEB, false);
    cr_expect_str_eq(part(out, names),
                     "{\"version\":\"v1\",\"action\":\"update\",\"count\":3,"
                     "\"count_before\":5,\"count_in_file\":3,\"was_stopped\":false,"
                     "\"scale\":{\"count\":5,\"by\":\"root@n1\",\"kept\":false,"
                     "\"at\":\"2023-11-14T22:13:20.000Z\"}}");
    json_decref(out);
    out = report_of(h, WEB, true);
    cr_expect_str_eq(part(out, names),
                     "{\"version\":\"v1\",\"action\":\"none\",\"count\":5,"
                     "\"count_before\":5,\"count_in_file\":3,\"was_stopped\":false,"
                     "\"scale\":{\"count\":5,\"by\":\"root@n1\",\"kept\":true,"
                     "\"at\":\"2023-11-14T22:13:20.000Z\"}}");
    json_decref(out);
    (void)host_order(h, ORDER_STOP, "web", 0);
    out = report_of(h, WEB, true);
    cr_expect(json_is_true(json_object_get(out, "was_stopped")));
    cr_expect_eq(json_integer_value(json_object_get(out, "count_before")), 0);
    cr_expect_eq(json_integer_value(json_object_get(out, "count")), 5);
    cr_expect_str_eq(json_string_value(json_object_get(out, "action")), "update");
    json_decref(out);
    hosts_free(all);
}

#define ON(node) "constraints: [{attr: hostname, op: \"==\", value: " node "}]\n"

/* The second of two hosts has two of three, and room for the third. */
Test(report_edit, tells_what_has_to_move_and_what_then_fits_nowhere)
{
    static const char *const names[] = {"restarts",        "restarting", "moving",
                                        "fitting_nowhere", "changed",    NULL};
    static const struct {
        const char *file, *wanted;
    } rows[] = {
        {WEB ON("n2"), "{\"restarts\":true,\"restarting\":0,\"moving\":1,"
                       "\"fitting_nowhere\":0,\"changed\":[\"constraints\"]}"},
        {WEB "constraints: [{attr: hostname, op: like, value: n.*}]\n",
         "{\"restarts\":false,\"restarting\":0,\"moving\":0,\"fitting_nowhere\":0,"
         "\"changed\":[\"constraints\"]}"},
        {WEB ON("n9"), "{\"restarts\":false,\"restarting\":0,\"moving\":0,"
                       "\"fitting_nowhere\":3,\"changed\":[\"constraints\"]}"},
        {BAD ON("n2"),
         "{\"restarts\":true,\"restarting\":2,\"moving\":1,"
         "\"fitting_nowhere\":0,\"changed\":[\"command\",\"constraints\"]}"},
        {HEAD "count: 3\ntask: {command: [./web], resources: {memory: 900G}}\n",
         "{\"restarts\":false,\"restarting\":0,\"moving\":0,\"fitting_nowhere\":3,"
         "\"changed\":[\"resources\"]}"},
    };
    struct hosts *all = hosts_settled(2);
    struct host *h = &all->hosts[0];
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 4000);
    cr_assert_eq(all->hosts[1].n_tasks, 2);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *out = report_of(h, rows[i].file, false);
        cr_expect_str_eq(part(out, names), rows[i].wanted, "row %zu: %s", i,
                         part(out, names));
        json_decref(out);
    }
    hosts_free(all);
}

/* Reports of a node of one: every field of the interface is there, of the type it says.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report.h"
#include "core/err.h"
#include "host.h"

#define WEB                                                                              \
    "job: web\ncount: 2\ntask: {command: [./web]}\nports: {http: dynamic}\n"             \
    "update: {min_healthy_time: 100ms}\n"
#define HUGE "job: huge\ntask: {command: [./x], resources: {memory: 1T}}\n"

struct fixture {
    struct hosts *all;
    struct host *h;
    struct report r;
};

static struct fixture with_jobs(void)
{
    struct fixture f = {.all = hosts_settled(1)};
    f.h = &f.all->hosts[0];
    (void)host_submit(f.h, WEB, 0, ACK_DEFAULT);
    (void)host_submit(f.h, HUGE, 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_VAR_SET, "colour", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(report_open(&f.r, f.h->node, "n1", hosts_now(f.all)), 0);
    return f;
}

static void drop(struct fixture *f)
{
    report_close(&f->r);
    hosts_free(f->all);
}

/* `shape`: "name:type ..." with s text, i integer, n number, b boolean, o object, a
 * array, and a capital where null is allowed as well. */
static void check_shape(const json_t *object, const char *shape)
{
    char words[512], *rest = words, *word;
    (void)snprintf(words, sizeof(words), "%s", shape);
    cr_assert(json_is_object(object));
    while ((word = strtok_r(rest, " ", &rest))) {
        char *colon = strchr(word, ':');
        *colon = '\0';
        const json_t *value = json_object_get(object, word);
        char type = colon[1];
        cr_assert_not_null(value, "'%s' is missing", word);
        bool is_nullable = type >= 'A' && type <= 'Z';
        if (is_nullable && json_is_null(value))
            continue;
        type = is_nullable ? (char)(type - 'A' + 'a') : type;
        bool is_right = type == 's'   ? json_is_string(value)
                        : type == 'i' ? json_is_integer(value)
                        : type == 'n' ? json_is_number(value)
                        : type == 'b' ? json_is_boolean(value)
                        : type == 'o' ? json_is_object(value)
                                      : json_is_array(value);
        cr_assert(is_right, "'%s' is no %c", word, type);
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "(null)";
}

static json_int_t int_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

Test(report, the_envelope_says_who_speaks_and_from_which_view)
{
    struct fixture f = with_jobs();
    json_t *out = report_envelope(f.h->node, "n1", f.all->now_ms, json_array());
    check_shape(out, "api:i node:s view:o data:a");
    cr_assert_eq(int_of(out, "api"), 1);
    json_t *view = json_object_get(out, "view");
    check_shape(
        view,
        "alive:i suspect:i dead:i total:i digest:s newest_ms:i reachable:i warning:S");
    cr_assert_eq(int_of(view, "alive"), 1);
    cr_assert_eq(int_of(view, "reachable"), 1);
    cr_assert_eq(strlen(text_of(view, "digest")), 16);
    json_decref(out);
    out = report_envelope(f.h->node, "n1", f.all->now_ms, NULL);
    cr_assert(json_is_null(json_object_get(out, "data")));
    json_decref(out);
    drop(&f);
}

Test(report, an_error_has_a_code_and_a_message)
{
    json_t *out = report_error("not_found", "no job 'x'");
    char *text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
    cr_assert_str_eq(text,
                     "{\"error\":{\"code\":\"not_found\",\"message\":\"no job 'x'\"}}");
    free(text);
    json_decref(out);
}

Test(report, members)
{
    struct fixture f = with_jobs();
    json_t *list = report_members(&f.r), *m = json_array_get(list, 0);
    cr_assert_eq(json_array_size(list), 1);
    check_shape(
        m, "id:s name:s address:s state:s incarnation:i rtt_ms:N version:s attributes:o "
           "capacity:o reserved:o draining:b silent_ms:I");
    cr_assert_str_eq(text_of(m, "id"), "01000000000000000000000000000000");
    cr_assert_str_eq(text_of(m, "name"), "n1");
    cr_assert_str_eq(text_of(m, "address"), "127.0.0.1");
    cr_assert_str_eq(text_of(m, "state"), "alive");
    check_shape(json_object_get(m, "capacity"), "cpu:n memory:i");
    check_shape(json_object_get(m, "reserved"), "cpu:n memory:i");
    cr_assert_float_eq(
        json_number_value(json_object_get(json_object_get(m, "capacity"), "cpu")), 4.0,
        1e-9);
    cr_assert_float_eq(
        json_number_value(json_object_get(json_object_get(m, "reserved"), "cpu")), 0.2,
        1e-9);
    cr_assert_eq(int_of(json_object_get(m, "reserved"), "memory"), 256 << 20);
    cr_assert_str_eq(text_of(json_object_get(m, "attributes"), "rack"), "r1");
    cr_assert(json_is_false(json_object_get(m, "draining")));
    json_decref(list);
    drop(&f);
}

/* Of others as their rows say, of our own with the cause. */
Test(report, members_whose_disks_are_not_well)
{
    struct hosts *all = hosts_settled(2);
    struct disk_facts facts = {
        .room = {0, ROOM_UNCOUNTED}, .is_open = true, .where = "/data"};
    struct host *full = &all->hosts[1];
    host_step(full, &(struct node_input){.kind = INPUT_DISK, .disk = &facts});
    host_perform(full);
    hosts_run(all, 1000);
    for (unsigned i = 0; i < 2; i++) {
        struct host *h = &all->hosts[i];
        struct report r;
        cr_assert_eq(report_open(&r, h->node, h->name, host_now(h)), 0);
        json_t *list = report_members(&r);
        cr_assert_null(json_object_get(json_array_get(list, 0), "disk"));
        json_t *disk = json_object_get(json_array_get(list, 1), "disk");
        check_shape(disk, i ? "state:s since:s cause:s" : "state:s since:s");
        cr_assert_str_eq(text_of(disk, "state"), "full");
        if (i)
            cr_assert_str_eq(text_of(disk, "cause"),
                             "0 KiB free under /data: make room there");
        cr_assert_eq(json_object_size(disk), i ? 3 : 2);
        json_decref(list);
        report_close(&r);
    }
    hosts_free(all);
}

Test(report, jobs)
{
    struct fixture f = with_jobs();
    json_t *list = report_jobs(&f.r);
    cr_assert_eq(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *job = json_array_get(list, i);
        check_shape(
            job, "namespace:s job:s type:s version:s stamp:s count:i running:i healthy:i "
                 "status:s condition:s cause:S since:S isolation:o");
        cr_assert_str_eq(text_of(json_object_get(job, "isolation"), "api"), "none");
        bool is_web = strcmp(text_of(job, "job"), "web") == 0;
        cr_assert_str_eq(text_of(job, "namespace"), "default");
        cr_assert_str_eq(text_of(job, "type"), "service");
        cr_assert_str_eq(text_of(job, "version"), "v1");
        cr_assert_eq(int_of(job, "count"), is_web ? 2 : 1);
        cr_assert_eq(int_of(job, "running"), is_web ? 2 : 0);
        cr_assert_eq(int_of(job, "healthy"), is_web ? 2 : 0);
        cr_assert_str_eq(text_of(job, "status"), is_web ? "running" : "pending");
    }
    json_decref(list);
    drop(&f);
}

Test(report, status_of_a_job_lists_its_instances)
{
    struct fixture f = with_jobs();
    json_t *out = report_status(&f.r, view_find_job(&f.r.view, "default", "web"));
    check_shape(out, "namespace:s job:s type:s version:s count:i status:s instances:a");
    json_t *list = json_object_get(out, "instances");
    cr_assert_eq(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *one = json_array_get(list, i);
        char name[16];
        (void)snprintf(name, sizeof(name), "web.%zu", i);
        check_shape(one,
                    "name:s node:S state:s health:s version:s address:S ports:o pid:I "
                    "started_at:S restarts:i last_exit:I reason:s generation:i update:S");
        cr_assert(json_is_null(json_object_get(one, "check")));
        cr_assert(json_is_null(json_object_get(one, "update")));
        cr_assert_str_eq(text_of(one, "name"), name);
        cr_assert_str_eq(text_of(one, "node"), "n1");
        cr_assert_str_eq(text_of(one, "state"), "running");
        cr_assert_str_eq(text_of(one, "health"), "none");
        cr_assert_str_eq(text_of(one, "address"), "127.0.0.1");
        cr_assert_gt(int_of(one, "pid"), 0);
        cr_assert_eq(int_of(one, "generation"), 1);
        cr_assert(int_of(json_object_get(one, "ports"), "http") >= 20000);
        const char *started = text_of(one, "started_at");
        cr_assert_eq(strlen(started), strlen("2023-11-14T22:13:20.000Z"), "%s", started);
        cr_assert_eq(started[strlen(started) - 1], 'Z');
    }
    json_decref(out);
    drop(&f);
}

Test(report, an_instance_that_fits_nowhere_is_pending_with_the_reason)
{
    struct fixture f = with_jobs();
    json_t *out = report_status(&f.r, view_find_job(&f.r.view, "default", "huge"));
    json_t *one = json_array_get(json_object_get(out, "instances"), 0);
    cr_assert_str_eq(text_of(one, "name"), "huge.0");
    cr_assert_str_eq(text_of(one, "state"), "pending");
    cr_assert(json_is_null(json_object_get(one, "node")));
    cr_assert(json_is_null(json_object_get(one, "pid")));
    cr_assert(json_is_null(json_object_get(one, "started_at")));
    cr_assert_not_null(strstr(text_of(one, "reason"), "memory"), "%s",
                       text_of(one, "reason"));
    json_decref(out);
    drop(&f);
}

Test(report, why_gives_every_nodes_verdict)
{
    struct fixture f = with_jobs();
    json_t *out = report_why(&f.r, view_find_job(&f.r.view, "default", "web"), 0);
    check_shape(out, "instance:s node:S since:S reason:s candidates:a");
    json_t *one = json_array_get(json_object_get(out, "candidates"), 0);
    check_shape(one, "node:s verdict:s reason:s score:N");
    cr_assert_str_eq(text_of(one, "verdict"), "chosen");
    json_decref(out);
    out = report_why(&f.r, view_find_job(&f.r.view, "default", "huge"), 0);
    cr_assert(json_is_null(json_object_get(out, "node")));
    one = json_array_get(json_object_get(out, "candidates"), 0);
    cr_assert_str_eq(text_of(one, "verdict"), "refused");
    cr_assert_not_null(strstr(text_of(one, "reason"), "memory"), "%s",
                       text_of(one, "reason"));
    json_decref(out);
    cr_assert_null(report_why(&f.r, view_find_job(&f.r.view, "default", "web"), 2));
    drop(&f);
}

static const char SICK[] =
    "job: sick\ncount: 1\ntask: {command: [./sick]}\nports: {http: dynamic}\n"
    "health: [{http: /, kind: ready, interval: 1s, grace: 0s, name: up}]\n";

Test(report, what_a_check_said_is_in_status_and_why)
{
    struct hosts *all = hosts_settled(2);
    struct report r;
    all->hosts[0].passes_probes = all->hosts[1].passes_probes = false;
    (void)host_submit(&all->hosts[0], SICK, 0, ACK_DEFAULT);
    hosts_run(all, 6000);
    for (unsigned i = 0; i < 2; i++) { /* the holder, and who only heard of it */
        cr_assert_eq(report_open(&r, all->hosts[i].node, "n1", hosts_now(all)), 0);
        json_t *out = report_status(&r, view_find_job(&r.view, "default", "sick"));
        json_t *one = json_array_get(json_object_get(out, "instances"), 0);
        json_t *check = json_object_get(one, "check");
        check_shape(check, "name:s said:s failures:i since:s");
        cr_expect_str_eq(text_of(one, "state"), "running");
        cr_expect_str_eq(text_of(one, "health"), "failing");
        cr_expect_eq(int_of(one, "restarts"), 0);
        cr_expect_str_eq(text_of(check, "name"), "up");
        cr_expect_str_eq(text_of(check, "said"), "connection refused");
        cr_expect_eq(int_of(check, "failures"), 4);
        cr_expect_str_eq(text_of(one, "reason"),
                         "health check 'up' fails (4 or more in a row, "
                         "never restarts): connection refused");
        json_decref(out);
        out = report_why(&r, view_find_job(&r.view, "default", "sick"), 0);
        check_shape(out,
                    "instance:s node:S since:S reason:s candidates:a state:s health:s "
                    "check:o trouble:s");
        cr_expect_str_eq(text_of(out, "health"), "failing");
        cr_expect(strstr(text_of(out, "trouble"), "connection refused"));
        json_decref(out);
        report_close(&r);
    }
    cr_expect(host_said(&all->hosts[0], "sick.0 is running and failing") ||
              host_said(&all->hosts[1], "sick.0 is running and failing"));
    hosts_free(all);
}

Test(report, gossip)
{
    struct fixture f = with_jobs();
    json_t *out = report_gossip(&f.r, false);
    check_shape(out, "digest:s entries:i seen:a peers:a rumors:i");
    cr_assert_null(json_object_get(out, "map"));
    cr_assert_eq(json_array_size(json_object_get(out, "peers")), 0);
    json_t *seen = json_array_get(json_object_get(out, "seen"), 0);
    check_shape(seen, "node:s number:i");
    cr_assert_str_eq(text_of(seen, "node"), "n1");
    cr_assert_gt(int_of(seen, "number"), 0);
    json_decref(out);
    out = report_gossip(&f.r, true);
    json_t *map = json_object_get(out, "map");
    check_shape(map, "nodes:a cells:a");
    cr_assert_eq(json_array_size(json_object_get(map, "nodes")), 1);
    cr_assert_eq(json_array_size(json_array_get(json_object_get(map, "cells"), 0)), 1);
    json_decref(out);
    drop(&f);
}

Test(report, gossip_of_two_shows_the_peer_and_who_is_behind)
{
    struct hosts *all = hosts_settled(2);
    struct report r;
    (void)host_submit(&all->hosts[0], WEB, 0, ACK_DEFAULT);
    hosts_run(all, 3000);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        cr_assert_eq(report_open(&r, all->hosts[0].node, "n1", hosts_now(all)), 0);
        json_t *out = report_gossip(&r, true), *peers = json_object_get(out, "peers");
        cr_assert_eq(json_array_size(peers), 1);
        json_t *peer = json_array_get(peers, 0);
        check_shape(
            peer,
            "node:s state:s digest:S behind:I late_ms:I heard_ms:I rtt_ms:N clock_ms:N "
            "bytes_in:i bytes_out:i");
        cr_assert_str_eq(text_of(peer, "node"), "n2");
        if (!is_cut)
            cr_assert_eq(int_of(peer, "behind"), 0);
        cr_assert_gt(int_of(peer, "bytes_in"), 0);
        json_t *cells = json_object_get(json_object_get(out, "map"), "cells");
        cr_assert_eq(json_array_size(cells), 2);
        cr_assert_eq(json_array_size(json_array_get(cells, 1)), 2);
        json_decref(out);
        report_close(&r);
        all->hosts[1].is_cut = true;
        (void)host_order(&all->hosts[0], ORDER_VAR_SET, "colour", 0);
    }
    hosts_free(all);
}

Test(report, history_and_spec_of_a_job)
{
    struct fixture f = with_jobs();
    struct err err;
    json_t *list, *out;
    cr_assert_eq(report_history(&f.r, "default", "web", &list, &err), 0);
    json_t *row = json_array_get(list, 0);
    check_shape(row,
                "version:s stamp:s at:s by:s note:s outcome:s spec:s kept:b conflict:b "
                "lost_to:S");
    cr_assert_str_eq(text_of(row, "by"), "n1");
    cr_assert_str_eq(text_of(row, "note"), "a note");
    cr_assert_str_eq(text_of(row, "outcome"), "running");
    cr_assert_eq(report_spec(&f.r, "default", "web", NULL, NULL, &out, &err), 0);
    check_shape(out, "version:s hash:s spec:o");
    cr_assert_str_eq(text_of(json_object_get(out, "spec"), "job"), "web");
    cr_assert_str_eq(text_of(out, "hash"), text_of(row, "spec"));
    json_decref(list);
    json_decref(out);
    cr_assert_eq(report_history(&f.r, "default", "wev", &list, &err), ERR_NOT_FOUND);
    cr_assert_eq(report_spec(&f.r, "default", "wev", NULL, NULL, &out, &err), ERR_NOT_FOUND);
    cr_assert_str_eq(err.text, "no job 'wev' in namespace 'default'");
    drop(&f);
}

Test(report, variables_are_text_or_hex)
{
    struct fixture f = with_jobs();
    static const uint8_t bytes[] = {0xff, 0x00, 0x10};
    struct order command = {.kind = ORDER_VAR_SET,
                            .token = 999,
                            .ns = "shop",
                            .name = "raw",
                            .value = {bytes, sizeof(bytes)}};
    host_command(f.h, &command);
    json_t *list = report_variables(&f.r);
    cr_assert_eq(json_array_size(list), 2);
    json_t *colour = json_array_get(list, 0), *raw = json_array_get(list, 1);
    check_shape(colour, "name:s namespace:s value:s");
    cr_assert_str_eq(text_of(colour, "name"), "colour");
    cr_assert_str_eq(text_of(colour, "namespace"), "default");
    cr_assert_str_eq(text_of(raw, "namespace"), "shop");
    cr_assert_str_eq(text_of(raw, "name"), "raw");
    cr_assert_str_eq(text_of(raw, "value_hex"), "ff0010");
    cr_assert_null(json_object_get(raw, "value"));
    json_decref(list);
    drop(&f);
}

Test(report, services_and_names_follow_the_catalog)
{
    struct fixture f = with_jobs();
    struct catalog_rule rule = {.ns = "default",
                                .job = "web",
                                .service = "web",
                                .port_name = "http",
                                .protocol = "tcp"};
    struct catalog *c = catalog_build(gossip_members(f.r.gossip),
                                      gossip_table(f.r.gossip), NULL, &rule, 1, true, 1);
    cr_assert_not_null(c);
    json_t *list = report_services(c, NULL), *web = json_array_get(list, 0), *out = NULL;
    cr_assert_eq(json_array_size(list), 1);
    check_shape(web, "name:s namespace:s port:s endpoints:a");
    cr_assert_eq(json_array_size(json_object_get(web, "endpoints")), 2);
    check_shape(json_array_get(json_object_get(web, "endpoints"), 0),
                "instance:s node:s address:s port:i health:s");
    json_decref(list);
    list = report_services(c, "nothing");
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
    list = report_services(NULL, NULL);
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
    cr_assert_eq(report_resolve(c, "web.service.stratos", &out), 0);
    check_shape(out, "name:s answers:a left_out:a");
    json_t *answer = json_array_get(json_object_get(out, "answers"), 0);
    check_shape(answer, "type:s value:s ttl:i");
    cr_assert_str_eq(text_of(answer, "value"), "127.0.0.1");
    json_decref(out);
    cr_assert_eq(report_resolve(c, "nothing.service.stratos", &out), ERR_NOT_FOUND);
    catalog_unref(c);
    drop(&f);
}

Test(report, a_stopped_job_and_a_failing_one_have_their_status)
{
    struct fixture f = with_jobs();
    report_close(&f.r);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(report_open(&f.r, f.h->node, "n1", hosts_now(f.all)), 0);
    json_t *out = report_status(&f.r, view_find_job(&f.r.view, "default", "web"));
    cr_assert_str_eq(text_of(out, "status"), "stopped");
    cr_assert_eq(int_of(out, "count"), 0);
    cr_assert_eq(json_array_size(json_object_get(out, "instances")), 0);
    json_decref(out);
    drop(&f);
}

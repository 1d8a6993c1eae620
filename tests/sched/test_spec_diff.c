/* What an edit changes, for people and for the task. */
#include "sched/spec_diff.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sched/jobfile.h"
#include "sched/jobfile_task.h"
#include "sched/spec.h"
#include "sched/spec_json.h"

static const struct job_spec *read_spec(struct arena *arena, struct bytes text)
{
    struct complaints complaints = {.arena = arena};
    struct jobfile file = {0};
    int error = jobfile_read_stored(text, arena, &complaints, &file);
    cr_assert_eq(error, 0, "%.*s\n%s", (int)text.len, (const char *)text.at,
                 complaints.n ? complaints.list[0].text : "");
    cr_assert_eq(file.n_jobs, 1);
    return file.jobs;
}

/* ---- line by line ---- */

Test(spec_diff, a_difference_is_one_line_for_each_thing_that_changed)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *before =
        "{job: a, labels: {x: y}, task: {command: [a, b]}, ports: {http: dynamic}}";
    const char *after = "{job: a, count: 5, task: {command: [a, c, d], resources: {cpu: "
                        "2}}, ports: {http: 80}, "
                        "constraints: [{attr: hostname, op: unique}]}";
    static const char *const expected[] = {
        "constraints[0].attr: none -> hostname",
        "constraints[0].op: none -> unique",
        "count: 1 -> 5",
        "labels.x: y -> none",
        "ports.http.to: dynamic -> 80",
        "task.command[1]: b -> c",
        "task.command[2]: none -> d",
        "task.resources.cpu: 0.1 -> 2",
    };
    struct bytes old = spec_canonical(read_spec(&arena, bytes_of_text(before)), &arena);
    struct bytes new = spec_canonical(read_spec(&arena, bytes_of_text(after)), &arena);
    const char *const *lines = NULL;
    size_t n = 0;
    cr_assert_eq(spec_diff(old, new, &arena, &lines, &n), 0);
    cr_assert_eq(n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < n; i++)
        cr_expect_str_eq(lines[i], expected[i]);
    cr_assert_eq(spec_diff(old, old, &arena, &lines, &n), 0);
    cr_expect_eq(n, 0);
    arena_fini(&arena);
}

Test(spec_diff, a_body_of_a_newer_version_is_compared_as_it_stands)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *const *lines = NULL;
    size_t n = 0;
    cr_assert_eq(spec_diff(bytes_of_text("{\"job\":\"a\",\"array\":{\"size\":3}}"),
                           bytes_of_text("{\"job\":\"a\",\"array\":{\"size\":4}}"),
                           &arena, &lines, &n),
                 0);
    cr_assert_eq(n, 1);
    cr_expect_str_eq(lines[0], "array.size: 3 -> 4");
    cr_assert_eq(
        spec_diff((struct bytes){0}, bytes_of_text("not json"), &arena, &lines, &n), 0);
    cr_expect_eq(n, 0);
    arena_fini(&arena);
}

/* ---- which keys there are ---- */

static bool is_in_table(const char *path)
{
    for (size_t i = 0; i < n_spec_keys; i++)
        if (strcmp(spec_keys[i].path, path) == 0)
            return true;
    return false;
}

/* What the reader takes and does something with; the rest never reaches a spec. */
static void expect_keys(const struct key *keys, const char *prefix)
{
    char path[128];
    for (; keys->name; keys++) {
        bool is_taken = keys->read != schema_refused && keys->read != schema_only;
        (void)snprintf(path, sizeof(path), "%s%s", prefix, keys->name);
        cr_expect(!is_taken || strcmp(path, "task") == 0 || is_in_table(path),
                  "the job file has %s: does the task see it?  Say so in sched/spec.c, "
                  "spec_keys",
                  path);
    }
}

Test(spec_diff, every_key_of_the_job_file_is_seen_by_the_task_or_not)
{
    expect_keys(jobfile_job_keys(), "");
    expect_keys(jobfile_task_keys(), "task.");
    for (size_t i = 1; i < n_spec_keys; i++)
        cr_expect_lt(strcmp(spec_keys[i - 1].path, spec_keys[i].path), 0, "%s",
                     spec_keys[i].path);
}

/* The other way round: what is written into a body. */
Test(spec_diff, every_key_of_a_body_is_in_the_table)
{
    struct arena arena;
    const char *key;
    json_t *value;
    arena_init(&arena, 0);
    const struct job_spec *spec = read_spec(
        &arena,
        bytes_of_text("{job: a, namespace: b, labels: {x: y}, ports: {http: dynamic}, "
                      "health: [{tcp: true}], constraints: [{attr: a, op: unique}], "
                      "task: {command: [a], user: nobody, dir: /x, env: {A: b}}}"));
    json_t *root = spec_json(spec, true, &arena);
    json_object_foreach(root, key, value)
        cr_expect(strcmp(key, "task") == 0 || is_in_table(key), "%s", key);
    json_object_foreach(json_object_get(root, "task"), key, value)
        cr_expect(is_in_table(arena_printf(&arena, "task.%s", key)), "task.%s", key);
    json_decref(root);
    arena_fini(&arena);
}

/* ---- edits ---- */

#define BASE                                                                             \
    "job: web\ncount: 2\nports: {http: dynamic, admin: 9000}\n"                          \
    "task:\n  command: [a, b]\n  env: {A: b}\n"

static const struct row {
    const char *before, *after; /* NULL: BASE */
    const char *changed;        /* those that the task sees, ';', the others */
    enum edit edit;
} rows[] = {
    {NULL, BASE "labels: {a: b}\n", ";labels", EDIT_UNSEEN},
    {NULL, BASE "priority: 60\n", ";priority", EDIT_UNSEEN},
    {NULL, BASE "priority: 50\n", ";", EDIT_UNSEEN},
    {NULL, BASE "restart: {attempts: 9}\n", ";restart", EDIT_UNSEEN},
    {NULL, BASE "update: {max_parallel: 2}\n", ";update", EDIT_UNSEEN},
    {NULL, BASE "service: {name: other, port: admin}\n", ";service", EDIT_UNSEEN},
    {NULL, BASE "constraints: [{attr: os.arch, op: like, value: .*}]\n", ";constraints",
     EDIT_UNSEEN},
    {NULL, BASE "  stop: {signal: INT, timeout: 3s}\n", ";stop", EDIT_UNSEEN},
    {NULL, BASE "  logs: {max_size: 1M}\n", ";logs", EDIT_UNSEEN},
    {NULL, BASE "health: [{tcp: true}]\n", ";health", EDIT_CHECKS},
    {BASE "health: [{tcp: true}]\n", BASE "health: [{tcp: true, interval: 5s}]\n",
     ";health", EDIT_CHECKS},
    {BASE "health: [{tcp: true}]\n", BASE "health: [{tcp: true, name: up}]\n", ";health",
     EDIT_UNSEEN},
    {BASE "health: [{tcp: true}]\n", BASE "health: [{tcp: true, kind: ready}]\n",
     ";health", EDIT_CHECKS},
    {BASE "health: [{tcp: true}]\n", BASE "health: [{tcp: true, unready_after: 1}]\n",
     ";health", EDIT_CHECKS},
    {BASE "health: [{tcp: true}]\n", BASE, ";health", EDIT_UNSEEN},
    {BASE "health: [{tcp: true}, {http: /x}]\n",
     BASE "health: [{http: /x, name: http-2}]\n", ";health", EDIT_UNSEEN},
    {NULL, BASE "  user: nobody\nlabels: {a: b}\n", "user;labels", EDIT_RESTART},
    {NULL, BASE "  dir: /x\n", "dir;", EDIT_RESTART},
    {NULL, BASE "  resources: {cpu: 0.2}\n", "resources;", EDIT_RESTART},
    {NULL, BASE "  resources: {cpu: 0.1}\n", ";", EDIT_UNSEEN},
    {NULL,
     "{job: web, count: 3, ports: {http: dynamic, admin: 9000}, task: {command: [a, b], "
     "env: {A: b}}}",
     ";count", EDIT_UNSEEN},
    {NULL,
     "{job: web, count: 2, ports: {http: dynamic, admin: 9000}, task: {command: [a, c], "
     "env: {A: c}}}",
     "command env;", EDIT_RESTART},
    {NULL,
     "{job: web, count: 2, ports: {admin: 9000, http: dynamic}, task: {command: [a, b], "
     "env: {A: b}}}",
     "ports;", EDIT_RESTART},
    {NULL,
     "{job: web, count: 2, ports: {http: dynamic, admin: 9001}, task: {command: [a, b], "
     "env: {A: b}}}",
     "ports;", EDIT_RESTART},
};

static const char *changes_text(struct arena *arena, struct bytes before,
                                struct bytes after)
{
    const struct spec_change *changes;
    size_t n;
    const char *parts[2] = {"", ""};
    cr_assert_eq(spec_changes(before, after, arena, &changes, &n), 0);
    for (size_t i = 0; i < n; i++) {
        const char **part = &parts[!changes[i].is_seen];
        cr_assert(changes[i].is_seen || i == 0 || !*parts[0] || changes[i - 1].is_seen ||
                  *parts[1]);
        *part = arena_printf(arena, "%s%s%s", *part, **part ? " " : "", changes[i].key);
    }
    return arena_printf(arena, "%s;%s", parts[0], parts[1]);
}

Test(spec_diff, an_edit_is_told_by_its_keys_and_restarts_only_where_the_task_sees_it)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        const char *before = rows[i].before ? rows[i].before : BASE;
        const struct job_spec *was = read_spec(&arena, bytes_of_text(before)),
                              *is = read_spec(&arena, bytes_of_text(rows[i].after));
        const char *changed =
            changes_text(&arena, spec_canonical(was, &arena), spec_canonical(is, &arena));
        cr_expect_str_eq(changed, rows[i].changed, "row %zu: %s", i, changed);
        cr_expect_eq(spec_edit(was, spec_task_hash(was), is, spec_task_hash(is)),
                     rows[i].edit, "row %zu", i);
        cr_expect_eq(spec_hash_equal(spec_task_hash(was), spec_task_hash(is)),
                     rows[i].edit != EDIT_RESTART, "row %zu", i);
        arena_fini(&arena);
    }
}

/* Nobody knows what its keys mean. */
Test(spec_diff, a_key_of_a_newer_version_counts_as_seen)
{
    struct arena arena;
    arena_init(&arena, 0);
    static const char *const bodies[] = {
        "{\"job\":\"a\",\"task\":{\"command\":\"x\",\"wings\":1},\"zeal\":2}",
        "{\"job\":\"a\",\"task\":{\"command\":\"x\",\"wings\":2},\"zeal\":2,\"fins\":1}",
    };
    const char *text =
        changes_text(&arena, bytes_of_text(bodies[0]), bytes_of_text(bodies[1]));
    cr_expect_str_eq(text, "fins wings;");
    text = changes_text(&arena, bytes_of_text(bodies[1]), bytes_of_text(bodies[0]));
    cr_expect_str_eq(text, "fins wings;");
    cr_expect_str_eq(changes_text(&arena, (struct bytes){0}, (struct bytes){0}), ";");
    arena_fini(&arena);
}

Test(spec_diff, a_spec_that_nobody_could_hash_is_started_anew)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct job_spec *spec = read_spec(&arena, bytes_of_text(BASE));
    cr_assert_eq(spec_edit(spec, (struct spec_hash){0}, spec, (struct spec_hash){0}),
                 EDIT_RESTART);
    arena_fini(&arena);
}

/* The job file: what it means, what is wrong with it, and where. */
#include "sched/jobfile.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

struct reading {
    struct arena arena;
    struct complaints complaints;
    struct jobfile file;
    int error;
};

static void read_text(struct reading *r, const char *text)
{
    *r = (struct reading){0};
    arena_init(&r->arena, 0);
    r->complaints.arena = &r->arena;
    r->error = jobfile_read(bytes_of_text(text), &r->arena, &r->complaints, &r->file);
}

static const struct job_spec *read_one(struct reading *r, const char *text)
{
    read_text(r, text);
    cr_assert_eq(r->error, 0, "%s\n%s", text,
                 r->complaints.n ? r->complaints.list[0].text : "");
    cr_assert_eq(r->complaints.n, 0);
    cr_assert_eq(r->file.n_jobs, 1);
    return r->file.jobs;
}

Test(jobfile, what_is_left_out_has_its_default)
{
    struct reading r;
    const struct job_spec *s =
        read_one(&r, "job: web\ntask: {command: sleep 1}\nports: {http: dynamic}\n"
                     "health: [{http: /}]\n");
    cr_expect_str_eq(s->name, "web");
    cr_expect_str_eq(s->ns, "default");
    cr_expect_eq(s->count, 1);
    cr_expect_eq(s->priority, 50);
    cr_expect_eq(s->task.n_argv, 3);
    cr_expect_str_eq(s->task.argv[0], "/bin/sh");
    cr_expect_str_eq(s->task.argv[2], "sleep 1");
    cr_expect_null(s->task.argv[3]);
    cr_expect_eq(s->task.cpu_milli, 100);
    cr_expect_eq(s->task.memory_bytes, 128 << 20);
    cr_expect_eq(s->task.pids, 256);
    cr_expect_eq(s->task.stop_signal, SIGTERM);
    cr_expect_eq(s->task.stop_timeout_ms, 10000);
    cr_expect_eq(s->task.log_max_bytes, 10 << 20);
    cr_expect_eq(s->task.log_max_files, 5);
    cr_expect_str_eq(s->ports[0].protocol, "tcp");
    cr_expect_eq(s->ports[0].host_port, 0);
    cr_expect_str_eq(s->health[0].name, "http");
    cr_expect_eq(s->health[0].interval_ms, 10000);
    cr_expect_eq(s->health[0].timeout_ms, 2000);
    cr_expect_eq(s->health[0].grace_ms, 30000);
    cr_expect_eq(s->health[0].max_failures, 3);
    cr_expect_eq(s->health[0].status_min, 200);
    cr_expect_eq(s->health[0].status_max, 399);
    cr_expect_eq(s->restart.attempts, 3);
    cr_expect_eq(s->restart.window_ms, 300000);
    cr_expect_eq(s->restart.delay_ms, 1000);
    cr_expect_eq(s->restart.max_delay_ms, 300000);
    cr_expect_eq(s->restart.backoff_permille, 1150);
    cr_expect_eq(s->update.max_parallel, 1);
    cr_expect_eq(s->update.min_healthy_time_ms, 10000);
    cr_expect_str_eq(s->service_name, "web");
    cr_expect_eq(s->service_port, 0);
    arena_fini(&r.arena);
}

Test(jobfile, every_supported_key_is_read)
{
    struct reading r;
    const struct job_spec *s = read_one(
        &r,
        "job: web\nnamespace: shop\ntype: service\ncount: 3\npriority: 70\nguarantee: "
        "at-least-once\n"
        "labels: {team: shop, answer: no}\n"
        "constraints:\n  - {attr: os.arch, op: \"==\", value: amd64, soft: false}\n"
        "  - {attr: disk, op: like, value: 'ssd|nvme'}\n  - {attr: hostname, op: "
        "unique}\n"
        "task:\n  command: [./web, --listen, '0.0.0.0:${PORT_HTTP}']\n  user: www-data\n "
        " dir: /srv\n"
        "  env: {LOG_LEVEL: info, A: 1}\n  resources: {cpu: 0.5, memory: 256M, pids: "
        "10}\n"
        "  stop: {signal: SIGINT, timeout: 20s}\n  logs: {max_size: 1M, max_files: 2}\n"
        "ports:\n  http: {to: dynamic, protocol: http}\n  metrics: 9102\n"
        "health:\n  - {name: ready, http: /healthz, port: http, interval: 5s, timeout: "
        "1s, grace: 10s, "
        "max_failures: 4, status: 200-204, kind: ready}\n  - {tcp: true, port: metrics}\n"
        "restart: {attempts: 4, window: 6m, delay: 2s, backoff: 2, max_delay: 1h30m}\n"
        "update: {max_parallel: 2, min_healthy_time: 3s, order: stop-first, canary: 0}\n"
        "service: {name: shop-web, port: metrics}\n");
    cr_expect_str_eq(s->ns, "shop");
    cr_expect_eq(s->count, 3);
    cr_expect_eq(s->priority, 70);
    cr_expect_eq(s->n_labels, 2);
    cr_expect_str_eq(s->labels[0].key, "answer");
    cr_expect_str_eq(s->labels[0].value, "no");
    cr_expect_eq(s->n_constraints, 3);
    cr_expect_eq(s->constraints[1].op, CONSTRAINT_LIKE);
    cr_expect_str_eq(s->constraints[1].value, "ssd|nvme");
    cr_expect_null(s->constraints[2].value);
    cr_expect_eq(s->task.n_argv, 3);
    cr_expect_str_eq(s->task.argv[2], "0.0.0.0:${PORT_HTTP}");
    cr_expect_str_eq(s->task.user, "www-data");
    cr_expect_str_eq(s->task.dir, "/srv");
    cr_expect_eq(s->task.n_env, 2);
    cr_expect_str_eq(s->task.env[0].key, "A");
    cr_expect_eq(s->task.cpu_milli, 500);
    cr_expect_eq(s->task.memory_bytes, 256 << 20);
    cr_expect_eq(s->task.pids, 10);
    cr_expect_eq(s->task.stop_signal, SIGINT);
    cr_expect_eq(s->task.stop_timeout_ms, 20000);
    cr_expect_eq(s->task.log_max_files, 2);
    cr_expect_eq(s->n_ports, 2);
    cr_expect_str_eq(s->ports[0].protocol, "http");
    cr_expect_eq(s->ports[1].host_port, 9102);
    cr_expect_eq(s->health[0].status_max, 204);
    cr_expect_str_eq(s->health[0].path, "/healthz");
    cr_expect_eq(s->health[1].kind, HEALTH_TCP);
    cr_expect_eq(s->health[1].port_index, 1);
    cr_expect_str_eq(s->health[1].name, "tcp-2");
    cr_expect_eq(s->restart.max_delay_ms, 5400000);
    cr_expect_eq(s->restart.backoff_permille, 2000);
    cr_expect_eq(s->update.max_parallel, 2);
    cr_expect_str_eq(s->service_name, "shop-web");
    cr_expect_eq(s->service_port, 1);
    arena_fini(&r.arena);
}

/* Every row: a job whose first lines are good, one bad thing, and what is said of it. */
Test(jobfile, each_mistake_is_said_at_its_place)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *said;
    } rows[] = {
        {"instances: 3", 3, 1, "stratos calls this count (Marathon calls it instances)"},
        {"cuont: 3", 3, 1, "did you mean 'count'?"},
        {"zzzzzz: 3", 3, 1, "unknown key 'zzzzzz'"},
        {"mem: 3", 3, 1, "stratos calls this task.resources.memory (Marathon"},
        {"replicas: 3", 3, 1, "(Kubernetes calls it replicas)"},
        {"count: many", 3, 8, "wants a whole number from 0 to 100000, not 'many'"},
        {"count: 100001", 3, 8, "from 0 to 100000"},
        {"count: -1", 3, 8, "whole number"},
        {"count: [1]", 3, 8, "wants a single value, not a list"},
        {"priority: 0", 3, 11, "from 1 to 100"},
        {"namespace: Prod", 3, 12, "wants a name of a-z"},
        {"type: batch", 3, 7, "batch is not supported by this version"},
        {"type: daemon", 3, 7, "wants service, not 'daemon'"},
        {"guarantee: at-most-once", 3, 12,
         "at-most-once is not supported by this version"},
        {"schedule: {cron: '* * * * *'}", 3, 1,
         "schedule is not supported by this version; "},
        {"after: [x]", 3, 1, "after is not supported"},
        {"array: {size: 3}", 3, 1, "array is not supported"},
        {"retries: {attempts: 3}", 3, 1, "retries is not supported"},
        {"timeout: 3m", 3, 1, "timeout is not supported"},
        {"notify: {}", 3, 1, "notify is not supported"},
        {"tasks: []", 3, 1, "tasks is not supported"},
        {"labels: [a]", 3, 9, "wants a map"},
        {"labels: {a: [b]}", 3, 13, "a: wants a single value"},
        {"constraints: {attr: x}", 3, 14, "wants a list"},
        {"constraints: [{attr: x, op: spread, value: 3}]", 3, 29,
         "op: spread is not supported by this version"},
        {"constraints: [{attr: x, op: '~'}]", 3, 29, "wants ==, like or unique"},
        {"constraints: [{attr: x, op: like, value: '('}]", 3, 42,
         "is no pattern: a ( has no )"},
        {"constraints: [{attr: x, op: '==', value: y, soft: true}]", 3, 51,
         "soft: true is not supported"},
        {"constraints: [{attr: x, op: unique, weight: 3}]", 3, 37,
         "weight is not supported"},
        {"constraints: [{attr: x, op: '=='}]", 3, 15, "wants a value"},
        {"ports: {HTTP: dynamic}", 3, 9, "port: wants a name of a-z"},
        {"ports: {http: 65536}", 3, 15, "wants dynamic or a port number from 1 to 65535"},
        {"ports: {http: 0}", 3, 15, "wants dynamic or a port number"},
        {"ports: {a: 80, b: 80}", 3, 19, "port 80 is taken by a already"},
        {"ports: {a: {host: 1.2.3.4}}", 3, 13, "host is not supported"},
        {"health: [{tcp: true}]", 3, 10, "the job has no ports to check"},
        {"health: [{http: health}]\nports: {http: dynamic}", 3, 17,
         "wants a path such as /health"},
        {"health: [{http: /, port: htpt}]\nports: {http: dynamic}", 3, 26,
         "did you mean 'http'?"},
        {"health: [{exec: [x]}]\nports: {http: dynamic}", 3, 11, "exec is not supported"},
        {"health: [{tcp: true, kind: live}]\nports: {http: dynamic}", 3, 28,
         "kind: live is not supported"},
        {"health: [{tcp: true, http: /}]\nports: {http: dynamic}", 3, 16,
         "either http or tcp"},
        {"health: [{tcp: true, interval: 10}]\nports: {http: dynamic}", 3, 32,
         "wants a duration such as"},
        {"health: [{tcp: true, interval: 1ms}]\nports: {http: dynamic}", 3, 32,
         "at least 100ms"},
        {"health: [{http: /, status: 99}]\nports: {http: dynamic}", 3, 28,
         "wants one code or a range"},
        {"health: [{http: /, name: a}, {http: /, name: a}]\nports: {http: dynamic}", 3,
         30, "two checks are named 'a'"},
        {"health: [{http: /, gracePeriodSeconds: 3}]\nports: {http: dynamic}", 3, 20,
         "stratos calls this grace (Marathon"},
        {"service: {port: nope}\nports: {http: dynamic}", 3, 17,
         "no port is named 'nope'; there is 'http'"},
        {"service: {expose: 80}", 3, 11, "expose is not supported"},
        {"service: [{name: a}, {name: b}]", 3, 10, "more than one"},
        {"update: {order: start-first}", 3, 17, "order: start-first is not supported"},
        {"update: {canary: 1}", 3, 18, "canary: 1 is not supported"},
        {"update: {auto_revert: true}", 3, 23, "auto_revert: true is not supported"},
        {"update: {batch_size: 1}", 3, 10,
         "stratos calls this max_parallel (Aurora calls it batch_size)"},
        {"restart: {delay: 25d}", 3, 18, "must be at most 24d"},
        {"restart: {backoff: 0.5}", 3, 20, "from 1 to 100"},
        {"restart: {delay: 1m, max_delay: 1s}", 3, 10,
         "max_delay must not be less than delay"},
        {"job: again", 3, 1, "is here twice"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct reading r;
        snprintf(text, sizeof(text), "job: web\ntask: {command: x}\n%s\n", rows[i].text);
        read_text(&r, text);
        cr_expect_lt(r.error, 0, "%s", rows[i].text);
        cr_assert_eq(r.complaints.n, 1, "%s: %zu complaints", rows[i].text,
                     r.complaints.n);
        const struct complaint *c = &r.complaints.list[0];
        cr_expect(strstr(c->text, rows[i].said), "%s: %s", rows[i].text, c->text);
        cr_expect(c->line == rows[i].line && c->column == rows[i].column, "%s: at %u:%u",
                  rows[i].text, c->line, c->column);
        cr_expect_null(r.file.jobs);
        arena_fini(&r.arena);
    }
}

Test(jobfile, mistakes_in_a_task_are_said_too)
{
    static const struct {
        const char *task, *said;
    } rows[] = {
        {"{command: []}", "wants the program first"},
        {"{command: ''}", "must not be empty"},
        {"{command: '  '}", "must not be empty"},
        {"{command: [a, {b: c}]}", "wants a single value"},
        {"{command: {a: b}}", "wants a list"},
        {"{user: x}", "task: wants a command"},
        {"{command: x, user: 'a b'}", "wants a user's name or number"},
        {"{command: x, dir: sub}", "wants an absolute path"},
        {"{command: x, image: nginx}", "image is not supported by this version"},
        {"{command: x, fetch: []}", "fetch is not supported"},
        {"{command: x, files: []}", "files is not supported"},
        {"{command: x, volumes: []}", "volumes is not supported"},
        {"{command: x, secrets: []}", "secrets is not supported"},
        {"{command: x, limits: {}}", "limits is not supported"},
        {"{command: x, resources: {disk: 1G}}", "disk is not supported"},
        {"{command: x, resources: {io: 3}}", "io is not supported"},
        {"{command: x, resources: {cpu: 0}}", "from 0.001 to 1024"},
        {"{command: x, resources: {cpu: 1025}}", "from 0.001 to 1024"},
        {"{command: x, resources: {memory: 12}}", "must be at least 1024K"},
        {"{command: x, resources: {memory: 65T}}", "must be at most 67108864M"},
        {"{command: x, resources: {memory: lots}}", "wants a size such as"},
        {"{command: x, resources: {mem: 3}}",
         "stratos calls this memory (Marathon calls it mem)"},
        {"{command: x, stop: {signal: STOP}}", "wants TERM, INT"},
        {"{command: x, kill_timeout: 3s}", "stratos calls this stop.timeout (Nomad"},
        {"{command: x, env: {A=B: c}}", "has no '='"},
        {"{command: x, env: [A=B]}", "wants a map"},
        {"{command: x, comand: y}", "did you mean 'command'?"},
        {"echo hi", "wants a map"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct reading r;
        snprintf(text, sizeof(text), "job: web\ntask: %s\n", rows[i].task);
        read_text(&r, text);
        cr_expect_lt(r.error, 0, "%s", rows[i].task);
        cr_assert_eq(r.complaints.n, 1, "%s: %zu complaints", rows[i].task,
                     r.complaints.n);
        cr_expect(strstr(r.complaints.list[0].text, rows[i].said), "%s: %s", rows[i].task,
                  r.complaints.list[0].text);
        arena_fini(&r.arena);
    }
}

Test(jobfile, all_mistakes_are_said_at_once)
{
    struct reading r;
    read_text(&r, "jbo: web\ncount: x\ntask: {comand: x}\nports: {A: b}\nhealth: [{}]\n");
    cr_expect_lt(r.error, 0);
    cr_expect_geq(r.complaints.n, 7);
    arena_fini(&r.arena);
}

Test(jobfile, a_file_holds_one_job_or_a_list_or_several_documents)
{
    static const char *const texts[] = {
        "jobs:\n  - {job: a, task: {command: x}}\n  - {job: b, task: {command: x}}\n",
        "job: a\ntask: {command: x}\n---\njob: b\ntask: {command: x}\n",
        "{\"jobs\": [{\"job\": \"a\", \"task\": {\"command\": [\"x\"]}}, {\"job\": "
        "\"b\", \"task\": {\"command\": \"x\"}}]}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reading r;
        read_text(&r, texts[i]);
        cr_assert_eq(r.error, 0, "%s", texts[i]);
        cr_assert_eq(r.file.n_jobs, 2);
        cr_expect_str_eq(r.file.jobs[0].name, "a");
        cr_expect_str_eq(r.file.jobs[1].name, "b");
        arena_fini(&r.arena);
    }
}

Test(jobfile, files_that_hold_no_proper_jobs_are_refused)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"", ""},
        {"jobs: []", "holds no job"},
        {"jobs: x", "wants a list"},
        {"- job: a", "wants a job"},
        {"job: a", "wants a task"},
        {"task: {command: x}", "wants a name"},
        {"jobs: [{job: a, task: {command: x}}]\nlabels: {}", "cannot stand beside jobs"},
        {"jobs: [{job: a, task: {command: x}}, {job: a, task: {command: x}}]",
         "another job 'a' in namespace 'default'"},
        {"job: a\ntask: {command: x}\n---\njob: a\nnamespace: default\ntask: {command: "
         "x}",
         "another job 'a'"},
        {"jobs: [x]", "wants a map"},
        {"job: [", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading r;
        read_text(&r, rows[i].text);
        cr_expect_lt(r.error, 0, "%s", rows[i].text);
        cr_assert_geq(r.complaints.n, 1, "%s", rows[i].text);
        cr_expect(strstr(r.complaints.list[0].text, rows[i].said), "%s: %s", rows[i].text,
                  r.complaints.list[0].text);
        arena_fini(&r.arena);
    }
}

Test(jobfile, the_same_name_in_two_namespaces_is_two_jobs)
{
    struct reading r;
    read_text(&r, "jobs: [{job: a, task: {command: x}}, {job: a, namespace: b, task: "
                  "{command: x}}]");
    cr_expect_eq(r.error, 0);
    arena_fini(&r.arena);
}

Test(jobfile, memory_that_runs_out_is_an_error)
{
    static const char text[] =
        "job: web\nlabels: {a: b}\nconstraints: [{attr: x, op: unique}]\n"
        "task: {command: [a, b], env: {A: b}}\nports: {http: dynamic}\nhealth: [{http: "
        "/}]\n";
    for (size_t limit = 16; limit < 1 << 16; limit += 16) {
        struct arena arena;
        arena_init(&arena, limit);
        struct complaints complaints = {.arena = &arena};
        struct jobfile file = {0};
        int error = jobfile_read(bytes_of_text(text), &arena, &complaints, &file);
        arena_fini(&arena);
        if (error == 0)
            return;
        cr_assert_null(file.jobs);
    }
    cr_assert(false, "64 KiB were not enough");
}

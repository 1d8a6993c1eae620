/* The job file: what it means, what is wrong with it, and where. */
#include "sched/jobfile.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "sched/spec.h"

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
    cr_expect_not(s->task.stop_main);
    cr_expect_eq(s->task.log_max_bytes, 10 << 20);
    cr_expect_eq(s->task.log_max_files, 5);
    cr_expect_eq(s->task.log_keep_ms, 7 * 24 * 3600 * 1000);
    cr_expect_str_eq(s->ports[0].protocol, "tcp");
    cr_expect_eq(s->ports[0].host_port, 0);
    cr_expect_str_eq(s->health[0].name, "http");
    cr_expect_eq(s->health[0].interval_ms, 10000);
    cr_expect_eq(s->health[0].timeout_ms, 2000);
    cr_expect_eq(s->health[0].grace_ms, 30000);
    cr_expect_eq(s->health[0].unready_after, 2);
    cr_expect_eq(s->health[0].max_failures, 3);
    cr_expect_eq(s->health[0].role, HEALTH_LIVE);
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

Test(jobfile, a_restart_may_come_without_a_delay)
{
    struct reading r;
    const struct job_spec *s =
        read_one(&r, "job: web\ntask: {command: x}\nrestart: {delay: 0s}\n");
    cr_expect_eq(s->restart.delay_ms, 0);
    cr_expect_eq(s->restart.max_delay_ms, 300000);
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
        "  stop: {signal: SIGINT, timeout: 20s, to: main}\n  logs: {max_size: 1M, "
        "max_files: 2}\n"
        "  isolation: {api: write}\n"
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
    cr_expect(s->task.stop_main);
    cr_expect_eq(s->task.log_max_files, 2);
    cr_expect_eq(s->task.api, API_WRITE);
    cr_expect_eq(s->n_ports, 2);
    cr_expect_str_eq(s->ports[0].protocol, "http");
    cr_expect_eq(s->ports[1].host_port, 9102);
    cr_expect_eq(s->health[0].status_max, 204);
    cr_expect_eq(s->health[0].role, HEALTH_READY);
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
Test(jobfile, a_check_leaves_dns_before_or_with_the_restart)
{
    static const struct {
        const char *more;
        enum health_role role;
        uint32_t unready_after, max_failures;
    } rows[] = {
        {"", HEALTH_LIVE, 2, 3},
        {", kind: live", HEALTH_LIVE, 2, 3},
        {", kind: ready", HEALTH_READY, 2, 3},
        {", max_failures: 8", HEALTH_LIVE, 2, 8},
        {", max_failures: 2", HEALTH_LIVE, 2, 2},
        {", max_failures: 1", HEALTH_LIVE, 1, 1},
        {", max_failures: 1, unready_after: 1", HEALTH_LIVE, 1, 1},
        {", max_failures: 0", HEALTH_LIVE, 2, 0},
        {", unready_after: 3", HEALTH_LIVE, 3, 3},
        {", unready_after: 7, max_failures: 0", HEALTH_LIVE, 7, 0},
        {", unready_after: 7, kind: ready", HEALTH_READY, 7, 3},
        {", max_failures: 1, kind: ready", HEALTH_READY, 2, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading r;
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "job: web\ntask: {command: x}\nports: {http: dynamic}\n"
                       "health: [{tcp: true%s}]\n",
                       rows[i].more);
        const struct health_spec *check = &read_one(&r, text)->health[0];
        cr_expect(check->role == rows[i].role &&
                      check->unready_after == rows[i].unready_after &&
                      check->max_failures == rows[i].max_failures,
                  "%s: %d %u %u", rows[i].more, check->role, check->unready_after,
                  check->max_failures);
        arena_fini(&r.arena);
    }
}

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
        {"notify: {webhook: x}", 3, 1, "notify is not supported"},
        {"tasks: [x]", 3, 1, "tasks is not supported"},
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
        {"health: [{tcp: true, kind: startup}]\nports: {http: dynamic}", 3, 28,
         "kind: wants live (restarts the task) or ready (only leaves DNS), not "
         "'startup'"},
        {"health: [{tcp: true, unready_after: 0}]\nports: {http: dynamic}", 3, 37,
         "wants a whole number from 1 to 1000"},
        {"health: [{tcp: true, unready_after: 4}]\nports: {http: dynamic}", 3, 37,
         "unready_after: must be at most max_failures (3), which restarts the task"},
        {"health: [{tcp: true, max_failures: 1, unready_after: 2}]\nports: {http: "
         "dynamic}",
         3, 54, "must be at most max_failures (1)"},
        {"health: [{tcp: true, max_failures: 1001}]\nports: {http: dynamic}", 3, 36,
         "wants a whole number from 0 to 1000"},
        {"health: [{tcp: true, failures_before_critical: 3}]\nports: {http: dynamic}", 3,
         22, "stratos calls this unready_after (Nomad"},
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
        {"{command: []}", "task: wants a command"},
        {"{command: ''}", "must not be empty"},
        {"{command: '  '}", "must not be empty"},
        {"{command: [a, {b: c}]}", "wants a single value"},
        {"{command: {a: b}}",
         "wants a list of words, or a text for the shell, not a map"},
        {"{user: x}", "task: wants a command"},
        {"{command: x, user: 'a b'}", "wants a user's name or number"},
        {"{command: x, dir: sub}", "wants an absolute path"},
        {"{command: x, image: nginx}", "image is not supported by this version"},
        {"{command: x, fetch: [x]}", "fetch is not supported"},
        {"{command: x, files: [x]}", "files is not supported"},
        {"{command: x, volumes: [x]}", "volumes is not supported"},
        {"{command: x, secrets: [x]}", "secrets is not supported"},
        {"{command: x, limits: 3}", "limits: wants a map"},
        {"{command: x, limits: {cpu: 0}}", "cpu: wants a number from 0.01 to 1024"},
        {"{command: x, limits: {cpu: 0.009}}", "cpu: wants a number from 0.01 to 1024"},
        {"{command: x, limits: {cpu: 1025}}", "cpu: wants a number from 0.01 to 1024"},
        {"{command: x, limits: {cpu: none}}", "cpu: wants a number"},
        {"{command: x, limits: {memory: 1G}}", "resources.memory is the most"},
        {"{command: x, limits: {pids: 10}}", "resources.pids is the most"},
        {"{command: x, limits: {io: 10}}", "io is not supported by this version"},
        {"{command: x, limits: {swap: lots}}", "swap: wants a size"},
        {"{command: x, limits: {swap: 65T}}", "swap: must be at most"},
        {"{command: x, limits: {cpux: 1}}",
         "unknown key 'cpux' in task.limits; did you mean 'cpu'?"},
        {"{command: x, limits: {cpus: 1}}", "cpus is not supported by this version"},
        {"{command: x, limit: {cpu: 1}}", "did you mean 'limits'?"},
        {"{command: x, resources: {limits: {cpu: 1}}}", "(Kubernetes calls it limits)"},
        {"{command: x, cpu_hard_limit: true}", "stratos calls this limits.cpu (Nomad"},
        {"{command: x, ulimits: {nofile: 1}}", "stratos calls this rlimits (Compose"},
        {"{command: x, memswap_limit: 1G}", "stratos calls this limits.swap"},
        {"{command: x, rlimits: [x]}", "rlimits: wants a map"},
        {"{command: x, rlimits: {nofile: many}}",
         "nofile: wants a whole number, or unlimited, not 'many'"},
        {"{command: x, rlimits: {nofile: -1}}", "nofile: wants a whole number"},
        {"{command: x, rlimits: {nofile: 64K}}", "nofile: wants a whole number"},
        {"{command: x, rlimits: {nofile: 3}}", "nofile: must be at least 16"},
        {"{command: x, rlimits: {nofile: {soft: 1}}}", "wants a single value"},
        {"{command: x, rlimits: {memlock: much}}", "memlock: wants a size such as"},
        {"{command: x, rlimits: {memlock: 16777216T}}", "memlock: wants a size such as"},
        {"{command: x, rlimits: {as: 1M}}", "as: must be at least 32768K"},
        {"{command: x, rlimits: {stack: 4K}}", "stack: must be at least 1024K"},
        {"{command: x, rlimits: {cpu: 250ms}}", "cpu: wants whole seconds"},
        {"{command: x, rlimits: {cpu: 0}}", "cpu: must be at least 1s"},
        {"{command: x, rlimits: {cpu: 3}}", "cpu: wants whole seconds"},
        {"{command: x, rlimits: {nofiles: 3}}", "did you mean 'nofile'?"},
        {"{command: x, rlimits: {rtprio: 3}}", "no task has priority"},
        {"{command: x, rlimits: {nice: 3}}", "no task has priority"},
        {"{command: x, resources: {disk: 1G}}", "disk is not supported"},
        {"{command: x, resources: {io: 3}}", "io is not supported"},
        {"{command: x, resources: {cpu: 0}}", "from 0.001 to 1024"},
        {"{command: x, resources: {cpu: 1025}}", "from 0.001 to 1024"},
        {"{command: x, resources: {memory: 12}}", "memory: 12 is bytes: write 12M"},
        {"{command: x, resources: {memory: 512K}}",
         "memory: must be at least 1M, not '512K'"},
        {"{command: x, resources: {memory: 65T}}", "must be at most 64T"},
        {"{command: x, resources: {cpu: 50%}}", "50% is 0.5 cores"},
        {"{command: x, logs: {max_size: 64}}", "64 is bytes: write 64K"},
        {"{command: x, stop: {timeout: 10}}", "not '10': write 10s"},
        {"{command: x, stop: {timeout: 5 minutes}}", "not '5 minutes': write 5m"},
        {"{command: x, stop: {timeout: 2 months}}", "not '2 months'"},
        {"{command: x, resources: {memory: lots}}", "wants a size such as"},
        {"{command: x, resources: {mem: 3}}",
         "stratos calls this memory (Marathon calls it mem)"},
        {"{command: x, stop: {signal: STOP}}", "wants TERM, INT"},
        {"{command: x, stop: {to: child}}", "to: wants all or main, not 'child'"},
        {"{command: x, kill_timeout: 3s}", "stratos calls this stop.timeout (Nomad"},
        {"{command: x, env: {A=B: c}}", "has no '='"},
        {"{command: x, env: [AB]}", "env: wants NAME=VALUE, not 'AB'"},
        {"{command: x, env: [A=B, A=C]}", "env: 'A' is here twice"},
        {"{command: x, env: {A B: c}}", "'A B' is no name of a variable"},
        {"{command: x, isolation: {api: reed}}",
         "api: wants none, read or write, not 'reed'; did you mean 'read'?"},
        {"{command: x, isolation: {api: true}}", "wants none, read or write, not 'true'"},
        {"{command: x, isolation: {api: [read]}}", "wants a single value"},
        {"{command: x, isolation: {apy: read}}",
         "unknown key 'apy' in task.isolation; did you mean 'api'?"},
        {"{command: x, isolation: read}", "isolation: wants a map"},
        {"{command: x, comand: y}", "did you mean 'command'?"},
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

Test(jobfile, caps_are_none_but_those_that_are_asked_for)
{
    struct reading r;
    read_text(&r, "{job: a, task: {command: x, resources: {cpu: 2}}}");
    const struct task_spec *t = &r.file.jobs[0].task;
    cr_assert(t->cpu_cap_milli == 0 && !t->has_swap && t->rlimits.set == 0);
    arena_fini(&r.arena);
    read_text(
        &r, "{job: a, task: {command: x, limits: {cpu: 0.01, swap: 0}, rlimits: {nofile: "
            "100000, core: unlimited, memlock: 64M, cpu: 2h, as: 1G, nproc: 50}}}");
    cr_assert_eq(r.error, 0);
    t = &r.file.jobs[0].task;
    cr_assert(t->cpu_cap_milli == 10 && t->has_swap && t->swap_bytes == 0);
    cr_assert(t->cpu_milli == 100);
    static const struct {
        enum rlimit_kind kind;
        uint64_t value;
    } rows[] = {{RLIMITS_NOFILE, 100000},       {RLIMITS_CORE, RLIMITS_UNLIMITED},
                {RLIMITS_MEMLOCK, 64ull << 20}, {RLIMITS_CPU, 7200},
                {RLIMITS_AS, 1ull << 30},       {RLIMITS_NPROC, 50}};
    uint32_t set = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set |= 1u << rows[i].kind;
        cr_expect_eq(t->rlimits.at[rows[i].kind], rows[i].value, "row %zu", i);
    }
    cr_assert_eq(t->rlimits.set, set);
    arena_fini(&r.arena);
}

Test(jobfile, a_task_has_no_part_in_the_api_but_by_its_word)
{
    static const struct {
        const char *isolation;
        enum api_scope api;
    } rows[] = {
        {"", API_NONE},
        {", isolation: {}", API_NONE},
        {", isolation: {api: none}", API_NONE},
        {", isolation: {api: read}", API_READ},
        {", isolation: {api: \"write\"}", API_WRITE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct reading r;
        snprintf(text, sizeof(text), "job: web\ntask: {command: x%s}\n",
                 rows[i].isolation);
        cr_expect_eq(read_one(&r, text)->task.api, rows[i].api, "%s", text);
        arena_fini(&r.arena);
    }
}

Test(jobfile, short_forms_are_their_long_ones)
{
    static const char *const texts[] = {
        "job: web\ntask: {command: run me, env: {A: b=c, D: ''}}\nports: {http: dynamic, "
        "x: "
        "dynamic}\n"
        "health: [{http: /healthz}]\nservice: {name: shop}\n",
        "job: web\ntask: {command: run me, env: [A=b=c, D=]}\nports: [http, x]\nhealth: "
        "/healthz\nservice: shop\n",
    };
    struct reading r, forms[2];
    struct bytes body[2];
    for (size_t i = 0; i < 2; i++)
        body[i] = spec_canonical(read_one(&forms[i], texts[i]), &forms[i].arena);
    cr_expect(bytes_equal(body[0], body[1]), "%.*s\n%.*s", (int)body[0].len,
              (const char *)body[0].at, (int)body[1].len, (const char *)body[1].at);
    const struct job_spec *s = read_one(&r, "job: a\ntask: run me");
    cr_expect_str_eq(s->task.argv[2], "run me");
    arena_fini(&r.arena);
    s = read_one(&r, "job: a\ntask: x\nports: [http]\nservice: none\n");
    cr_expect_null(s->service_name);
    struct jobfile again;
    cr_assert_eq(
        jobfile_read_stored(spec_canonical(s, &r.arena), &r.arena, &r.complaints, &again),
        0);
    cr_expect_null(again.jobs[0].service_name);
    arena_fini(&r.arena);
    for (size_t i = 0; i < 2; i++)
        arena_fini(&forms[i].arena);
}

Test(jobfile, one_job_is_one_spec_whatever_wrote_it)
{
    static const char *const texts[] = {
        "job: a\nlabels:\n  n: \"\xc3\xa9\xf0\x9f\x98\x80\"\ntask:\n  command: [x, "
        "y]\nports:\n  b: dynamic\n"
        "  a: 80\n",
        "job: a\r\nlabels:\r\n  n: \xc3\xa9\xf0\x9f\x98\x80\r\ntask:\r\n  command:\r\n  "
        "- x\r\n  - "
        "y\r\nports:\r\n  b: dynamic\r\n  a: 80",
        "\xef\xbb\xbfjob: a\nlabels: {n: \xc3\xa9\xf0\x9f\x98\x80}\ntask: {command: [x, "
        "y]}\nports: {b: "
        "dynamic, a: 80}",
        "{\"job\":\"a\",\"labels\":{\"n\":\"\\u00e9\\ud83d\\ude00\"},\"task\":{"
        "\"command\":[\"x\","
        "\"y\"]},\"ports\":{\"b\":\"dynamic\",\"a\":80}}",
        "\xef\xbb\xbf{\r\n\t\"job\" : \"a\",\r\n\t\"labels\" : { \"n\" : "
        "\"\xc3\xa9\xf0\x9f\x98\x80\" },\r\n\t\"task\" : {\r\n\t\t\"command\" : [ \"x\", "
        "\"y\" "
        "]\r\n\t},\r\n\t\"ports\" : { \"b\" : \"dynamic\", \"a\" : 80 }\r\n}",
    };
    struct reading r[sizeof(texts) / sizeof(texts[0])];
    struct bytes first = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bytes body = spec_canonical(read_one(&r[i], texts[i]), &r[i].arena);
        first = i == 0 ? body : first;
        cr_expect(bytes_equal(first, body), "%zu: %.*s", i, (int)body.len,
                  (const char *)body.at);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        arena_fini(&r[i].arena);
}

Test(jobfile, what_is_empty_is_absent)
{
    struct reading r;
    const struct job_spec *s = read_one(
        &r,
        "job: a\nlabels:\ncount: ~\nconstraints: []\nports: {}\nhealth: null\nrestart:\n"
        "update: {}\nservice:\nschedule:\nafter: []\n"
        "task:\n  command: x\n  env:\n    # A: b\n  resources: {}\n  image:\n  user:\n");
    cr_expect(s->n_labels == 0 && s->count == 1 && s->n_ports == 0 && s->task.n_env == 0);
    cr_expect_str_eq(s->service_name, "a");
    cr_expect_null(s->task.user);
    arena_fini(&r.arena);
    s = read_one(&r, "job: a\ntask: {command: x, env: {A: , B: ''}}");
    cr_expect_eq(s->task.n_env, 2);
    arena_fini(&r.arena);
    static const struct {
        const char *text, *said;
    } rows[] = {{"job:\ntask: x", "wants a name"},
                {"job: a\ntask:\n", "wants a task"},
                {"job: a\ntask: {command: }", "wants a command"},
                {"job: a\ntask: x\nconstraints: [{attr: , op: unique}]", "wants attr"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_text(&r, rows[i].text);
        cr_assert_eq(r.complaints.n, 1, "%s", rows[i].text);
        cr_expect(strstr(r.complaints.list[0].text, rows[i].said), "%s",
                  r.complaints.list[0].text);
        arena_fini(&r.arena);
    }
}

Test(jobfile, keys_that_begin_with_x_are_a_home_for_anchors)
{
    struct reading r;
    const struct job_spec *s =
        read_one(&r, "x-base: &b {A: b}\njob: a\ntask: {command: x, env: *b}");
    cr_expect_str_eq(s->task.env[0].value, "b");
    arena_fini(&r.arena);
    s = read_one(
        &r,
        "x-env: &e {A: b}\njobs: [{job: a, task: {command: x, env: {<<: *e, C: d}}}]");
    cr_expect_eq(s->task.n_env, 2);
    arena_fini(&r.arena);
    read_text(&r, "job: a\ntask: {command: x, x-y: 1}");
    cr_assert_eq(r.complaints.n, 1);
    cr_expect(strstr(r.complaints.list[0].text, "stand at the top of a file"));
    arena_fini(&r.arena);
}

Test(jobfile, a_fault_within_an_anchor_is_told_once)
{
    struct reading r;
    read_text(
        &r, "x-r: &r {memory: 12}\njobs:\n- {job: a, task: {command: x, resources: *r}}\n"
            "- {job: b, task: {command: x, resources: *r}}\n");
    cr_assert_eq(r.complaints.n, 1);
    cr_expect_eq(r.complaints.list[0].line, 1);
    arena_fini(&r.arena);
}

Test(jobfile, protocols_are_those_that_are_known)
{
    static const struct {
        const char *word, *said;
    } rows[] = {{"upd", "did you mean 'udp'?"},
                {"htpt", "did you mean 'http'?"},
                {"carrierpigeon", "write tcp or udp, or leave it out"}};
    struct reading r;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "job: a\ntask: x\nports: {p: {protocol: %s}}",
                 rows[i].word);
        read_text(&r, text);
        cr_assert_eq(r.complaints.n, 1, "%s", text);
        cr_expect(strstr(r.complaints.list[0].text, rows[i].said), "%s",
                  r.complaints.list[0].text);
        r.complaints.n = 0;
        cr_expect_eq(
            jobfile_read_stored(bytes_of_text(text), &r.arena, &r.complaints, &r.file), 0,
            "what was taken once is still read");
        arena_fini(&r.arena);
    }
}

Test(jobfile, a_spec_that_no_cluster_would_carry_is_refused)
{
    struct reading r;
    char *text = calloc(1, 400000);
    strcpy(text, "job: a\ntask: {command: x}\nlabels:\n");
    for (int i = 0; i < 10; i++) {
        char *end = text + strlen(text);
        sprintf(end, "  l%d: ", i);
        end += strlen(end);
        memset(end, 'x', 30000);
        strcpy(end + 30000, "\n");
    }
    read_text(&r, text);
    cr_assert_eq(r.complaints.n, 1);
    cr_expect(strstr(r.complaints.list[0].text, "job 'a': the spec takes 300"), "%s",
              r.complaints.list[0].text);
    arena_fini(&r.arena);
    free(text);
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

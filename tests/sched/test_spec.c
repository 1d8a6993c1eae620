/* Canonical bodies: equal specs, equal bytes. */
#include "sched/spec.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "sched/jobfile.h"

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

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_pairs(const struct pair *a, size_t n_a, const struct pair *b, size_t n_b)
{
    for (size_t i = 0; n_a == n_b && i < n_a; i++)
        if (!same(a[i].key, b[i].key) || !same(a[i].value, b[i].value))
            return false;
    return n_a == n_b;
}

static void expect_equal_task(const struct task_spec *a, const struct task_spec *b)
{
    cr_assert_eq(a->n_argv, b->n_argv);
    for (size_t i = 0; i < a->n_argv; i++)
        cr_assert_str_eq(a->argv[i], b->argv[i]);
    cr_assert(same(a->user, b->user) && same(a->dir, b->dir));
    cr_assert(same_pairs(a->env, a->n_env, b->env, b->n_env));
    cr_assert(a->cpu_milli == b->cpu_milli && a->memory_bytes == b->memory_bytes &&
              a->pids == b->pids);
    cr_assert(a->stop_signal == b->stop_signal &&
              a->stop_timeout_ms == b->stop_timeout_ms && a->stop_main == b->stop_main);
    cr_assert_eq(a->api, b->api);
    cr_assert(a->cpu_cap_milli == b->cpu_cap_milli && a->has_swap == b->has_swap &&
              a->swap_bytes == b->swap_bytes);
    cr_assert_eq(memcmp(&a->rlimits, &b->rlimits, sizeof(a->rlimits)), 0);
    cr_assert(a->log_max_bytes == b->log_max_bytes &&
              a->log_max_files == b->log_max_files && a->log_keep_ms == b->log_keep_ms);
}

static void expect_equal_net(const struct job_spec *a, const struct job_spec *b)
{
    cr_assert_eq(a->n_ports, b->n_ports);
    for (size_t i = 0; i < a->n_ports; i++)
        cr_assert(same(a->ports[i].name, b->ports[i].name) &&
                  a->ports[i].host_port == b->ports[i].host_port &&
                  same(a->ports[i].protocol, b->ports[i].protocol));
    cr_assert_eq(a->n_health, b->n_health);
    for (size_t i = 0; i < a->n_health; i++) {
        const struct health_spec *x = &a->health[i], *y = &b->health[i];
        cr_assert(same(x->name, y->name) && x->kind == y->kind && same(x->path, y->path));
        cr_assert(x->port_index == y->port_index && x->interval_ms == y->interval_ms &&
                  x->timeout_ms == y->timeout_ms);
        cr_assert(x->grace_ms == y->grace_ms && x->max_failures == y->max_failures);
        cr_assert(x->role == y->role && x->unready_after == y->unready_after);
        cr_assert(x->status_min == y->status_min && x->status_max == y->status_max);
    }
    cr_assert(same(a->service_name, b->service_name) &&
              a->service_port == b->service_port);
}

static void expect_equal(const struct job_spec *a, const struct job_spec *b)
{
    cr_assert(same(a->name, b->name) && same(a->ns, b->ns));
    cr_assert(a->type == b->type && a->count == b->count && a->priority == b->priority);
    cr_assert(same_pairs(a->labels, a->n_labels, b->labels, b->n_labels));
    cr_assert_eq(a->n_constraints, b->n_constraints);
    for (size_t i = 0; i < a->n_constraints; i++)
        cr_assert(same(a->constraints[i].attr, b->constraints[i].attr) &&
                  a->constraints[i].op == b->constraints[i].op &&
                  same(a->constraints[i].value, b->constraints[i].value));
    expect_equal_task(&a->task, &b->task);
    expect_equal_net(a, b);
    cr_assert_eq(memcmp(&a->restart, &b->restart, sizeof(a->restart)), 0);
    cr_assert_eq(memcmp(&a->update, &b->update, sizeof(a->update)), 0);
}

static void expect_round_trip(const struct job_spec *spec, struct arena *arena)
{
    struct bytes body = spec_canonical(spec, arena);
    cr_assert_not_null(body.at);
    const struct job_spec *again = read_spec(arena, body);
    expect_equal(spec, again);
    struct bytes twice = spec_canonical(again, arena);
    cr_assert(bytes_equal(body, twice), "%.*s\n%.*s", (int)body.len,
              (const char *)body.at, (int)twice.len, (const char *)twice.at);
}

/* ---- random specs ---- */

/* Texts with everything that has ever confused a reader of JSON or YAML. */
static const char *random_text(struct rng *rng, struct arena *arena)
{
    static const char *const bits[] = {"a",
                                       "Z",
                                       "0",
                                       " ",
                                       "\n",
                                       "\t",
                                       "\"",
                                       "\\",
                                       "'",
                                       ":",
                                       "#",
                                       "{",
                                       "}",
                                       "[",
                                       ",",
                                       "&",
                                       "*",
                                       "!",
                                       "|",
                                       "%",
                                       "@",
                                       "`",
                                       "-",
                                       "---",
                                       "\x01",
                                       "\x1b",
                                       "\x7f",
                                       "\xc2\x85",
                                       "\xe2\x80\xa8",
                                       "\xe2\x80\xa9",
                                       "\xef\xbb\xbf",
                                       "\xef\xbf\xbe",
                                       "\xc3\xa9",
                                       "\xf0\x9f\x98\x80",
                                       "${X}",
                                       "null",
                                       "~",
                                       "<<",
                                       "\r"};
    char text[256] = "x";
    uint64_t n = rng_below(rng, 12);
    for (uint64_t i = 0; i < n; i++)
        strcat(text, bits[rng_below(rng, sizeof(bits) / sizeof(bits[0]))]);
    return arena_text(arena, text);
}

static const char *random_label(struct rng *rng, struct arena *arena, unsigned i)
{
    return arena_printf(arena, "%c%llu-%u", (char)('a' + rng_below(rng, 26)),
                        (unsigned long long)rng_below(rng, 100), i);
}

static uint32_t random_ms(struct rng *rng)
{
    static const uint32_t units[] = {1, 1000, 60000, 3600000, 86400000};
    return units[rng_below(rng, 5)] * (uint32_t)(1 + rng_below(rng, 23)) + 200;
}

static const struct pair *random_pairs(struct rng *rng, struct arena *arena,
                                       size_t *ret_n)
{
    size_t n = rng_below(rng, 4);
    struct pair *pairs = arena_array(arena, n + 1, sizeof(*pairs));
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct pair){arena_printf(arena, "%zu%s", i, random_text(rng, arena)),
                                 random_text(rng, arena)};
    *ret_n = n;
    return pairs;
}

static void random_net(struct rng *rng, struct arena *arena, struct job_spec *s)
{
    s->n_ports = rng_below(rng, 4);
    struct port_spec *ports = arena_array(arena, s->n_ports + 1, sizeof(*ports));
    for (unsigned i = 0; i < s->n_ports; i++)
        ports[i] = (struct port_spec){.name = random_label(rng, arena, i),
                                      .host_port =
                                          rng_chance(rng, 0.5) ? (uint16_t)(1000 + i) : 0,
                                      .protocol = rng_chance(rng, 0.5) ? "tcp" : "udp"};
    s->ports = ports;
    s->n_health = s->n_ports ? rng_below(rng, 3) : 0;
    struct health_spec *health = arena_array(arena, s->n_health + 1, sizeof(*health));
    for (unsigned i = 0; i < s->n_health; i++) {
        bool is_http = rng_chance(rng, 0.5), is_ready = rng_chance(rng, 0.3);
        uint32_t max_failures = (uint32_t)rng_below(rng, 6);
        uint32_t below = is_ready || max_failures == 0 ? 9 : max_failures;
        health[i] = (struct health_spec){
            .name = random_label(rng, arena, i),
            .kind = is_http ? HEALTH_HTTP : HEALTH_TCP,
            .path = is_http ? "/health?x=\"y\"" : NULL,
            .port_index = (unsigned)rng_below(rng, s->n_ports),
            .interval_ms = random_ms(rng),
            .timeout_ms = random_ms(rng),
            .grace_ms = rng_chance(rng, 0.5) ? 0 : random_ms(rng),
            .role = is_ready ? HEALTH_READY : HEALTH_LIVE,
            .unready_after = 1 + (uint32_t)rng_below(rng, below),
            .max_failures = max_failures,
            .status_min = is_http ? (uint16_t)(100 + rng_below(rng, 100)) : 200,
            .status_max = is_http ? (uint16_t)(300 + rng_below(rng, 100)) : 399};
    }
    s->health = health;
    s->service_name = rng_chance(rng, 0.5) ? s->name : "other";
    s->service_port = s->n_ports ? (unsigned)rng_below(rng, s->n_ports) : 0;
}

static void random_task(struct rng *rng, struct arena *arena, struct task_spec *t)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR2};
    t->n_argv = 1 + rng_below(rng, 4);
    const char **argv = arena_array(arena, t->n_argv + 1, sizeof(*argv));
    for (size_t i = 0; i < t->n_argv; i++)
        argv[i] = random_text(rng, arena);
    if (t->n_argv == 3) {
        argv[0] = "/bin/sh";
        argv[1] = "-c";
        argv[2] = rng_chance(rng, 0.2) ? " " : argv[2];
    }
    t->argv = argv;
    t->user = rng_chance(rng, 0.5) ? "nobody" : NULL;
    t->dir = rng_chance(rng, 0.5) ? "/srv/\"x\"" : NULL;
    t->env = random_pairs(rng, arena, &t->n_env);
    for (size_t i = 0; i < t->n_env; i++)
        cr_assert_null(strchr(t->env[i].key, '='));
    t->cpu_milli = 1 + (uint32_t)rng_below(rng, 5000);
    t->memory_bytes = (1 + rng_below(rng, 3)) << (20 + rng_below(rng, 12));
    t->pids = 1 + (uint32_t)rng_below(rng, 300);
    t->stop_signal = signals[rng_below(rng, 3)];
    t->stop_timeout_ms = rng_chance(rng, 0.5) ? 0 : random_ms(rng);
    t->stop_main = rng_chance(rng, 0.5);
    t->log_max_bytes = 4096 + rng_below(rng, 100000);
    t->log_max_files = 1 + (uint32_t)rng_below(rng, 9);
    t->log_keep_ms = random_ms(rng);
    t->api = (enum api_scope)rng_below(rng, 3);
    t->cpu_cap_milli = rng_chance(rng, 0.5) ? 10 + (uint32_t)rng_below(rng, 5000) : 0;
    t->has_swap = rng_chance(rng, 0.5);
    t->swap_bytes = t->has_swap ? rng_below(rng, 3) << (10 + rng_below(rng, 20)) : 0;
    for (unsigned kind = 0; kind < RLIMITS_KINDS; kind++) {
        if (rng_chance(rng, 0.7))
            continue;
        t->rlimits.set |= 1u << kind;
        t->rlimits.at[kind] = rng_chance(rng, 0.3)
                                  ? RLIMITS_UNLIMITED
                                  : rlimit_names[kind].min + rng_below(rng, 100000);
    }
}

static void random_spec(struct rng *rng, struct arena *arena, struct job_spec *s)
{
    *s = (struct job_spec){.name = random_label(rng, arena, 0),
                           .ns = rng_chance(rng, 0.5) ? "default" : "shop",
                           .count = (uint32_t)rng_below(rng, 5),
                           .priority = 1 + (uint32_t)rng_below(rng, 100)};
    s->labels = random_pairs(rng, arena, &s->n_labels);
    s->n_constraints = rng_below(rng, 4);
    struct constraint *list = arena_array(arena, s->n_constraints + 1, sizeof(*list));
    for (size_t i = 0; i < s->n_constraints; i++) {
        list[i] = (struct constraint){.attr = "os.arch",
                                      .op = (enum constraint_op)rng_below(rng, 3)};
        if (list[i].op != CONSTRAINT_UNIQUE)
            list[i].value =
                list[i].op == CONSTRAINT_EQ ? random_text(rng, arena) : "a|b.*";
    }
    s->constraints = list;
    random_task(rng, arena, &s->task);
    random_net(rng, arena, s);
    s->restart.attempts = (uint32_t)rng_below(rng, 5);
    s->restart.window_ms = 1000 + random_ms(rng);
    s->restart.delay_ms = random_ms(rng);
    s->restart.max_delay_ms = s->restart.delay_ms + (uint32_t)rng_below(rng, 2) * 1000;
    s->restart.backoff_permille = 1000 + (uint32_t)rng_below(rng, 2000);
    s->update.max_parallel = 1 + (uint32_t)rng_below(rng, 3);
    s->update.min_healthy_time_ms = rng_chance(rng, 0.5) ? 0 : random_ms(rng);
}

Test(spec, any_spec_comes_back_equal_from_its_canonical_body)
{
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct arena arena;
        struct rng rng;
        struct job_spec spec;
        arena_init(&arena, 0);
        rng_init(&rng, seed);
        random_spec(&rng, &arena, &spec);
        expect_round_trip(&spec, &arena);
        arena_fini(&arena);
    }
}

Test(spec, examples_come_back_equal)
{
    static const char *const files[] = {"examples/hello.yaml", "examples/toggle.yaml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char text[8192];
        FILE *file = fopen(files[i], "r");
        cr_assert_not_null(file, "%s: run from the project's root", files[i]);
        size_t len = fread(text, 1, sizeof(text), file);
        fclose(file);
        struct arena arena;
        arena_init(&arena, 0);
        expect_round_trip(read_spec(&arena, (struct bytes){(const uint8_t *)text, len}),
                          &arena);
        arena_fini(&arena);
    }
}

Test(spec, the_canonical_body_has_these_bytes)
{
    static const struct {
        const char *text, *body;
    } rows[] = {
        {"{task: {command: x}, job: a}", "{\"job\":\"a\",\"task\":{\"command\":\"x\"}}"},
        {"{job: a, namespace: default, count: 1, priority: 50, service: {name: a}, task: "
         "{command: [/bin/sh, -c, x], "
         "resources: {cpu: 0.10, memory: 131072K}, stop: {signal: SIGTERM, timeout: "
         "10000ms}}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"x\"}}"},
        {"{job: a, task: {command: x, isolation: {api: none}}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"x\"}}"},
        {"{job: a, task: {user: u, isolation: {api: write}, env: {A: b}, logs: "
         "{max_files: "
         "2}, command: x}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"x\",\"env\":{\"A\":\"b\"},\"isolation\":"
         "{"
         "\"api\":\"write\"},\"logs\":{\"max_files\":2},\"user\":\"u\"}}"},
        {"{job: a, task: {command: x, rlimits: {stack: unlimited, nofile: 1000, cpu: "
         "90s, "
         "memlock: 1024K}, limits: {swap: 0, cpu: 0.50}}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"x\",\"limits\":{\"cpu\":\"0.5\","
         "\"swap\":\"0\"},"
         "\"rlimits\":{\"cpu\":\"90s\",\"memlock\":\"1M\",\"nofile\":1000,\"stack\":"
         "\"unlimited\"}}}"},
        {"{job: a, task: {command: x, limits: {}, rlimits: {}}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"x\"}}"},
        {"{job: a, labels: {z: 1, b: 2}, ports: {z: dynamic, b: {to: 80, protocol: "
         "udp}}, health: [{tcp: true, port: b, "
         "interval: 90s}], restart: {backoff: 2.50}, task: {command: [a, b], resources: "
         "{memory: 1536M}}}",
         "{\"health\":[{\"interval\":\"90s\",\"name\":\"tcp\",\"port\":\"b\",\"tcp\":"
         "true}],\"job\":\"a\","
         "\"labels\":{\"b\":\"2\",\"z\":\"1\"},\"ports\":{\"z\":\"dynamic\",\"b\":{"
         "\"protocol\":\"udp\",\"to\":80}},"
         "\"restart\":{\"backoff\":\"2.5\"},\"task\":{\"command\":[\"a\",\"b\"],"
         "\"resources\":{\"memory\":\"1536M\"}}}"},
        {"{job: a, ports: {p: dynamic}, health: [{tcp: true, kind: live, unready_after: "
         "2, "
         "max_failures: 3}, {http: /, kind: ready, unready_after: 4}, {name: c, tcp: "
         "true, "
         "max_failures: 1}, {name: d, tcp: true, max_failures: 0, unready_after: 1}], "
         "task: "
         "{command: x}}",
         "{\"health\":[{\"name\":\"tcp\",\"tcp\":true},{\"http\":\"/"
         "\",\"kind\":\"ready\","
         "\"name\":\"http-2\",\"unready_after\":4},{\"max_failures\":1,\"name\":\"c\","
         "\"tcp\":"
         "true},{\"max_failures\":0,\"name\":\"d\",\"tcp\":true,\"unready_after\":1}],"
         "\"job\":"
         "\"a\",\"ports\":{\"p\":\"dynamic\"},\"task\":{\"command\":\"x\"}}"},
        {"{job: a, task: {command: \"\\x7f\\u2028\\uFEFF\\u00e9\"}}",
         "{\"job\":\"a\",\"task\":{\"command\":\"\\u007f\\u2028\\ufeff\xc3\xa9\"}}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct bytes body =
            spec_canonical(read_spec(&arena, bytes_of_text(rows[i].text)), &arena);
        cr_expect(bytes_equal(body, bytes_of_text(rows[i].body)), "%.*s", (int)body.len,
                  (const char *)body.at);
        arena_fini(&arena);
    }
}

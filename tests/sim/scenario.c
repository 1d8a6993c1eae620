/* Seeds become runs.  See scenario.h. */
#include "tests/sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "tests/sim/checker.h"

enum { BOOT_MS = 3000, STEP_MS = 500, CHECK_MS = 500 };

struct sim_options scenario_options(uint64_t seed, unsigned nodes)
{
    struct rng r;
    rng_init(&r, seed * 0x9e3779b97f4a7c15u + 1);
    struct sim_options o = {
        .seed = seed,
        .nodes = nodes,
        .delay_min_ms = 1,
        .delay_max_ms = (uint32_t)(2 + rng_below(&r, 60)),
        .loss = rng_chance(&r, 0.5) ? rng_unit(&r) * 0.15 : 0,
        .duplication = rng_chance(&r, 0.3) ? 0.05 : 0,
        .has_partitions = rng_chance(&r, 0.5),
        .is_asymmetric = rng_chance(&r, 0.25),
        .has_crashes = rng_chance(&r, 0.6),
        .has_skew = rng_chance(&r, 0.5),
        .has_task_exits = rng_chance(&r, 0.4),
        .faults_ms = 30000,
        .converge_ms = 180000, /* a mass-failure hold, a refusal and a rejoin, one after another */
        .jobs = 4 + (unsigned)rng_below(&r, 5),
    };
    /* A wipe under a partition can take the only two copies of an acknowledged write: that is the
     * stated limit of --ack 2, so the two are not combined. */
    o.has_wipes = o.has_crashes && !o.has_partitions && rng_chance(&r, 0.4);
    return o;
}

void scenario_print(const struct sim_options *o)
{
    printf("seed=%llu nodes=%u delay=%u-%ums loss=%.1f%% dup=%.0f%% partitions=%s crashes=%d wipes=%d "
           "skew=%d exits=%d jobs=%u\n",
           (unsigned long long)o->seed, o->nodes, o->delay_min_ms, o->delay_max_ms, o->loss * 100,
           o->duplication * 100, o->has_partitions ? (o->is_asymmetric ? "one-way" : "yes") : "no",
           o->has_crashes, o->has_wipes, o->has_skew, o->has_task_exits, o->jobs);
}

/* ---- workload ---- */

static int random_up(struct sim *s)
{
    for (int tries = 0; tries < 50; tries++) {
        unsigned i = (unsigned)rng_below(&s->rng, s->options.nodes);
        if (s->nodes[i].node && gossip_is_ready(node_gossip(s->nodes[i].node)))
            return (int)i;
    }
    return -1;
}

static void submit(struct sim *s, unsigned node, size_t index)
{
    static const char *const argv[] = {"/bin/true", NULL};
    static const struct port_spec port = {.name = "http", .protocol = "http"};
    static const struct health_spec health = {.name = "ready",
                                              .kind = HEALTH_HTTP,
                                              .path = "/health",
                                              .interval_ms = 1000,
                                              .timeout_ms = 500,
                                              .grace_ms = 5000,
                                              .max_failures = 3,
                                              .status_min = 200,
                                              .status_max = 399};
    struct sim_job *job = &s->jobs[index];
    struct job_spec spec = {
        .name = job->name,
        .ns = "default",
        .count = job->count,
        .priority = 50,
        .task = {.argv = argv,
                 .n_argv = 1,
                 .cpu_milli = 100,
                 .memory_bytes = 64 << 20,
                 .pids = 64,
                 .stop_signal = 15,
                 .stop_timeout_ms = 2000,
                 .log_max_bytes = 10 << 20,
                 .log_max_files = 5},
        .ports = &port,
        .n_ports = 1,
        .health = &health,
        .n_health = rng_chance(&s->rng, 0.5),
        .restart = {.attempts = 3,
                    .window_ms = 300000,
                    .delay_ms = 1000,
                    .max_delay_ms = 300000,
                    .backoff_permille = 1150},
        .update = {.max_parallel = 1, .min_healthy_time_ms = 2000},
        .service_name = job->name,
    };
    struct command command = {.kind = COMMAND_SUBMIT, .jobs = &spec, .n_jobs = 1, .ack = 2};
    job->is_asked = true;
    sim_command(s, node, &command, index);
}

static void order(struct sim *s, unsigned node, size_t index)
{
    struct sim_job *job = &s->jobs[index];
    struct command command = {.ns = "default", .name = job->name, .ack = 2};
    uint64_t choice = rng_below(&s->rng, 4);
    if (choice == 0) {
        command.kind = COMMAND_REMOVE;
        job->is_removal_asked = true;
    } else if (choice == 1) {
        command.kind = COMMAND_SCALE;
        command.count = job->scale_asked = (uint32_t)rng_below(&s->rng, 6);
    } else if (choice == 2) {
        command.kind = COMMAND_RESTART;
    } else {
        command.kind = COMMAND_STOP;
        job->is_stopped = true;
    }
    sim_command(s, node, &command, index);
}

static const struct entry *order_entry(const struct sim *s, unsigned node, const struct sim_job *job)
{
    struct key key = key_control("default", job->name);
    return s->nodes[node].node
               ? table_get(gossip_table(node_gossip(s->nodes[node].node)), key_bytes(&key))
               : NULL;
}

/* Remember the newest order of every job that any node holds, for those who hold it may crash. */
static void note_orders(struct sim *s)
{
    for (size_t k = 0; k < s->n_jobs; k++) {
        for (unsigned i = 0; i < s->options.nodes; i++) {
            const struct entry *e = order_entry(s, i, &s->jobs[k]);
            if (e && e->generation > s->jobs[k].newest_order)
                s->jobs[k].newest_order = e->generation;
        }
    }
}

/* Who does not know the order before would write a concurrent one, and stamps choose between them. */
static bool knows_orders(const struct sim *s, unsigned node, const struct sim_job *job)
{
    const struct entry *e = order_entry(s, node, job);
    return (e ? e->generation : 0) >= job->newest_order;
}

/* One act of the people: a new job, or an order for one that is known to be there. */
static void work(struct sim *s)
{
    int node = random_up(s);
    note_orders(s);
    if (node < 0)
        return;
    if (s->n_jobs < s->options.jobs) {
        struct sim_job *job = &s->jobs[s->n_jobs];
        *job = (struct sim_job){.count = (uint32_t)(1 + rng_below(&s->rng, 5)),
                                .scale_asked = UINT32_MAX};
        (void)snprintf(job->name, sizeof(job->name), "job%zu", s->n_jobs);
        submit(s, (unsigned)node, s->n_jobs++);
        return;
    }
    size_t index = (size_t)rng_below(&s->rng, s->n_jobs);
    struct sim_job *job = &s->jobs[index];
    struct key key = key_job("default", job->name);
    bool is_known =
        table_get(gossip_table(node_gossip(s->nodes[node].node)), key_bytes(&key)) != NULL;
    if (!job->is_removal_asked && !job->is_unsure && !job->n_open && is_known && !s->is_partitioned &&
        knows_orders(s, (unsigned)node, job))
        order(s, (unsigned)node, index);
}

/* ---- faults ---- */

static void split(struct sim *s)
{
    unsigned sides = 2 + (unsigned)rng_below(&s->rng, 2);
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = (unsigned)rng_below(&s->rng, sides);
    s->is_partitioned = true;
}

static void crash(struct sim *s)
{
    unsigned i = (unsigned)rng_below(&s->rng, s->options.nodes);
    if (s->nodes[i].node)
        sim_crash(s, i, rng_chance(&s->rng, 0.5));
}

static void revive(struct sim *s, bool may_wipe)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        if (s->nodes[i].node)
            continue;
        if (may_wipe && rng_chance(&s->rng, 0.3))
            sim_wipe(s, i);
        sim_boot(s, i);
        return;
    }
}

static void disturb(struct sim *s, unsigned *n_wipes)
{
    const struct sim_options *o = &s->options;
    if (o->has_partitions && rng_chance(&s->rng, 0.1)) {
        if (s->is_partitioned)
            s->is_partitioned = false;
        else
            split(s);
    }
    if (o->has_crashes && rng_chance(&s->rng, 0.15))
        crash(s);
    if (o->has_crashes && rng_chance(&s->rng, 0.15)) {
        bool may_wipe = o->has_wipes && *n_wipes == 0;
        revive(s, may_wipe);
        *n_wipes += may_wipe;
    }
    if (o->has_task_exits && rng_chance(&s->rng, 0.2))
        sim_task_exit(s, (unsigned)rng_below(&s->rng, o->nodes));
}

static void heal(struct sim *s)
{
    s->is_partitioned = false;
    s->loss_now = s->duplication_now = 0;
    for (unsigned i = 0; i < s->options.nodes; i++)
        sim_boot(s, i);
}

static struct scenario_result verdict(const struct sim *s, bool is_passed, const char *why,
                                      uint64_t healed_ms)
{
    struct scenario_result result = {.is_passed = is_passed,
                                     .trace_hash = s->trace_hash,
                                     .n_steps = s->n_steps,
                                     .n_datagrams = s->n_datagrams,
                                     .converged_ms = s->now_ms - healed_ms};
    (void)snprintf(result.why, sizeof(result.why), "%s", why);
    return result;
}

struct scenario_result scenario_run(const struct sim_options *o, bool is_verbose)
{
    static struct sim s; /* too large for the stack; one run at a time */
    char why[512] = "";
    unsigned n_wipes = 0;
    sim_init(&s, o);
    s.is_verbose = is_verbose;
    for (unsigned i = 0; i < o->nodes; i++)
        sim_boot(&s, i);
    sim_run(&s, BOOT_MS);
    for (uint64_t end = BOOT_MS + o->faults_ms; s.now_ms < end && !s.failure[0];) {
        work(&s);
        disturb(&s, &n_wipes);
        sim_run(&s, s.now_ms + STEP_MS);
    }
    uint64_t healed_ms = s.now_ms;
    heal(&s);
    bool is_passed = false;
    while (!is_passed && !s.failure[0] && s.now_ms < healed_ms + o->converge_ms) {
        sim_run(&s, s.now_ms + CHECK_MS);
        is_passed = checker_is_converged(&s, why, sizeof(why));
    }
    is_passed &= !s.failure[0];
    struct scenario_result result = verdict(&s, is_passed, s.failure[0] ? s.failure : why, healed_ms);
    sim_fini(&s);
    return result;
}

/* Jobs and their edits.  See edit.h. */
#include "tests/sim/edit.h"

#include <stdio.h>
#include <string.h>

#include "proto/record.h"

static const struct port_spec port = {.name = "http", .protocol = "http"};

static struct health_spec check_of(const char *name, uint32_t interval_ms)
{
    return (struct health_spec){.name = name,
                                .kind = HEALTH_HTTP,
                                .path = "/health",
                                .interval_ms = interval_ms,
                                .timeout_ms = 500,
                                .grace_ms = 5000,
                                .unready_after = 2,
                                .max_failures = 3,
                                .status_min = 200,
                                .status_max = 399};
}

void edit_spec_first(const struct sim_job *job, struct edit_spec *e)
{
    *e = (struct edit_spec){.argv = {"/bin/true", job->task}};
    e->checks[0] = check_of("ready", 1000);
    e->checks[1] = check_of("also", 1500);
    e->spec = (struct job_spec){
        .name = job->name,
        .ns = "default",
        .count = job->count,
        .priority = 50,
        .task = {.argv = e->argv,
                 .n_argv = job->task ? 2 : 1,
                 .cpu_milli = 100,
                 .memory_bytes = 64 << 20,
                 .pids = 64,
                 .stop_signal = 15,
                 .stop_timeout_ms = 2000,
                 .log_max_bytes = 10 << 20,
                 .log_max_files = 5,
                 .log_keep_ms = 7 * 24 * 3600 * 1000},
        .ports = &port,
        .n_ports = 1,
        .health = e->checks,
        .n_health = job->has_check,
        .restart = {.attempts = 3,
                    .window_ms = 300000,
                    .delay_ms = 1000,
                    .max_delay_ms = 300000,
                    .backoff_permille = 1150},
        .update = {.max_parallel = 1, .min_healthy_time_ms = 2000},
        .service_name = job->name,
    };
}

void edit_spec_next(const struct sim_job *job, uint64_t dice, struct edit_spec *e)
{
    struct job_spec *spec = &e->spec;
    edit_spec_first(job, e);
    (void)snprintf(e->value, sizeof(e->value), "%llu", (unsigned long long)dice);
    e->label = (struct pair){"edit", e->value};
    spec->labels = &e->label;
    spec->n_labels = dice & 1;
    spec->priority = dice & 2 ? 60 : 50;
    spec->restart.attempts = dice & 4 ? 9 : 3;
    spec->task.stop_timeout_ms = dice & 8 ? 3000 : 2000;
    spec->task.log_max_files = dice & 16 ? 2 : 5;
    spec->service_name = dice & 32 ? "shop" : job->name;
    spec->update.min_healthy_time_ms = dice & 64 ? 1000 : 2000;
    spec->n_health = dice >> 7 & 1 ? dice >> 8 & 1 ? 2 : 1 : job->has_check;
    e->checks[0].interval_ms = dice >> 9 & 1 ? 700 : 1000;
    e->constraint = (struct constraint){"rack", "a|b", CONSTRAINT_LIKE};
    spec->constraints = &e->constraint;
    spec->n_constraints = dice >> 10 & 1;
}

void edit_give(struct sim *s, unsigned node, size_t index, uint64_t dice)
{
    struct sim_job *job = &s->jobs[index];
    struct edit_spec e;
    edit_spec_next(job, dice, &e);
    /* Nobody waits for an answer: what a node has taken is remembered by its table at once. */
    struct order command = {.kind = ORDER_SUBMIT,
                            .jobs = &e.spec,
                            .n_jobs = 1,
                            .keep_scale = true,
                            .ack = 1,
                            .token = SIM_NO_TOKEN};
    sim_order(s, node, &command);
    struct key key = key_job("default", job->name);
    const struct entry *entry =
        table_get(gossip_table(node_gossip(s->nodes[node].node)), key_bytes(&key));
    if (entry && entry->generation > job->newest_edit)
        job->newest_edit = entry->generation;
    job->n_edits++;
}

void edit_watch(struct sim *s, const struct sim_node *n, const struct node_event *e)
{
    if (!s->has_updates && strcmp(e->kind, "instance") == 0 && e->cause &&
        strncmp(e->cause, "update from", 11) == 0)
        sim_fail(s, "%s stops %s for an edit that its task cannot see: %s", n->name,
                 e->subject, e->cause);
}

/* ---- the end ---- */

struct takeover {
    const struct sim *sim;
    const struct table *table;
    struct arena arena;
    char *why;
    size_t cap;
    bool is_right;
};

static bool is_up(const struct sim *s, struct node_id id)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && node_id_equal(s->nodes[i].id, id))
            return true;
    return false;
}

static int visit_claim(void *ctx, const struct entry *e)
{
    struct takeover *t = ctx;
    struct key_parts parts;
    struct claim_doc claim;
    struct job_doc job;
    if (key_parse(e->key, &parts) < 0 || !is_up(t->sim, parts.node) ||
        record_decode_claim(e->value, &t->arena, &claim) < 0)
        return 0;
    const char *name = arena_text_of(&t->arena, parts.name);
    struct key key = key_job("default", name);
    const struct entry *record = table_get(t->table, key_bytes(&key));
    if (!record || record_decode_job(record->value, &t->arena, &job) < 0)
        return 0;
    t->is_right = claim.version == job.version && spec_hash_equal(claim.spec, job.spec);
    if (!t->is_right)
        (void)snprintf(t->why, t->cap, "%s.%u stands for v%u, and v%u is in force", name,
                       parts.index, claim.version, job.version);
    return !t->is_right;
}

bool edit_is_taken_over(const struct sim *s, const struct table *table, char *why,
                        size_t cap)
{
    struct takeover t = {
        .sim = s, .table = table, .why = why, .cap = cap, .is_right = true};
    arena_init(&t.arena, 0);
    (void)table_each(table, bytes_of_text("claim/"), visit_claim, &t);
    arena_fini(&t.arena);
    return t.is_right;
}

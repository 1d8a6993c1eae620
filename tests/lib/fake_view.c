/* Views made by hand.  See fake_view.h. */
#include "tests/lib/fake_view.h"

#include <assert.h>
#include <stdlib.h>

static void *slot(struct fake_view *f, void **array, size_t *n, size_t *cap, size_t size)
{
    int rc = arena_grow(&f->arena, array, *n, cap, size);
    assert(rc == 0);
    return (char *)*array + (*n)++ * size;
}

void fake_init(struct fake_view *f)
{
    *f = (struct fake_view){0};
    arena_init(&f->arena, 0);
}

void fake_fini(struct fake_view *f)
{
    arena_fini(&f->arena);
}

struct view_node *fake_node(struct fake_view *f, uint32_t cpu_milli, uint64_t memory_bytes)
{
    size_t i = f->n_nodes;
    struct view_node *node =
        slot(f, (void **)&f->nodes, &f->n_nodes, &f->nodes_cap, sizeof(*node));
    struct pair *rack = arena_alloc(&f->arena, sizeof(*rack));
    *rack = (struct pair){"rack", arena_printf(&f->arena, "r%zu", i % 3)};
    *node = (struct view_node){.state = MEMBER_ALIVE,
                               .has_doc = true,
                               .is_live = true,
                               .takes_work = true,
                               .doc = {.name = arena_printf(&f->arena, "n%zu", i),
                                       .cpu_milli = cpu_milli,
                                       .memory_bytes = memory_bytes,
                                       .attributes = rack,
                                       .n_attributes = 1}};
    for (int byte = 0; byte < 4; byte++)
        node->id.at[byte] = (uint8_t)(i >> (24 - 8 * byte));
    node->id.at[15] = 1;
    return node;
}

struct view_job *fake_job(struct fake_view *f, uint32_t count, uint32_t cpu_milli,
                          uint64_t memory_bytes)
{
    size_t i = f->n_jobs;
    struct view_job *job = slot(f, (void **)&f->jobs, &f->n_jobs, &f->jobs_cap, sizeof(*job));
    struct job_spec *spec = arena_alloc(&f->arena, sizeof(*spec));
    *spec = (struct job_spec){.name = arena_printf(&f->arena, "job%zu", i),
                              .ns = "default",
                              .type = JOB_SERVICE,
                              .count = count,
                              .priority = 50,
                              .task = {.cpu_milli = cpu_milli, .memory_bytes = memory_bytes},
                              .update = {.max_parallel = 1}};
    *job = (struct view_job){
        .spec = spec, .ns = spec->ns, .name = spec->name, .count = count, .doc.version = 1};
    job->doc.spec.at[0] = 1;
    job->doc.first_stamp = i;
    return job;
}

struct job_spec *fake_spec(struct fake_view *f, uint32_t job)
{
    union {
        const struct job_spec *in;
        struct job_spec *out;
    } made_here = {.in = f->jobs[job].spec};
    return made_here.out;
}

void fake_constraint(struct fake_view *f, uint32_t job, enum constraint_op op, const char *attr,
                     const char *value)
{
    struct job_spec *spec = fake_spec(f, job);
    struct constraint *list = arena_array(&f->arena, spec->n_constraints + 1, sizeof(*list));
    for (size_t i = 0; i < spec->n_constraints; i++)
        list[i] = spec->constraints[i];
    list[spec->n_constraints++] = (struct constraint){attr, value, op};
    spec->constraints = list;
}

void fake_host_port(struct fake_view *f, uint32_t job, uint16_t port)
{
    struct job_spec *spec = fake_spec(f, job);
    struct port_spec *ports = arena_alloc(&f->arena, sizeof(*ports));
    *ports = (struct port_spec){"fixed", port, "tcp"};
    spec->ports = ports;
    spec->n_ports = 1;
}

struct view_claim *fake_claim(struct fake_view *f, uint32_t job, uint32_t index, uint32_t node,
                              uint64_t generation)
{
    struct view_claim *c =
        slot(f, (void **)&f->claims, &f->n_claims, &f->claims_cap, sizeof(*c));
    *c = (struct view_claim){.job = job,
                             .node = node,
                             .index = index,
                             .doc = {.generation = generation,
                                     .spec = f->jobs[job].doc.spec,
                                     .version = f->jobs[job].doc.version,
                                     .state = INSTANCE_RUNNING,
                                     .health = HEALTH_PASSING,
                                     .is_proven = true}};
    return c;
}

void fake_refuse(struct fake_view *f, uint32_t job, uint32_t index, uint32_t node, const char *why)
{
    struct view_refuse *r =
        slot(f, (void **)&f->refusals, &f->n_refusals, &f->refusals_cap, sizeof(*r));
    *r = (struct view_refuse){job, node, index, {.spec = f->jobs[job].doc.spec, .reason = why}};
}

void fake_past(struct fake_view *f, uint32_t job, uint32_t index, uint64_t generation)
{
    struct view_past *past = slot(f, (void **)&f->past, &f->n_past, &f->past_cap, sizeof(*past));
    *past = (struct view_past){job, VIEW_NONE, index, generation};
}

/* ---- order ---- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_claim(const void *a, const void *b)
{
    const struct view_claim *x = a, *y = b;
    int order = compare(x->job, y->job);
    order = order ? order : compare(x->index, y->index);
    order = order ? order : compare(y->doc.generation, x->doc.generation);
    order = order ? order : compare(x->doc.claimed_unix_ms, y->doc.claimed_unix_ms);
    return order ? order : compare(x->node, y->node);
}

static int compare_refuse(const void *a, const void *b)
{
    const struct view_refuse *x = a, *y = b;
    int order = compare(x->job, y->job);
    order = order ? order : compare(x->index, y->index);
    return order ? order : compare(x->node, y->node);
}

static int compare_past(const void *a, const void *b)
{
    const struct view_past *x = a, *y = b;
    int order = compare(x->job, y->job);
    return order ? order : compare(x->index, y->index);
}

void fake_sort(struct fake_view *f)
{
    if (f->n_claims)
        qsort(f->claims, f->n_claims, sizeof(*f->claims), compare_claim);
    if (f->n_refusals)
        qsort(f->refusals, f->n_refusals, sizeof(*f->refusals), compare_refuse);
    if (f->n_past)
        qsort(f->past, f->n_past, sizeof(*f->past), compare_past);
    uint32_t at = 0;
    for (uint32_t job = 0; job < f->n_jobs; job++) {
        f->jobs[job].first_claim = at;
        while (at < f->n_claims && f->claims[at].job == job)
            at++;
        f->jobs[job].n_claims = at - f->jobs[job].first_claim;
    }
    f->view = (struct view){.self = f->view.self,
                            .nodes = f->nodes,
                            .jobs = f->jobs,
                            .claims = f->claims,
                            .refusals = f->refusals,
                            .past = f->past,
                            .n_nodes = f->n_nodes,
                            .n_jobs = f->n_jobs,
                            .n_claims = f->n_claims,
                            .n_refusals = f->n_refusals,
                            .n_past = f->n_past};
}

/* ---- chance ---- */

static void random_node(struct fake_view *f, struct rng *r)
{
    struct view_node *node =
        fake_node(f, 500 * (uint32_t)rng_below(r, 9), rng_below(r, 9) << 27);
    if (rng_chance(r, 0.1)) {
        node->state = MEMBER_DEAD;
        node->is_live = rng_chance(r, 0.3); /* away, or take-overs are on hold */
        node->takes_work = false;
    } else if (rng_chance(r, 0.1)) {
        node->doc.state = rng_chance(r, 0.5) ? AGENT_LEAVING : AGENT_AWAY;
        node->takes_work = false;
    } else if (rng_chance(r, 0.05)) {
        node->has_doc = node->takes_work = false;
    } else if (rng_chance(r, 0.1)) {
        node->doc.n_attributes = 0;
    } else if (rng_chance(r, 0.1)) {
        node->doc.disk = rng_chance(r, 0.5) ? DISK_FULL : DISK_BROKEN;
        node->takes_work = false;
    }
}

static void random_job(struct fake_view *f, struct rng *r)
{
    static const char *const racks[] = {"r0", "r1", "r2"};
    uint32_t job = (uint32_t)f->n_jobs;
    fake_job(f, (uint32_t)rng_below(r, 9), 100 * (uint32_t)rng_below(r, 12),
             rng_below(r, 12) << 25);
    if (rng_chance(r, 0.2))
        fake_constraint(f, job, CONSTRAINT_EQ, "rack", racks[rng_below(r, 3)]);
    if (rng_chance(r, 0.1))
        fake_constraint(f, job, CONSTRAINT_LIKE, "rack", "r[01]");
    if (rng_chance(r, 0.3))
        fake_constraint(f, job, CONSTRAINT_UNIQUE, rng_chance(r, 0.7) ? "hostname" : "rack", NULL);
    if (rng_chance(r, 0.3))
        fake_host_port(f, job, (uint16_t)(9000 + rng_below(r, 2)));
    fake_spec(f, job)->update.max_parallel = 1 + (uint32_t)rng_below(r, 3);
    if (rng_chance(r, 0.05))
        f->jobs[job].spec = NULL;
}

static void random_claim(struct fake_view *f, struct rng *r)
{
    struct view_claim *c =
        fake_claim(f, (uint32_t)rng_below(r, f->n_jobs), (uint32_t)rng_below(r, 9),
                   (uint32_t)rng_below(r, f->n_nodes), 1 + rng_below(r, 3));
    for (size_t i = 0; i + 1 < f->n_claims; i++) /* a node has one claim of an instance */
        if (f->claims[i].job == c->job && f->claims[i].index == c->index &&
            f->claims[i].node == c->node) {
            f->n_claims--;
            return;
        }
    c->doc.claimed_unix_ms = rng_below(r, 3);
    if (rng_chance(r, 0.3))
        c->doc.state = (enum instance_state)rng_below(r, INSTANCE_LOST + 1);
    c->doc.is_proven = c->doc.state == INSTANCE_RUNNING && rng_chance(r, 0.7);
    c->doc.spec.at[0] = rng_chance(r, 0.8);
    if (!f->nodes[c->node].is_live) { /* as the view would: hidden */
        fake_past(f, c->job, c->index, c->doc.generation);
        f->n_claims--;
    }
}

void fake_random(struct fake_view *f, struct rng *r)
{
    fake_init(f);
    for (size_t n = 1 + (size_t)rng_below(r, rng_chance(r, 0.1) ? 200 : 10); n > 0; n--)
        random_node(f, r);
    for (size_t n = 1 + (size_t)rng_below(r, 7); n > 0; n--)
        random_job(f, r);
    for (size_t n = (size_t)rng_below(r, 40); n > 0; n--)
        random_claim(f, r);
    for (size_t n = (size_t)rng_below(r, 12); n > 0; n--) {
        fake_refuse(f, (uint32_t)rng_below(r, f->n_jobs), (uint32_t)rng_below(r, 9),
                    (uint32_t)rng_below(r, f->n_nodes), "crashed there 3 times");
        f->refusals[f->n_refusals - 1].doc.spec.at[0] = rng_chance(r, 0.8);
    }
    fake_sort(f);
}

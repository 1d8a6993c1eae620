/* The plan's promises, on thousands of random views and a few that people would draw. */
#include "sched/plan.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sched/constraint.h"
#include "sched/place.h"
#include "tests/lib/fake_view.h"

enum { ROUNDS = 3000 };

static struct plan plan_of(struct fake_view *f)
{
    struct plan plan;
    fake_sort(f);
    cr_assert_eq(plan_make(&f->view, &f->arena, &plan), 0);
    return plan;
}

static struct load need_of(const struct fake_view *f, uint32_t job)
{
    return place_need(f->jobs[job].spec);
}

/* The claim that a node publishes first for what the plan gives it; over its own ended one. */
static void realize(struct fake_view *f, const struct placement *p)
{
    struct view_claim *c = NULL;
    for (size_t i = 0; i < f->n_claims; i++)
        if (f->claims[i].job == p->job && f->claims[i].index == p->index &&
            f->claims[i].node == p->node)
            c = &f->claims[i];
    if (!c)
        c = fake_claim(f, p->job, p->index, p->node, 0);
    c->doc = (struct claim_doc){.generation = p->generation,
                                .spec = f->jobs[p->job].doc.spec,
                                .state = INSTANCE_STARTING,
                                .health = HEALTH_UNKNOWN,
                                .claimed_unix_ms = 5};
}

/* Nodes and generations as before; what was realized is kept, the rest is as it was. */
static void assert_same(const struct plan *a, const struct plan *b, const bool *is_realized,
                        unsigned seed)
{
    cr_assert_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct placement *x = &a->placements[i], *y = &b->placements[i];
        enum placement_action want = is_realized[i] ? PLACEMENT_KEEP : x->action;
        cr_assert(x->job == y->job && x->index == y->index && x->node == y->node &&
                      y->action == want && x->generation == y->generation,
                  "seed %u: job%u.%u was on %d, is on %d (action %d, generation %lu, %lu): %s",
                  seed, x->job, x->index, (int)x->node, (int)y->node, y->action,
                  (unsigned long)x->generation, (unsigned long)y->generation, y->reason);
    }
}

static bool *flags_of(struct fake_view *f, const struct plan *plan)
{
    return arena_array(&f->arena, plan->n + 1, sizeof(bool));
}

static void realize_all(struct fake_view *f, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->placements[i].action == PLACEMENT_PLACE)
            realize(f, &plan->placements[i]);
}

Test(plan, is_a_fixed_point_of_any_subset_of_its_own_claims)
{
    for (unsigned seed = 0; seed < ROUNDS; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        bool *is_realized = flags_of(&f, &plan);
        double chance = rng_unit(&r);
        for (size_t i = 0; i < plan.n; i++)
            if (plan.placements[i].action == PLACEMENT_PLACE && rng_chance(&r, chance)) {
                is_realized[i] = true;
                realize(&f, &plan.placements[i]);
            }
        struct plan next = plan_of(&f);
        assert_same(&plan, &next, is_realized, seed);
        fake_fini(&f);
    }
}

Test(plan, stays_as_its_claims_arrive_one_by_one_in_any_order)
{
    for (unsigned seed = 0; seed < ROUNDS / 3; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, 1000000 + seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        bool *is_realized = flags_of(&f, &plan);
        size_t *order = arena_array(&f.arena, plan.n + 1, sizeof(*order));
        for (size_t i = 0; i < plan.n; i++)
            order[i] = i;
        rng_shuffle(&r, order, plan.n, sizeof(*order));
        for (size_t i = 0; i < plan.n; i++) {
            if (plan.placements[order[i]].action != PLACEMENT_PLACE)
                continue;
            is_realized[order[i]] = true;
            realize(&f, &plan.placements[order[i]]);
            struct plan next = plan_of(&f);
            assert_same(&plan, &next, is_realized, seed);
        }
        fake_fini(&f);
    }
}

Test(plan, is_the_same_byte_for_byte_whoever_computes_it)
{
    for (unsigned seed = 0; seed < ROUNDS / 3; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        f.view.self = (uint32_t)rng_below(&r, f.n_nodes);
        rng_shuffle(&r, f.past, f.n_past, sizeof(*f.past));
        struct plan next = plan_of(&f);
        cr_assert_eq(plan.n, next.n);
        for (size_t i = 0; i < plan.n; i++) {
            const struct placement *x = &plan.placements[i], *y = &next.placements[i];
            cr_assert(x->node == y->node && x->claim == y->claim && x->action == y->action &&
                      x->generation == y->generation && strcmp(x->reason, y->reason) == 0);
        }
        fake_fini(&f);
    }
}

Test(plan, moves_nothing_when_a_node_joins)
{
    for (unsigned seed = 0; seed < ROUNDS / 3; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        realize_all(&f, &plan);
        fake_node(&f, 100000, 1ul << 40);
        struct plan next = plan_of(&f);
        for (size_t i = 0; i < plan.n; i++)
            cr_assert(plan.placements[i].action == PLACEMENT_NONE ||
                          plan.placements[i].node == next.placements[i].node,
                      "seed %u", seed);
        fake_fini(&f);
    }
}

/* Realize the plan and drop all that it does not keep: how a cluster looks when it is at rest. */
static struct plan settle(struct fake_view *f)
{
    struct plan plan = plan_of(f);
    realize_all(f, &plan);
    plan = plan_of(f);
    bool *is_kept = arena_array(&f->arena, f->n_claims + 1, sizeof(bool));
    for (size_t i = 0; i < plan.n; i++)
        if (plan.placements[i].action == PLACEMENT_KEEP)
            is_kept[plan.placements[i].claim] = true;
    size_t n = 0;
    for (size_t i = 0; i < f->n_claims; i++)
        if (is_kept[i])
            f->claims[n++] = f->claims[i];
    f->n_claims = n;
    return plan_of(f);
}

Test(plan, moves_only_what_a_dead_node_held)
{
    for (unsigned seed = 0; seed < ROUNDS / 3; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = settle(&f);
        uint32_t dead = (uint32_t)rng_below(&r, f.n_nodes);
        f.nodes[dead].is_live = f.nodes[dead].takes_work = false;
        struct plan next = plan_of(&f);
        for (size_t i = 0; i < plan.n; i++) {
            const struct placement *was = &plan.placements[i], *is = &next.placements[i];
            cr_assert_neq(is->node, dead);
            if (was->action != PLACEMENT_KEEP)
                continue;
            if (was->node != dead)
                cr_assert_eq(is->node, was->node, "seed %u", seed);
            else if (is->action == PLACEMENT_PLACE)
                cr_assert_gt(is->generation, was->generation);
        }
        fake_fini(&f);
    }
}

/* Where the plan puts something there is room for it beside all that runs there; and what it
 * keeps and puts on a node fits there together. */
static void assert_capacity(struct fake_view *f, const struct plan *plan, unsigned seed)
{
    struct load *running = arena_array(&f->arena, f->n_nodes, sizeof(*running));
    struct load *planned = arena_array(&f->arena, f->n_nodes, sizeof(*planned));
    bool *is_touched = arena_array(&f->arena, f->n_nodes, sizeof(bool));
    for (size_t i = 0; i < f->n_claims; i++)
        if (f->jobs[f->claims[i].job].spec && claim_runs(&f->claims[i].doc))
            load_add(&running[f->claims[i].node], need_of(f, f->claims[i].job));
    for (size_t i = 0; i < plan->n; i++) {
        const struct placement *p = &plan->placements[i];
        if (p->action == PLACEMENT_NONE)
            continue;
        load_add(&planned[p->node], need_of(f, p->job));
        if (p->action == PLACEMENT_PLACE)
            load_add(&running[p->node], need_of(f, p->job));
        is_touched[p->node] |= p->action == PLACEMENT_PLACE;
    }
    for (size_t i = 0; i < f->n_nodes; i++) {
        const struct node_doc *doc = &f->nodes[i].doc;
        const struct load *used = is_touched[i] ? &running[i] : &planned[i];
        cr_assert(!f->nodes[i].has_doc || (used->cpu_milli <= doc->cpu_milli &&
                                           used->memory_bytes <= doc->memory_bytes),
                  "seed %u: node %zu", seed, i);
    }
}

/* Two instances never share a node's fixed port, nor one job's unique value. */
static void assert_apart(struct fake_view *f, const struct placement *x, const struct placement *y,
                         unsigned seed)
{
    const struct job_spec *a = f->jobs[x->job].spec, *b = f->jobs[y->job].spec;
    if (a->n_ports && b->n_ports && a->ports[0].host_port == b->ports[0].host_port)
        cr_assert_neq(x->node, y->node, "seed %u: port", seed);
    if (x->job != y->job)
        return;
    for (size_t i = 0; i < a->n_constraints; i++) {
        if (a->constraints[i].op != CONSTRAINT_UNIQUE)
            continue;
        const char *p = attribute_of(&f->nodes[x->node].doc, a->constraints[i].attr);
        const char *q = attribute_of(&f->nodes[y->node].doc, a->constraints[i].attr);
        cr_assert(!p || !q || strcmp(p, q) != 0, "seed %u: unique", seed);
    }
}

Test(plan, never_exceeds_capacity_nor_doubles_ports_and_unique_values)
{
    for (unsigned seed = 0; seed < ROUNDS; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        assert_capacity(&f, &plan, seed);
        for (size_t i = 0; i < plan.n; i++) {
            const struct placement *x = &plan.placements[i];
            for (size_t k = 0; k < i && x->node != VIEW_NONE; k++)
                if (plan.placements[k].node != VIEW_NONE)
                    assert_apart(&f, &plan.placements[k], x, seed);
        }
        fake_fini(&f);
    }
}

Test(plan, finds_a_place_whenever_explain_knows_one)
{
    for (unsigned seed = 0; seed < ROUNDS / 10; seed++) {
        struct rng r;
        struct fake_view f;
        rng_init(&r, seed);
        fake_random(&f, &r);
        struct plan plan = plan_of(&f);
        for (size_t i = 0; i < plan.n; i++) {
            const struct placement *p = &plan.placements[i];
            struct candidate *list;
            size_t n, n_feasible = 0;
            cr_assert_eq(plan_explain(&f.view, p->job, p->index, &f.arena, &list, &n), 0);
            cr_assert_eq(n, f.n_nodes);
            for (size_t k = 0; k < n; k++) {
                n_feasible += list[k].verdict == VERDICT_FEASIBLE;
                cr_assert_eq(list[k].verdict == VERDICT_CHOSEN, p->node == list[k].node, "seed %u", seed);
                cr_assert(k == 0 || list[k - 1].verdict <= list[k].verdict, "the chosen one stands first");
                cr_assert_not_null(list[k].reason);
            }
            cr_assert(p->action != PLACEMENT_NONE || n_feasible == 0, "seed %u", seed);
        }
        fake_fini(&f);
    }
}

/* ---- views that people would draw ---- */

Test(plan, spreads_a_job_and_returns_to_the_empty_node_after_a_death)
{
    struct fake_view f;
    fake_init(&f);
    for (int i = 0; i < 5; i++)
        fake_node(&f, 4000, 1ul << 32);
    fake_job(&f, 3, 500, 256 << 20);
    struct plan plan = plan_of(&f);
    bool has[5] = {false};
    for (size_t i = 0; i < plan.n; i++) {
        cr_assert_not(has[plan.placements[i].node]);
        has[plan.placements[i].node] = true;
        fake_claim(&f, 0, (uint32_t)i, plan.placements[i].node, 1);
    }
    uint32_t dead = plan.placements[0].node;
    f.nodes[dead].is_live = f.nodes[dead].takes_work = false;
    f.claims[0] = f.claims[--f.n_claims];
    fake_past(&f, 0, 0, 1);
    plan = plan_of(&f);
    cr_assert_eq(plan.placements[0].action, PLACEMENT_PLACE);
    cr_assert_eq(plan.placements[0].generation, 2);
    cr_assert_not(has[plan.placements[0].node], "beside another instance of the job");
    fake_fini(&f);
}

Test(plan, says_in_words_why_nothing_fits)
{
    struct fake_view f;
    fake_init(&f);
    fake_node(&f, 4000, 100 << 20);
    fake_node(&f, 4000, 100 << 20);
    fake_node(&f, 4000, 1ul << 32);
    fake_job(&f, 1, 500, 256 << 20);
    fake_refuse(&f, 0, 0, 2, "crashed there 3 times");
    f.refusals[0].doc.until_unix_ms = 1;
    struct plan plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[0].reason,
                     "given up on n2: crashed there 3 times; no other node fits: 2 lack memory "
                     "(256M wanted); n0 would fit with memory <= 100M");
    f.refusals[0].doc.until_unix_ms = 0; /* it waits for its cause to end */
    plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[0].reason,
                     "cannot start on n2 yet: crashed there 3 times; no other node fits: 2 lack memory "
                     "(256M wanted); n0 would fit with memory <= 100M");
    f.refusals[0].doc.spec.at[0] = 9; /* of another version: void */
    plan = plan_of(&f);
    cr_assert_eq(plan.placements[0].node, 2);
    cr_assert_str_eq(plan.placements[0].reason, "the only fitting node");
    fake_fini(&f);
}

Test(plan, keeps_the_best_claim_of_duplicates)
{
    static const struct {
        uint64_t generation, claimed;
        uint32_t node;
    } rows[][2] = {
        {{3, 9, 1}, {2, 1, 0}}, /* the higher generation, */
        {{2, 1, 1}, {2, 5, 0}}, /* then the older claim, */
        {{2, 1, 0}, {2, 1, 1}}, /* then the smaller id */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_view f;
        fake_init(&f);
        fake_node(&f, 4000, 1ul << 32);
        fake_node(&f, 4000, 1ul << 32);
        fake_job(&f, 1, 500, 256 << 20);
        for (size_t k = 2; k-- > 0;)
            fake_claim(&f, 0, 0, rows[i][k].node, rows[i][k].generation)->doc.claimed_unix_ms =
                rows[i][k].claimed;
        struct plan plan = plan_of(&f);
        cr_assert_eq(plan.placements[0].action, PLACEMENT_KEEP);
        cr_assert_eq(plan.placements[0].node, rows[i][0].node, "row %zu", i);
        fake_fini(&f);
    }
}

Test(plan, places_anew_what_holds_no_more)
{
    enum { LEAVES, FAILED, UNFIT, TOO_BIG, BROKEN, FULL, AWAY, OLD, ROWS };
    for (int row = 0; row < ROWS; row++) {
        struct fake_view f;
        fake_init(&f);
        fake_node(&f, 4000, 1ul << 32);
        fake_node(&f, 8000, 1ul << 32);
        fake_job(&f, 1, 500, 256 << 20);
        struct view_claim *c = fake_claim(&f, 0, 0, 0, 7);
        c->doc.state = row == FAILED ? INSTANCE_FAILED : INSTANCE_RUNNING;
        c->doc.spec.at[0] = row == OLD ? 0 : 1;
        if (row == LEAVES || row == AWAY) {
            f.nodes[0].doc.state = row == LEAVES ? AGENT_LEAVING : AGENT_AWAY;
            f.nodes[0].takes_work = false;
        }
        if (row == BROKEN || row == FULL) {
            f.nodes[0].doc.disk = row == FULL ? DISK_FULL : DISK_BROKEN;
            f.nodes[0].takes_work = false;
        }
        if (row == UNFIT)
            fake_constraint(&f, 0, CONSTRAINT_EQ, "rack", "r1");
        if (row == TOO_BIG)
            fake_spec(&f, 0)->task.cpu_milli = 5000;
        if (row == FAILED)
            fake_refuse(&f, 0, 0, 0, "gave up");
        struct plan plan = plan_of(&f);
        bool stays = row == AWAY || row == OLD || row == FULL;
        cr_assert_eq(plan.placements[0].action, stays ? PLACEMENT_KEEP : PLACEMENT_PLACE, "row %d",
                     row);
        cr_assert_eq(plan.placements[0].node, stays ? 0 : 1, "row %d", row);
        cr_assert_eq(plan.placements[0].generation, stays ? 7 : 8, "row %d", row);
        fake_fini(&f);
    }
}

Test(plan, says_of_each_node_why_it_takes_no_work)
{
    static const struct {
        enum agent_state state;
        enum disk_state disk;
        const char *reason;
        size_t n_attributes;
    } rows[] = {{AGENT_LEAVING, DISK_OK, "is draining", 0},
                {AGENT_AWAY, DISK_OK, "is away for a moment", 0},
                {AGENT_LEAVING, DISK_FULL, "is draining", 2},
                {AGENT_UP, DISK_BROKEN, "its disk is broken", 0},
                {AGENT_UP, DISK_FULL, "its disk is full", 2},
                {AGENT_UP, DISK_OK, "cannot run tasks: tasks need root", 2}};
    struct pair no_tasks[] = {{"tasks", "none"}, {"tasks.cause", "tasks need root"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_view f;
        struct candidate *list;
        size_t n;
        fake_init(&f);
        fake_node(&f, 4000, 1ul << 32);
        f.nodes[0].doc.state = rows[i].state;
        f.nodes[0].doc.disk = rows[i].disk;
        f.nodes[0].doc.attributes = no_tasks;
        f.nodes[0].doc.n_attributes = rows[i].n_attributes;
        f.nodes[0].takes_work = false;
        fake_job(&f, 1, 500, 256 << 20);
        struct plan plan = plan_of(&f);
        cr_assert_eq(plan.placements[0].action, PLACEMENT_NONE);
        cr_assert_eq(plan_explain(&f.view, 0, 0, &f.arena, &list, &n), 0);
        cr_assert_str_eq(list[0].reason, rows[i].reason, "row %zu", i);
        fake_fini(&f);
    }
}

Test(plan, moves_what_does_not_fit_beside_the_others_any_more)
{
    struct fake_view f;
    fake_init(&f);
    fake_node(&f, 4000, 1ul << 32);
    fake_node(&f, 4000, 1ul << 32);
    fake_job(&f, 3, 1000, 256 << 20);
    for (uint32_t i = 0; i < 3; i++)
        fake_claim(&f, 0, i, 0, 1);
    fake_spec(&f, 0)->task.cpu_milli = 2000; /* a new version wants twice as much */
    struct plan plan = plan_of(&f);
    cr_assert_eq(plan.placements[0].action, PLACEMENT_KEEP);
    cr_assert_eq(plan.placements[1].action, PLACEMENT_KEEP);
    cr_assert_eq(plan.placements[2].action, PLACEMENT_PLACE);
    cr_assert_eq(plan.placements[2].node, 1);
    fake_fini(&f);
}

Test(plan, widens_its_sample_until_something_fits)
{
    struct fake_view f;
    fake_init(&f);
    for (int i = 0; i < 1000; i++)
        fake_node(&f, i == 777 ? 4000 : 100, 1ul << 32);
    fake_job(&f, 2, 3000, 256 << 20);
    struct plan plan = plan_of(&f);
    cr_assert_eq(plan.placements[0].node, 777);
    cr_assert_eq(plan.placements[1].action, PLACEMENT_NONE);
    cr_assert_str_eq(plan.placements[1].reason, "no node fits: 1000 lack cpu (3 wanted); n777 would fit with cpu <= 1");
    fake_fini(&f);
}

/* A look at every node for each of many jobs would cost more than the plan. */
Test(plan, looks_for_the_nearest_node_within_a_bound)
{
    struct fake_view f;
    fake_init(&f);
    for (int i = 0; i < 1000; i++)
        fake_node(&f, 1000, 1ul << 32);
    for (uint32_t i = 0; i < 100; i++)
        fake_job(&f, 1, 2000 + i, 256 << 20);
    struct plan plan = plan_of(&f);
    size_t n = 0;
    for (size_t i = 0; i < plan.n; i++) {
        cr_assert(strncmp(plan.placements[i].reason, "no node fits: 1000 lack cpu", 27) == 0);
        n += strstr(plan.placements[i].reason, "would fit with cpu <= 1") != NULL;
    }
    cr_expect_eq(n, PLACE_NEAR_MAX / 1000);
    fake_fini(&f);
}

/* What a person could change: the least of it, and only where it would be enough. */
Test(plan, names_the_node_that_misses_least)
{
    struct fake_view f;
    fake_init(&f);
    fake_node(&f, 4000, 1ul << 30);
    fake_node(&f, 8000, 3ul << 29);
    fake_job(&f, 1, 16000, 4ul << 30);
    struct plan plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[0].reason,
                     "no node fits: 2 lack cpu (16 wanted); n1 would fit with cpu <= 8 and memory <= 1.5G");
    f.jobs[0].count = 2;
    fake_spec(&f, 0)->task.cpu_milli = 5500;
    fake_spec(&f, 0)->task.memory_bytes = 1ul << 30;
    plan = plan_of(&f); /* job0.0 is placed and takes its part */
    cr_assert_str_eq(plan.placements[1].reason,
                     "no node fits: 2 lack cpu (5.5 wanted); n0 would fit with cpu <= 4");
    fake_spec(&f, 0)->task.cpu_milli = 1000;
    fake_spec(&f, 0)->task.memory_bytes = 1ul << 20;
    fake_host_port(&f, 0, 8080);
    f.jobs[0].count = 3;
    plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[2].reason,
                     "no node fits: 2 have the port taken; n0 would fit but for port 8080");
    f.jobs[0].count = 1;
    fake_constraint(&f, 0, CONSTRAINT_EQ, "hostname", "n9");
    plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[0].reason,
                     "no node fits: 2 fail a constraint; n0 would fit but for hostname == n9");
    fake_constraint(&f, 0, CONSTRAINT_EQ, "rack", "r9"); /* two at once are no advice */
    plan = plan_of(&f);
    cr_assert_str_eq(plan.placements[0].reason, "no node fits: 2 fail a constraint");
    fake_fini(&f);
}

Test(plan, reserves_what_live_claims_take)
{
    struct fake_view f;
    fake_init(&f);
    fake_node(&f, 4000, 1ul << 32);
    fake_job(&f, 2, 500, 256 << 20);
    fake_claim(&f, 0, 0, 0, 1);
    fake_claim(&f, 0, 5, 0, 1);
    fake_claim(&f, 0, 1, 0, 1)->doc.state = INSTANCE_FAILED;
    fake_sort(&f);
    struct reserved *reserved;
    cr_assert_eq(plan_reserved(&f.view, &f.arena, &reserved), 0);
    cr_assert_eq(reserved[0].cpu_milli, 1000);
    cr_assert_eq(reserved[0].memory_bytes, 512 << 20);
    fake_fini(&f);
}

Test(plan, reports_a_full_arena_at_every_allocation)
{
    struct rng r;
    struct fake_view f;
    rng_init(&r, 4);
    fake_random(&f, &r);
    int rc = -1;
    for (size_t limit = 16; rc < 0 && limit < 1 << 20; limit += 16) {
        struct arena small;
        struct plan plan;
        arena_init(&small, limit);
        rc = plan_make(&f.view, &small, &plan);
        cr_assert(rc == 0 || rc == -ENOMEM);
        arena_fini(&small);
    }
    cr_assert_eq(rc, 0);
    fake_fini(&f);
}

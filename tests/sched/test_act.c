/* What a node does with a plan: single decisions, and whole clusters that act on views which are
 * late, until everything is where it belongs. */
#include "sched/act.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/lib/fake_view.h"

/* ---- single decisions, as text ---- */

static const char *acts_text(struct fake_view *f, uint32_t self)
{
    static const char *const kinds[] = {"start", "stop", "replace", "amend"};
    struct plan plan;
    struct act *acts;
    size_t n;
    fake_sort(f);
    f->view.self = self;
    cr_assert_eq(plan_make(&f->view, &f->arena, &plan), 0);
    cr_assert_eq(act_decide(&f->view, &plan, &f->arena, &acts, &n), 0);
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->arena, "%s%s%s %s.%u: %s", text, i ? "; " : "", kinds[acts[i].kind],
                            acts[i].name, acts[i].index, acts[i].reason);
    return text;
}

static void two_nodes(struct fake_view *f, uint32_t count)
{
    fake_init(f);
    fake_node(f, 4000, 1ul << 32);
    fake_node(f, 4000, 1ul << 32);
    fake_job(f, count, 500, 256 << 20);
}

/* A new version of the only job, of which `edit` lies between. */
static void submit(struct fake_view *f, enum edit edit)
{
    f->jobs[0].doc.spec.at[0]++;
    f->jobs[0].doc.version++;
    for (size_t i = 0; i < f->n_claims; i++)
        f->claims[i].edit = edit;
}

static void be_current(struct fake_view *f, size_t claim)
{
    f->claims[claim].doc.spec = f->jobs[0].doc.spec;
    f->claims[claim].doc.version = f->jobs[0].doc.version;
}

Test(act, starts_what_the_plan_gives_to_us_and_nothing_else)
{
    struct fake_view f;
    two_nodes(&f, 1);
    f.nodes[1].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "start job0.0: the only fitting node");
    cr_assert_str_eq(acts_text(&f, 1), "");
    cr_assert_str_eq(acts_text(&f, VIEW_NONE), "");
    fake_fini(&f);
}

Test(act, starts_again_over_its_own_failed_claim_unless_it_refuses)
{
    struct fake_view f;
    two_nodes(&f, 1);
    f.nodes[1].takes_work = false;
    fake_claim(&f, 0, 0, 0, 4)->doc.state = INSTANCE_FAILED;
    cr_assert_str_eq(acts_text(&f, 0), "start job0.0: the only fitting node");
    fake_refuse(&f, 0, 0, 0, "gave up");
    cr_assert_str_eq(acts_text(&f, 0), "");
    fake_fini(&f);
}

Test(act, stops_what_is_not_wanted)
{
    struct fake_view f;
    two_nodes(&f, 1);
    fake_claim(&f, 0, 0, 0, 1);
    fake_claim(&f, 0, 1, 0, 1);
    cr_assert_str_eq(acts_text(&f, 0), "stop job0.1: scaled to 1");
    f.jobs[0].count = 0;
    f.jobs[0].control.is_stopped = true;
    cr_assert_str_eq(acts_text(&f, 0),
                     "stop job0.0: the job is stopped; stop job0.1: the job is stopped");
    f.jobs[0].spec = NULL; /* not known yet: nothing is decided */
    cr_assert_str_eq(acts_text(&f, 0), "");
    fake_fini(&f);
}

Test(act, what_a_removed_job_of_this_name_left_is_stopped_at_once_and_replaces_nothing)
{
    struct fake_view f;
    two_nodes(&f, 2);
    f.jobs[0].doc.born = 9;
    for (uint32_t i = 0; i < 2; i++) {
        struct view_claim *c = fake_claim(&f, 0, i, 0, 3);
        c->doc.spec.at[0] ^= 1;
        c->is_former = true;
    }
    cr_assert_str_eq(acts_text(&f, 0),
                     "stop job0.0: its job was removed; stop job0.1: its job was removed");
    cr_assert_str_eq(acts_text(&f, 1),
                     "start job0.0: the only fitting node; start job0.1: the only fitting node");
    f.nodes[1].takes_work = false; /* then they have to wait, and say for what */
    struct plan plan;
    fake_sort(&f);
    cr_assert_eq(plan_make(&f.view, &f.arena, &plan), 0);
    cr_assert_eq(plan.placements[1].action, PLACEMENT_NONE);
    cr_assert_str_eq(plan.placements[1].reason,
                     "waits until the task of the removed job has ended");
    fake_fini(&f);
}

Test(act, stops_orphans_of_its_own)
{
    struct fake_view f;
    struct plan plan;
    struct act *acts;
    size_t n;
    static const struct view_orphan orphans[] = {{0, 3, "default", "old"}, {1, 4, "default", "old"}};
    two_nodes(&f, 0);
    fake_sort(&f);
    f.view.orphans = orphans;
    f.view.n_orphans = 2;
    f.view.self = 1;
    cr_assert_eq(plan_make(&f.view, &f.arena, &plan), 0);
    cr_assert_eq(act_decide(&f.view, &plan, &f.arena, &acts, &n), 0);
    cr_assert_eq(n, 1);
    cr_assert(acts[0].kind == ACT_STOP && acts[0].job == VIEW_NONE && acts[0].index == 4);
    fake_fini(&f);
}

Test(act, loser_of_a_duplicate_stops_when_the_winner_is_healthy_or_it_is_not)
{
    static const struct {
        enum instance_state winner, loser;
        bool stops;
    } rows[] = {
        {INSTANCE_RUNNING, INSTANCE_RUNNING, true},
        {INSTANCE_STARTING, INSTANCE_RUNNING, false},
        {INSTANCE_STARTING, INSTANCE_STARTING, true},
        {INSTANCE_STARTING, INSTANCE_FAILED, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_view f;
        two_nodes(&f, 1);
        fake_claim(&f, 0, 0, 0, 1)->doc.state = rows[i].loser;
        fake_claim(&f, 0, 0, 1, 2)->doc.state = rows[i].winner;
        cr_assert_str_eq(acts_text(&f, 1), "");
        cr_assert_str_eq(acts_text(&f, 0), rows[i].stops ? "stop job0.0: held by n1" : "",
                         "row %zu", i);
        fake_fini(&f);
    }
}

Test(act, a_leaving_node_waits_for_its_heir_if_there_can_be_one)
{
    struct fake_view f;
    two_nodes(&f, 1);
    fake_claim(&f, 0, 0, 0, 1);
    f.nodes[0].doc.state = AGENT_LEAVING;
    f.nodes[0].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    cr_assert_str_eq(acts_text(&f, 1), "start job0.0: the only fitting node");
    struct view_claim *heir = fake_claim(&f, 0, 0, 1, 2);
    heir->doc.health = HEALTH_UNKNOWN;
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.claims[0].doc.health = HEALTH_NONE; /* the higher generation sorts first */
    cr_assert_str_eq(acts_text(&f, 0), "stop job0.0: held by n1");
    f.claims[0] = f.claims[--f.n_claims];
    f.nodes[1].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "stop job0.0: this node leaves, and no other can take it");
    fake_fini(&f);
}

/* As a leaving one, but it stays: what nobody else can take goes on running there. */
Test(act, a_node_with_a_broken_disk_hands_over_and_keeps_what_nobody_takes)
{
    struct fake_view f;
    two_nodes(&f, 1);
    fake_claim(&f, 0, 0, 0, 1);
    f.nodes[0].doc.disk = DISK_BROKEN;
    f.nodes[0].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    cr_assert_str_eq(acts_text(&f, 1), "start job0.0: the only fitting node");
    struct view_claim *heir = fake_claim(&f, 0, 0, 1, 2);
    heir->doc.health = HEALTH_UNKNOWN;
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.claims[0].doc.health = HEALTH_NONE; /* the higher generation sorts first */
    cr_assert_str_eq(acts_text(&f, 0), "stop job0.0: held by n1");
    f.claims[0] = f.claims[--f.n_claims];
    f.nodes[1].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    fake_fini(&f);
}

Test(act, on_a_full_disk_what_works_is_not_switched)
{
    struct fake_view f;
    two_nodes(&f, 1);
    fake_claim(&f, 0, 0, 0, 1);
    f.jobs[0].doc.spec.at[0] = 2;
    f.jobs[0].doc.version = 2;
    f.nodes[0].doc.disk = DISK_FULL;
    f.nodes[0].takes_work = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    cr_assert_str_eq(acts_text(&f, 1), "");
    f.jobs[0].count = 0; /* but it is stopped as anywhere */
    cr_assert_str_eq(acts_text(&f, 0), "stop job0.0: scaled to 0");
    f.jobs[0].count = 1;
    f.nodes[0].doc.disk = DISK_OK;
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: update from v1 to v2");
    fake_fini(&f);
}

Test(act, switches_only_with_evidence_of_what_comes_before)
{
    struct fake_view f;
    two_nodes(&f, 4);
    fake_spec(&f, 0)->update.max_parallel = 2;
    for (uint32_t i = 0; i < 4; i++)
        fake_claim(&f, 0, i, 0, 1);
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.jobs[0].doc.spec.at[0] = 2;
    f.jobs[0].doc.version = 2;
    cr_assert_str_eq(acts_text(&f, 0),
                     "replace job0.0: update from v1 to v2; replace job0.1: update from v1 to v2");
    be_current(&f, 1); /* 1 is done, 0 is not: no evidence for 2 */
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: update from v1 to v2");
    be_current(&f, 0);
    f.claims[0].doc.is_proven = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.claims[0].doc.is_proven = true;
    cr_assert_str_eq(acts_text(&f, 0),
                     "replace job0.2: update from v1 to v2; replace job0.3: update from v1 to v2");
    f.claims[0].doc.health = HEALTH_FAILING;
    cr_assert_str_eq(acts_text(&f, 0), "");
    fake_fini(&f);
}

/* Down already, and no word on the new version: the others need not wait for room. */
Test(act, passes_over_what_nobody_holds_and_fits_nowhere)
{
    struct fake_view f;
    two_nodes(&f, 4);
    f.nodes[0].doc.cpu_milli = 1000;
    f.nodes[1].takes_work = false;
    fake_claim(&f, 0, 1, 0, 1);
    fake_claim(&f, 0, 3, 0, 1);
    f.jobs[0].doc.spec.at[0] = 2;
    f.jobs[0].doc.version = 2;
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.1: update from v1 to v2");
    be_current(&f, 0);
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.3: update from v1 to v2");
    fake_refuse(&f, 0, 2, 1, "crashed there 3 times");
    f.refusals[0].doc.spec.at[0] = 1; /* the old version: nothing is known of the new one */
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.3: update from v1 to v2");
    f.refusals[0].doc.spec.at[0] = 2;
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.n_refusals = 0;
    struct view_claim *failed = fake_claim(&f, 0, 2, 1, 1); /* was tried, and has just ended */
    failed->doc.state = INSTANCE_FAILED;
    cr_assert_str_eq(acts_text(&f, 0), "");
    fake_fini(&f);
}

Test(act, waits_for_what_runs_its_old_version_and_cannot_be_placed)
{
    struct fake_view f;
    two_nodes(&f, 2);
    fake_constraint(&f, 0, CONSTRAINT_EQ, "rack", "r1");
    fake_claim(&f, 0, 0, 0, 1); /* node 0 is in r0 */
    fake_claim(&f, 0, 1, 1, 1);
    f.nodes[1].doc.cpu_milli = 500;
    f.claims[1].doc.spec.at[0] = f.claims[0].doc.spec.at[0] = 1;
    f.jobs[0].doc.spec.at[0] = 2;
    cr_assert_str_eq(acts_text(&f, 0), "");
    cr_assert_str_eq(acts_text(&f, 1), "");
    fake_fini(&f);
}

Test(act, restarts_roll_like_updates)
{
    struct fake_view f;
    two_nodes(&f, 2);
    fake_claim(&f, 0, 0, 0, 1);
    fake_claim(&f, 0, 1, 1, 1);
    f.jobs[0].control.restart_at = 3;
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: a restart was requested");
    cr_assert_str_eq(acts_text(&f, 1), "");
    f.claims[0].doc.restart_at = 3;
    cr_assert_str_eq(acts_text(&f, 0), "");
    cr_assert_str_eq(acts_text(&f, 1), "replace job0.1: a restart was requested");
    fake_fini(&f);
}

/* ---- edits ---- */

Test(act, takes_over_at_once_what_the_task_cannot_see)
{
    struct fake_view f;
    two_nodes(&f, 3);
    for (uint32_t i = 0; i < 3; i++)
        fake_claim(&f, 0, i, 0, 1);
    submit(&f, EDIT_UNSEEN);
    f.claims[1].doc.state = INSTANCE_PENDING;
    f.claims[1].doc.is_proven = false;
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: ; amend job0.1: ; amend job0.2: ");
    for (size_t i = 0; i < 3; i++)
        be_current(&f, i);
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.jobs[0].doc.version = 9; /* the same text again, under a new number */
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: ; amend job0.1: ; amend job0.2: ");
    fake_fini(&f);
}

/* A check that fails everywhere must not reach all of them at once. */
Test(act, brings_new_checks_to_healthy_instances_in_turn)
{
    struct fake_view f;
    two_nodes(&f, 3);
    for (uint32_t i = 0; i < 3; i++)
        fake_claim(&f, 0, i, 0, 1);
    submit(&f, EDIT_CHECKS);
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: update from v1 to v2");
    be_current(&f, 0);
    f.claims[0].doc.is_proven = false;
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.claims[2].doc.health = HEALTH_UNKNOWN; /* has nothing to lose */
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.2: ");
    f.claims[0].doc.is_proven = true;
    f.claims[2].doc.health = HEALTH_PASSING;
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.1: update from v1 to v2");
    fake_fini(&f);
}

Test(act, restarts_what_waits_for_a_restart_and_takes_the_edit_over_meanwhile)
{
    struct fake_view f;
    two_nodes(&f, 2);
    for (uint32_t i = 0; i < 2; i++)
        fake_claim(&f, 0, i, 0, 1);
    f.jobs[0].control.restart_at = 3;
    submit(&f, EDIT_UNSEEN);
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: ; amend job0.1: ");
    be_current(&f, 0);
    be_current(&f, 1);
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: a restart was requested");
    submit(&f, EDIT_CHECKS);
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: a restart was requested");
    submit(&f, EDIT_RESTART);
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.0: update from v2 to v4");
    fake_fini(&f);
}

/* A start needs files that cannot be written now; what goes on needs none. */
Test(act, takes_over_on_a_full_disk_as_well_and_starts_nothing_anew)
{
    struct fake_view f;
    two_nodes(&f, 1);
    fake_claim(&f, 0, 0, 0, 1);
    f.nodes[0].doc.disk = DISK_FULL;
    submit(&f, EDIT_RESTART);
    cr_assert_str_eq(acts_text(&f, 0), "");
    f.claims[0].edit = EDIT_CHECKS;
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: update from v1 to v2");
    f.claims[0].edit = EDIT_UNSEEN;
    cr_assert_str_eq(acts_text(&f, 0), "amend job0.0: ");
    fake_fini(&f);
}

/* What was not taken over yet is no evidence: an older agent may yet start it anew. */
Test(act, counts_nothing_as_switched_that_does_not_say_so)
{
    struct fake_view f;
    two_nodes(&f, 2);
    fake_claim(&f, 0, 0, 1, 1);
    fake_claim(&f, 0, 1, 0, 1);
    submit(&f, EDIT_RESTART);
    f.claims[0].edit = EDIT_UNSEEN;
    cr_assert_str_eq(acts_text(&f, 0), "");
    be_current(&f, 0);
    cr_assert_str_eq(acts_text(&f, 0), "replace job0.1: update from v1 to v2");
    fake_fini(&f);
}

/* ---- a cluster that realizes its plans ---- */

enum { STEPS_MAX = 400, CLAIMS_CAP = 512, NODES_CAP = 16 };

struct moment_of_claims {
    struct view_claim list[CLAIMS_CAP];
    size_t n;
};

struct cluster {
    struct fake_view base; /* nodes, jobs; its claims are what a node sees at the moment */
    struct rng r;
    struct moment_of_claims *history; /* the truth, by step */
    unsigned step;
    uint8_t broken; /* a spec whose tasks never get healthy; 0 = none */
    unsigned seen[NODES_CAP][NODES_CAP]; /* by viewer and owner: up to which step */
};

/* Own claims as they are, those of the others as last heard, never going back. */
static void cluster_look(struct cluster *c, uint32_t viewer)
{
    struct fake_view *f = &c->base;
    f->n_claims = 0;
    for (uint32_t owner = 0; owner < f->n_nodes; owner++) {
        unsigned *seen = &c->seen[viewer][owner];
        *seen += (unsigned)rng_below(&c->r, c->step - *seen + 1);
        if (owner == viewer || rng_chance(&c->r, 0.3))
            *seen = c->step;
        const struct moment_of_claims *then = &c->history[*seen];
        for (size_t i = 0; i < then->n; i++)
            if (then->list[i].node == owner && f->nodes[owner].is_live)
                *fake_claim(f, 0, 0, 0, 0) = then->list[i];
    }
    fake_sort(f);
    f->view.self = viewer;
}

static struct view_claim *find_claim(struct moment_of_claims *now, uint32_t job, uint32_t index,
                                     uint32_t node)
{
    for (size_t i = 0; i < now->n; i++)
        if (now->list[i].job == job && now->list[i].index == index && now->list[i].node == node)
            return &now->list[i];
    return NULL;
}

static struct claim_doc fresh_claim(const struct view_job *j, uint64_t generation, unsigned step)
{
    return (struct claim_doc){.generation = generation,
                              .spec = j->doc.spec,
                              .version = j->doc.version,
                              .restart_at = j->control.restart_at,
                              .state = INSTANCE_STARTING,
                              .health = HEALTH_UNKNOWN,
                              .claimed_unix_ms = step};
}

static void cluster_perform(struct cluster *c, struct moment_of_claims *now, uint32_t node,
                            const struct act *act)
{
    const struct view_job *j = &c->base.jobs[act->job];
    struct view_claim *own = find_claim(now, act->job, act->index, node);
    if (act->kind == ACT_START) {
        if (!own) {
            cr_assert_lt(now->n, CLAIMS_CAP);
            own = &now->list[now->n++];
            *own = (struct view_claim){.job = act->job, .index = act->index, .node = node};
        }
        own->doc = fresh_claim(j, act->generation, c->step);
    } else if (act->kind == ACT_STOP && own) {
        *own = now->list[--now->n];
    } else if (act->kind == ACT_REPLACE && own && own->doc.state != INSTANCE_STOPPING) {
        own->doc.state = INSTANCE_STOPPING;
        own->doc.is_proven = false;
    } else if (act->kind == ACT_AMEND && own) {
        own->doc.spec = j->doc.spec;
        own->doc.version = j->doc.version;
    }
}

/* Tasks get on: stopping ones start anew, starting ones run, running ones are proven. */
static void cluster_progress(struct cluster *c, struct moment_of_claims *now)
{
    for (size_t i = 0; i < now->n; i++) {
        struct claim_doc *d = &now->list[i].doc;
        if (!rng_chance(&c->r, 0.5))
            continue;
        if (d->state == INSTANCE_STOPPING) {
            *d = fresh_claim(&c->base.jobs[now->list[i].job], d->generation, c->step);
        } else if (d->state == INSTANCE_STARTING) {
            bool is_broken = c->broken && d->spec.at[0] == c->broken;
            d->state = INSTANCE_RUNNING;
            d->health = is_broken ? HEALTH_UNKNOWN : HEALTH_PASSING;
        } else {
            d->is_proven = d->health == HEALTH_PASSING;
        }
    }
}

static void cluster_step(struct cluster *c)
{
    cr_assert_lt(c->step + 1, STEPS_MAX);
    struct moment_of_claims *now = &c->history[c->step + 1];
    *now = c->history[c->step];
    for (uint32_t node = 0; node < c->base.n_nodes; node++) {
        struct arena arena;
        struct plan plan;
        struct act *acts;
        size_t n;
        if (!c->base.nodes[node].is_live || rng_chance(&c->r, 0.3))
            continue;
        arena_init(&arena, 0);
        cluster_look(c, node);
        cr_assert_eq(plan_make(&c->base.view, &arena, &plan), 0);
        cr_assert_eq(act_decide(&c->base.view, &plan, &arena, &acts, &n), 0);
        for (size_t i = 0; i < n; i++)
            cluster_perform(c, now, node, &acts[i]);
        arena_fini(&arena);
    }
    cluster_progress(c, now);
    c->step++;
}

static void cluster_init(struct cluster *c, uint64_t seed)
{
    *c = (struct cluster){0};
    rng_init(&c->r, seed);
    fake_init(&c->base);
    c->history = arena_array(&c->base.arena, STEPS_MAX, sizeof(*c->history));
    for (size_t n = 3 + (size_t)rng_below(&c->r, 5); n > 0; n--)
        fake_node(&c->base, 8000, 1ul << 34);
    for (uint32_t job = 0; job < 3; job++) {
        fake_job(&c->base, 1 + (uint32_t)rng_below(&c->r, 6), 200, 128 << 20);
        fake_spec(&c->base, job)->update.max_parallel = 1 + (uint32_t)rng_below(&c->r, 3);
    }
}

static void cluster_drop(struct cluster *c, uint32_t node)
{
    struct moment_of_claims *now = &c->history[c->step];
    for (size_t i = now->n; i-- > 0;)
        if (now->list[i].node == node) {
            fake_past(&c->base, now->list[i].job, now->list[i].index, now->list[i].doc.generation);
            now->list[i] = now->list[--now->n];
        }
    c->base.nodes[node].is_live = c->base.nodes[node].takes_work = false;
}

static size_t count_healthy(const struct moment_of_claims *now, uint32_t job, uint32_t index)
{
    size_t n = 0;
    for (size_t i = 0; i < now->n; i++)
        n += now->list[i].job == job && now->list[i].index == index &&
             claim_is_healthy(now->list[i].doc.state, now->list[i].doc.health);
    return n;
}

static uint32_t count_down(const struct cluster *c, uint32_t job)
{
    uint32_t n = 0;
    for (uint32_t index = 0; index < c->base.jobs[job].count; index++)
        n += count_healthy(&c->history[c->step], job, index) == 0;
    return n;
}

/* Every instance has one holder, proven and of the current version; nothing else is there. */
static bool is_settled(const struct cluster *c)
{
    const struct moment_of_claims *now = &c->history[c->step];
    size_t n_wanted = 0;
    for (uint32_t job = 0; job < c->base.n_jobs; job++) {
        const struct view_job *j = &c->base.jobs[job];
        n_wanted += j->count;
        for (uint32_t index = 0; index < j->count; index++)
            if (count_healthy(now, job, index) != 1)
                return false;
    }
    for (size_t i = 0; i < now->n; i++) {
        const struct view_job *j = &c->base.jobs[now->list[i].job];
        if (!now->list[i].doc.is_proven || !spec_hash_equal(now->list[i].doc.spec, j->doc.spec) ||
            now->list[i].doc.restart_at != j->control.restart_at)
            return false;
    }
    return now->n == n_wanted;
}

static void settle(struct cluster *c, uint64_t seed, const char *what)
{
    for (unsigned i = 0; i < STEPS_MAX / 4 && !is_settled(c); i++)
        cluster_step(c);
    cr_assert(is_settled(c), "seed %lu: not settled after %s", (unsigned long)seed, what);
}

Test(act, gives_every_instance_one_holder_and_mends_a_death, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct cluster c;
        cluster_init(&c, seed);
        settle(&c, seed, "the start");
        cluster_drop(&c, (uint32_t)rng_below(&c.r, c.base.n_nodes));
        settle(&c, seed, "a death");
        fake_fini(&c.base);
    }
}

Test(act, rolls_without_ever_passing_max_parallel, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct cluster c;
        cluster_init(&c, seed);
        settle(&c, seed, "the start");
        for (uint32_t job = 0; job < c.base.n_jobs; job++) {
            if (job == 0)
                c.base.jobs[job].control.restart_at = 1;
            else
                c.base.jobs[job].doc.spec.at[0] = 2;
        }
        for (unsigned i = 0; i < STEPS_MAX / 2 && !is_settled(&c); i++) {
            cluster_step(&c);
            for (uint32_t job = 0; job < c.base.n_jobs; job++)
                cr_assert_leq(count_down(&c, job), c.base.jobs[job].spec->update.max_parallel,
                              "seed %lu, job %u", (unsigned long)seed, job);
        }
        settle(&c, seed, "an update");
        fake_fini(&c.base);
    }
}

/* As full as can be: what the dead node held fits nowhere. */
static void fill_up(struct cluster *c)
{
    const struct moment_of_claims *now = &c->history[c->step];
    for (uint32_t node = 0; node < c->base.n_nodes; node++) {
        uint32_t n = 0;
        for (size_t i = 0; i < now->n; i++)
            n += now->list[i].node == node;
        c->base.nodes[node].doc.cpu_milli = 200 * n;
    }
}

static bool is_held(const struct moment_of_claims *now, uint32_t job, uint32_t index)
{
    for (size_t i = 0; i < now->n; i++)
        if (now->list[i].job == job && now->list[i].index == index)
            return true;
    return false;
}

Test(act, rolls_past_what_fits_nowhere_within_max_parallel, .timeout = 120)
{
    unsigned n_missing = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct cluster c;
        bool is_done = false;
        cluster_init(&c, seed);
        settle(&c, seed, "the start");
        fill_up(&c);
        cluster_drop(&c, (uint32_t)rng_below(&c.r, c.base.n_nodes));
        for (uint32_t job = 0; job < c.base.n_jobs; job++)
            c.base.jobs[job].doc.spec.at[0] = 2;
        for (unsigned i = 0; i < STEPS_MAX / 2 && !is_done; i++) {
            cluster_step(&c);
            const struct moment_of_claims *now = &c.history[c.step];
            for (uint32_t job = 0; job < c.base.n_jobs; job++) {
                uint32_t n_down = 0;
                for (uint32_t index = 0; index < c.base.jobs[job].count; index++)
                    n_down += is_held(now, job, index) && count_healthy(now, job, index) == 0;
                cr_assert_leq(n_down, c.base.jobs[job].spec->update.max_parallel,
                              "seed %lu, job %u", (unsigned long)seed, job);
            }
            is_done = true;
            for (size_t k = 0; k < now->n; k++)
                is_done &= now->list[k].doc.is_proven && now->list[k].doc.spec.at[0] == 2;
        }
        cr_assert(is_done, "seed %lu: the rollout stands still", (unsigned long)seed);
        for (uint32_t job = 0; job < c.base.n_jobs; job++)
            for (uint32_t index = 0; index < c.base.jobs[job].count; index++)
                n_missing += !is_held(&c.history[c.step], job, index);
        fake_fini(&c.base);
    }
    cr_assert_gt(n_missing, 200, "the test lost its point: %u", n_missing);
}

Test(act, drains_a_node_without_a_gap, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct cluster c;
        cluster_init(&c, seed);
        settle(&c, seed, "the start");
        uint32_t leaver = (uint32_t)rng_below(&c.r, c.base.n_nodes);
        if (seed % 2) /* a node that leaves, and one whose disk is broken */
            c.base.nodes[leaver].doc.disk = DISK_BROKEN;
        else
            c.base.nodes[leaver].doc.state = AGENT_LEAVING;
        c.base.nodes[leaver].takes_work = false;
        for (unsigned i = 0; i < 60; i++) {
            cluster_step(&c);
            for (uint32_t job = 0; job < c.base.n_jobs; job++)
                cr_assert_eq(count_down(&c, job), 0, "seed %lu", (unsigned long)seed);
        }
        settle(&c, seed, "a drain");
        const struct moment_of_claims *now = &c.history[c.step];
        for (size_t i = 0; i < now->n; i++)
            cr_assert_neq(now->list[i].node, leaver);
        fake_fini(&c.base);
    }
}

/* ---- how many serve while the count changes with the version ---- */

static uint32_t count_serving(const struct cluster *c, uint32_t job)
{
    uint32_t n = 0;
    for (uint32_t index = 0; index < CLAIMS_CAP / 4; index++)
        n += count_healthy(&c->history[c->step], job, index) > 0;
    return n;
}

/* Do all that are wanted run the new spec, and are proven? */
static bool is_through(const struct cluster *c, uint32_t job, uint8_t spec)
{
    const struct moment_of_claims *now = &c->history[c->step];
    uint32_t n = 0;
    for (size_t i = 0; i < now->n; i++)
        n += now->list[i].job == job && now->list[i].index < c->base.jobs[job].count &&
             now->list[i].doc.is_proven && now->list[i].doc.spec.at[0] == spec;
    return n >= c->base.jobs[job].count;
}

/* Whoever looks, with whatever of the others' claims: an update takes max_parallel from what
 * serves, and what is too many goes when the new ones have taken its place. */
static void change_count_and_version(uint64_t seed, bool is_broken)
{
    struct cluster c;
    uint32_t least[3];
    cluster_init(&c, seed);
    settle(&c, seed, "the start");
    c.broken = is_broken ? 2 : 0;
    for (uint32_t job = 0; job < c.base.n_jobs; job++) {
        struct view_job *j = &c.base.jobs[job];
        uint32_t max_parallel = j->spec->update.max_parallel;
        least[job] = j->count > max_parallel ? j->count - max_parallel : 0;
        j->count = 1 + (uint32_t)rng_below(&c.r, 6);
        j->doc.spec.at[0] = 2;
        j->doc.version = 2;
    }
    for (unsigned i = 0; i < STEPS_MAX / 2 && !is_settled(&c); i++) {
        cluster_step(&c);
        for (uint32_t job = 0; job < c.base.n_jobs; job++) {
            uint32_t wanted = c.base.jobs[job].count, bound = least[job];
            if (is_through(&c, job, 2) && wanted < bound)
                bound = wanted;
            cr_assert_geq(count_serving(&c, job), bound, "seed %lu, job %u: now %u",
                          (unsigned long)seed, job, wanted);
        }
    }
    if (!is_broken)
        settle(&c, seed, "an update with another count");
    fake_fini(&c.base);
}

Test(act, never_serves_less_for_a_count_that_changes_with_the_version, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 300; seed++)
        change_count_and_version(seed, false);
}

Test(act, keeps_what_is_too_many_beside_a_version_that_does_not_work, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 150; seed++)
        change_count_and_version(seed, true);
}

/* Nothing of it is an update: what is too many goes, the rest does not notice. */
Test(act, scales_down_at_once_where_nothing_is_rolled, .timeout = 120)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct cluster c;
        cluster_init(&c, seed);
        settle(&c, seed, "the start");
        for (uint32_t job = 0; job < c.base.n_jobs; job++) {
            struct view_job *j = &c.base.jobs[job];
            j->count = (uint32_t)rng_below(&c.r, j->count + 1);
        }
        for (unsigned i = 0; i < 20 && !is_settled(&c); i++) {
            cluster_step(&c);
            for (uint32_t job = 0; job < c.base.n_jobs; job++)
                cr_assert_eq(count_down(&c, job), 0, "seed %lu", (unsigned long)seed);
        }
        cr_assert(is_settled(&c), "seed %lu", (unsigned long)seed);
        fake_fini(&c.base);
    }
}

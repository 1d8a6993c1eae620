/* The verdict: what is said first, in every situation that a person must not misread. */
#include "agent/verdict.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/fake_view.h"

enum { NOW_UNIX_MS = 100000000 };

struct fixture {
    struct fake_view f;
    struct plan plan;
    struct verdict_member members[5];
    struct sight_member gone[5];
    struct verdict_facts facts;
    struct cluster_verdict v;
};

static const char *const names[] = {"n1", "n2", "n3", "n4", "n5"};

/* `n` nodes, each with one healthy instance of a job. */
static void init(struct fixture *x, uint32_t n)
{
    *x = (struct fixture){0};
    fake_init(&x->f);
    for (uint32_t i = 0; i < n; i++) {
        struct view_node *node = fake_node(&x->f, 4000, 4ull << 30);
        node->doc.name = names[i];
        node->doc.version = "1.0";
    }
    fake_job(&x->f, n, 100, 64 << 20);
    for (uint32_t i = 0; i < n; i++)
        fake_claim(&x->f, 0, i, i, 1);
    for (uint32_t i = 0; i < n; i++)
        x->members[i] = (struct verdict_member){
            .name = names[i], .doc = &x->f.nodes[i].doc, .is_self = i == 0};
    x->facts = (struct verdict_facts){
        .at = {5000, NOW_UNIX_MS}, .members = x->members, .n_members = n};
    x->facts.sight =
        (struct sight){.self = "n1", .within = n, .total = n, .gone = x->gone};
}

static void lose(struct fixture *x, uint32_t node, uint64_t silent_ms)
{
    struct sight *s = &x->facts.sight;
    x->f.nodes[node].state = MEMBER_DEAD;
    x->f.nodes[node].takes_work = false;
    x->members[node].state = MEMBER_DEAD;
    x->members[node].silent_ms = silent_ms;
    x->gone[s->n_gone++] = (struct sight_member){names[node], silent_ms};
    s->within--;
}

static const struct cluster_verdict *make(struct fixture *x)
{
    fake_sort(&x->f);
    cr_assert_eq(plan_make(&x->f.view, &x->f.arena, &x->plan), 0);
    x->facts.view = &x->f.view;
    x->facts.plan = &x->plan;
    cr_assert_eq(verdict_make(&x->facts, &x->f.arena, &x->v), 0);
    return &x->v;
}

Test(verdict, all_is_well_in_one_line)
{
    struct fixture x;
    init(&x, 3);
    const struct cluster_verdict *v = make(&x);
    cr_expect_str_eq(v->text, "All 3 instances of 1 job healthy, 3 nodes agree");
    cr_expect_eq(v->state, CLUSTER_OK);
    cr_expect_eq(v->n, 0);
    x.f.n_jobs = x.f.n_claims = 0;
    cr_expect_str_eq(make(&x)->text, "No jobs yet, 3 nodes agree");
    fake_fini(&x.f);
}

Test(verdict, the_smaller_side_of_a_split_says_so_and_until_when_take_overs_wait)
{
    struct fixture x;
    init(&x, 5);
    x.facts.sight.self = "n4";
    for (uint32_t i = 0; i < 3; i++)
        lose(&x, i, 12000);
    x.facts.sight.wait_ms = 18000;
    const struct cluster_verdict *v = make(&x);
    cr_expect_str_eq(v->text,
                     "SPLIT: n4 reaches 2 of 5 (n1, n2, n3 silent 12s); take-overs "
                     "wait 18s more; this is the smaller side");
    cr_expect_eq(v->state, CLUSTER_SPLIT);
    cr_expect_str_eq(v->needs[0].text, v->text);
    cr_expect_eq(v->needs[0].since_unix_ms, NOW_UNIX_MS - 12000);
    cr_expect_str_eq(v->needs[1].text,
                     "job0: 2 of 5 healthy; job0.0 is lost: n1 is dead; "
                     "take-overs wait 18s more");
    fake_fini(&x.f);
}

Test(verdict, the_greater_side_names_the_dead)
{
    struct fixture x;
    init(&x, 5);
    lose(&x, 4, 44000);
    lose(&x, 3, 44000);
    for (int i = 0; i < 2; i++) /* taken over already */
        x.f.claims[3 + i].node = (uint32_t)i;
    const struct cluster_verdict *v = make(&x);
    cr_expect_str_eq(v->text, "1 needs you: dead: n5, n4 silent 44s");
    cr_expect_eq(v->state, CLUSTER_ATTENTION);
    fake_fini(&x.f);
}

Test(verdict, what_crashes_comes_before_what_waits_and_notes_need_nobody)
{
    struct fixture x;
    init(&x, 3);
    x.f.n_claims = 2;
    fake_refuse(&x.f, 0, 2, 2, "exited with status 3; gave up after 2 exits");
    x.f.refusals[0].doc.until_unix_ms = NOW_UNIX_MS + 41000;
    fake_job(&x.f, 1, 100, 1ull << 40);
    x.f.jobs[1].ns = "shop";
    const struct cluster_verdict *v = make(&x);
    cr_expect_eq(v->n, 2);
    cr_expect_str_eq(
        v->text, "2 need you: job0.2 crashes on n3: exited with status 3; gave up after "
                 "2 exits; again in 41s");
    cr_expect_str_eq(v->needs[0].see, "stratos status job0");
    cr_expect_str_eq(
        v->needs[1].text,
        "shop/job1.0 waits for room: no node fits: 3 lack memory (1T wanted); n3 would fit with "
        "memory <= 4G");
    cr_expect_str_eq(v->needs[1].see, "stratos why shop/job1.0");
    cr_expect_str_eq(v->needs[1].ns, "shop");
    fake_fini(&x.f);
}

static bool shows_shop(const void *who, const char *ns)
{
    return strcmp(ns, who) == 0;
}

Test(verdict, only_jobs_that_may_be_seen_are_counted_and_told)
{
    struct fixture x;
    init(&x, 3);
    x.facts.shows = shows_shop;
    x.facts.who = "shop";
    x.f.n_claims = 2;
    cr_expect_str_eq(make(&x)->text, "No jobs yet, 3 nodes agree");
    fake_fini(&x.f);
}

Test(verdict, a_rollout_and_other_versions_are_notes)
{
    struct fixture x;
    init(&x, 5);
    for (size_t i = 2; i < 5; i++) {
        x.f.claims[i].doc.spec.at[0] = 9;
        x.f.claims[i].edit = EDIT_RESTART;
    }
    x.f.jobs[0].doc.version = 5;
    x.f.nodes[3].doc.version = x.f.nodes[4].doc.version = "0.9";
    const struct cluster_verdict *v = make(&x);
    cr_expect_eq(v->state, CLUSTER_OK);
    cr_expect_str_eq(v->text,
                     "All 5 instances of 1 job healthy, 5 nodes agree; job0 v5: 2/5 "
                     "replaced, 5 serving");
    cr_expect_eq(v->n, 2);
    cr_expect_str_eq(v->needs[1].text, "2 of 5 nodes run 0.9 (n4, n5), the others 1.0");
    fake_fini(&x.f);
}

Test(verdict, who_is_late_suspected_or_has_a_wrong_clock_is_named)
{
    struct fixture x;
    init(&x, 4);
    x.members[1].late_ms = 14000;
    x.members[2].state = MEMBER_SUSPECT;
    x.members[2].silent_ms = 3000;
    x.f.nodes[3].doc.clock_skew_ms = -400;
    const struct cluster_verdict *v = make(&x);
    cr_expect_eq(v->n, 3);
    cr_expect_str_eq(v->needs[0].text,
                     "n2 is late: for 14s it has lacked what is known here");
    cr_expect_str_eq(v->needs[1].text, "n3 does not answer: silent 3s, suspected");
    cr_expect_str_eq(v->needs[2].text, "the clock of n4 is 400 ms behind its peers'");
    fake_fini(&x.f);
}

Test(verdict, more_than_fit_are_counted)
{
    struct fixture x;
    init(&x, 1);
    for (int i = 0; i < NEEDS_MAX + 3; i++)
        fake_job(&x.f, 1, 100, 1ull << 40);
    const struct cluster_verdict *v = make(&x);
    cr_expect_eq(v->n, NEEDS_MAX);
    cr_expect_eq(v->n_more, 3);
    fake_fini(&x.f);
}

/* How a job is: the worst of its instances names it, and its cause with it. */
#include "sched/condition.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/fake_view.h"

enum { NOW_UNIX_MS = 1000000 };

struct fixture {
    struct fake_view f;
    struct plan plan;
};

/* Three nodes, and a job of three with a healthy, proven claim on each. */
static void init(struct fixture *x)
{
    fake_init(&x->f);
    for (int i = 0; i < 3; i++)
        fake_node(&x->f, 4000, 4ull << 30);
    fake_job(&x->f, 3, 100, 64 << 20);
    for (uint32_t i = 0; i < 3; i++)
        fake_claim(&x->f, 0, i, i, 1);
}

static struct condition look(struct fixture *x)
{
    struct condition c;
    fake_sort(&x->f);
    cr_assert_eq(plan_make(&x->f.view, &x->f.arena, &x->plan), 0);
    condition_of(&x->f.view, &x->plan, 0, NOW_UNIX_MS, &c);
    return c;
}

static void expect(const struct condition *c, const char *text, const char *status,
                   const char *cause)
{
    char out[CONDITION_TEXT];
    cr_expect_str_eq(condition_text(c, out), text);
    cr_expect_str_eq(condition_status(c), status);
    if (cause)
        cr_expect_str_eq(c->cause, cause);
}

Test(condition, all_that_are_wanted_are_healthy)
{
    struct fixture x;
    init(&x);
    struct condition c = look(&x);
    expect(&c, "Healthy", "running", "");
    cr_expect_eq(c.healthy, 3);
    cr_expect_eq(c.index, VIEW_NONE);
    fake_fini(&x.f);
}

Test(condition, a_dead_node_s_instances_are_lost_while_their_take_over_waits)
{
    struct fixture x;
    init(&x);
    x.f.nodes[1].state = MEMBER_DEAD; /* and is_live, as on hold */
    x.f.nodes[1].takes_work = false;
    struct condition c = look(&x);
    expect(&c, "Lost", "degraded", NULL);
    cr_expect_eq(c.healthy, 2);
    cr_expect_eq(c.running, 2);
    cr_expect_eq(c.index, 1);
    x.f.nodes[1].away_until_ms = 99; /* said to be back: then it is only away */
    c = look(&x);
    expect(&c, "Healthy", "running", NULL);
    fake_fini(&x.f);
}

Test(condition, what_was_given_up_crashes_until_it_runs_steadily_elsewhere)
{
    struct fixture x;
    init(&x);
    x.f.n_claims = 2;
    fake_refuse(&x.f, 0, 2, 2, "exited with status 3; gave up after 2 exits");
    x.f.refusals[0].doc.until_unix_ms = NOW_UNIX_MS + 41000;
    struct condition c = look(&x);
    expect(&c, "Crashing", "crashing", "exited with status 3; gave up after 2 exits");
    cr_expect_eq(c.index, 2);
    cr_expect_eq(c.node, 2);
    cr_expect_eq(c.again_unix_ms, NOW_UNIX_MS + 41000);
    struct view_claim *young = fake_claim(&x.f, 0, 2, 0, 2);
    young->doc.is_proven = false;
    young->doc.started_unix_ms = NOW_UNIX_MS - 1000;
    c = look(&x);
    expect(&c, "Crashing", "crashing", NULL);
    x.f.claims[2].doc.started_unix_ms = NOW_UNIX_MS - 2000;
    c = look(&x);
    expect(&c, "Healthy", "running", NULL);
    fake_fini(&x.f);
}

Test(condition, what_was_not_even_tried_cannot_start)
{
    struct fixture x;
    init(&x);
    x.f.n_claims = 2;
    fake_refuse(&x.f, 0, 2, 2, "the program /opt/x is not on this host");
    x.f.refusals[0].doc.until_unix_ms = NOW_UNIX_MS + 41000;
    x.f.refusals[0].doc.is_untried = true;
    struct condition c = look(&x);
    expect(&c, "Cannot start", "crashing", "the program /opt/x is not on this host");
    fake_fini(&x.f);
}

/* A refusal for want of a port ends with its cause and has no time. */
Test(condition, what_waits_for_room_or_a_port_does_not_crash)
{
    struct fixture x;
    init(&x);
    x.f.n_claims = 2;
    for (uint32_t node = 0; node < 3; node++)
        fake_refuse(&x.f, 0, 2, node, "port 80 is taken");
    struct condition c = look(&x);
    expect(&c, "Waiting for room", "pending", NULL);
    cr_expect(strstr(c.cause, "port 80 is taken"), "%s", c.cause);
    fake_fini(&x.f);
}

Test(condition, who_falls_for_the_third_time_and_is_not_proven_crashes)
{
    struct fixture x;
    init(&x);
    struct claim_doc *doc = &x.f.claims[1].doc;
    *doc = (struct claim_doc){.generation = 1,
                              .spec = doc->spec,
                              .version = 1,
                              .state = INSTANCE_PENDING,
                              .health = HEALTH_UNKNOWN,
                              .restarts = 2,
                              .has_exit = true,
                              .again_unix_ms = NOW_UNIX_MS + 500,
                              .reason = "exited with status 3"};
    struct condition c = look(&x);
    expect(&c, "Degraded 2/3", "degraded", "exited with status 3");
    x.f.claims[1].doc.restarts = 3;
    c = look(&x);
    expect(&c, "Crashing", "crashing", "exited with status 3");
    cr_expect_eq(c.restarts, 3);
    cr_expect_eq(c.again_unix_ms, NOW_UNIX_MS + 500);
    fake_fini(&x.f);
}

Test(condition, an_update_counts_what_is_replaced_and_a_stop_goes_before_all)
{
    struct fixture x;
    init(&x);
    for (size_t i = 1; i < 3; i++) {
        x.f.claims[i].doc.spec.at[0] = 9;
        x.f.claims[i].edit = EDIT_RESTART;
    }
    struct condition c = look(&x);
    expect(&c, "Deploying 1/3", "updating", NULL);
    cr_expect_eq(c.healthy, 3);
    x.f.jobs[0].control.is_stopped = true;
    c = look(&x);
    expect(&c, "Stopped", "stopped", NULL);
    fake_fini(&x.f);
}

Test(condition, who_starts_for_the_first_time_is_being_deployed)
{
    struct fixture x;
    init(&x);
    x.f.claims[2].doc.state = INSTANCE_STARTING;
    x.f.claims[2].doc.health = HEALTH_UNKNOWN;
    x.f.claims[2].doc.is_proven = false;
    struct condition c = look(&x);
    expect(&c, "Deploying 2/3", "pending", NULL);
    x.f.claims[2].doc.state = INSTANCE_RUNNING;
    x.f.claims[2].doc.health = HEALTH_FAILING;
    x.f.claims[2].doc.reason = "health check 'up' fails";
    c = look(&x);
    expect(&c, "Degraded 2/3", "degraded", "health check 'up' fails");
    fake_fini(&x.f);
}

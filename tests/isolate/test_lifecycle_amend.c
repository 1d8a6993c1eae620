/* A life that goes on under another spec, by transcript. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "isolate/lifecycle.h"

static struct health_spec check_of(const char *name, const char *path)
{
    return (struct health_spec){.name = name,
                                .kind = HEALTH_HTTP,
                                .path = path,
                                .interval_ms = 5000,
                                .timeout_ms = 1000,
                                .grace_ms = 3000,
                                .unready_after = 2,
                                .max_failures = 3};
}

static struct job_spec spec_of(const struct health_spec *checks, size_t n)
{
    return (struct job_spec){
        .name = "web",
        .ns = "default",
        .type = JOB_SERVICE,
        .health = checks,
        .n_health = n,
        .task = {.stop_signal = 15, .stop_timeout_ms = 10000},
        .restart = {.attempts = 2,
                    .window_ms = 60000,
                    .delay_ms = 1000,
                    .max_delay_ms = 60000,
                    .backoff_permille = 1150},
        .update = {.max_parallel = 1, .min_healthy_time_ms = 4000},
    };
}

/* "running passing proven; due 0 2": what is shown, and what a tick of now wants probed. */
static const char *look(struct lifecycle *l, uint64_t now_ms)
{
    static char text[128];
    unsigned want = lifecycle_tick(l, now_ms);
    size_t len =
        (size_t)snprintf(text, sizeof(text), "%s %s%s", instance_state_name(l->state),
                         health_name(l->health), l->is_proven ? " proven" : "");
    for (size_t i = 0; (want & LIFECYCLE_PROBE) && i < HEALTH_MAX; i++)
        if (l->checks.list[i].is_due)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " due %zu", i);
    return text;
}

static unsigned probed(struct lifecycle *l, uint64_t now_ms, unsigned check, bool is_ok,
                       const char *said)
{
    return lifecycle_probed(l, (struct moment){.now_ms = now_ms}, check, is_ok, said);
}

static void run(struct lifecycle *l, const struct job_spec *spec)
{
    (void)lifecycle_start(l, spec, 0);
    (void)lifecycle_started(l, 0, 5, 77);
    (void)lifecycle_tick(l, 0);
    for (unsigned i = 0; i < spec->n_health; i++)
        (void)probed(l, 0, i, true, "200");
    (void)lifecycle_tick(l, 4000);
    cr_assert(l->is_proven);
}

Test(lifecycle_amend, what_is_not_about_health_changes_nothing_that_is_shown)
{
    struct health_spec ready = check_of("ready", "/r");
    struct job_spec was = spec_of(&ready, 1), is = was;
    struct lifecycle l;
    run(&l, &was);
    is.restart.attempts = 0;
    is.priority = 60;
    is.task.stop_timeout_ms = 3000;
    uint64_t next_ms = l.checks.list[0].next_ms;
    cr_assert_eq(lifecycle_amend(&l, &is, 4100), LIFECYCLE_CHANGED);
    cr_assert_str_eq(look(&l, 4100), "running passing proven");
    cr_assert_eq(l.checks.list[0].next_ms, next_ms, "and the next probe is when it was");
    cr_assert_eq(l.pid, 77);
    (void)lifecycle_stop(&l, 5000, "the job is stopped");
    cr_assert_eq(l.deadline_ms, 8000, "the new spec's time to stop");
    run(&l, &was);
    (void)lifecycle_amend(&l, &is, 4100);
    cr_assert(lifecycle_exited(&l, 4200, &(struct exit_fact){.number = 1}) & LIFECYCLE_GAVE_UP,
              "the new spec's attempts");
}

Test(lifecycle_amend, a_healthy_task_stays_healthy_until_a_new_check_fails)
{
    struct health_spec both[] = {check_of("new", "/n"), check_of("ready", "/r")};
    struct job_spec was = spec_of(&both[1], 1), is = spec_of(both, 2);
    struct lifecycle l;
    run(&l, &was);
    (void)lifecycle_amend(&l, &is, 4100);
    cr_assert_str_eq(look(&l, 4100), "running passing due 0",
                     "the new one is asked at once");
    cr_assert_str_eq(look(&l, 4050 + 4000), "running passing due 1",
                     "time proves nothing");
    (void)probed(&l, 8100, 1, true, "200");
    cr_assert_str_eq(look(&l, 8100), "running passing", "nor does a check it knows");
    (void)probed(&l, 8200, 0, false, "404");
    cr_assert_str_eq(look(&l, 8200), "running passing", "nor is one failure enough");
    cr_assert_eq(l.checks.list[0].next_ms, 13200, "at the pace of its interval");
    (void)probed(&l, 13200, 0, false, "404");
    cr_assert_str_eq(look(&l, 13200), "running failing due 1");
    cr_assert(probed(&l, 18200, 0, false, "404") & LIFECYCLE_SIGNAL);
    cr_assert_str_eq(l.reason, "health check 'new' failed 3 times in a row: 404");
    cr_assert_str_eq(look(&l, 18200), "stopping failing");
}

/* It left DNS and is back: then it was not healthy all the while. */
Test(lifecycle_amend, what_a_new_check_found_unhealthy_has_to_be_proven_again)
{
    struct health_spec both[] = {check_of("new", "/n"), check_of("ready", "/r")};
    struct job_spec was = spec_of(&both[1], 1), is = spec_of(both, 2);
    struct lifecycle l;
    run(&l, &was);
    (void)lifecycle_amend(&l, &is, 4100);
    (void)probed(&l, 4200, 0, false, "404");
    (void)probed(&l, 9200, 0, false, "404");
    (void)probed(&l, 10000, 0, true, "200");
    cr_assert_str_eq(look(&l, 10000), "running passing due 1");
    cr_assert_str_eq(look(&l, 13999), "running passing");
    cr_assert_str_eq(look(&l, 14000), "running passing proven");
}

/* What is said of a check in trouble goes with it, and stays with it. */
Test(lifecycle_amend, the_words_of_a_check_follow_it)
{
    struct health_spec two[] = {check_of("a", "/a"), check_of("b", "/b")};
    struct job_spec both = spec_of(two, 2), last = spec_of(&two[1], 1),
                    first = spec_of(two, 1);
    struct lifecycle l;
    run(&l, &both);
    (void)probed(&l, 5000, 1, false, "HTTP 500");
    (void)probed(&l, 5000, 0, true, "200");
    (void)probed(&l, 10000, 1, false, "HTTP 500");
    cr_assert_str_eq(checks_doc(&l.checks).name, "b");
    (void)lifecycle_amend(&l, &last, 10100);
    cr_assert_str_eq(checks_doc(&l.checks).name, "b");
    cr_assert_str_eq(checks_doc(&l.checks).said, "HTTP 500");
    cr_assert_str_eq(look(&l, 10100), "running failing");
    (void)lifecycle_amend(&l, &first, 10200);
    cr_assert_null(checks_doc(&l.checks).name);
    cr_assert_str_eq(l.reason, "");
}

Test(lifecycle_amend, what_was_proven_is_so_again_when_every_new_check_has_passed)
{
    struct health_spec three[] = {check_of("a", "/a"), check_of("ready", "/r"),
                                  check_of("b", "/b")};
    struct job_spec was = spec_of(&three[1], 1), more = spec_of(three, 2),
                    all = spec_of(three, 3);
    struct lifecycle l;
    run(&l, &was);
    (void)lifecycle_amend(&l, &more, 4100);
    (void)lifecycle_amend(&l, &all, 4200); /* before the first one was answered */
    cr_assert_eq(probed(&l, 4300, 0, true, "200"), 0);
    cr_assert_str_eq(look(&l, 4300), "running passing due 2");
    cr_assert_eq(probed(&l, 4310, 2, false, "503"), 0);
    cr_assert_eq(probed(&l, 9310, 2, true, "200"), LIFECYCLE_CHANGED);
    cr_assert(l.is_proven);
    /* One that was not proven yet has to wait for its time, as before. */
    (void)lifecycle_start(&l, &was, 0);
    (void)lifecycle_started(&l, 0, 5, 78);
    (void)probed(&l, 1000, 0, true, "200");
    (void)lifecycle_amend(&l, &more, 1500);
    (void)probed(&l, 1600, 0, true, "200");
    cr_assert_not(l.is_proven);
    cr_assert_str_eq(look(&l, 4999), "running passing");
    cr_assert_str_eq(look(&l, 5000), "running passing proven");
}

Test(lifecycle_amend, checks_that_come_and_go_change_who_is_known_to_be_healthy)
{
    struct health_spec two[] = {check_of("a", "/a"), check_of("b", "/b")};
    struct job_spec none = spec_of(NULL, 0), first = spec_of(two, 1),
                    both = spec_of(two, 2);
    struct lifecycle l;
    run(&l, &none);
    (void)lifecycle_amend(&l, &first, 4100);
    cr_assert_str_eq(look(&l, 4100), "running none due 0",
                     "it serves on, unasked so far");
    cr_assert_eq(probed(&l, 4200, 0, true, "200"), LIFECYCLE_CHANGED);
    cr_assert_str_eq(look(&l, 4200), "running passing proven");
    (void)lifecycle_amend(&l, &none, 4300);
    cr_assert_str_eq(look(&l, 4300), "running none proven");
    /* Never healthy: what stood in its way goes. */
    (void)lifecycle_start(&l, &both, 0);
    (void)lifecycle_started(&l, 0, 5, 78);
    cr_assert_str_eq(look(&l, 0), "running unknown due 0 due 1");
    (void)probed(&l, 100, 0, true, "200");
    (void)probed(&l, 100, 1, false, "refused");
    (void)lifecycle_amend(&l, &first, 200);
    cr_assert_str_eq(look(&l, 200), "running passing");
    cr_assert_str_eq(look(&l, 4200), "running passing proven");
    /* And what comes to one that is not healthy is as at a start: within the grace, eagerly. */
    (void)lifecycle_start(&l, &first, 0);
    (void)lifecycle_started(&l, 0, 5, 78);
    (void)lifecycle_amend(&l, &both, 10);
    cr_assert_str_eq(look(&l, 10), "running unknown due 0 due 1");
    (void)probed(&l, 20, 1, false, "refused");
    cr_assert_eq(l.checks.list[1].next_ms, 1020);
    cr_assert_eq(l.checks.list[1].failures, 0);
}

/* Its answer, when it comes, goes to a number that may be another check's by now. */
Test(lifecycle_amend, what_was_being_asked_is_asked_again)
{
    struct health_spec two[] = {check_of("a", "/a"), check_of("b", "/b")};
    struct job_spec both = spec_of(two, 2), last = spec_of(&two[1], 1);
    struct lifecycle l;
    run(&l, &both);
    cr_assert_str_eq(look(&l, 5000), "running passing proven due 0 due 1");
    (void)lifecycle_amend(&l, &last, 5001);
    cr_assert_str_eq(look(&l, 5001), "running passing proven due 0");
}

Test(lifecycle_amend, what_waits_is_started_at_once_and_what_stops_is_let_end)
{
    struct job_spec was = spec_of(NULL, 0), is = was;
    struct lifecycle l;
    is.restart.attempts = 9;
    run(&l, &was);
    (void)lifecycle_exited(&l, 5000, &(struct exit_fact){.number = 1});
    cr_assert_eq(lifecycle_deadline_ms(&l), 6000);
    (void)lifecycle_amend(&l, &is, 5100);
    cr_assert_eq(lifecycle_deadline_ms(&l), 5100);
    cr_assert(lifecycle_tick(&l, 5100) & LIFECYCLE_LAUNCH);
    (void)lifecycle_started(&l, 5200, 6, 78);
    (void)lifecycle_exited(&l, 5300, &(struct exit_fact){.number = 1});
    (void)lifecycle_tick(&l, 9000);
    cr_assert_eq(l.restarts, 2, "what it did before still counts");
    (void)lifecycle_started(&l, 9100, 7, 79);
    cr_assert_not(lifecycle_exited(&l, 9200, &(struct exit_fact){.number = 1}) & LIFECYCLE_GAVE_UP,
                  "by the new count of attempts");
    run(&l, &was);
    (void)lifecycle_stop(&l, 5000, "scaled to 0");
    cr_assert_not(lifecycle_may_amend(&l));
    cr_assert_eq(lifecycle_amend(&l, &is, 5001), 0);
    cr_assert_eq(l.spec, &was);
}

/* The lifecycle by transcript: each step prints the state it left and what it wants. */
#include "isolate/lifecycle.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"

static const struct health_spec checks[] = {{.name = "ready",
                                             .kind = HEALTH_HTTP,
                                             .path = "/health",
                                             .interval_ms = 5000,
                                             .timeout_ms = 1000,
                                             .grace_ms = 3000,
                                             .unready_after = 2,
                                             .max_failures = 3}};

static struct moment at(uint64_t now_ms)
{
    return (struct moment){.now_ms = now_ms, .at_unix_ms = 1000000 + now_ms};
}

static struct job_spec plain_spec(void)
{
    return (struct job_spec){
        .name = "web",
        .ns = "default",
        .type = JOB_SERVICE,
        .task = {.stop_signal = 15, .stop_timeout_ms = 10000, .memory_bytes = 64 << 20},
        .restart = {.attempts = 2,
                    .window_ms = 60000,
                    .delay_ms = 1000,
                    .max_delay_ms = 1200,
                    .backoff_permille = 1150},
        .update = {.max_parallel = 1, .min_healthy_time_ms = 4000},
    };
}

Test(lifecycle, is_quick_where_nothing_delays_the_next_start)
{
    struct job_spec spec = plain_spec();
    cr_assert_not(lifecycle_is_quick(&spec));
    spec.restart.delay_ms = 0;
    cr_assert(lifecycle_is_quick(&spec));
    spec.restart.attempts = 0; /* there is no next start */
    cr_assert_not(lifecycle_is_quick(&spec));
}

struct script {
    char text[4096];
    size_t len;
};

static void note(struct script *s, uint64_t now_ms, const struct lifecycle *l,
                 unsigned want)
{
    static const char *const names[] = {"launch", "signal",  "kill", "changed",
                                        "gone",   "gave-up", "probe"};
    s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len,
                               "%llu %s %s%s:", (unsigned long long)now_ms,
                               instance_state_name(l->state), health_name(l->health),
                               l->is_proven ? " proven" : "");
    for (unsigned i = 0; i < 7; i++)
        if (want & 1u << i)
            s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len, " %s",
                                       names[i]);
    s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len, "%s%s\n",
                               l->reason[0] ? " # " : "", l->reason);
}

static void same(const struct script *s, const char *wanted)
{
    cr_assert(strcmp(s->text, wanted) == 0, "got:\n%swanted:\n%s", s->text, wanted);
}

Test(lifecycle, restarts_with_growing_delay_then_gives_up)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    struct script s = {.len = 0};
    note(&s, 0, &l, lifecycle_start(&l, &spec, 0));
    note(&s, 10, &l, lifecycle_started(&l, 10, 5, 77));
    note(&s, 20, &l, lifecycle_exited(&l, 20, &(struct exit_fact){.number = 3}));
    cr_assert(lifecycle_deadline_ms(&l) == 1020);
    note(&s, 1019, &l, lifecycle_tick(&l, 1019));
    note(&s, 1020, &l, lifecycle_tick(&l, 1020));
    note(&s, 1030, &l,
         lifecycle_start_failed(&l, 1030,
                                "cannot run './web': no such file or directory"));
    cr_assert(lifecycle_deadline_ms(&l) == 1030 + 1150);
    note(&s, 2180, &l, lifecycle_tick(&l, 2180));
    note(&s, 2190, &l, lifecycle_started(&l, 2190, 5, 78));
    note(&s, 2200, &l,
         lifecycle_exited(
             &l, 2200, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9, .is_oom = true}));
    cr_assert(lifecycle_deadline_ms(&l) == UINT64_MAX);
    cr_assert(l.restarts == 2);
    same(&s,
         "0 starting none: launch changed\n"
         "10 running none: changed\n"
         "20 pending none: changed # exited with 3\n"
         "1019 pending none: # exited with 3\n"
         "1020 starting none: launch changed # exited with 3\n"
         "1030 pending none: changed # cannot run './web': no such file or directory\n"
         "2180 starting none: launch changed # cannot run './web': no such file or "
         "directory\n"
         "2190 running none: changed # cannot run './web': no such file or directory\n"
         "2200 failed none: changed gone gave-up # out of memory: the limit is 64 MiB; "
         "gave up after 3 exits within 60 s\n");
}

/* As long as an error may be, and of characters that a cut could break. */
Test(lifecycle, a_long_cause_is_said_whole_and_one_that_is_too_long_is_cut_with_a_mark)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    char cause[700];
    spec.restart.attempts = 0;
    for (size_t len = 380; len <= 640; len += 52) {
        for (size_t i = 0; i < len; i += 2)
            memcpy(cause + i, "\xc3\xa4", 3);
        (void)lifecycle_start(&l, &spec, 0);
        (void)lifecycle_start_failed(&l, 10, cause);
        const char *rest = strstr(l.reason, "; gave up after 1 exit within 60 s");
        cr_assert_not_null(rest, "%s", l.reason);
        bool is_whole = strncmp(l.reason, cause, len) == 0 && l.reason + len == rest;
        bool is_marked = rest - l.reason > 400 && strncmp(rest - 3, "...", 3) == 0 &&
                         (rest - 3 - l.reason) % 2 == 0;
        cr_expect(is_whole || (len > 450 && is_marked), "%zu: %s", len, l.reason);
    }
}

Test(lifecycle, without_a_delay_each_restart_is_at_once_and_attempts_end_it)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    spec.restart.delay_ms = 0;
    (void)lifecycle_start(&l, &spec, 0);
    for (uint64_t now_ms = 10; now_ms < 30; now_ms += 10) {
        (void)lifecycle_started(&l, now_ms, 5, 77);
        (void)lifecycle_exited(&l, now_ms, &(struct exit_fact){.number = 3});
        cr_assert_eq(lifecycle_deadline_ms(&l), now_ms);
        cr_assert(lifecycle_tick(&l, now_ms) & LIFECYCLE_LAUNCH);
    }
    (void)lifecycle_started(&l, 30, 5, 77);
    cr_assert(lifecycle_exited(&l, 30, &(struct exit_fact){.number = 3}) &
              LIFECYCLE_GAVE_UP);
}

Test(lifecycle, exits_outside_the_window_reset_the_delay_and_the_count)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    for (uint64_t i = 1; i < 200; i++) {
        uint64_t now_ms = i * 70000;
        (void)lifecycle_started(&l, now_ms, now_ms, 9);
        unsigned want = lifecycle_exited(&l, now_ms, &(struct exit_fact){.number = 0});
        cr_assert(want == LIFECYCLE_CHANGED);
        cr_assert(l.deadline_ms == now_ms + 1000,
                  "clean exits of a service are restarted");
        cr_assert(lifecycle_tick(&l, now_ms + 1000) & LIFECYCLE_LAUNCH);
    }
    cr_assert(l.restarts == 199);
}

Test(lifecycle, health_is_unknown_then_passing_then_proven_and_failures_restart_it)
{
    struct job_spec spec = plain_spec();
    spec.health = checks;
    spec.n_health = 1;
    struct lifecycle l;
    struct script s = {.len = 0};
    (void)lifecycle_start(&l, &spec, 0);
    note(&s, 100, &l, lifecycle_started(&l, 100, 5, 77));
    note(&s, 100, &l, lifecycle_tick(&l, 100));
    cr_assert(l.checks.list[0].is_due);
    note(&s, 101, &l, lifecycle_tick(&l, 101));
    note(&s, 110, &l, lifecycle_probed(&l, at(110), 0, false, "refused"));
    cr_assert(lifecycle_deadline_ms(&l) == 1110, "tried again soon until it passes");
    note(&s, 1110, &l, lifecycle_tick(&l, 1110));
    note(&s, 1120, &l, lifecycle_probed(&l, at(1120), 0, true, "HTTP 200"));
    cr_assert(lifecycle_deadline_ms(&l) == 5120);
    note(&s, 5120, &l, lifecycle_tick(&l, 5120));
    for (uint64_t now_ms = 6120; now_ms < 9000; now_ms += 1000) {
        (void)lifecycle_tick(&l, now_ms);
        note(&s, now_ms, &l, lifecycle_probed(&l, at(now_ms), 0, false, "answered 500"));
    }
    note(&s, 18120, &l, lifecycle_tick(&l, 18120));
    note(&s, 18130, &l,
         lifecycle_exited(&l, 18130, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9}));
    same(
        &s,
        "100 running unknown: changed\n"
        "100 running unknown: probe\n"
        "101 running unknown:\n"
        "110 running unknown:\n"
        "1110 running unknown: probe\n"
        "1120 running passing: changed\n"
        "5120 running passing proven: changed\n"
        "6120 running passing proven:\n"
        "7120 running failing: changed # health check 'ready' fails (2 or more in a row, "
        "restarts after 3): answered 500\n"
        "8120 stopping failing: signal changed # health check 'ready' failed 3 times in "
        "a "
        "row: answered 500\n"
        "18120 stopping failing: kill # health check 'ready' failed 3 times in a row: "
        "answered 500\n"
        "18130 pending unknown: changed # health check 'ready' failed 3 times in a row: "
        "answered 500\n");
}

Test(lifecycle, passing_again_brings_it_back_at_once_and_it_is_proven_anew)
{
    struct health_spec lasting = checks[0];
    struct job_spec spec = plain_spec();
    lasting.max_failures = 8;
    spec.health = &lasting;
    spec.n_health = 1;
    struct lifecycle l;
    struct script s = {.len = 0};
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 0, 5, 77);
    note(&s, 0, &l, lifecycle_probed(&l, at(0), 0, true, "answered 200 OK"));
    note(&s, 4000, &l, lifecycle_tick(&l, 4000));
    for (uint64_t now_ms = 10000; now_ms <= 40000; now_ms += 5000)
        note(&s, now_ms, &l, lifecycle_probed(&l, at(now_ms), 0, false, "answered 503"));
    note(&s, 45000, &l, lifecycle_probed(&l, at(45000), 0, true, "answered 200 OK"));
    cr_assert(lifecycle_deadline_ms(&l) == 49000, "it is proven anew");
    note(&s, 49000, &l, lifecycle_tick(&l, 49000));
    cr_assert_eq(l.restarts, 0);
    same(&s,
         "0 running passing: changed\n"
         "4000 running passing proven: changed\n"
         "10000 running passing proven:\n"
         "15000 running failing: changed # health check 'ready' fails (2 or more in a "
         "row, restarts after 8): answered 503\n"
         "20000 running failing: # health check 'ready' fails (2 or more in a row, "
         "restarts after 8): answered 503\n"
         "25000 running failing: changed # health check 'ready' fails (4 or more in a "
         "row, restarts after 8): answered 503\n"
         "30000 running failing: # health check 'ready' fails (4 or more in a row, "
         "restarts after 8): answered 503\n"
         "35000 running failing: # health check 'ready' fails (4 or more in a row, "
         "restarts after 8): answered 503\n"
         "40000 running failing: # health check 'ready' fails (4 or more in a row, "
         "restarts after 8): answered 503\n"
         "45000 running passing: changed\n"
         "49000 running passing proven: changed\n");
}

Test(lifecycle, what_a_check_said_outlives_the_restart_until_it_passes)
{
    struct job_spec spec = plain_spec();
    spec.health = checks;
    spec.n_health = 1;
    struct lifecycle l;
    struct script s = {.len = 0};
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 0, 5, 77);
    for (uint64_t now_ms = 3000; now_ms <= 5000; now_ms += 1000)
        (void)lifecycle_probed(&l, at(now_ms), 0, false, "answered 500: no database");
    (void)lifecycle_exited(&l, 5010, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 15});
    (void)lifecycle_tick(&l, 6010);
    note(&s, 6020, &l, lifecycle_started(&l, 6020, 5, 78));
    cr_assert_str_eq(checks_doc(&l.checks).said, "answered 500: no database");
    note(&s, 6030, &l, lifecycle_probed(&l, at(6030), 0, false, "connection refused"));
    cr_assert_str_eq(checks_doc(&l.checks).said, "answered 500: no database");
    note(&s, 7030, &l,
         lifecycle_probed(&l, at(7030), 0, false, "answered 500: no table"));
    note(&s, 8030, &l, lifecycle_probed(&l, at(8030), 0, true, "answered 200 OK"));
    cr_assert_null(checks_doc(&l.checks).name);
    same(&s,
         "6020 running unknown: changed # health check 'ready' failed 3 times in a row: "
         "answered 500: no database\n"
         "6030 running unknown: # health check 'ready' failed 3 times in a row: "
         "answered 500: no database\n"
         "7030 running unknown: changed # health check 'ready' has not passed yet: "
         "answered 500: no table\n"
         "8030 running passing: changed\n");
}

Test(lifecycle, an_exit_of_its_own_is_a_better_reason_than_what_a_check_said_before)
{
    struct job_spec spec = plain_spec();
    spec.health = checks;
    spec.n_health = 1;
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 0, 5, 77);
    (void)lifecycle_probed(&l, at(1000), 0, false, "answered 500");
    cr_assert(lifecycle_probed(&l, at(2000), 0, false, "answered 500") ==
              LIFECYCLE_CHANGED);
    (void)lifecycle_exited(&l, 2010, &(struct exit_fact){.number = 3});
    cr_assert_str_eq(l.reason, "exited with 3");
    cr_assert_null(checks_doc(&l.checks).name);
}

Test(lifecycle, stop_signals_then_kills_then_is_gone)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    struct script s = {.len = 0};
    (void)lifecycle_start(&l, &spec, 0);
    note(&s, 1, &l, lifecycle_stop(&l, 1, "scaled down"));
    note(&s, 2, &l, lifecycle_started(&l, 2, 5, 77));
    note(&s, 3, &l, lifecycle_stop(&l, 3, "again"));
    note(&s, 10000, &l, lifecycle_tick(&l, 10000));
    note(&s, 10001, &l, lifecycle_tick(&l, 10001));
    note(&s, 10002, &l,
         lifecycle_exited(&l, 10002, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9}));
    note(&s, 10003, &l,
         lifecycle_exited(&l, 10003, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9}));
    same(&s, "1 stopping none: signal changed # scaled down\n"
             "2 stopping none: signal changed # scaled down\n"
             "3 stopping none: # scaled down\n"
             "10000 stopping none: # scaled down\n"
             "10001 stopping none: kill # scaled down\n"
             "10002 finished none: changed gone # scaled down\n"
             "10003 finished none: # scaled down\n");
}

Test(lifecycle, stop_while_waiting_or_restarting_stays_down)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    (void)lifecycle_exited(&l, 2, &(struct exit_fact){.number = 1});
    cr_assert(lifecycle_stop(&l, 3, "x") == (LIFECYCLE_GONE | LIFECYCLE_CHANGED));

    spec.health = checks;
    spec.n_health = 1;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    for (int i = 0; i < 3; i++)
        (void)lifecycle_probed(&l, at(4000), 0, false, "refused");
    cr_assert(l.state == INSTANCE_STOPPING && l.is_restarting);
    cr_assert(lifecycle_stop(&l, 4001, "x") == LIFECYCLE_CHANGED);
    cr_assert(lifecycle_exited(&l, 4002, &(struct exit_fact){.number = 0}) ==
              (LIFECYCLE_GONE | LIFECYCLE_CHANGED));
}

Test(lifecycle, a_batch_that_ends_well_is_finished)
{
    struct job_spec spec = plain_spec();
    spec.type = JOB_BATCH;
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    cr_assert(lifecycle_exited(&l, 2, &(struct exit_fact){.number = 0}) ==
              (LIFECYCLE_GONE | LIFECYCLE_CHANGED));
    cr_assert(l.state == INSTANCE_FINISHED);
}

Test(lifecycle, adopted_work_keeps_its_history_and_is_probed_at_once)
{
    struct job_spec spec = plain_spec();
    spec.health = checks;
    spec.n_health = 1;
    struct claim_doc claim = {.state = INSTANCE_RUNNING,
                              .health = HEALTH_PASSING,
                              .is_proven = true,
                              .started_unix_ms = 40000,
                              .pid = 12,
                              .restarts = 4,
                              .reason = "r"};
    struct lifecycle l;
    cr_assert(lifecycle_adopt(&l, &spec, &claim, 100000, 50000) == LIFECYCLE_CHANGED);
    cr_assert(l.started_ms == 90000 && l.pid == 12 && l.restarts == 4 && l.is_proven);
    cr_assert(l.health == HEALTH_PASSING);
    cr_assert(lifecycle_tick(&l, 100000) == LIFECYCLE_PROBE);
    cr_assert(lifecycle_exited(&l, 100001, &(struct exit_fact){.number = 0}) ==
              LIFECYCLE_CHANGED);
    cr_assert(l.state == INSTANCE_PENDING);

    lifecycle_spread(&l, 100000, 7); /* too late: it is under way */
    claim.state = INSTANCE_STOPPING;
    cr_assert(lifecycle_adopt(&l, &spec, &claim, 100000, 50000) & LIFECYCLE_SIGNAL);
    cr_assert(lifecycle_exited(&l, 100001, &(struct exit_fact){.number = 0}) &
              LIFECYCLE_GONE);
}

static struct lifecycle running(const struct job_spec *spec)
{
    struct lifecycle l;
    (void)lifecycle_start(&l, spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    return l;
}

Test(lifecycle, what_nobody_saw_uses_up_no_attempt)
{
    struct job_spec spec = plain_spec();
    spec.restart.attempts = 0;
    struct lifecycle l = running(&spec);
    for (uint64_t i = 1; i < 5; i++) {
        cr_assert_eq(
            lifecycle_exited(&l, i * 5000, &(struct exit_fact){.kind = EXIT_LOST}),
            LIFECYCLE_CHANGED);
        cr_assert_str_eq(l.reason, "lost: its shim was killed");
        cr_assert(l.state == INSTANCE_PENDING && l.deadline_ms == i * 5000 + 1000);
        cr_assert(lifecycle_tick(&l, i * 5000 + 1000) & LIFECYCLE_LAUNCH);
        (void)lifecycle_started(&l, i * 5000 + 1001, 1, 8);
        cr_assert(l.restarts == i && l.has_exit && l.last_exit.kind == EXIT_LOST);
    }
    cr_assert(lifecycle_exited(&l, 90000, &(struct exit_fact){.number = 3}) &
              LIFECYCLE_GAVE_UP);
}

Test(lifecycle, a_batch_that_is_lost_has_not_succeeded)
{
    struct job_spec spec = plain_spec();
    spec.type = JOB_BATCH;
    struct lifecycle l = running(&spec);
    cr_assert_eq(lifecycle_exited(&l, 2, &(struct exit_fact){.kind = EXIT_LOST}),
                 LIFECYCLE_CHANGED);
    cr_assert_eq(l.state, INSTANCE_PENDING);
}

Test(lifecycle, what_never_started_is_started_at_once_and_was_no_restart)
{
    struct job_spec spec = plain_spec();
    struct claim_doc claim = {.state = INSTANCE_STARTING, .reason = ""};
    struct lifecycle l;
    (void)lifecycle_adopt(&l, &spec, &claim, 100, 50);
    (void)lifecycle_exited(&l, 101, &(struct exit_fact){.kind = EXIT_NEVER});
    cr_assert(l.state == INSTANCE_PENDING && lifecycle_deadline_ms(&l) == 101);
    cr_assert(lifecycle_tick(&l, 101) & LIFECYCLE_LAUNCH);
    (void)lifecycle_started(&l, 102, 60, 9);
    cr_assert(l.state == INSTANCE_RUNNING && l.restarts == 0 && !l.has_exit);
    (void)lifecycle_exited(&l, 200, &(struct exit_fact){.number = 1});
    (void)lifecycle_tick(&l, l.deadline_ms);
    cr_assert_eq(l.restarts, 1);
}

Test(lifecycle, the_words_say_what_happened)
{
    static const struct {
        struct exit_fact fact;
        const char *words;
    } rows[] = {
        {{EXIT_BY_CODE, .number = 137}, "exited with 137"},
        {{EXIT_BY_SIGNAL, .number = 9}, "killed by signal 9 (KILL)"},
        {{EXIT_BY_SIGNAL, .number = 9, .is_oom = true},
         "out of memory: the limit is 64 MiB"},
        {{EXIT_BY_CODE, .number = 1, .had_oom = true},
         "exited with 1; a process of it was killed at the limit of 64 MiB"},
        {{EXIT_BY_SIGNAL, .number = 9, .is_late = true},
         "did not end within 10s: killed"},
        {{EXIT_BY_CODE, .number = 3, .is_late = true},
         "exited with 3; what it left behind did not end within 10s: killed"},
        {{EXIT_LOST, .is_host = true}, "lost: its host went down"},
    };
    struct job_spec spec = plain_spec();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lifecycle l = running(&spec);
        (void)lifecycle_exited(&l, 2, &rows[i].fact);
        cr_expect_str_eq(l.reason, rows[i].words);
    }
}

Test(lifecycle, a_stop_that_had_to_kill_says_so_beside_its_cause)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l = running(&spec);
    (void)lifecycle_stop(&l, 5, "scaled to 2");
    (void)lifecycle_exited(
        &l, 20000, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9, .is_late = true});
    cr_assert_str_eq(l.reason, "scaled to 2; did not end within 10s: killed");
}

Test(lifecycle, a_task_that_was_unclear_is_known_when_it_says_so)
{
    struct job_spec spec = plain_spec();
    struct claim_doc claim = {.state = INSTANCE_RUNNING, .reason = "unclear"};
    struct lifecycle l;
    (void)lifecycle_adopt(&l, &spec, &claim, 100, 50);
    cr_assert_str_eq(l.reason, "unclear");
    cr_assert_eq(lifecycle_started(&l, 200, 60, 9), LIFECYCLE_CHANGED);
    cr_assert(l.pid == 9 && l.state == INSTANCE_RUNNING && !l.reason[0]);
    cr_assert_eq(lifecycle_started(&l, 300, 60, 9), 0);
}

Test(lifecycle, adopted_work_that_failed_stays_out_of_dns_until_all_checks_passed)
{
    static const struct health_spec two[] = {
        {.name = "a", .interval_ms = 5000, .unready_after = 2, .max_failures = 3},
        {.name = "b", .interval_ms = 5000, .unready_after = 2, .role = HEALTH_READY}};
    struct job_spec spec = plain_spec();
    spec.health = two;
    spec.n_health = 2;
    struct claim_doc claim = {.state = INSTANCE_RUNNING,
                              .health = HEALTH_FAILING,
                              .started_unix_ms = 40000,
                              .pid = 12,
                              .reason = "health check 'b' fails"};
    struct lifecycle l;
    (void)lifecycle_adopt(&l, &spec, &claim, 100000, 50000);
    cr_assert_eq(l.health, HEALTH_FAILING);
    cr_assert_str_eq(l.reason, "health check 'b' fails");
    (void)lifecycle_probed(&l, at(100000), 0, true, "answered 200 OK");
    cr_assert_eq(l.health, HEALTH_FAILING);
    (void)lifecycle_probed(&l, at(100001), 1, false, "connection refused");
    cr_assert_str_eq(l.reason,
                     "health check 'b' fails (1 or more in a row, never restarts): "
                     "connection refused");
    cr_assert(lifecycle_probed(&l, at(100002), 1, true, "x") == LIFECYCLE_CHANGED);
    cr_assert_eq(l.health, HEALTH_PASSING);
    cr_assert_str_eq(l.reason, "");
}

Test(lifecycle, a_thousand_adopted_at_one_moment_are_probed_one_after_the_other)
{
    enum { N = 1000, SLOTS = 50 };
    struct job_spec spec = plain_spec();
    spec.health = checks;
    spec.n_health = 1;
    struct claim_doc claim = {.state = INSTANCE_RUNNING,
                              .health = HEALTH_PASSING,
                              .started_unix_ms = 1,
                              .pid = 12};
    unsigned slots[SLOTS] = {0};
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < N; i++) {
        struct lifecycle l;
        (void)lifecycle_adopt(&l, &spec, &claim, 100000, 50000);
        lifecycle_spread(&l, 100000, rng_next(&rng));
        uint64_t wait_ms = l.checks.list[0].next_ms - 100000;
        cr_assert_lt(wait_ms, 5000);
        slots[wait_ms / (5000 / SLOTS)]++;
    }
    for (int i = 0; i < SLOTS; i++)
        cr_assert(slots[i] > 0 && slots[i] < 4 * N / SLOTS, "%d: %u", i, slots[i]);
}

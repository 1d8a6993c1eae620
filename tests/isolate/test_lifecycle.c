/* The lifecycle by transcript: each step prints the state it left and what it wants. */
#include "isolate/lifecycle.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct health_spec checks[] = {{.name = "ready",
                                             .kind = HEALTH_HTTP,
                                             .path = "/health",
                                             .interval_ms = 5000,
                                             .timeout_ms = 1000,
                                             .grace_ms = 3000,
                                             .max_failures = 3}};

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
    note(&s, 20, &l, lifecycle_exited(&l, 20, 3, false));
    cr_assert(lifecycle_deadline_ms(&l) == 1020);
    note(&s, 1019, &l, lifecycle_tick(&l, 1019));
    note(&s, 1020, &l, lifecycle_tick(&l, 1020));
    note(&s, 1030, &l,
         lifecycle_start_failed(&l, 1030,
                                "cannot run './web': no such file or directory"));
    cr_assert(lifecycle_deadline_ms(&l) == 1030 + 1150);
    note(&s, 2180, &l, lifecycle_tick(&l, 2180));
    note(&s, 2190, &l, lifecycle_started(&l, 2190, 5, 78));
    note(&s, 2200, &l, lifecycle_exited(&l, 2200, 137, true));
    cr_assert(lifecycle_deadline_ms(&l) == UINT64_MAX);
    cr_assert(l.restarts == 2);
    same(&s,
         "0 starting none: launch changed\n"
         "10 running none: changed\n"
         "20 pending none: changed # exited with status 3\n"
         "1019 pending none: # exited with status 3\n"
         "1020 starting none: launch changed # exited with status 3\n"
         "1030 pending none: changed # cannot run './web': no such file or directory\n"
         "2180 starting none: launch changed # cannot run './web': no such file or "
         "directory\n"
         "2190 running none: changed # cannot run './web': no such file or directory\n"
         "2200 failed none: changed gone gave-up # out of memory: the limit is 64 MiB; "
         "gave up after 3 exits within 60 s\n");
}

Test(lifecycle, exits_outside_the_window_reset_the_delay_and_the_count)
{
    struct job_spec spec = plain_spec();
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    for (uint64_t i = 1; i < 200; i++) {
        uint64_t now_ms = i * 70000;
        (void)lifecycle_started(&l, now_ms, now_ms, 9);
        unsigned want = lifecycle_exited(&l, now_ms, 0, false);
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
    cr_assert(l.checks[0].is_due);
    note(&s, 101, &l, lifecycle_tick(&l, 101));
    note(&s, 110, &l, lifecycle_probed(&l, 110, 0, false, "refused"));
    cr_assert(lifecycle_deadline_ms(&l) == 1110, "tried again soon until it passes");
    note(&s, 1110, &l, lifecycle_tick(&l, 1110));
    note(&s, 1120, &l, lifecycle_probed(&l, 1120, 0, true, "HTTP 200"));
    cr_assert(lifecycle_deadline_ms(&l) == 5120);
    note(&s, 5120, &l, lifecycle_tick(&l, 5120));
    for (uint64_t now_ms = 6120; now_ms < 9000; now_ms += 1000) {
        (void)lifecycle_tick(&l, now_ms);
        note(&s, now_ms, &l, lifecycle_probed(&l, now_ms, 0, false, "HTTP 500"));
    }
    note(&s, 18120, &l, lifecycle_tick(&l, 18120));
    note(&s, 18130, &l, lifecycle_exited(&l, 18130, 137, false));
    same(&s,
         "100 running unknown: changed\n"
         "100 running unknown: probe\n"
         "101 running unknown:\n"
         "110 running unknown:\n"
         "1110 running unknown: probe\n"
         "1120 running passing: changed\n"
         "5120 running passing proven: changed\n"
         "6120 running passing proven:\n"
         "7120 running passing proven:\n"
         "8120 stopping failing: signal changed # health check 'ready' failed 3 times: "
         "HTTP 500\n"
         "18120 stopping failing: kill # health check 'ready' failed 3 times: HTTP 500\n"
         "18130 pending unknown: changed # health check 'ready' failed 3 times: HTTP "
         "500\n");
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
    note(&s, 10002, &l, lifecycle_exited(&l, 10002, 137, false));
    note(&s, 10003, &l, lifecycle_exited(&l, 10003, 137, false));
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
    (void)lifecycle_exited(&l, 2, 1, false);
    cr_assert(lifecycle_stop(&l, 3, "x") == (LIFECYCLE_GONE | LIFECYCLE_CHANGED));

    spec.health = checks;
    spec.n_health = 1;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    for (int i = 0; i < 3; i++)
        (void)lifecycle_probed(&l, 4000, 0, false, "refused");
    cr_assert(l.state == INSTANCE_STOPPING && l.is_restarting);
    cr_assert(lifecycle_stop(&l, 4001, "x") == LIFECYCLE_CHANGED);
    cr_assert(lifecycle_exited(&l, 4002, 0, false) ==
              (LIFECYCLE_GONE | LIFECYCLE_CHANGED));
}

Test(lifecycle, a_batch_that_ends_well_is_finished)
{
    struct job_spec spec = plain_spec();
    spec.type = JOB_BATCH;
    struct lifecycle l;
    (void)lifecycle_start(&l, &spec, 0);
    (void)lifecycle_started(&l, 1, 1, 7);
    cr_assert(lifecycle_exited(&l, 2, 0, false) == (LIFECYCLE_GONE | LIFECYCLE_CHANGED));
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
    cr_assert(lifecycle_exited(&l, 100001, 0, false) == LIFECYCLE_CHANGED);
    cr_assert(l.state == INSTANCE_PENDING);

    claim.state = INSTANCE_STOPPING;
    cr_assert(lifecycle_adopt(&l, &spec, &claim, 100000, 50000) & LIFECYCLE_SIGNAL);
    cr_assert(lifecycle_exited(&l, 100001, 0, false) & LIFECYCLE_GONE);
}

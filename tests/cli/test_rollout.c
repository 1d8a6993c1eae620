/* Is it done yet? */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/rollout.h"
#include "cli/talk.h"

#define INSTANCE(name, state, health, version, more)                                     \
    "{\"name\":\"" name "\",\"state\":\"" state "\",\"health\":\"" health                \
    "\",\"version\":\"" version "\"" more "}"
#define STATUS(count, status, version, instances)                                        \
    "{\"job\":\"web\",\"type\":\"service\",\"count\":" count ",\"status\":\"" status     \
    "\",\"version\":\"" version "\",\"instances\":[" instances "]}"

static struct rollout judge(const char *text, enum rollout_goal goal, const char *version,
                            const char *before)
{
    struct rollout r;
    json_t *status = json_loads(text, 0, NULL),
           *then = before ? json_loads(before, 0, NULL) : NULL;
    cr_assert(status, "%s", text);
    struct rollout_asked asked = {goal, version, then, 0};
    rollout_judge(status, &asked, &r);
    json_decref(status);
    json_decref(then);
    return r;
}

Test(rollout, it_is_done_when_all_of_the_version_are_healthy_and_nothing_else_runs)
{
    static const struct {
        const char *status;
        enum rollout_phase phase;
        const char *progress, *waiting;
    } rows[] = {
        {STATUS("1", "running", "v3", INSTANCE("web.0", "running", "passing", "v3", "")),
         ROLLOUT_DONE, "web v3: 1/1 healthy", ""},
        {STATUS("1", "running", "v3", INSTANCE("web.0", "running", "none", "v3", "")),
         ROLLOUT_DONE, "web v3: 1/1 healthy", ""},
        {STATUS("1", "pending", "v3",
                INSTANCE("web.0", "running", "unknown", "v3", ",\"node\":\"n1\"")),
         ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 not healthy yet",
         "web.0: running on n1, health unknown"},
        {STATUS("2", "pending", "v3",
                INSTANCE("web.0", "running", "passing", "v3",
                         "") "," INSTANCE("web.1", "pending", "none", "v3",
                                          ",\"reason\":\"no node has 64 cores free\"")),
         ROLLOUT_UNDERWAY, "web v3: 1/2 healthy, 1 pending",
         "web.1: pending: no node has 64 cores free"},
        {STATUS("1", "updating", "v3",
                INSTANCE("web.0", "running", "passing", "v2", ",\"node\":\"n2\"")),
         ROLLOUT_UNDERWAY, "web v3: 0/1 replaced, 1 serving",
         "web.0: running on n2, health passing"},
        {STATUS("1", "running", "v3",
                INSTANCE("web.0", "running", "none", "v3",
                         "") "," INSTANCE("web.1", "stopping", "none", "v3", "")),
         ROLLOUT_UNDERWAY, "web v3: 1/1 healthy, 1 stopping", "web.1: stopping"},
        {STATUS("1", "pending", "v3",
                INSTANCE("web.0", "starting", "none", "v3", "") "," INSTANCE(
                    "web.0", "running", "none", "v7", ",\"update\":\"stop\",\"former\":true")),
         ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 starting, 1 left of the removed job", "web.0: starting"},
        {STATUS("1", "running", "v3",
                INSTANCE("web.0", "running", "none", "v3", "") "," INSTANCE(
                    "web.0", "stopping", "none", "v7", ",\"update\":\"stop\",\"former\":true")),
         ROLLOUT_DONE, NULL, ""},
        {STATUS("1", "crashing", "v3",
                INSTANCE("web.0", "pending", "none", "v3",
                         ",\"refused_by\":3,\"given_up\":true,\"reason\":\"given up on 3 nodes: exited with "
                         "3\"")),
         ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 given up", "web.0: given up on 3 nodes: exited with 3"},
        {STATUS("0", "running", "v3", ""), ROLLOUT_DONE, "web v3: 0/0 healthy", ""},
        {STATUS("1", "running", "v4", INSTANCE("web.0", "running", "none", "v4", "")),
         ROLLOUT_REPLACED, NULL, NULL},
        {STATUS("1", "stopped", "v3", ""), ROLLOUT_STOPPED, "web: stopped",
         "web: the job is stopped"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rollout r = judge(rows[i].status, GOAL_HEALTHY, "v3", NULL);
        cr_expect_eq(r.phase, rows[i].phase, "%s", rows[i].status);
        if (rows[i].progress)
            cr_expect_str_eq(r.progress, rows[i].progress);
        if (rows[i].waiting)
            cr_expect_str_eq(r.waiting, rows[i].waiting);
    }
}

#define UP(name, version, more) INSTANCE(name, "running", "passing", version, more)
#define DOWN(name, version, more) INSTANCE(name, "starting", "unknown", version, more)
#define STAYS ",\"update\":null"
#define RESTARTS ",\"update\":\"restart\""
#define IN_PLACE ",\"update\":\"in place\""
#define STOPS ",\"update\":\"stop\""

Test(rollout, an_update_is_told_by_what_is_replaced_and_what_serves)
{
    static const struct {
        const char *status;
        enum rollout_phase phase;
        const char *progress;
    } rows[] = {
        {STATUS("2", "updating", "v3", UP("web.0", "v2", RESTARTS) "," UP("web.1", "v2", RESTARTS)),
         ROLLOUT_UNDERWAY, "web v3: 0/2 replaced, 2 serving"},
        {STATUS("2", "updating", "v3", DOWN("web.0", "v3", STAYS) "," UP("web.1", "v2", RESTARTS)),
         ROLLOUT_UNDERWAY, "web v3: 0/2 replaced, 1 serving, 1 starting"},
        {STATUS("2", "updating", "v3", UP("web.0", "v3", STAYS) "," UP("web.1", "v2", RESTARTS)),
         ROLLOUT_UNDERWAY, "web v3: 1/2 replaced, 2 serving"},
        {STATUS("2", "running", "v3", UP("web.0", "v3", STAYS) "," DOWN("web.1", "v3", STAYS)),
         ROLLOUT_UNDERWAY, "web v3: 1/2 healthy, 1 starting"},
        /* The way back: what runs these bytes is done, whatever version it was started from. */
        {STATUS("2", "running", "v3", UP("web.0", "v1", STAYS) "," UP("web.1", "v1", STAYS)),
         ROLLOUT_DONE, "web v3: 2/2 healthy"},
        {STATUS("2", "updating", "v3", UP("web.0", "v3", STAYS) "," UP("web.1", "v2", IN_PLACE)),
         ROLLOUT_UNDERWAY, "web v3: 1/2 taken over in place, 2 serving"},
        {STATUS("1", "updating", "v3", DOWN("web.0", "v3", STAYS) "," UP("web.1", "v2", STOPS)),
         ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 starting, 1 too many"},
        {STATUS("1", "running", "v3", UP("web.0", "v3", STAYS) "," UP("web.1", "v2", STOPS)),
         ROLLOUT_UNDERWAY, "web v3: 1/1 healthy, 1 too many"},
        /* The order has not reached the one that answers. */
        {STATUS("1", "running", "v2", UP("web.0", "v2", STAYS)), ROLLOUT_UNDERWAY,
         "web v3: 1/1 healthy"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rollout r = judge(rows[i].status, GOAL_HEALTHY, "v3", NULL);
        cr_expect_eq(r.phase, rows[i].phase, "row %zu", i);
        cr_expect_str_eq(r.progress, rows[i].progress, "row %zu: %s", i, r.progress);
    }
}

Test(rollout, what_cannot_be_placed_and_what_fails_are_told_apart)
{
    struct rollout r =
        judge(STATUS("1", "pending", "v1",
                     INSTANCE("web.0", "pending", "none", "v1", ",\"reason\":\"full\"")),
              GOAL_HEALTHY, "v1", NULL);
    cr_assert(r.has_unplaced && !r.has_failing);
    r = judge(STATUS("1", "failed", "v1",
                     INSTANCE("web.0", "failed", "none", "v1",
                              ",\"node\":\"n1\",\"reason\":\"exit 3\"")),
              GOAL_HEALTHY, "v1", NULL);
    cr_assert(r.has_failing && !r.has_unplaced);
    cr_assert_str_eq(r.waiting, "web.0: failed on n1: exit 3");
    r = judge(STATUS("1", "pending", "v1",
                     INSTANCE("web.0", "starting", "none", "v1",
                              ",\"restarts\":3,\"node\":\"n1\"")),
              GOAL_HEALTHY, "v1", NULL);
    cr_assert(r.has_failing);
    cr_assert_str_eq(r.waiting, "web.0: starting on n1, restarted 3 times");
    r = judge(STATUS("1", "pending", "v1",
                     INSTANCE("web.0", "pending", "none", "v1", ",\"refused_by\":2")),
              GOAL_HEALTHY, "v1", NULL);
    cr_assert(r.has_unplaced && r.has_failed, "all that tried it gave it up");
}

#define CHECK_SAID                                                                       \
    ",\"node\":\"n1\",\"check\":{\"name\":\"ready\",\"said\":\"connection refused\","    \
    "\"failures\":2,\"since\":null},\"reason\":\"health check 'ready' fails\""

Test(rollout, what_a_check_said_is_named_whether_it_ever_passed_or_not)
{
    static const struct {
        const char *health, *more, *waiting;
        bool has_failed;
    } rows[] = {
        {"unknown", CHECK_SAID,
         "web.0: running on n1, health unknown: health check 'ready' fails", false},
        {"failing", CHECK_SAID,
         "web.0: running on n1, health failing: health check 'ready' fails", true},
        {"unknown", CHECK_SAID ",\"restarts\":4",
         "web.0: running on n1, health unknown, restarted 4 times: health check 'ready' "
         "fails",
         true},
        /* without one, the reason says why it is placed there */
        {"unknown", ",\"node\":\"n1\",\"check\":null,\"reason\":\"most room\"",
         "web.0: running on n1, health unknown", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        (void)snprintf(
            text, sizeof(text),
            "{\"job\":\"web\",\"type\":\"service\",\"count\":1,\"status\":\"pending\","
            "\"version\":\"v1\",\"instances\":[{\"name\":\"web.0\",\"state\":\"running\","
            "\"health\":\"%s\",\"version\":\"v1\"%s}]}",
            rows[i].health, rows[i].more);
        struct rollout r = judge(text, GOAL_HEALTHY, "v1", NULL);
        cr_expect_eq(r.phase, ROLLOUT_UNDERWAY);
        cr_expect_str_eq(r.waiting, rows[i].waiting);
        cr_expect_eq(r.has_failed, rows[i].has_failed, "row %zu", i);
    }
}

Test(rollout, what_has_no_health_check_is_believed_after_a_while)
{
    static const struct {
        const char *health;
        uint64_t now_ms;  /* after the start */
        int64_t ahead_ms; /* the node's clock */
        enum rollout_phase phase;
        const char *progress;
    } rows[] = {
        {"none", 100, 0, ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 just started"},
        {"none", STEADY_MS, 0, ROLLOUT_DONE, "web v3: 1/1 healthy"},
        {"none", 100, 500, ROLLOUT_UNDERWAY, "web v3: 0/1 healthy, 1 just started"},
        {"none", 100, 60000, ROLLOUT_DONE, "web v3: 1/1 healthy"},
        {"passing", 100, 0, ROLLOUT_DONE, "web v3: 1/1 healthy"},
    };
    uint64_t at = time_parse("2026-11-20T10:00:00.000Z");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rollout r;
        json_t *status = json_pack(
            "{s:s,s:s,s:i,s:s,s:s,s:[{s:s,s:s,s:s,s:s,s:s}]}", "job", "web", "type",
            "service", "count", 1, "status", "running", "version", "v3", "instances",
            "name", "web.0", "state", "running", "health", rows[i].health, "version",
            "v3", "started_at", "2026-11-20T10:00:00.000Z");
        struct rollout_asked asked = {GOAL_HEALTHY, "v3", NULL,
                                      at + rows[i].now_ms - (uint64_t)rows[i].ahead_ms};
        rollout_judge(status, &asked, &r);
        cr_expect_eq(r.phase, rows[i].phase, "row %zu: %s", i, r.progress);
        cr_expect_str_eq(r.progress, rows[i].progress);
        json_decref(status);
    }
}

Test(rollout, a_restart_is_done_when_every_process_is_another)
{
    const char *before =
        STATUS("1", "running", "v1",
               INSTANCE("web.0", "running", "none", "v1",
                        ",\"pid\":7,\"started_at\":\"a\",\"node\":\"n1\""));
    const char *after =
        STATUS("1", "running", "v1",
               INSTANCE("web.0", "running", "none", "v1",
                        ",\"pid\":8,\"started_at\":\"b\",\"node\":\"n1\""));
    cr_assert_eq(judge(before, GOAL_HEALTHY, "", before).phase, ROLLOUT_UNDERWAY);
    cr_assert_str_eq(judge(before, GOAL_HEALTHY, "", before).progress,
                     "web: 0/1 replaced, 1 serving");
    cr_assert_eq(judge(after, GOAL_HEALTHY, "", before).phase, ROLLOUT_DONE);
}

Test(rollout, a_batch_is_done_when_it_finished_and_a_stop_when_nothing_runs)
{
    const char *running =
        "{\"job\":\"b\",\"type\":\"batch\",\"count\":1,\"status\":\"running\","
        "\"instances\":["
        "{\"name\":\"b.0\",\"state\":\"running\",\"health\":\"none\"}]}";
    const char *finished =
        "{\"job\":\"b\",\"type\":\"batch\",\"count\":1,\"status\":\"complete\","
        "\"instances\":["
        "{\"name\":\"b.0\",\"state\":\"finished\",\"health\":\"none\",\"last_exit\":{\"code\":0}}]}";
    cr_assert_eq(judge(running, GOAL_HEALTHY, "", NULL).phase, ROLLOUT_UNDERWAY);
    cr_assert_eq(judge(finished, GOAL_HEALTHY, "", NULL).phase, ROLLOUT_DONE);
    cr_assert_eq(judge(running, GOAL_STOPPED, "", NULL).phase, ROLLOUT_UNDERWAY);
    cr_assert_eq(judge(finished, GOAL_STOPPED, "", NULL).phase, ROLLOUT_DONE);
}

Test(rollout, a_job_is_taken_apart_from_its_namespace_and_instance)
{
    static const struct {
        const char *word, *ns, *job;
        int index; /* -1 none, -2 refused */
    } rows[] = {
        {"web", "shop", "web", -1},
        {"other/web", "other", "web", -1},
        {"web.3", "shop", "web", 3},
        {"a/web.0", "a", "web", 0},
        {"web.x", "", "", -2},
        {"Web", "", "", -2},
        {"", "", "", -2},
        {"/web", "", "", -2},
        {"a/b/c", "", "", -2},
        {"web.99999999999", "", "", -2},
    };
    struct invocation in = {.namespace = "shop"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct target target;
        int error = target_parse(&in, rows[i].word, &target);
        cr_assert_eq(error < 0, rows[i].index == -2, "%s", rows[i].word);
        if (error < 0)
            continue;
        cr_assert_str_eq(target.ns, rows[i].ns);
        cr_assert_str_eq(target.job, rows[i].job);
        cr_assert_eq(target.has_index, rows[i].index >= 0);
        cr_assert(!target.has_index || (int)target.index == rows[i].index);
    }
}

/* The work a node holds: from order to launch, and what is kept through a replacement. */
#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

#include "agent/work.h"
#include "core/err.h"
#include "proto/record.h"

static const char web[] = "{\"job\":\"web\",\"ports\":{\"http\":\"dynamic\"},"
                          "\"restart\":{\"attempts\":2,\"delay\":\"1s\"},"
                          "\"task\":{\"command\":[\"./web\"]}}";
static const char checked[] =
    "{\"health\":[{\"http\":\"/h\",\"name\":\"up\",\"interval\":\"1s\","
    "\"grace\":\"0s\",\"max_failures\":2}],\"job\":\"web\","
    "\"ports\":{\"http\":\"dynamic\"},\"task\":{\"command\":[\"./web\"]}}";
static const char fixed[] = "{\"job\":\"web\",\"ports\":{\"http\":8080},"
                            "\"task\":{\"command\":[\"./web\"]}}";
static const char key[] = "default.web.0";

struct fixture {
    struct work work;
    struct node_effects fx;
    struct metrics metrics;
    struct moment at;
};

static void init(struct fixture *f)
{
    *f = (struct fixture){.at = {1000, 5000000}};
    const struct work_options options = {.node = "n1",
                                         .binary = "/bin/stratos",
                                         .address = {4, {127, 0, 0, 1}, 0},
                                         .port_min = 20000,
                                         .port_max = 29999,
                                         .metrics = &f->metrics};
    work_init(&f->work, &options, 7);
    node_effects_init(&f->fx);
}

static void fini(struct fixture *f)
{
    work_fini(&f->work);
    node_effects_fini(&f->fx);
}

static struct assignment order_of(const char *body, uint32_t version)
{
    return (struct assignment){.ns = "default",
                               .name = "web",
                               .generation = 3,
                               .hash = {.at = {(uint8_t)version}},
                               .version = version,
                               .restart_at = 9,
                               .body = bytes_of_text(body)};
}

/* Whatever ports are asked for are free. */
static void give_ports(struct fixture *f)
{
    enum port_state states[PORT_ASKS_MAX] = {PORT_FREE};
    for (size_t i = 0; i < f->fx.n; i++) {
        struct node_effect e = f->fx.list[i]; /* the list may move */
        if (e.kind == NODE_PORTS)
            work_ports(&f->work, f->at, e.key, e.asks, states, e.n_asks, &f->fx);
    }
}

static struct work_item *start(struct fixture *f, const char *body)
{
    struct assignment order = order_of(body, 1);
    cr_assert_eq(work_start(&f->work, f->at, &order, &f->fx), 0);
    give_ports(f);
    struct work_item *item = work_find(&f->work, key);
    cr_assert_not_null(item);
    return item;
}

static struct work_item *running(struct fixture *f, const char *body)
{
    struct work_item *item = start(f, body);
    work_started(&f->work, f->at, key, 42, &f->fx);
    node_effects_clear(&f->fx);
    return item;
}

static const struct node_effect *effect_of(const struct fixture *f,
                                           enum node_effect_kind kind)
{
    for (size_t i = 0; i < f->fx.n; i++)
        if (f->fx.list[i].kind == kind)
            return &f->fx.list[i];
    return NULL;
}

Test(work, a_start_launches_with_ports_and_a_note_that_is_the_claim)
{
    struct fixture f;
    struct arena arena;
    struct claim_doc note;
    struct bytes body;
    init(&f);
    arena_init(&arena, 0);
    struct work_item *item = start(&f, web);
    const struct node_effect *launch = effect_of(&f, NODE_LAUNCH);
    cr_assert_not_null(launch);
    cr_assert_str_eq(launch->key, key);
    cr_assert_str_eq(launch->task->argv[0], "./web");
    cr_assert_eq(launch->n_ports, 1);
    cr_assert_eq(launch->ports[0], item->ports[0].port);
    cr_assert_neq(launch->ports[0], 0);
    cr_assert_eq(work_note_read(launch->note, &arena, &note, &body), 0);
    cr_assert_eq(note.generation, 3);
    cr_assert_eq(note.restart_at, 9);
    cr_assert_eq(note.ports[0].port, launch->ports[0]);
    cr_assert(item->is_unpublished);
    cr_assert_eq(f.metrics.tasks_started, 1);
    cr_assert_not(launch->is_quick);
    arena_fini(&arena);
    fini(&f);
}

Test(work, what_is_held_cannot_be_started_again)
{
    struct fixture f;
    init(&f);
    (void)start(&f, web);
    struct assignment order = order_of(web, 2);
    node_effects_clear(&f.fx);
    cr_assert_eq(work_start(&f.work, f.at, &order, &f.fx), ERR_CONFLICT);
    cr_assert_eq(f.fx.n, 0);
    cr_assert_eq(f.work.n_items, 1);
    fini(&f);
}

Test(work, a_body_that_is_no_single_job_starts_nothing)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"job\":\"web\"}",
        "{\"jobs\":[{\"job\":\"a\",\"task\":{\"command\":\"x\"}},"
        "{\"job\":\"b\",\"task\":{\"command\":\"x\"}}]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fixture f;
        init(&f);
        struct assignment order = order_of(bad[i], 1);
        cr_assert_lt(work_start(&f.work, f.at, &order, &f.fx), 0, "%s", bad[i]);
        cr_assert_eq(f.work.n_items, 0);
        cr_assert_eq(f.fx.n, 0);
        fini(&f);
    }
}

Test(work, a_started_task_gets_a_note_of_its_pid)
{
    struct fixture f;
    struct arena arena;
    struct claim_doc note;
    struct bytes body;
    init(&f);
    arena_init(&arena, 0);
    (void)start(&f, web);
    node_effects_clear(&f.fx);
    work_started(&f.work, f.at, key, 42, &f.fx);
    const struct node_effect *effect = effect_of(&f, NODE_NOTE);
    cr_assert_not_null(effect);
    cr_assert_eq(work_note_read(effect->note, &arena, &note, &body), 0);
    cr_assert_eq(note.pid, 42);
    cr_assert_eq(note.state, INSTANCE_RUNNING);
    cr_assert_eq(note.started_unix_ms, f.at.at_unix_ms);
    arena_fini(&arena);
    fini(&f);
}

Test(work, a_note_brings_everything_back)
{
    struct fixture f, later;
    struct arena arena;
    struct claim_doc note, adopted;
    struct bytes body;
    init(&f);
    init(&later);
    arena_init(&arena, 0);
    struct work_item *item = start(&f, web);
    work_started(&f.work, f.at, key, 42, &f.fx);
    cr_assert_eq(work_note_read(f.fx.list[f.fx.n - 1].note, &arena, &note, &body), 0);
    struct assignment order = order_of(web, 1);
    later.at = (struct moment){.now_ms = 77, .at_unix_ms = f.at.at_unix_ms + 60000};
    cr_assert_eq(work_adopt(&later.work, later.at, &order, &note, 42), 0);
    adopted = work_claim(work_find(&later.work, key));
    cr_assert_eq(adopted.generation, 3);
    cr_assert_eq(adopted.version, 1);
    cr_assert_eq(adopted.restart_at, 9);
    cr_assert_eq(adopted.pid, 42);
    cr_assert_eq(adopted.state, INSTANCE_RUNNING);
    cr_assert_eq(adopted.claimed_unix_ms, item->claimed_unix_ms);
    cr_assert_eq(adopted.started_unix_ms, f.at.at_unix_ms);
    cr_assert_eq(adopted.n_ports, 1);
    cr_assert_str_eq(adopted.ports[0].name, "http");
    cr_assert_eq(adopted.ports[0].port, item->ports[0].port);
    cr_assert_null(effect_of(&later, NODE_LAUNCH));
    arena_fini(&arena);
    fini(&f);
    fini(&later);
}

Test(work, an_adopted_task_that_was_being_stopped_is_still_stopped)
{
    struct fixture f;
    struct claim_doc claim = {
        .generation = 3, .state = INSTANCE_STOPPING, .pid = 42, .reason = "drain"};
    init(&f);
    struct assignment order = order_of(web, 1);
    cr_assert_eq(work_adopt(&f.work, f.at, &order, &claim, 42), 0);
    cr_assert_eq(work_find(&f.work, key)->life.state, INSTANCE_STOPPING);
    f.at.now_ms += 60000;
    work_tick(&f.work, f.at, &f.fx);
    cr_assert_not_null(effect_of(&f, NODE_KILL));
    fini(&f);
}

Test(work, a_stop_signals_kills_and_removes)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    work_stop(&f.work, item, f.at, "the job is stopped", &f.fx);
    cr_assert_not_null(effect_of(&f, NODE_SIGNAL));
    cr_assert_eq(effect_of(&f, NODE_SIGNAL)->signal, item->spec->task.stop_signal);
    cr_assert_not(effect_of(&f, NODE_SIGNAL)->to_main);
    f.at.now_ms = work_deadline_ms(&f.work);
    cr_assert_eq(f.at.now_ms, 1000 + item->spec->task.stop_timeout_ms);
    node_effects_clear(&f.fx);
    work_tick(&f.work, f.at, &f.fx);
    cr_assert_not_null(effect_of(&f, NODE_KILL));
    work_exited(&f.work, f.at, key, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 9},
                &f.fx);
    cr_assert(item->is_gone);
    cr_assert_not(item->gave_up);
    cr_assert_not_null(effect_of(&f, NODE_REMOVE));
    cr_assert_eq(work_deadline_ms(&f.work), UINT64_MAX);
    work_remove(&f.work, item);
    cr_assert_eq(f.work.n_items, 0);
    fini(&f);
}

Test(work, a_replacement_keeps_claim_and_generation_and_gets_new_ports)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    uint64_t claimed = item->claimed_unix_ms;
    work_replace(&f.work, item, f.at, "update from v1 to v2", &f.fx);
    work_replace(&f.work, item, f.at, "update from v1 to v2", &f.fx);
    cr_assert_eq(f.fx.n, 1, "said twice, signalled once");
    f.at.now_ms += 100;
    f.at.at_unix_ms += 100;
    work_exited(&f.work, f.at, key, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 15},
                &f.fx);
    cr_assert(item->is_gone && item->is_replacing);
    cr_assert_null(effect_of(&f, NODE_REMOVE));
    struct assignment order = order_of(checked, 2);
    order.generation = 99;
    node_effects_clear(&f.fx);
    cr_assert_eq(work_renew(&f.work, item, f.at, &order, &f.fx), 0);
    give_ports(&f);
    cr_assert_not_null(effect_of(&f, NODE_LAUNCH));
    cr_assert_eq(item->generation, 3);
    cr_assert_eq(item->version, 2);
    cr_assert_eq(item->claimed_unix_ms, claimed);
    cr_assert_eq(item->spec->n_health, 1);
    cr_assert_not(item->is_gone);
    cr_assert_not(item->is_replacing);
    cr_assert_neq(item->ports[0].port, 0);
    fini(&f);
}

Test(work, a_renewal_that_cannot_be_read_changes_nothing)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    work_replace(&f.work, item, f.at, "update", &f.fx);
    work_exited(&f.work, f.at, key, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 15},
                &f.fx);
    struct assignment order = order_of("{", 2);
    cr_assert_lt(work_renew(&f.work, item, f.at, &order, &f.fx), 0);
    cr_assert(item->is_gone && item->is_replacing);
    cr_assert_eq(item->version, 1);
    cr_assert_str_eq(item->spec->name, "web");
    fini(&f);
}

Test(work, a_stop_overrules_a_replacement)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    work_replace(&f.work, item, f.at, "update", &f.fx);
    work_stop(&f.work, item, f.at, "scaled to 0", &f.fx);
    work_exited(&f.work, f.at, key, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 15},
                &f.fx);
    cr_assert(item->is_gone);
    cr_assert_not(item->is_replacing);
    cr_assert_not_null(effect_of(&f, NODE_REMOVE));
    fini(&f);
}

Test(work, without_a_delay_the_next_start_is_in_the_step_of_the_end)
{
    static const char body[] = "{\"job\":\"web\",\"restart\":{\"attempts\":2,\"delay\":"
                               "\"0s\"},\"task\":{\"command\":[\"./web\"]}}";
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, body);
    for (unsigned exits = 1; exits <= 3; exits++) {
        node_effects_clear(&f.fx);
        work_exited(&f.work, f.at, key, &(struct exit_fact){.number = 1}, &f.fx);
        cr_expect_eq(item->gave_up, exits == 3, "attempts count all the same");
        cr_expect_eq(effect_of(&f, NODE_LAUNCH) != NULL, exits < 3);
        cr_expect_eq(item->life.restarts, exits < 3 ? exits : 2);
        work_started(&f.work, f.at, key, 43, &f.fx);
    }
    fini(&f);
}

Test(work, what_ends_while_all_is_held_waits_also_without_a_delay)
{
    static const char body[] = "{\"job\":\"web\",\"restart\":{\"delay\":\"0s\"},"
                               "\"task\":{\"command\":[\"./web\"]}}";
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, body);
    f.work.is_held = true;
    work_exited(&f.work, f.at, key, &(struct exit_fact){.number = 1}, &f.fx);
    cr_expect_null(effect_of(&f, NODE_LAUNCH));
    cr_expect_eq(item->life.state, INSTANCE_PENDING);
    f.work.is_held = false;
    work_tick(&f.work, f.at, &f.fx);
    cr_expect_not_null(effect_of(&f, NODE_LAUNCH));
    fini(&f);
}

Test(work, too_many_exits_give_up)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    for (unsigned exits = 1; exits <= 3; exits++) {
        node_effects_clear(&f.fx);
        work_exited(&f.work, f.at, key, &(struct exit_fact){.number = 1}, &f.fx);
        cr_assert_eq(item->gave_up, exits == 3);
        if (exits == 3)
            break;
        uint16_t port = item->ports[0].port;
        f.at.now_ms = work_deadline_ms(&f.work);
        work_tick(&f.work, f.at, &f.fx);
        give_ports(&f);
        cr_assert_not_null(effect_of(&f, NODE_LAUNCH));
        cr_assert_neq(item->ports[0].port, port, "it may have been in use");
        work_started(&f.work, f.at, key, 43, &f.fx);
    }
    cr_assert(item->is_gone);
    cr_assert_not_null(effect_of(&f, NODE_REMOVE));
    cr_assert_not_null(strstr(item->life.reason, "gave up after 3 exits"));
    cr_assert_eq(f.metrics.tasks_exited, 3);
    fini(&f);
}

Test(work, a_launch_that_failed_is_tried_with_other_ports)
{
    struct fixture f;
    init(&f);
    struct work_item *item = start(&f, web);
    uint16_t port = item->ports[0].port;
    work_failed(&f.work, f.at, key, "port 20001 is in use on this host", &f.fx);
    cr_assert_eq(item->life.state, INSTANCE_PENDING);
    cr_assert_str_eq(work_claim(item).reason, "port 20001 is in use on this host");
    f.at.now_ms = work_deadline_ms(&f.work);
    node_effects_clear(&f.fx);
    work_tick(&f.work, f.at, &f.fx);
    give_ports(&f);
    cr_assert_neq(item->ports[0].port, port);
    cr_assert_eq(effect_of(&f, NODE_LAUNCH)->ports[0], item->ports[0].port);
    fini(&f);
}

Test(work, what_lacks_a_port_is_refused_and_costs_no_attempt)
{
    struct fixture f;
    init(&f);
    struct assignment order = order_of(fixed, 1);
    cr_assert_eq(work_start(&f.work, f.at, &order, &f.fx), 0);
    struct work_item *item = work_find(&f.work, key);
    const struct node_effect *asked = effect_of(&f, NODE_PORTS);
    cr_assert(asked && asked->n_asks == 1 && asked->asks[0].is_fixed);
    enum port_state state = PORT_TAKEN;
    work_ports(&f.work, f.at, key, asked->asks, &state, 1, &f.fx);
    cr_assert(item->is_gone && item->gave_up && item->is_port_refused);
    cr_assert_eq(item->blocked_port, 8080);
    cr_assert_null(effect_of(&f, NODE_LAUNCH));
    cr_assert_eq(item->life.n_exits, 0);
    cr_assert_eq(f.metrics.tasks_started, 0);
    cr_assert_eq(work_deadline_ms(&f.work), UINT64_MAX);
    fini(&f);
}

Test(work, what_is_stopped_while_its_ports_are_looked_for_is_gone_at_once)
{
    for (int is_replaced = 0; is_replaced < 2; is_replaced++) {
        struct fixture f;
        init(&f);
        struct assignment order = order_of(web, 1);
        cr_assert_eq(work_start(&f.work, f.at, &order, &f.fx), 0);
        struct work_item *item = work_find(&f.work, key);
        if (is_replaced)
            work_replace(&f.work, item, f.at, "update", &f.fx);
        else
            work_stop(&f.work, item, f.at, "scaled to 0", &f.fx);
        cr_assert(item->is_gone && !item->gave_up && item->is_replacing == is_replaced);
        cr_assert_null(effect_of(&f, NODE_SIGNAL), "there is nobody to signal");
        give_ports(&f);
        cr_assert_null(effect_of(&f, NODE_LAUNCH), "the answer came too late");
        fini(&f);
    }
}

Test(work, a_retry_forgets_the_exits_and_waits_no_longer)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    work_exited(&f.work, f.at, key, &(struct exit_fact){.number = 1}, &f.fx);
    cr_assert_gt(work_deadline_ms(&f.work), f.at.now_ms);
    work_retry(&f.work, item, f.at, 77);
    cr_assert_eq(work_deadline_ms(&f.work), f.at.now_ms);
    cr_assert_eq(item->life.n_exits, 0);
    cr_assert_eq(item->retry_at, 77);
    fini(&f);
}

Test(work, a_check_is_probed_at_the_tasks_port_and_a_failing_one_restarts_it)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, checked);
    for (unsigned i = 0; i < 2; i++) {
        node_effects_clear(&f.fx);
        f.at.now_ms = work_deadline_ms(&f.work);
        work_tick(&f.work, f.at, &f.fx);
        const struct node_effect *probe = effect_of(&f, NODE_PROBE);
        cr_assert_not_null(probe);
        cr_assert_eq(probe->check, 0);
        cr_assert_str_eq(probe->health->path, "/h");
        cr_assert_eq(probe->endpoint.port, item->ports[0].port);
        cr_assert_eq(probe->endpoint.address[0], 127);
        work_probed(&f.work, f.at, key, 0, false, "connection refused", &f.fx);
    }
    cr_assert_not_null(effect_of(&f, NODE_SIGNAL));
    work_probed(&f.work, f.at, key, 0, false, NULL, &f.fx); /* it could not be asked */
    cr_assert_eq(f.metrics.health_failures, 2);
    cr_assert_str_eq(work_claim(item).check.said, "connection refused");
    work_exited(&f.work, f.at, key, &(struct exit_fact){EXIT_BY_SIGNAL, .number = 15},
                &f.fx);
    cr_assert_eq(item->life.state, INSTANCE_PENDING);
    cr_assert_not(item->is_gone);
    fini(&f);
}

Test(work, events_about_tasks_that_are_not_held_are_ignored)
{
    struct fixture f;
    init(&f);
    work_started(&f.work, f.at, "a.b.0", 1, &f.fx);
    work_failed(&f.work, f.at, "a.b.0", "x", &f.fx);
    work_exited(&f.work, f.at, "a.b.0", &(struct exit_fact){.number = 1, .is_oom = true},
                &f.fx);
    work_probed(&f.work, f.at, "a.b.0", 0, false, "x", &f.fx);
    (void)running(&f, checked);
    work_probed(&f.work, f.at, key, 1, false, "no such check", &f.fx);
    work_probed(&f.work, f.at, key, UINT_MAX, false, "no such check", &f.fx);
    cr_assert_eq(f.fx.n, 0);
    fini(&f);
}

/* ---- another spec for the task that runs ---- */

#define CHECKS_OF(path, name)                                                            \
    "{\"health\":[{\"http\":\"" path "\",\"name\":\"" name "\",\"interval\":\"1s\","     \
    "\"grace\":\"0s\",\"max_failures\":2}],\"job\":\"web\",\"ports\":{\"http\":"         \
    "\"dynamic\"},"                                                                      \
    "\"task\":{\"command\":[\"./"                                                        \
    "web\"],\"stop\":{\"signal\":\"INT\",\"timeout\":\"3s\"}}}"

Test(work, an_amendment_keeps_the_task_and_follows_the_new_spec)
{
    struct fixture f;
    struct arena arena;
    struct claim_doc note;
    struct bytes body;
    init(&f);
    arena_init(&arena, 0);
    struct work_item *item = running(&f, web);
    uint16_t port = item->ports[0].port;
    struct assignment order = order_of(CHECKS_OF("/h", "up"), 2);
    order.generation = 99;
    order.restart_at = 99;
    item->is_unpublished = false;
    cr_assert_eq(work_amend(&f.work, item, f.at, &order, &f.fx), 0);
    cr_assert_null(effect_of(&f, NODE_SIGNAL));
    cr_assert_null(effect_of(&f, NODE_LAUNCH));
    cr_assert(item->is_unpublished);
    struct claim_doc claim = work_claim(item);
    cr_assert_eq(claim.version, 2);
    cr_assert_eq(claim.spec.at[0], 2);
    cr_assert_eq(claim.generation, 3);
    cr_assert_eq(claim.restart_at, 9, "nothing was started since");
    cr_assert_eq(claim.pid, 42);
    cr_assert_eq(claim.ports[0].port, port);
    cr_assert_str_eq(claim.ports[0].name, "http");
    cr_assert_eq(work_note_read(effect_of(&f, NODE_NOTE)->note, &arena, &note, &body), 0);
    cr_assert_eq(note.version, 2, "the next agent finds it under the new one, too");
    cr_assert(bytes_equal(body, order.body));
    node_effects_clear(&f.fx);
    work_tick(&f.work, f.at, &f.fx);
    cr_assert_str_eq(effect_of(&f, NODE_PROBE)->health->path, "/h");
    node_effects_clear(&f.fx);
    work_stop(&f.work, item, f.at, "scaled to 0", &f.fx);
    cr_assert_eq(effect_of(&f, NODE_SIGNAL)->signal, 2);
    cr_assert_eq(work_deadline_ms(&f.work), f.at.now_ms + 3000);
    arena_fini(&arena);
    fini(&f);
}

/* A probe of this step may still point into the spec of before. */
Test(work, an_amendment_leaves_what_effects_point_to)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, CHECKS_OF("/before", "up"));
    work_tick(&f.work, f.at, &f.fx);
    const struct node_effect *probe = effect_of(&f, NODE_PROBE);
    struct assignment order = order_of(CHECKS_OF("/after", "up"), 2);
    for (uint32_t version = 2; version < 5; version++) {
        order.version = version;
        cr_assert_eq(work_amend(&f.work, item, f.at, &order, &f.fx), 0);
    }
    cr_assert_str_eq(probe->health->path, "/before");
    fini(&f);
}

Test(work, an_answer_to_a_check_of_before_the_amendment_counts_for_nothing)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, CHECKS_OF("/a", "up"));
    work_tick(&f.work, f.at, &f.fx);
    unsigned before = effect_of(&f, NODE_PROBE)->check;
    struct assignment order = order_of(CHECKS_OF("/b", "up"), 2);
    cr_assert_eq(work_amend(&f.work, item, f.at, &order, &f.fx), 0);
    node_effects_clear(&f.fx);
    work_probed(&f.work, f.at, key, before, true, "200", &f.fx);
    cr_assert_eq(item->life.health, HEALTH_UNKNOWN);
    work_tick(&f.work, f.at, &f.fx);
    unsigned now = effect_of(&f, NODE_PROBE)->check;
    cr_assert_neq(now, before);
    work_probed(&f.work, f.at, key, now, true, "200", &f.fx);
    cr_assert_eq(item->life.health, HEALTH_PASSING);
    fini(&f);
}

Test(work, what_is_stopped_or_replaced_is_not_amended)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    struct assignment order = order_of(checked, 2), bad = order_of("{", 3);
    cr_assert_lt(work_amend(&f.work, item, f.at, &bad, &f.fx), 0);
    cr_assert_eq(item->version, 1);
    work_replace(&f.work, item, f.at, "update", &f.fx);
    cr_assert_eq(work_amend(&f.work, item, f.at, &order, &f.fx), 0);
    cr_assert_eq(item->version, 1);
    work_stop(&f.work, item, f.at, "scaled to 0", &f.fx);
    cr_assert_eq(work_amend(&f.work, item, f.at, &order, &f.fx), 0);
    cr_assert_eq(item->version, 1);
    fini(&f);
}

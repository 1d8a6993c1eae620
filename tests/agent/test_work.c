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

static struct work_order order_of(const char *body, uint32_t version)
{
    return (struct work_order){.ns = "default",
                               .name = "web",
                               .generation = 3,
                               .hash = {.at = {(uint8_t)version}},
                               .version = version,
                               .restart_at = 9,
                               .body = bytes_of_text(body)};
}

static struct work_item *start(struct fixture *f, const char *body)
{
    struct work_order order = order_of(body, 1);
    cr_assert_eq(work_start(&f->work, f->at, &order, &f->fx), 0);
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
    arena_fini(&arena);
    fini(&f);
}

Test(work, what_is_held_cannot_be_started_again)
{
    struct fixture f;
    init(&f);
    (void)start(&f, web);
    struct work_order order = order_of(web, 2);
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
        struct work_order order = order_of(bad[i], 1);
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
    struct work_order order = order_of(web, 1);
    later.at = (struct moment){77, f.at.at_unix_ms + 60000};
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
    struct work_order order = order_of(web, 1);
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
    f.at.now_ms = work_deadline_ms(&f.work);
    cr_assert_eq(f.at.now_ms, 1000 + item->spec->task.stop_timeout_ms);
    node_effects_clear(&f.fx);
    work_tick(&f.work, f.at, &f.fx);
    cr_assert_not_null(effect_of(&f, NODE_KILL));
    work_exited(&f.work, f.at, key, 137, false, &f.fx);
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
    work_exited(&f.work, f.at, key, 143, false, &f.fx);
    cr_assert(item->is_gone && item->is_replacing);
    cr_assert_null(effect_of(&f, NODE_REMOVE));
    struct work_order order = order_of(checked, 2);
    order.generation = 99;
    node_effects_clear(&f.fx);
    cr_assert_eq(work_renew(&f.work, item, f.at, &order, &f.fx), 0);
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
    work_exited(&f.work, f.at, key, 143, false, &f.fx);
    struct work_order order = order_of("{", 2);
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
    work_exited(&f.work, f.at, key, 143, false, &f.fx);
    cr_assert(item->is_gone);
    cr_assert_not(item->is_replacing);
    cr_assert_not_null(effect_of(&f, NODE_REMOVE));
    fini(&f);
}

Test(work, too_many_exits_give_up)
{
    struct fixture f;
    init(&f);
    struct work_item *item = running(&f, web);
    for (unsigned exits = 1; exits <= 3; exits++) {
        node_effects_clear(&f.fx);
        work_exited(&f.work, f.at, key, 1, false, &f.fx);
        cr_assert_eq(item->gave_up, exits == 3);
        if (exits == 3)
            break;
        uint16_t port = item->ports[0].port;
        f.at.now_ms = work_deadline_ms(&f.work);
        work_tick(&f.work, f.at, &f.fx);
        cr_assert_not_null(effect_of(&f, NODE_LAUNCH));
        cr_assert_eq(item->ports[0].port, port);
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
    cr_assert_neq(item->ports[0].port, port);
    cr_assert_eq(effect_of(&f, NODE_LAUNCH)->ports[0], item->ports[0].port);
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
    cr_assert_eq(f.metrics.health_failures, 2);
    work_exited(&f.work, f.at, key, 143, false, &f.fx);
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
    work_exited(&f.work, f.at, "a.b.0", 1, true, &f.fx);
    work_probed(&f.work, f.at, "a.b.0", 0, false, "x", &f.fx);
    (void)running(&f, checked);
    work_probed(&f.work, f.at, key, 1, false, "no such check", &f.fx);
    work_probed(&f.work, f.at, key, UINT_MAX, false, "no such check", &f.fx);
    cr_assert_eq(f.fx.n, 0);
    fini(&f);
}

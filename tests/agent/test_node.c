/* A whole node in a tiny host: from a submitted job to a running task and its claim,
 * through exits, a restart of the agent, a failing disk and the way out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "host.h"
#include "proto/record.h"

#define WEB WEB_OF("./web")
#define WEB_OF(command)                                                                  \
    "job: web\ntask: {command: [" command "]}\nports: {http: dynamic}\n"                 \
    "update: {min_healthy_time: 100ms}\nrestart: {attempts: 2, delay: 1s}\n"

static const char key[] = "default.web.0";

/* The claim row of web.<index> by host `holder`, as `h` knows it. */
static bool claim_of(struct host *h, const struct host *holder, uint32_t index,
                     struct arena *arena, struct claim_doc *ret_claim)
{
    struct key row = key_claim(holder->options.gossip.id, "default", "web", index);
    const struct entry *entry =
        table_get(gossip_table(node_gossip(h->node)), key_bytes(&row));
    return entry && record_decode_claim(entry->value, arena, ret_claim) == 0;
}

struct fixture {
    struct hosts *all;
    struct host *h;
    struct arena arena;
    struct claim_doc claim;
};

static struct fixture with_web(unsigned n)
{
    struct fixture f = {.all = hosts_settled(n)};
    f.h = &f.all->hosts[0];
    arena_init(&f.arena, 0);
    uint64_t token = host_submit(f.h, WEB, 0, ACK_DEFAULT);
    hosts_run(f.all, 2000);
    cr_assert_eq(host_done(f.h, token)->result.code, 0, "%s",
                 host_done(f.h, token)->text);
    return f;
}

static void drop(struct fixture *f)
{
    arena_fini(&f->arena);
    hosts_free(f->all);
}

Test(node, a_submitted_job_is_launched_and_its_claim_published)
{
    struct fixture f = with_web(1);
    struct host_task *t = host_task(f.h, key);
    cr_assert_not_null(t, "%s", f.h->log);
    cr_assert_eq(t->n_launches, 1);
    cr_assert_eq(t->n_ports, 1);
    cr_assert(t->ports[0] >= 20000 && t->ports[0] <= 20099);
    cr_assert_str_eq(t->version, "v1");
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.state, INSTANCE_RUNNING);
    cr_assert_eq(f.claim.pid, t->pid);
    cr_assert_eq(f.claim.generation, 1);
    cr_assert_eq(f.claim.version, 1);
    cr_assert_eq(f.claim.n_ports, 1);
    cr_assert_str_eq(f.claim.ports[0].name, "http");
    cr_assert_eq(f.claim.ports[0].port, t->ports[0]);
    cr_assert(f.claim.is_proven);
    cr_assert(host_said(f.h, "event job web v1: web v1 was submitted at n1"));
    cr_assert(host_said(f.h, "event instance web.0 running: web.0 is running on n1"));
    drop(&f);
}

Test(node, a_task_that_exits_is_started_again_after_its_delay)
{
    struct fixture f = with_web(1);
    uint16_t port = host_task(f.h, key)->ports[0];
    host_exit(f.h, key, 3);
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.state, INSTANCE_PENDING);
    cr_assert(f.claim.has_exit);
    cr_assert_eq(f.claim.last_exit.number, 3);
    cr_assert_str_eq(f.claim.reason, "exited with 3");
    hosts_run(f.all, 900);
    cr_assert_eq(host_task(f.h, key)->n_launches, 1);
    hosts_run(f.all, 200);
    cr_assert_eq(host_task(f.h, key)->n_launches, 2);
    cr_assert_eq(host_task(f.h, key)->ports[0], port, "a restart keeps the port");
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.state, INSTANCE_RUNNING);
    cr_assert_eq(f.claim.restarts, 1);
    cr_assert_eq(f.claim.generation, 1);
    drop(&f);
}

Test(node, an_instance_that_keeps_failing_is_refused_for_a_minute_and_then_tried_again)
{
    struct fixture f = with_web(1);
    struct key row = key_refuse(f.h->options.gossip.id, "default", "web", 0);
    const struct table *table = gossip_table(node_gossip(f.h->node));
    for (unsigned i = 0; i < 3; i++) {
        host_exit(f.h, key, 1);
        hosts_run(f.all, 5000);
    }
    cr_assert_null(host_task(f.h, key), "%s", f.h->log);
    cr_assert(host_said(f.h, "remove default.web.0"));
    cr_assert_not(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_not_null(table_get(table, key_bytes(&row)));
    hosts_run(f.all, 50000);
    cr_assert_null(host_task(f.h, key));
    hosts_run(f.all, 10000);
    cr_assert_null(table_get(table, key_bytes(&row)), "the refusal is over");
    cr_assert_not_null(host_task(f.h, key));
    drop(&f);
}

Test(node, a_refusal_does_not_last_for_hours_because_the_clock_was_set_back)
{
    struct fixture f = with_web(1);
    for (unsigned i = 0; i < 3; i++) {
        host_exit(f.h, key, 1);
        hosts_run(f.all, 5000);
    }
    cr_assert_null(host_task(f.h, key), "%s", f.h->log);
    f.all->wall_step_ms = -3 * 3600 * 1000;
    hosts_run(f.all, 62000);
    cr_assert_not_null(host_task(f.h, key), "%s", f.h->log);
    drop(&f);
}

Test(node, a_new_version_replaces_the_task_under_the_same_claim)
{
    struct fixture f = with_web(1);
    (void)host_submit(f.h, WEB_OF("./web2"), 0, ACK_DEFAULT);
    hosts_run(f.all, 2000);
    struct host_task *t = host_task(f.h, key);
    cr_assert_not_null(t);
    cr_assert_eq(t->n_launches, 2);
    cr_assert_eq(t->n_signals, 1);
    cr_assert_str_eq(t->version, "v2");
    cr_assert_not(host_said(f.h, "remove default.web.0"), "%s", f.h->log);
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.generation, 1);
    cr_assert_eq(f.claim.version, 2);
    cr_assert_not(host_said(f.h, "event instance web.0 gone"), "%s", f.h->log);
    drop(&f);
}

Test(node, orders_scale_stop_start_restart_and_remove)
{
    struct fixture f = with_web(1);
    (void)host_order(f.h, ORDER_SCALE, "web", 3);
    hosts_run(f.all, 2000);
    cr_assert_eq(f.h->n_tasks, 3);
    (void)host_order(f.h, ORDER_SCALE, "web", 2);
    hosts_run(f.all, 2000);
    cr_assert_eq(f.h->n_tasks, 2);
    cr_assert_null(host_task(f.h, "default.web.2"));
    (void)host_order(f.h, ORDER_RESTART, "web", 0);
    hosts_run(f.all, 3000);
    cr_assert_eq(host_task(f.h, "default.web.0")->n_launches, 2);
    cr_assert_eq(host_task(f.h, "default.web.1")->n_launches, 2);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(f.h->n_tasks, 0);
    cr_assert(host_said(f.h, "event job web stopped: web was stopped"));
    (void)host_order(f.h, ORDER_START, "web", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(f.h->n_tasks, 2);
    (void)host_order(f.h, ORDER_REMOVE, "web", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(f.h->n_tasks, 0);
    cr_assert(host_said(f.h, "event job web removed: web was removed"));
    drop(&f);
}

Test(node, a_restart_is_told_as_one)
{
    struct fixture f = with_web(1);
    (void)host_order(f.h, ORDER_RESTART, "web", 0);
    cr_assert(host_said(f.h, "event job web ordered: web is to be restarted"), "%s",
              f.h->log);
    hosts_run(f.all, 3000);
    (void)host_order(f.h, ORDER_START, "web", 0);
    cr_assert_not(host_said(f.h, "web was started"), "it was not stopped: %s", f.h->log);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    hosts_run(f.all, 3000);
    (void)host_order(f.h, ORDER_START, "web", 0);
    cr_assert(host_said(f.h, "event job web ordered: web was started"), "%s", f.h->log);
    drop(&f);
}

Test(node, a_task_that_does_not_heed_its_signal_is_killed)
{
    struct fixture f = with_web(1);
    f.h->obeys = false;
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    hosts_run(f.all, 9000);
    cr_assert(host_said(f.h, "signal default.web.0 15"));
    cr_assert_not(host_said(f.h, "kill"));
    hosts_run(f.all, 2000);
    cr_assert(host_said(f.h, "kill default.web.0"));
    cr_assert_eq(f.h->n_tasks, 0);
    drop(&f);
}

Test(node, a_restarted_agent_adopts_its_tasks_and_disturbs_nothing)
{
    struct fixture f = with_web(1);
    struct host_task before = *host_task(f.h, key);
    host_stop(f.h);
    hosts_run(f.all, 5000);
    host_start(f.h);
    hosts_run(f.all, 5000);
    struct host_task *after = host_task(f.h, key);
    cr_assert_not_null(after);
    cr_assert_eq(after->n_launches, 1);
    cr_assert_eq(after->n_signals, 0);
    cr_assert_eq(after->pid, before.pid);
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.pid, before.pid);
    cr_assert_eq(f.claim.generation, 1);
    cr_assert_eq(f.claim.ports[0].port, before.ports[0]);
    cr_assert_eq(f.claim.started_unix_ms, before.started_unix_ms);
    host_exit(f.h, key, 0);
    hosts_run(f.all, 3000);
    cr_assert_eq(host_task(f.h, key)->n_launches, 2, "it is looked after again");
    drop(&f);
}

Test(node, a_task_that_ended_while_the_agent_was_away_is_started_again)
{
    struct fixture f = with_web(1);
    host_stop(f.h);
    host_exit(f.h, key, 1);
    host_start(f.h);
    host_step(f.h, &(struct node_input){
                       .kind = INPUT_TASK_EXITED,
                       .task = {.key = key, .fact = (struct exit_fact){.number = 1}}});
    host_perform(f.h);
    hosts_run(f.all, 3000);
    cr_assert_not_null(host_task(f.h, key));
    cr_assert_eq(host_task(f.h, key)->n_launches, 2);
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.state, INSTANCE_RUNNING);
    cr_assert_eq(f.claim.last_exit.number, 1);
    drop(&f);
}

Test(node, an_end_that_was_counted_stays_so_when_the_note_is_from_before)
{
    struct fixture f = with_web(1);
    struct host_task before = *host_task(f.h, key);
    host_exit(f.h, key, 1);
    hosts_run(f.all, 3000);
    struct host_task *after = host_task(f.h, key);
    cr_assert_eq(after->n_launches, 2);
    memcpy(after->note, before.note, sizeof(before.note));
    after->note_len = before.note_len;
    host_stop(f.h);
    host_start(f.h);
    hosts_run(f.all, 3000);
    cr_assert_eq(host_task(f.h, key)->n_launches, 2);
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.restarts, 1);
    cr_assert(f.claim.has_exit && f.claim.last_exit.number == 1);
    drop(&f);
}

Test(node, a_task_that_did_not_survive_loses_its_claim_and_is_started_anew)
{
    struct fixture f = with_web(1);
    host_stop(f.h);
    f.h->n_tasks = 0;
    host_start(f.h);
    hosts_run(f.all, 3000);
    cr_assert_not_null(host_task(f.h, key));
    cr_assert(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.pid, host_task(f.h, key)->pid);
    drop(&f);
}

Test(node, a_task_with_a_strange_key_or_note_is_not_adopted)
{
    struct fixture f = with_web(1);
    struct host_task *t = host_task(f.h, key);
    struct bytes note = {t->note, t->note_len};
    static const char *const keys[] = {
        "",           "web",    "default.web", "a.b.0",          "default.web.1",
        "default..0", ".web.0", "..",          "default.web.0.0"};
    host_stop(f.h);
    f.h->n_tasks = 0;
    host_start(f.h);
    tape_fini(&f.h->tape); /* no host finds its tasks so late */
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        bool is_adopted =
            node_adopt(f.h->node, hosts_now(f.all), keys[i], 1, 1, note, NULL);
        cr_assert_eq(is_adopted, strcmp(keys[i], "default.web.1") == 0, "'%s'", keys[i]);
    }
    for (size_t len = 0; len < note.len; len++)
        cr_assert_not(node_adopt(f.h->node, hosts_now(f.all), "default.web.2", 1, 1,
                                 (struct bytes){note.at, len}, NULL),
                      "%zu bytes of the note", len);
    drop(&f);
}

Test(node, away_is_published_and_tasks_stay)
{
    struct fixture f = with_web(1);
    struct node_doc doc;
    uint64_t until = hosts_now(f.all).at_unix_ms + 60000;
    host_step(f.h, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 60000});
    host_perform(f.h);
    struct key row = key_node(f.h->options.gossip.id);
    const struct entry *entry =
        table_get(gossip_table(node_gossip(f.h->node)), key_bytes(&row));
    cr_assert_eq(record_decode_node(entry->value, &f.arena, &doc), 0);
    cr_assert_eq(doc.state, AGENT_AWAY);
    cr_assert_eq(doc.away_until_unix_ms, until);
    cr_assert_eq(doc.away_ms, 60000);
    cr_assert_str_eq(doc.name, "n1");
    cr_assert(host_task(f.h, key)->is_running);
    cr_assert_not(f.h->has_exited);
    host_stop(f.h);
    host_start(f.h);
    hosts_run(f.all, 3000);
    entry = table_get(gossip_table(node_gossip(f.h->node)), key_bytes(&row));
    cr_assert_eq(record_decode_node(entry->value, &f.arena, &doc), 0);
    cr_assert_eq(doc.state, AGENT_UP, "back again");
    drop(&f);
}

Test(node, who_leaves_alone_stops_its_work_and_exits)
{
    struct fixture f = with_web(1);
    uint64_t token = host_order(f.h, ORDER_LEAVE, NULL, 0);
    cr_assert_eq(host_done(f.h, token)->result.code, 0);
    token = host_order(f.h, ORDER_LEAVE, NULL, 0);
    cr_assert_eq(host_done(f.h, token)->result.code, 0, "asking twice does no harm");
    hosts_run(f.all, 10000);
    cr_assert(f.h->has_exited, "%s", f.h->log);
    cr_assert_eq(f.h->n_tasks, 0);
    cr_assert_not(host_said(f.h, "event member n1 left: n1 (this node) has started"),
                  "%s", f.h->log);
    cr_assert_not(claim_of(f.h, f.h, 0, &f.arena, &f.claim));
    drop(&f);
}

Test(node, who_leaves_hands_over_first)
{
    struct fixture f = with_web(2);
    struct host *holder = host_task(f.h, key) ? f.h : &f.all->hosts[1];
    struct host *heir = holder == f.h ? &f.all->hosts[1] : f.h;
    (void)host_order(holder, ORDER_LEAVE, NULL, 0);
    hosts_run(f.all, 15000);
    cr_assert(holder->has_exited, "%s", holder->log);
    cr_assert_eq(holder->n_tasks, 0);
    cr_assert_not_null(host_task(heir, key), "%s", heir->log);
    cr_assert(claim_of(heir, heir, 0, &f.arena, &f.claim));
    cr_assert_eq(f.claim.generation, 2);
    const struct member *left =
        members_find(gossip_members(node_gossip(heir->node)), holder->options.gossip.id);
    cr_assert_eq(left->state, MEMBER_LEFT);
    char line[64];
    (void)snprintf(line, sizeof(line), "event member %s left: %s has left", holder->name,
                   holder->name);
    cr_assert(host_said(heir, line), "%s", heir->log);
    drop(&f);
}

Test(node, who_leaves_in_vain_leaves_no_task_behind_that_nobody_looks_after)
{
    struct fixture f = with_web(2);
    struct host *holder = host_task(f.h, key) ? f.h : &f.all->hosts[1];
    struct host *heir = holder == f.h ? &f.all->hosts[1] : f.h;
    heir->holds_starts = true; /* its copy is never healthy */
    (void)host_order(holder, ORDER_LEAVE, NULL, 0);
    hosts_run(f.all, 60000);
    cr_assert_not(holder->has_exited);
    cr_assert(host_task(holder, key)->is_running);
    hosts_run(f.all, 90000);
    cr_assert(holder->has_exited);
    cr_assert(host_said(holder, "kill default.web.0"), "%s", holder->log);
    cr_assert_not(host_task(holder, key) && host_task(holder, key)->is_running);
    drop(&f);
}

Test(node, who_never_found_its_cluster_leaves_at_once)
{
    struct hosts *all = hosts_new(2);
    struct host *h = &all->hosts[0];
    host_start(h);
    hosts_run(all, 1000);
    cr_assert_not(gossip_is_ready(node_gossip(h->node)));
    uint64_t token = host_submit(h, WEB, 0, ACK_DEFAULT);
    cr_assert_eq(host_done(h, token)->result.code, ERR_NOT_READY);
    (void)host_order(h, ORDER_LEAVE, NULL, 0);
    hosts_run(all, 10000);
    cr_assert(h->has_exited);
    hosts_free(all);
}

Test(node, a_dead_holders_work_is_taken_over_under_the_next_generation)
{
    struct fixture f = with_web(3);
    struct host *holder = NULL;
    for (unsigned i = 0; i < 3; i++)
        holder = host_task(&f.all->hosts[i], key) ? &f.all->hosts[i] : holder;
    cr_assert_not_null(holder);
    host_stop(holder);
    hosts_run(f.all, 10000);
    unsigned n_running = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct host *h = &f.all->hosts[i];
        if (h == holder || !host_task(h, key))
            continue;
        n_running++;
        cr_assert(claim_of(h, h, 0, &f.arena, &f.claim));
        cr_assert_eq(f.claim.generation, 2);
    }
    cr_assert_eq(n_running, 1);
    drop(&f);
}

/* ---- the disk ---- */

Test(node, a_refused_write_is_answered_and_orders_work_again_after_it_is_mended)
{
    struct fixture f = with_web(1);
    store_mem_fault(f.h->store, 0, 1);
    uint64_t token = host_order(f.h, ORDER_VAR_SET, "colour", 0);
    const struct host_done *done = host_done(f.h, token);
    cr_assert_not_null(done);
    cr_assert_eq(done->result.code, ERR_STORE,
                 "what is not on the disk is not acknowledged");
    cr_assert_eq(done->result.known_by, 0);
    cr_assert_eq(f.h->backlog.n, 0, "an order that was refused is not tried again");
    hosts_run(f.all, 5000);
    cr_assert_null(table_get(gossip_table(node_gossip(f.h->node)),
                             bytes_of_text("var/default/colour")));
    token = host_order(f.h, ORDER_VAR_SET, "colour", 0);
    cr_assert_eq(host_done(f.h, token)->result.code, 0, "%s",
                 host_done(f.h, token)->text);
    drop(&f);
}

Test(node, what_is_no_order_is_written_by_itself_as_soon_as_the_store_takes_it)
{
    struct fixture f = with_web(1);
    store_mem_fault(f.h->store, 0, 1);
    host_exit(f.h, key, 3); /* its claim */
    cr_assert_gt(f.h->backlog.n, 0);
    hosts_run(f.all, 5000);
    cr_assert_eq(f.h->backlog.n, 0, "tried again by itself, though nothing else happens");
    drop(&f);
}

Test(node, orders_are_refused_while_the_store_fails_whoever_can_be_reached)
{
    struct fixture f = with_web(2);
    f.all->hosts[1].is_cut = true;
    store_mem_fault(f.h->store, 0, 1000);
    uint64_t token = host_order(f.h, ORDER_VAR_SET, "colour", 0);
    const struct host_done *done = host_done(f.h, token);
    cr_assert_not_null(done, "not left waiting");
    cr_assert_eq(done->result.code, ERR_STORE);
    cr_assert_not_null(strstr(done->text, "does not take writes"));
    token = host_order(f.h, ORDER_VAR_SET, "colour", 0);
    cr_assert_eq(host_done(f.h, token)->result.code, ERR_STORE, "a later one is refused");
    store_mem_fault(f.h->store, 0, 0);
    f.all->hosts[1].is_cut = false;
    hosts_run(f.all, 10000);
    token = host_order(f.h, ORDER_VAR_SET, "colour", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(host_done(f.h, token)->result.code, 0, "%s",
                 host_done(f.h, token)->text);
    cr_assert_eq(f.h->backlog.n, 0);
    host_stop(f.h);
    host_start(f.h);
    cr_assert_not_null(table_get(gossip_table(node_gossip(f.h->node)),
                                 bytes_of_text("var/default/colour")));
    drop(&f);
}

Test(node,
     whichever_write_fails_a_job_runs_when_its_order_was_done_and_survives_a_restart)
{
    unsigned n_refused = 0;
    for (unsigned countdown = 0; countdown < 12; countdown++) {
        struct hosts *all = hosts_settled(1);
        struct host *h = &all->hosts[0];
        store_mem_fault(h->store, countdown, 3);
        uint64_t token = host_submit(h, WEB, 0, ACK_DEFAULT);
        hosts_run(all, 3000);
        const struct host_done *done = host_done(h, token);
        cr_assert_not_null(done, "countdown %u", countdown);
        if (done->result.code < 0) {
            n_refused++;
            cr_assert_eq(done->result.code, ERR_STORE);
            cr_assert_null(host_task(h, key), "countdown %u: %s", countdown, h->log);
            store_mem_fault(h->store, 0, 0);
            token = host_submit(h, WEB, 0, ACK_DEFAULT);
            hosts_run(all, 3000);
            cr_assert_eq(host_done(h, token)->result.code, 0);
        }
        cr_assert_not_null(host_task(h, key), "countdown %u: %s", countdown, h->log);
        hosts_run(all, 5000);
        (void)host_order(h, ORDER_VAR_SET, "colour", 0);
        hosts_run(all, 5000);
        cr_assert_eq(h->backlog.n, 0, "countdown %u", countdown);
        host_stop(h);
        host_start(h);
        hosts_run(all, 5000);
        cr_assert_not_null(host_task(h, key), "countdown %u", countdown);
        cr_assert_eq(host_task(h, key)->n_launches, 1, "countdown %u", countdown);
        hosts_free(all);
    }
    cr_assert_eq(n_refused, 1, "only the order's own write refuses it");
}

Test(node, a_task_is_adopted_by_an_agent_whose_store_was_lost)
{
    struct fixture f = with_web(1);
    struct host_task *t = host_task(f.h, key);
    struct metrics metrics = {0};
    struct node_options options = {
        .gossip = {.id = {{9}},
                   .name = "bare",
                   .endpoint = {.family = 4, .address = {127, 0, 0, 9}, .port = 7780},
                   .profile = &gossip_profile_local,
                   .epoch = 1,
                   .seed = 1,
                   .metrics = &metrics},
        .self = {.name = "bare", .version = "t", .address = "127.0.0.9"},
        .port_min = 1,
        .port_max = 2,
        .binary = "/bin/stratos"};
    struct node *bare = node_new(&options, hosts_now(f.all));
    cr_assert_not_null(bare);
    cr_assert(node_adopt(bare, hosts_now(f.all), key, 1, 1,
                         (struct bytes){t->note, t->note_len}, NULL));
    node_free(bare);
    drop(&f);
}

/* The one host that starts later is a copy of n2, with what n2 had when it stopped. */
static struct host *start_copy(struct hosts *all, unsigned of)
{
    struct host *copy = &all->hosts[all->n - 1];
    copy->options.gossip.id = all->hosts[of].options.gossip.id;
    copy->options.gossip.epoch = 1000;
    (void)strcpy(copy->name, all->hosts[of].name);
    host_start(copy);
    return copy;
}

static unsigned launches(const struct host *h)
{
    unsigned n = 0;
    for (size_t i = 0; i < h->n_tasks; i++)
        n += h->tasks[i].n_launches;
    return n;
}

Test(node, the_younger_of_two_lives_of_one_identity_runs_nothing_and_takes_no_orders)
{
    struct hosts *all = hosts_new(4);
    for (unsigned i = 0; i < 3; i++)
        host_start(&all->hosts[i]);
    hosts_run(all, 5000);
    uint64_t token = host_submit(&all->hosts[0],
                                 "job: web\ncount: 6\ntask: {command: [./web]}\n", 0, 0);
    hosts_run(all, 10000);
    cr_assert_eq(host_done(&all->hosts[0], token)->result.code, 0);
    unsigned held = launches(&all->hosts[1]);
    cr_assert_gt(held, 0);
    struct host *copy = start_copy(all, 1);
    hosts_run(all, 10000);
    cr_expect(gossip_is_stopped(node_gossip(copy->node)));
    cr_expect(host_said(copy, "has stopped: its identity lives at 127.0.0.2:7780"), "%s",
              copy->log);
    for (unsigned i = 0; i < 3; i++)
        cr_expect(
            host_said(&all->hosts[i], "the identity of n2 is at 127.0.0.4:7780 as well"),
            "n%u: %s", i + 1, all->hosts[i].log);
    token = host_order(copy, ORDER_VAR_SET, "colour", 0);
    hosts_run(all, 2000);
    cr_expect_eq(host_done(copy, token)->result.code, ERR_NOT_READY);
    token = host_order(copy, ORDER_LEAVE, "", 0);
    hosts_run(all, 2000);
    cr_expect_eq(host_done(copy, token)->result.code, ERR_NOT_READY);
    hosts_run(all, 30000);
    for (size_t i = 0; i < copy->n_tasks; i++)
        cr_expect_not(copy->tasks[i].is_running, "%s", copy->tasks[i].key);
    cr_expect_eq(launches(&all->hosts[1]), held, "the elder goes on as it was");
    cr_expect_not(gossip_is_ready(node_gossip(copy->node)));
    cr_expect_eq(node_deadline_ms(copy->node), UINT64_MAX);
    hosts_free(all);
}

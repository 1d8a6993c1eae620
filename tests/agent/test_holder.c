/* What several nodes make of one job: updates one by one, work that moves when it must
 * and stays when it may, and never twice for long. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "proto/record.h"

#define WEB(more) WEB_OF("./web", more)
#define WEB_OF(command, more)                                                            \
    "job: web\ncount: 3\ntask: {command: [" command "]}\nports: {http: dynamic}\n"       \
    "update: {min_healthy_time: 1s}\nrestart: {attempts: 1, delay: 1s}\n" more

struct fixture {
    struct hosts *all;
    struct host *h;
};

static struct fixture with_web(unsigned n)
{
    struct fixture f = {.all = hosts_settled(n)};
    f.h = &f.all->hosts[0];
    (void)host_submit(f.h, WEB(""), 0, ACK_DEFAULT);
    hosts_run(f.all, 4000);
    return f;
}

/* How many tasks of web.<index> run, on all hosts that are not cut off unless `also_cut`.
 */
static unsigned n_running(struct fixture *f, unsigned index, bool also_cut)
{
    unsigned n = 0;
    char key[32];
    (void)snprintf(key, sizeof(key), "default.web.%u", index);
    for (unsigned i = 0; i < f->all->n; i++) {
        struct host *h = &f->all->hosts[i];
        struct host_task *t =
            h->node && (also_cut || !h->is_cut) ? host_task(h, key) : NULL;
        n += t && t->is_running;
    }
    return n;
}

static bool each_runs_once(struct fixture *f)
{
    for (unsigned i = 0; i < 3; i++)
        if (n_running(f, i, true) != 1)
            return false;
    return true;
}

static struct host *holder_of(struct fixture *f, const char *key)
{
    for (unsigned i = 0; i < f->all->n; i++)
        if (host_task(&f->all->hosts[i], key) &&
            host_task(&f->all->hosts[i], key)->is_running)
            return &f->all->hosts[i];
    return NULL;
}

static void cut(struct fixture *f, unsigned from, unsigned to, bool is_cut)
{
    for (unsigned i = from; i < to; i++)
        f->all->hosts[i].is_cut = is_cut;
}

Test(holder, every_instance_runs_once_and_not_all_in_one_place)
{
    struct fixture f = with_web(3);
    cr_assert(each_runs_once(&f));
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(f.all->hosts[i].n_tasks, 1, "n%u", i + 1);
    hosts_free(f.all);
}

Test(holder, an_update_switches_one_instance_at_a_time)
{
    struct fixture f = with_web(3);
    unsigned worst = 3;
    (void)host_submit(f.h, WEB_OF("./web2", ""), 0, ACK_DEFAULT);
    for (f.h->obeys = true; f.all->now_ms < 40000; hosts_run(f.all, 10)) {
        unsigned n = 0, settled = 0;
        for (unsigned i = 0; i < 3; i++)
            n += n_running(&f, i, true);
        worst = n < worst ? n : worst;
        for (unsigned i = 0; i < 3; i++)
            for (size_t k = 0; k < f.all->hosts[i].n_tasks; k++)
                settled += strcmp(f.all->hosts[i].tasks[k].version, "v2") == 0;
        /* A new one is proven for a second before the next may go: three take two and
         * more. */
        cr_assert(settled < 3 || f.all->now_ms > 9000);
    }
    cr_assert_geq(worst, 2, "%u of 3 ran at the worst moment", worst);
    for (unsigned i = 0; i < 3; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "default.web.%u", i);
        cr_assert_str_eq(host_task(holder_of(&f, key), key)->version, "v2");
    }
    hosts_free(f.all);
}

Test(holder, an_update_that_fails_goes_no_further)
{
    struct fixture f = with_web(3);
    struct host *first = holder_of(&f, "default.web.0");
    first->holds_starts = true;
    (void)host_submit(f.h, WEB_OF("./web2", ""), 0, ACK_DEFAULT);
    hosts_run(f.all, 20000);
    cr_assert_eq(n_running(&f, 1, true), 1);
    cr_assert_eq(n_running(&f, 2, true), 1);
    for (unsigned i = 1; i < 3; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "default.web.%u", i);
        cr_assert_str_eq(host_task(holder_of(&f, key), key)->version, "v1");
    }
    hosts_free(f.all);
}

/* A new job is no update of a removed one: nothing waits for what that left, and nothing of it stays. */
Test(holder, a_job_that_was_removed_and_is_made_again_starts_at_once)
{
    struct fixture f = with_web(3);
    uint32_t pids[3];
    for (unsigned i = 0; i < 3; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "default.web.%u", i);
        pids[i] = host_task(holder_of(&f, key), key)->pid;
        f.all->hosts[i].obeys = true;
    }
    (void)host_order(f.h, ORDER_REMOVE, "web", 0);
    (void)host_submit(f.h, WEB(""), 0, ACK_DEFAULT); /* before anybody has stopped anything */
    hosts_run(f.all, 2000);
    cr_assert(each_runs_once(&f));
    for (unsigned i = 0; i < 3; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "default.web.%u", i);
        struct host_task *t = host_task(holder_of(&f, key), key);
        cr_assert_str_eq(t->version, "v1");
        for (unsigned k = 0; k < 3; k++)
            cr_assert_neq(t->pid, pids[k], "%s is a task of the removed job", key);
    }
    hosts_free(f.all);
}

/* Where the old tasks take their time, the new ones start on other nodes. */
Test(holder, what_a_removed_job_left_is_waited_for_only_where_it_runs)
{
    struct fixture f = with_web(2);
    f.all->hosts[0].obeys = f.all->hosts[1].obeys = false;
    (void)host_order(f.h, ORDER_REMOVE, "web", 0);
    hosts_run(f.all, 1000); /* they were told, and go on */
    (void)host_submit(f.h, WEB_OF("./web2", ""), 0, ACK_DEFAULT);
    hosts_run(f.all, 2000);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(n_running(&f, i, true), 2, "web.%u: the old one here, the new one there", i);
    hosts_free(f.all);
}

Test(holder, what_keeps_failing_on_one_node_goes_to_another)
{
    struct fixture f = with_web(3);
    struct host *first = holder_of(&f, "default.web.0");
    for (unsigned i = 0; i < 2; i++) {
        host_exit(first, "default.web.0", 1);
        hosts_run(f.all, 3000);
    }
    cr_assert(each_runs_once(&f));
    cr_assert_neq(holder_of(&f, "default.web.0"), first);
    hosts_run(f.all, 90000);
    cr_assert(each_runs_once(&f));
    cr_assert_neq(holder_of(&f, "default.web.0"), first, "nothing moves back by itself");
    hosts_free(f.all);
}

Test(holder, a_failed_start_is_tried_again_and_then_elsewhere)
{
    struct fixture f = {.all = hosts_settled(2)};
    f.h = &f.all->hosts[0];
    for (unsigned i = 0; i < 2; i++)
        f.all->hosts[i].holds_starts = true;
    (void)host_submit(
        f.h, "job: web\ntask: {command: [./web]}\nrestart: {attempts: 1, delay: 1s}\n", 0,
        ACK_DEFAULT);
    hosts_run(f.all, 2000);
    struct host *first = host_task(f.h, "default.web.0") ? f.h : &f.all->hosts[1];
    struct host *second = first == f.h ? &f.all->hosts[1] : f.h;
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_not_null(host_task(first, "default.web.0"), "%s", first->log);
        host_step(first, &(struct node_input){
                             .kind = INPUT_TASK_FAILED,
                             .task = {.key = "default.web.0", .why = "no such program"}});
        host_perform(first);
        hosts_run(f.all, 2000);
    }
    cr_assert_null(host_task(first, "default.web.0"), "%s", first->log);
    cr_assert_not_null(host_task(second, "default.web.0"), "%s", second->log);
    hosts_free(f.all);
}

Test(holder, away_keeps_its_work_until_its_time_is_over)
{
    struct fixture f = with_web(3);
    struct host *gone = &f.all->hosts[2];
    host_step(gone, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 20000});
    host_perform(gone);
    hosts_run(f.all, 500);
    host_stop(gone);
    hosts_run(f.all, 15000);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(f.all->hosts[i].n_tasks, 1, "n%u took over too early", i + 1);
    hosts_run(f.all, 10000);
    cr_assert_eq(f.all->hosts[0].n_tasks + f.all->hosts[1].n_tasks, 3);
    hosts_free(f.all);
}

/* Clocks of two nodes are never compared: a duration is counted by who waits. */
Test(holder, away_lasts_as_long_where_the_clock_is_wrong)
{
    static const int64_t steps_ms[] = {-3600000, 3600000};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = with_web(3);
        struct host *gone = &f.all->hosts[2];
        host_step(gone, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 20000});
        host_perform(gone);
        hosts_run(f.all, 500);
        host_stop(gone);
        f.all->wall_step_ms = steps_ms[i];
        hosts_run(f.all, 15000);
        for (unsigned k = 0; k < 2; k++)
            cr_assert_eq(f.all->hosts[k].n_tasks, 1, "n%u took over too early", k + 1);
        hosts_run(f.all, 15000);
        cr_assert_eq(f.all->hosts[0].n_tasks + f.all->hosts[1].n_tasks, 3);
        hosts_free(f.all);
    }
}

/* A host that takes its tasks along is not waited for. */
Test(holder, away_for_no_time_is_not_away)
{
    struct fixture f = with_web(3);
    struct host *gone = &f.all->hosts[2];
    host_step(gone, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 0});
    host_perform(gone);
    hosts_run(f.all, 500);
    host_stop(gone);
    hosts_run(f.all, 10000);
    cr_assert_eq(f.all->hosts[0].n_tasks + f.all->hosts[1].n_tasks, 3);
    hosts_free(f.all);
}

Test(holder, who_comes_back_in_time_from_away_goes_on_with_the_same_task)
{
    struct fixture f = with_web(3);
    struct host *gone = &f.all->hosts[2];
    host_step(gone, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 20000});
    host_perform(gone);
    hosts_run(f.all, 500);
    host_stop(gone);
    hosts_run(f.all, 10000);
    host_start(gone);
    hosts_run(f.all, 30000);
    cr_assert(each_runs_once(&f));
    cr_assert_eq(gone->n_tasks, 1);
    cr_assert_eq(gone->tasks[0].n_launches, 1);
    cr_assert_eq(gone->tasks[0].n_signals, 0);
    hosts_free(f.all);
}

Test(holder, a_healed_partition_ends_with_one_of_each)
{
    struct fixture f = with_web(5);
    cut(&f, 0, 1, true);
    hosts_run(f.all, 30000);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(n_running(&f, i, false), 1, "web.%u on the majority's side", i);
    cut(&f, 0, 1, false);
    hosts_run(f.all, 30000);
    cr_assert(each_runs_once(&f));
    hosts_free(f.all);
}

Test(holder, a_node_that_loses_most_others_holds_its_hand_for_a_while)
{
    struct fixture f = with_web(5);
    size_t before = f.all->hosts[4].n_tasks;
    cut(&f, 4, 5, true);
    uint64_t dead_ms = 0;
    for (unsigned i = 0; i < 1000 && !dead_ms; i++) {
        hosts_run(f.all, 10);
        const struct members *m = gossip_members(node_gossip(f.all->hosts[4].node));
        dead_ms = members_count_state(m, MEMBER_DEAD) == 4 ? f.all->now_ms : 0;
    }
    cr_assert_neq(dead_ms, 0);
    cr_assert(node_is_takeover_held(f.all->hosts[4].node, f.all->now_ms));
    cr_assert_eq(f.all->hosts[4].n_tasks, before);
    hosts_run(f.all, 1500);
    cr_assert_eq(f.all->hosts[4].n_tasks, before, "%s", f.all->hosts[4].log);
    hosts_run(f.all, 3000);
    cr_assert_eq(f.all->hosts[4].n_tasks, 3, "then it believes it: %s",
                 f.all->hosts[4].log);
    hosts_free(f.all);
}

static struct fixture with_web_on_lan(unsigned n)
{
    struct fixture f = {.all = hosts_new(n)};
    f.h = &f.all->hosts[0];
    for (unsigned i = 0; i < n; i++) {
        f.all->hosts[i].options.gossip.profile = &gossip_profile_lan;
        f.all->hosts[i].options.hold_ms = 30000;
        host_start(&f.all->hosts[i]);
    }
    hosts_run(f.all, 10000);
    (void)host_submit(f.h, WEB("labels: {a: b}\n"), 0, ACK_DEFAULT);
    hosts_run(f.all, 10000);
    cr_assert(each_runs_once(&f));
    return f;
}

Test(holder, who_is_cut_off_doubts_the_first_death_already)
{
    struct fixture f = with_web_on_lan(5);
    for (unsigned lonely = 0; lonely < 5; lonely++) {
        struct host *h = &f.all->hosts[lonely];
        size_t before = h->n_tasks;
        h->is_cut = true;
        for (unsigned i = 0; i < 250; i++) {
            hosts_run(f.all, 100);
            const struct members *m = gossip_members(node_gossip(h->node));
            cr_assert_leq(h->n_tasks, before, "n%u after %u ms: %zu dead, %zu suspect",
                          lonely + 1, i * 100, members_count_state(m, MEMBER_DEAD),
                          members_count_state(m, MEMBER_SUSPECT));
        }
        h->is_cut = false;
        hosts_run(f.all, 40000);
        cr_assert(each_runs_once(&f));
    }
    hosts_free(f.all);
}

Test(holder, a_death_that_others_confirm_is_believed_at_once)
{
    for (unsigned n = 2; n <= 5; n++) {
        for (unsigned dead = 0; dead < n; dead++) {
            struct fixture f = with_web_on_lan(n);
            size_t n_tasks = 0;
            host_stop(&f.all->hosts[dead]);
            hosts_run(f.all, 12000);
            for (unsigned i = 0; i < n; i++)
                n_tasks += i == dead ? 0 : f.all->hosts[i].n_tasks;
            cr_assert_eq(n_tasks, 3, "n%u of %u", dead + 1, n);
            hosts_free(f.all);
        }
    }
}

/* Half is not more than half, also when it dies twice. */
Test(holder, of_two_the_other_takes_over_also_when_one_dies_again)
{
    struct fixture f = with_web_on_lan(2);
    struct host *other = &f.all->hosts[1];
    char text[256];
    for (unsigned i = 0; i < 3; i++) {
        other->n_tasks = 0; /* a lost host */
        host_stop(other);
        hosts_run(f.all, 5000);
        cr_assert_eq(f.h->n_tasks, 3 + 4 * i, "death %u: %zu tasks run", i + 1,
                     f.h->n_tasks);
        host_start(other);
        hosts_run(f.all, 2000);
        (void)snprintf(text, sizeof(text),
                       "job: more%u\ncount: 4\ntask: {command: [./x]}\n", i);
        (void)host_submit(f.h, text, 0, ACK_DEFAULT);
        hosts_run(f.all, 2000);
        cr_assert_gt(other->n_tasks, 0, "there is something to take over");
    }
    hosts_free(f.all);
}

Test(holder, who_wakes_up_alone_doubts_that_all_others_died)
{
    struct fixture f = with_web_on_lan(5);
    struct host *h = &f.all->hosts[4];
    size_t before = h->n_tasks;
    host_stop(h);
    h->is_cut = h->has_no_seeds = true;
    host_start(h);
    hosts_run(f.all, 20000);
    cr_assert(gossip_is_ready(node_gossip(h->node)));
    cr_assert_eq(h->n_tasks, before, "%s", h->log);
    cr_assert_eq(n_running(&f, 0, false) + n_running(&f, 1, false) +
                     n_running(&f, 2, false),
                 3, "the others have taken over what it had");
    hosts_run(f.all, 30000);
    cr_assert_eq(h->n_tasks, 3, "then it believes it: %s", h->log);
    h->is_cut = false;
    hosts_run(f.all, 60000);
    cr_assert(each_runs_once(&f));
    hosts_free(f.all);
}

static const struct claim_doc *claim_of(struct host *h, const char *job,
                                        struct arena *arena)
{
    static struct claim_doc doc;
    struct key key = key_claim(h->options.gossip.id, "default", job, 0);
    const struct entry *entry =
        table_get(gossip_table(node_gossip(h->node)), key_bytes(&key));
    cr_assert(entry && record_decode_claim(entry->value, arena, &doc) == 0);
    return &doc;
}

static uint64_t claim_number(struct host *h, const char *job)
{
    struct key key = key_claim(h->options.gossip.id, "default", job, 0);
    return table_get(gossip_table(node_gossip(h->node)), key_bytes(&key))->number;
}

#define CHECKED(more)                                                                    \
    "job: sick\ntask: {command: [./sick]}\nports: {http: dynamic}\n"                     \
    "update: {min_healthy_time: 1s}\n"                                                   \
    "health: [{http: /, interval: 1s, grace: 0s, name: up" more "}]\n"

Test(holder, a_check_that_fails_leaves_dns_and_is_written_when_that_changes)
{
    struct fixture f = {.all = hosts_settled(1)};
    struct arena arena;
    arena_init(&arena, 0);
    f.h = &f.all->hosts[0];
    (void)host_submit(f.h, CHECKED(", max_failures: 800"), 0, ACK_DEFAULT);
    hosts_run(f.all, 4000);
    cr_assert_eq(claim_of(f.h, "sick", &arena)->health, HEALTH_PASSING);
    cr_assert(claim_of(f.h, "sick", &arena)->is_proven);
    f.h->passes_probes = false;
    hosts_run(f.all, 3000);
    cr_assert_eq(claim_of(f.h, "sick", &arena)->health, HEALTH_FAILING);
    cr_assert_eq(claim_of(f.h, "sick", &arena)->state, INSTANCE_RUNNING);
    cr_assert_not(claim_of(f.h, "sick", &arena)->is_proven);
    cr_assert_str_eq(claim_of(f.h, "sick", &arena)->check.said, "connection refused");
    unsigned n_probes = host_task(f.h, "default.sick.0")->n_probes;
    uint64_t number = claim_number(f.h, "sick");
    hosts_run(f.all, 600000);
    cr_assert_gt(host_task(f.h, "default.sick.0")->n_probes, n_probes + 500);
    cr_assert_leq(claim_number(f.h, "sick"), number + 10, "a day of failures is no news");
    f.h->passes_probes = true;
    hosts_run(f.all, 1100);
    cr_assert_eq(claim_of(f.h, "sick", &arena)->health, HEALTH_PASSING);
    cr_assert_str_eq(claim_of(f.h, "sick", &arena)->check.name, "");
    cr_assert_eq(host_task(f.h, "default.sick.0")->n_launches, 1);
    arena_fini(&arena);
    hosts_free(f.all);
}

Test(holder, a_ready_check_never_restarts_and_a_live_one_does)
{
    static const struct {
        const char *file;
        unsigned n_launches;
    } rows[] = {{CHECKED(", kind: ready, max_failures: 2"), 1},
                {CHECKED(", kind: live, max_failures: 0"), 1},
                {CHECKED(", kind: live, max_failures: 2"), 2},
                {CHECKED(", max_failures: 2"), 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = {.all = hosts_settled(1)};
        f.h = &f.all->hosts[0];
        (void)host_submit(f.h, rows[i].file, 0, ACK_DEFAULT);
        hosts_run(f.all, 2000);
        f.h->passes_probes = false;
        hosts_run(f.all, 4000);
        cr_expect_eq(host_task(f.h, "default.sick.0")->n_launches, rows[i].n_launches,
                     "row %zu", i);
        hosts_free(f.all);
    }
}

Test(holder, a_restarted_agent_leaves_health_as_it_was_until_a_check_says_otherwise)
{
    for (int passes = 0; passes < 2; passes++) {
        struct fixture f = {.all = hosts_settled(1)};
        struct arena arena;
        arena_init(&arena, 0);
        f.h = &f.all->hosts[0];
        (void)host_submit(f.h, CHECKED(", kind: ready"), 0, ACK_DEFAULT);
        hosts_run(f.all, 4000);
        f.h->passes_probes = passes;
        hosts_run(f.all, 4000);
        enum health before = claim_of(f.h, "sick", &arena)->health;
        cr_assert_eq(before, passes ? HEALTH_PASSING : HEALTH_FAILING);
        host_stop(f.h);
        host_start(f.h);
        cr_expect_eq(claim_of(f.h, "sick", &arena)->health, before);
        cr_expect_eq(claim_of(f.h, "sick", &arena)->is_proven, passes);
        hosts_run(f.all, 50);
        cr_expect_eq(claim_of(f.h, "sick", &arena)->health, before);
        f.h->passes_probes = true;
        hosts_run(f.all, 3000);
        cr_expect_eq(claim_of(f.h, "sick", &arena)->health, HEALTH_PASSING);
        cr_expect_eq(host_task(f.h, "default.sick.0")->n_launches, 1);
        arena_fini(&arena);
        hosts_free(f.all);
    }
}

/* What an edit of a job does to what runs of it, on whole nodes: nothing, where the task cannot see
 * it; and how many serve while the count changes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "proto/record.h"

#define HEAD "job: web\nports: {http: dynamic}\nupdate: {min_healthy_time: 1s}\n"
#define TASK "task: {command: [./web]}\n"
#define WEB HEAD "count: 3\n" TASK

struct fixture {
    struct hosts *all;
    struct host *h;
    uint32_t pids[8];
};

static struct fixture with(const char *file)
{
    struct fixture f = {.all = hosts_settled(3)};
    f.h = &f.all->hosts[0];
    for (unsigned i = 0; i < 3; i++)
        f.all->hosts[i].obeys = f.all->hosts[i].passes_probes = true;
    (void)host_submit(f.h, file, 0, ACK_DEFAULT);
    hosts_run(f.all, 4000);
    return f;
}

static struct host_task *task_of(struct fixture *f, unsigned index)
{
    char key[32];
    (void)snprintf(key, sizeof(key), "default.web.%u", index);
    for (unsigned i = 0; i < f->all->n; i++) {
        struct host_task *t = host_task(&f->all->hosts[i], key);
        if (t && t->is_running)
            return t;
    }
    return NULL;
}

static uint32_t pid_of(struct fixture *f, unsigned index)
{
    struct host_task *t = task_of(f, index);
    return t ? t->pid : 0;
}

static void note_pids(struct fixture *f)
{
    for (unsigned i = 0; i < 8; i++)
        f->pids[i] = pid_of(f, i);
}

/* How many of the first `n` run as they did when their pids were noted. */
static unsigned n_same(struct fixture *f, unsigned n)
{
    unsigned same = 0;
    for (unsigned i = 0; i < n; i++)
        same += f->pids[i] && pid_of(f, i) == f->pids[i];
    return same;
}

static unsigned n_running(struct fixture *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 8; i++)
        n += pid_of(f, i) != 0;
    return n;
}

/* Every claim of the job, as the first host's table has it, is of this version. */
static bool all_claims_are_of(struct fixture *f, uint32_t version, unsigned n)
{
    struct arena arena;
    unsigned n_right = 0;
    arena_init(&arena, 0);
    for (unsigned i = 0; i < f->all->n; i++)
        for (uint32_t index = 0; index < 8; index++) {
            struct claim_doc doc;
            struct key key =
                key_claim(f->all->hosts[i].options.gossip.id, "default", "web", index);
            const struct entry *e =
                table_get(gossip_table(node_gossip(f->h->node)), key_bytes(&key));
            n_right += e && record_decode_claim(e->value, &arena, &doc) == 0 &&
                       doc.version == version;
        }
    arena_fini(&arena);
    return n_right == n;
}

Test(edits, what_the_task_cannot_see_restarts_nothing)
{
    static const char *const edits[] = {
        HEAD "count: 3\nlabels: {a: b}\n" TASK,
        HEAD "count: 3\npriority: 60\n" TASK,
        HEAD "count: 3\nrestart: {attempts: 9}\n" TASK,
        HEAD "count: 3\nhealth: [{tcp: true, interval: 1s}]\n" TASK,
        HEAD "count: 3\nhealth: [{tcp: true, interval: 2s}]\n" TASK,
        HEAD "count: 3\n" TASK,
        HEAD "count: 3\nservice: {name: other}\n" TASK,
        HEAD "count: 3\nconstraints: [{attr: hostname, op: like, value: .*}]\n" TASK,
        HEAD
        "count: 3\ntask: {command: [./web], stop: {timeout: 3s}, logs: {max_files: 2}}\n",
        HEAD "count: 3\n" TASK,
    };
    struct fixture f = with(WEB);
    note_pids(&f);
    cr_assert_eq(n_running(&f), 3);
    for (uint32_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        (void)host_submit(f.h, edits[i], 0, ACK_DEFAULT);
        hosts_run(f.all, 3000);
        cr_assert_eq(n_same(&f, 3), 3, "edit %u: %s", i, f.h->log);
        cr_assert(all_claims_are_of(&f, i + 2, 3), "edit %u is taken over", i);
    }
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_str_eq(task_of(&f, i)->version, "v1");
        cr_assert_eq(task_of(&f, i)->n_launches, 1);
        cr_assert_eq(task_of(&f, i)->n_signals, 0);
    }
    hosts_free(f.all);
}

Test(edits, an_edit_that_is_taken_over_is_so_after_an_agents_restart_as_well)
{
    struct fixture f = with(WEB);
    note_pids(&f);
    (void)host_submit(f.h, WEB "labels: {a: b}\n", 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    for (unsigned i = 0; i < 3; i++) { /* each in turn, and an edit meanwhile */
        char file[256];
        (void)snprintf(file, sizeof(file), WEB "labels: {a: c%u}\n", i);
        host_stop(&f.all->hosts[i]);
        f.h = &f.all->hosts[(i + 1) % 3];
        (void)host_submit(f.h, file, 0, ACK_DEFAULT);
        hosts_run(f.all, 300);
        host_start(&f.all->hosts[i]);
        hosts_run(f.all, 4000);
        cr_assert_eq(n_same(&f, 3), 3, "n%u: %s", i + 1, f.all->hosts[i].log);
        cr_assert(all_claims_are_of(&f, i + 3, 3));
    }
    hosts_free(f.all);
}

/* Removed and submitted again while a node was cut off: what that still runs is of the removed job. */
Test(edits, what_a_removed_job_left_on_a_node_that_was_cut_off_goes_when_it_is_back)
{
    struct fixture f = with(WEB);
    struct host *cut = &f.all->hosts[2];
    cr_assert_eq(cut->n_tasks, 1);
    uint32_t pid = cut->tasks[0].pid;
    cut->is_cut = true;
    (void)host_order(f.h, ORDER_REMOVE, "web", 0);
    hosts_run(f.all, 300);
    (void)host_submit(f.h, WEB "labels: {a: b}\n", 0, ACK_DEFAULT);
    hosts_run(f.all, 300);
    cut->is_cut = false;
    hosts_run(f.all, 8000);
    cr_assert_eq(f.all->hosts[0].n_tasks + f.all->hosts[1].n_tasks + cut->n_tasks, 3);
    cr_assert(cut->n_tasks == 0 || cut->tasks[0].pid != pid, "%s", cut->log);
    cr_assert(all_claims_are_of(&f, 1, 3));
    hosts_free(f.all);
}

Test(edits, the_way_back_restarts_only_what_had_left)
{
    struct fixture f = with(WEB);
    note_pids(&f);
    for (unsigned i = 0; i < 3; i++)
        f.all->hosts[i].holds_starts = true;
    (void)host_submit(f.h, HEAD "count: 3\ntask: {command: [./bad]}\n", 0, ACK_DEFAULT);
    hosts_run(f.all, 3000);
    cr_assert_eq(n_same(&f, 3), 2, "one of three has switched, and does not start");
    for (unsigned i = 0; i < 3; i++)
        f.all->hosts[i].holds_starts = false;
    for (unsigned i = 0; i < 3; i++)
        if (host_task(&f.all->hosts[i], "default.web.0"))
            host_step(&f.all->hosts[i],
                      &(struct node_input){
                          .kind = INPUT_TASK_FAILED,
                          .task = {.key = "default.web.0", .why = "no such program"}});
    for (unsigned i = 0; i < 3; i++)
        host_perform(&f.all->hosts[i]);
    (void)host_submit(f.h, WEB, 0, ACK_DEFAULT);
    hosts_run(f.all, 3000);
    cr_assert_eq(n_same(&f, 3), 2);
    cr_assert_eq(n_running(&f), 3);
    cr_assert(all_claims_are_of(&f, 3, 3), "all of them say what is in force");
    hosts_free(f.all);
}

Test(edits, a_check_that_fails_everywhere_reaches_one_instance_alone)
{
    struct fixture f = with(WEB);
    note_pids(&f);
    for (unsigned i = 0; i < 3; i++)
        f.all->hosts[i].passes_probes = false;
    (void)host_submit(f.h, WEB "health: [{tcp: true, interval: 1s, grace: 0s}]\n", 0,
                      ACK_DEFAULT);
    for (unsigned i = 0; i < 200; i++) {
        hosts_run(f.all, 100);
        cr_assert_geq(n_running(&f), 2);
    }
    cr_assert_eq(n_same(&f, 3), 2, "that one was started anew, as its check demands");
    hosts_free(f.all);
}

/* ---- how many run ---- */

static void scale(struct fixture *f, uint32_t count)
{
    struct order command = {.kind = ORDER_SCALE,
                            .ns = "default",
                            .name = "web",
                            .count = count,
                            .token = 900 + count};
    host_command(f->h, &command);
    hosts_run(f->all, 4000);
}

Test(edits, a_broken_version_with_a_lower_count_costs_one_instance)
{
    struct fixture f = with(WEB);
    scale(&f, 5);
    cr_assert_eq(n_running(&f), 5);
    note_pids(&f);
    for (unsigned i = 0; i < 3; i++)
        f.all->hosts[i].holds_starts = true;
    (void)host_submit(f.h, HEAD "count: 3\ntask: {command: [./bad]}\n", 0, ACK_DEFAULT);
    for (unsigned i = 0; i < 100; i++) {
        hosts_run(f.all, 100);
        cr_assert_geq(n_running(&f), 4, "after %u ms", i * 100);
    }
    cr_assert_eq(n_same(&f, 5), 4);
    hosts_free(f.all);
}

Test(edits, a_good_version_with_a_lower_count_ends_with_that_many)
{
    struct fixture f = with(WEB);
    unsigned least = 5;
    scale(&f, 5);
    (void)host_submit(f.h, HEAD "count: 3\ntask: {command: [./web2]}\n", 0, ACK_DEFAULT);
    for (unsigned i = 0; i < 150; i++) {
        unsigned n_new = 0;
        hosts_run(f.all, 100);
        for (unsigned k = 0; k < 3; k++)
            n_new += task_of(&f, k) && strcmp(task_of(&f, k)->version, "v2") == 0;
        if (n_new < 3 && n_running(&f) < least)
            least = n_running(&f);
    }
    cr_assert_geq(least, 4);
    cr_assert_eq(n_running(&f), 3);
    cr_assert(all_claims_are_of(&f, 2, 3));
    hosts_free(f.all);
}

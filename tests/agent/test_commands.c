/* Orders of people: what they write, what they refuse, and when they are answered. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "core/err.h"
#include "gossip/machine/effect.h"
#include "host.h"
#include "proto/record.h"
#include "sched/jobfile.h"

#define JOB(name) "job: " name "\ncount: 0\ntask: {command: [./x]}\n"

struct fixture {
    struct hosts *all;
    struct host *h;
    struct arena arena;
};

static struct fixture with(unsigned n)
{
    struct fixture f = {.all = hosts_settled(n)};
    f.h = &f.all->hosts[0];
    arena_init(&f.arena, 0);
    return f;
}

static void drop(struct fixture *f)
{
    arena_fini(&f->arena);
    hosts_free(f->all);
}

static const struct node_result *answer(const struct fixture *f, uint64_t token)
{
    const struct host_done *done = host_done(f->h, token);
    cr_assert_not_null(done, "order %u has no answer", (unsigned)token);
    return &done->result;
}

static const struct table *table_of(const struct fixture *f)
{
    return gossip_table(node_gossip(f->h->node));
}

static const struct gossip *gossip_of(const struct fixture *f)
{
    return node_gossip(f->h->node);
}

static bool job_of(struct fixture *f, const char *name, struct job_doc *ret_doc)
{
    struct key key = key_job("default", name);
    const struct entry *e = table_get(table_of(f), key_bytes(&key));
    return e && record_decode_job(e->value, &f->arena, ret_doc) == 0;
}

static struct control_doc control_of(const struct fixture *f, const char *name)
{
    struct key key = key_control("default", name);
    const struct entry *e = table_get(table_of(f), key_bytes(&key));
    struct control_doc doc = {0};
    if (e)
        cr_assert_eq(record_decode_control(e->value, &doc), 0);
    return doc;
}

static int count_one(void *ctx, const struct entry *e)
{
    (void)e;
    ++*(size_t *)ctx;
    return 0;
}

static size_t count_prefix(const struct fixture *f, const char *prefix)
{
    size_t n = 0;
    (void)table_each(table_of(f), bytes_of_text(prefix), count_one, &n);
    return n;
}

/* ---- submit ---- */

Test(commands, a_submission_creates_updates_or_leaves_a_job)
{
    struct fixture f = with(1);
    struct job_doc doc, later;
    uint64_t token = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 1);
    cr_assert_str_eq(doc.by, "n1");
    cr_assert_str_eq(doc.note, "a note");
    struct key body = key_spec("default", "web", doc.spec);
    cr_assert_not_null(table_get(table_of(&f), key_bytes(&body)));

    hosts_run(f.all, 100);
    uint64_t digest = table_digest(table_of(&f));
    token = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert_str_eq(answer(&f, token)->text, "unchanged");
    cr_assert_eq(table_digest(table_of(&f)), digest);

    token = host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert(job_of(&f, "web", &later));
    cr_assert_eq(later.version, 2);
    cr_assert_eq(later.first_stamp, doc.first_stamp, "a job does not get younger");
    cr_assert_gt(later.at_unix_ms, doc.at_unix_ms);
    cr_assert_eq(count_prefix(&f, "spec/default/web/"), 2);
    drop(&f);
}

Test(commands, the_bodies_of_the_last_ten_versions_are_kept)
{
    struct fixture f = with(1);
    char text[256];
    struct job_doc doc;
    for (int i = 1; i <= 25; i++) {
        (void)snprintf(text, sizeof(text), JOB("web") "labels: {a: '%d'}\n", i);
        (void)host_submit(f.h, text, 0, ACK_DEFAULT);
        hosts_run(f.all, 10);
    }
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 25);
    cr_assert_eq(count_prefix(&f, "spec/default/web/"), 10);
    (void)host_submit(f.h, JOB("web") "labels: {a: '17'}\n", 0, ACK_DEFAULT);
    cr_assert(job_of(&f, "web", &doc));
    struct key body = key_spec("default", "web", doc.spec);
    cr_assert_not_null(table_get(table_of(&f), key_bytes(&body)));
    cr_assert_eq(count_prefix(&f, "spec/default/web/"), 10);
    drop(&f);
}

/* A node that comes to it late, or an instance that waits for its turn, still runs it. */
/* Submit one job with the text `text`: "" none is to be kept. */
static uint64_t submit_text(struct fixture *f, const char *file, const char *text)
{
    static uint64_t token = 5000;
    struct complaints complaints = {.arena = &f->arena};
    struct jobfile read;
    struct bytes bytes = bytes_of_text(text);
    cr_assert_eq(jobfile_read(bytes_of_text(file), &f->arena, &complaints, &read), 0);
    const struct order command = {.kind = ORDER_SUBMIT,
                                    .token = ++token,
                                    .jobs = read.jobs,
                                    .n_jobs = 1,
                                    .texts = &bytes,
                                    .ack = ACK_DEFAULT};
    host_command(f->h, &command);
    cr_assert_eq(answer(f, token)->code, 0);
    return token;
}

static const char *text_of(struct fixture *f, const char *name)
{
    struct job_doc doc;
    cr_assert(job_of(f, name, &doc));
    struct key key = key_text("default", name, doc.spec);
    const struct entry *e = table_get(table_of(f), key_bytes(&key));
    return e ? arena_text_of(&f->arena, e->value) : "none";
}

Test(commands, the_text_of_a_version_is_the_last_that_became_it_and_goes_with_it)
{
    struct fixture f = with(1);
    struct job_doc doc;
    char file[200];
    (void)submit_text(&f, JOB("web"), "# first");
    cr_expect_str_eq(text_of(&f, "web"), "# first");
    (void)submit_text(&f, JOB("web"), "# other words for the same");
    cr_expect_str_eq(text_of(&f, "web"), "# other words for the same");
    cr_assert(job_of(&f, "web", &doc));
    cr_expect_eq(doc.version, 1, "it is the same version");
    uint64_t number = gossip_number(gossip_of(&f));
    (void)submit_text(&f, JOB("web"), "# other words for the same");
    cr_expect_eq(gossip_number(gossip_of(&f)), number, "nothing is written twice");
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT); /* an order that knows of no texts */
    cr_expect_str_eq(text_of(&f, "web"), "# other words for the same");
    (void)submit_text(&f, JOB("web"), "");
    cr_expect_str_eq(text_of(&f, "web"), "none", "an older one would be false");
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(file, sizeof(file), JOB("web") "labels: {n: v%u}\n", i);
        (void)submit_text(&f, file, "# one of thirty");
    }
    cr_expect_leq(count_prefix(&f, "text/default/web/"), 11, "they go with their bodies");
    cr_expect_eq(count_prefix(&f, "text/default/web/"), count_prefix(&f, "spec/default/web/"));
    (void)host_order(f.h, ORDER_REMOVE, "web", 0);
    cr_expect_eq(count_prefix(&f, "text/"), 0);
    drop(&f);
}

Test(commands, a_version_that_an_instance_runs_is_kept)
{
    struct fixture f = with(1);
    char text[256];
    struct job_doc first;
    (void)host_submit(f.h, "job: web\ntask: {command: [./x]}\nlabels: {a: first}\n", 0,
                      ACK_DEFAULT);
    hosts_run(f.all, 3000);
    cr_assert(job_of(&f, "web", &first));
    cr_assert_eq(count_prefix(&f, "claim/"), 1);
    f.h->holds_starts = true;
    for (int i = 1; i <= 25; i++) {
        (void)snprintf(text, sizeof(text),
                       "job: web\ntask: {command: [./x]}\nlabels: {a: '%d'}\n", i);
        (void)host_submit(f.h, text, 0, ACK_DEFAULT);
    }
    struct key body = key_spec("default", "web", first.spec);
    cr_assert_not_null(table_get(table_of(&f), key_bytes(&body)));
    cr_assert_eq(count_prefix(&f, "spec/default/web/"), 11);
    drop(&f);
}

Test(commands, a_note_that_is_too_long_changes_nothing)
{
    struct fixture f = with(1);
    char note[2000];
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    memset(note, 'x', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    struct jobfile file;
    struct complaints complaints = {.arena = &f.arena};
    cr_assert_eq(jobfile_read(bytes_of_text(JOB("web") "labels: {a: b}\n"), &f.arena,
                              &complaints, &file),
                 0);
    struct order command = {.kind = ORDER_SUBMIT,
                            .token = 999,
                            .jobs = file.jobs,
                            .n_jobs = file.n_jobs,
                            .note = note};
    uint64_t digest = table_digest(table_of(&f));
    host_command(f.h, &command);
    cr_assert_eq(answer(&f, 999)->code, ERR_BOUND);
    cr_assert_eq(table_digest(table_of(&f)), digest);
    cr_assert(control_of(&f, "web").is_stopped);
    drop(&f);
}

Test(commands, a_submission_ends_a_stop_and_a_scale)
{
    struct fixture f = with(1);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_SCALE, "web", 0);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    cr_assert(control_of(&f, "web").is_stopped && control_of(&f, "web").has_count);
    uint64_t token = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    cr_assert_str_neq(answer(&f, token)->text, "unchanged");
    cr_assert_not(control_of(&f, "web").is_stopped);
    cr_assert_not(control_of(&f, "web").has_count);
    drop(&f);
}

Test(commands, a_scale_says_who_and_when_and_stays_where_it_is_to_be_kept)
{
    struct fixture f = with(1);
    struct jobfile file;
    struct complaints complaints = {.arena = &f.arena};
    struct order command = {.kind = ORDER_SCALE,
                            .ns = "default",
                            .name = "web",
                            .count = 5,
                            .by = "root@n1",
                            .token = 700};
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    host_command(f.h, &command);
    struct control_doc doc = control_of(&f, "web");
    cr_assert(doc.has_count && doc.count == 5);
    cr_assert_str_eq(doc.scaled_by, "root@n1");
    cr_assert_eq(doc.scaled_unix_ms, hosts_now(f.all).at_unix_ms);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    cr_assert_str_eq(control_of(&f, "web").scaled_by, "root@n1", "a stop is no scale");

    cr_assert_eq(jobfile_read(bytes_of_text(JOB("web") "labels: {a: b}\n"), &f.arena,
                              &complaints, &file),
                 0);
    command = (struct order){.kind = ORDER_SUBMIT,
                             .jobs = file.jobs,
                             .n_jobs = 1,
                             .keep_scale = true,
                             .token = 701};
    host_command(f.h, &command);
    doc = control_of(&f, "web");
    cr_assert(doc.has_count && doc.count == 5 && !doc.is_stopped);
    cr_assert_str_eq(doc.scaled_by, "root@n1");
    command.keep_scale = false;
    command.token = 702;
    host_command(f.h, &command);
    doc = control_of(&f, "web");
    cr_assert_not(doc.has_count);
    cr_assert_str_eq(doc.scaled_by, "");
    cr_assert_eq(doc.scaled_unix_ms, 0);
    drop(&f);
}

Test(commands, if_version_is_compared_before_anything_is_written)
{
    struct fixture f = with(1);
    struct job_doc doc;
    uint64_t token = host_submit(f.h, JOB("web"), 1, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, ERR_CONFLICT, "there is none yet");
    cr_assert_not(job_of(&f, "web", &doc));
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    token = host_submit(f.h, JOB("web") "labels: {a: b}\n", 1, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    token = host_submit(f.h, JOB("web") "labels: {a: c}\n", 1, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, ERR_CONFLICT);
    cr_assert_str_eq(answer(&f, token)->text,
                     "job 'web' is at v2, not v1: look at what changed and submit again");
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 2);
    drop(&f);
}

Test(commands, only_if_new_is_compared_before_anything_is_written)
{
    struct fixture f = with(1);
    struct jobfile file;
    struct complaints complaints = {.arena = &f.arena};
    cr_assert_eq(jobfile_read(bytes_of_text(JOB("web")), &f.arena, &complaints, &file),
                 0);
    struct order command = {.kind = ORDER_SUBMIT,
                            .token = 900,
                            .jobs = file.jobs,
                            .n_jobs = file.n_jobs,
                            .if_new = true};
    host_command(f.h, &command);
    cr_assert_eq(answer(&f, 900)->code, 0, "%s", answer(&f, 900)->text);
    command.token = 901;
    host_command(f.h, &command);
    cr_assert_eq(answer(&f, 901)->code, ERR_CONFLICT);
    cr_assert_str_eq(answer(&f, 901)->text,
                     "job 'web' is not new, it is at v1: look at it, or submit without "
                     "that");
    drop(&f);
}

Test(commands, jobs_of_one_file_are_written_all_or_none)
{
    static const char both[] = "jobs:\n- {job: a, count: 0, task: {command: [./x]}}\n"
                               "- {job: b, count: 0, task: {command: [./x]}}\n";
    struct fixture f = with(1);
    struct job_doc doc;
    (void)host_submit(f.h, JOB("b") "labels: {a: b}\n", 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("b"), 0, ACK_DEFAULT);
    uint64_t digest = table_digest(table_of(&f));
    uint64_t token = host_submit(f.h, both, 1, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, ERR_CONFLICT);
    cr_assert_eq(table_digest(table_of(&f)), digest);
    cr_assert_not(job_of(&f, "a", &doc));
    token = host_submit(f.h, both, 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert(job_of(&f, "a", &doc));
    drop(&f);
}

/* ---- orders ---- */

Test(commands, orders_change_the_control_record_and_keep_the_rest_of_it)
{
    struct fixture f = with(1);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_SCALE, "web", 5);
    struct control_doc doc = control_of(&f, "web");
    cr_assert(doc.has_count && !doc.is_stopped && doc.restart_at == 0);
    cr_assert_eq(doc.count, 5);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    doc = control_of(&f, "web");
    cr_assert(doc.has_count && doc.is_stopped);
    (void)host_order(f.h, ORDER_START, "web", 0);
    cr_assert_not(control_of(&f, "web").is_stopped);
    (void)host_order(f.h, ORDER_RESTART, "web", 0);
    doc = control_of(&f, "web");
    cr_assert_gt(doc.restart_at, 0);
    cr_assert_eq(doc.count, 5);
    (void)host_order(f.h, ORDER_RESTART, "web", 0);
    cr_assert_gt(control_of(&f, "web").restart_at, doc.restart_at,
                 "twice in one millisecond");
    drop(&f);
}

Test(commands, a_stopped_job_is_not_restarted_and_keeps_a_new_count)
{
    struct fixture f = with(1);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    uint64_t digest = table_digest(table_of(&f));
    uint64_t token = host_order(f.h, ORDER_RESTART, "web", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_STOPPED);
    cr_assert_str_eq(answer(&f, token)->text,
                     "web is stopped: `stratos start web` starts it");
    cr_assert_eq(table_digest(table_of(&f)), digest);
    token = host_order(f.h, ORDER_SCALE, "web", 2);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert(control_of(&f, "web").is_stopped && control_of(&f, "web").count == 2);
    drop(&f);
}

Test(commands, an_order_for_what_is_not_there_says_so_and_writes_nothing)
{
    static const enum order_kind kinds[] = {ORDER_SCALE,   ORDER_STOP,   ORDER_START,
                                            ORDER_RESTART, ORDER_REMOVE, ORDER_VAR_REMOVE,
                                            ORDER_FORGET};
    struct fixture f = with(1);
    uint64_t digest = table_digest(table_of(&f));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint64_t token = host_order(f.h, kinds[i], "nothing", 1);
        cr_assert_eq(answer(&f, token)->code, ERR_NOT_FOUND, "kind %d", (int)kinds[i]);
        cr_assert_not_null(strstr(answer(&f, token)->text, "'nothing'"));
        token = host_order(f.h, kinds[i], "No Name/", 1);
        cr_assert_eq(answer(&f, token)->code, ERR_NOT_FOUND, "kind %d", (int)kinds[i]);
    }
    cr_assert_eq(table_digest(table_of(&f)), digest);
    drop(&f);
}

Test(commands, a_removed_job_leaves_nothing_and_starts_anew_at_version_1)
{
    struct fixture f = with(1);
    struct job_doc doc, was;
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("web2"), 0, ACK_DEFAULT);
    cr_assert(job_of(&f, "web", &was));
    cr_assert_gt(was.born, 0);
    (void)host_order(f.h, ORDER_STOP, "web", 0);
    uint64_t token = host_order(f.h, ORDER_REMOVE, "web", 0);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert_not(job_of(&f, "web", &doc));
    cr_assert_eq(count_prefix(&f, "spec/default/web/"), 0);
    cr_assert_eq(count_prefix(&f, "control/default/web"), 0);
    cr_assert(job_of(&f, "web2", &doc), "its namesake by prefix stays");
    cr_assert_eq(count_prefix(&f, "spec/default/web2/"), 1);
    token = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 1);
    cr_assert(born_differs(doc.born, was.born), "it is another job");
    was = doc;
    (void)host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.born, was.born, "an update is of the same job");
    cr_assert_not(control_of(&f, "web").is_stopped);
    drop(&f);
}

/* ---- variables and nodes ---- */

static const struct node_result *set_variable(struct fixture *f, const char *name,
                                              struct bytes value, int ack, uint64_t token)
{
    const struct order command = {.kind = ORDER_VAR_SET,
                                  .token = token,
                                  .ns = "default",
                                  .name = name,
                                  .value = value,
                                  .ack = ack};
    host_command(f->h, &command);
    const struct host_done *done = host_done(f->h, token);
    return done ? &done->result : NULL;
}

Test(commands, a_variable_takes_what_an_entry_holds_and_not_a_byte_more)
{
    struct fixture f = with(1);
    struct bytes value = {calloc(1, ENTRY_LEN_MAX + 1), ENTRY_LEN_MAX};
    cr_assert_eq(set_variable(&f, "big", value, 0, 1001)->code, 0);
    cr_assert_eq(table_get(table_of(&f), bytes_of_text("var/default/big"))->value.len,
                 ENTRY_LEN_MAX);
    value.len++;
    cr_assert_eq(set_variable(&f, "big", value, 0, 1002)->code, ERR_BOUND);
    cr_assert_eq(set_variable(&f, "empty", (struct bytes){0}, 0, 1003)->code, 0);
    cr_assert_eq(table_get(table_of(&f), bytes_of_text("var/default/empty"))->value.len,
                 0);
    uint64_t token = host_order(f.h, ORDER_VAR_REMOVE, "empty", 0);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert_null(table_get(table_of(&f), bytes_of_text("var/default/empty")));
    union {
        const uint8_t *in;
        void *out;
    } given = {.in = value.at};
    free(given.out);
    drop(&f);
}

Test(commands, a_variable_needs_a_name_that_can_be_one)
{
    static const char *const bad[] = {"", " ", "a b", "\xc3\xa9", "a\n"};
    struct fixture f = with(1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(set_variable(&f, bad[i], bytes_of_text("x"), 0, 2000 + i)->code,
                     ERR_INVALID, "'%s'", bad[i]);
    cr_assert_eq(count_prefix(&f, "var/"), 0);
    drop(&f);
}

/* The live one, where several are named so. */
static const struct member *member_named(const struct members *m, const char *name)
{
    const struct member *found = NULL;
    for (size_t i = 0; i < members_count(m); i++) {
        const struct member *member = members_at(m, i);
        if (strcmp(member->name, name) == 0 && (!found || member->state < found->state))
            found = member;
    }
    return found;
}

Test(commands, only_a_dead_or_departed_node_is_forgotten)
{
    struct fixture f = with(3);
    uint64_t token = host_order(f.h, ORDER_FORGET, "n2", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID);
    cr_assert_str_eq(answer(&f, token)->text,
                     "node 'n2' is alive: only a dead or departed node can be forgotten");
    token = host_order(f.h, ORDER_FORGET, "n1", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID);
    host_stop(&f.all->hosts[1]);
    hosts_run(f.all, 10000);
    token = host_order(f.h, ORDER_FORGET, "n2", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, token)->code, 0, "%s", answer(&f, token)->text);
    for (unsigned i = 0; i < 3; i += 2) {
        const struct gossip *g = node_gossip(f.all->hosts[i].node);
        cr_assert_null(member_named(gossip_members(g), "n2"), "n%u", i + 1);
        struct key row = key_node(f.all->hosts[1].options.gossip.id);
        cr_assert_null(table_get(gossip_table(g), key_bytes(&row)), "n%u", i + 1);
    }
    drop(&f);
}

/* As when a host was installed anew: its old self is dead, its new one has the same name.
 */
Test(commands, of_two_nodes_of_one_name_the_dead_one_is_forgotten)
{
    struct fixture f = with(3);
    struct host *old = &f.all->hosts[1], *anew = &f.all->hosts[2];
    host_stop(old);
    host_stop(anew);
    (void)strcpy(anew->name, "n2");
    host_start(anew);
    hosts_run(f.all, 10000);
    const struct members *m = gossip_members(node_gossip(f.h->node));
    cr_assert_eq(member_named(m, "n2")->state, MEMBER_ALIVE);
    uint64_t token = host_order(f.h, ORDER_FORGET, "n2", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, token)->code, 0, "%s", answer(&f, token)->text);
    cr_assert_null(members_find(m, old->options.gossip.id));
    cr_assert_not_null(members_find(m, anew->options.gossip.id));
    char id[NODE_ID_TEXT];
    token = host_order(f.h, ORDER_FORGET, node_id_text(anew->options.gossip.id, id), 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID, "an id is as good as a name");
    drop(&f);
}

/* ---- what the store does not take ---- */

static void rotate(struct fixture *f, uint64_t token)
{
    uint8_t value[SECRET_LEN + SECRET_NONCE_LEN] = {7};
    struct order command = {
        .kind = ORDER_ROTATE, .token = token, .value = BYTES_OF(value)};
    host_command(f->h, &command);
}

/* One order of each kind, each with something to write. */
static uint64_t order_number(struct fixture *f, unsigned kind)
{
    static uint64_t token = 7000;
    switch (kind) {
    case 0:
        return host_submit(f->h, JOB("new"), 0, ACK_DEFAULT);
    case 1:
        return host_submit(f->h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    case 2:
        return host_order(f->h, ORDER_SCALE, "web", 3);
    case 3:
        return host_order(f->h, ORDER_STOP, "web", 0);
    case 4:
        return host_order(f->h, ORDER_RESTART, "web", 0);
    case 5:
        return host_order(f->h, ORDER_START, "idle", 0);
    case 6:
        (void)set_variable(f, "kept", bytes_of_text("2"), 0, ++token);
        return token;
    case 7:
        return host_order(f->h, ORDER_VAR_REMOVE, "kept", 0);
    case 8:
        rotate(f, ++token);
        return token;
    case 9:
        return host_order(f->h, ORDER_FORGET, "n3", 0);
    default:
        return host_order(f->h, ORDER_REMOVE, "web", 0);
    }
}

enum { ORDER_KINDS = 11 };

/* Two that are well, one that is dead, a job that runs, one that is stopped, a variable. */
static struct fixture prepared(void)
{
    struct hosts *all = hosts_new(3);
    struct secret secret = {{5}};
    struct fixture f = {.all = all, .h = &all->hosts[0]};
    arena_init(&f.arena, 0);
    for (unsigned i = 0; i < 3; i++) {
        all->hosts[i].options.keys = keyring_of(&secret);
        host_start(&all->hosts[i]);
    }
    hosts_run(all, 3000);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("idle"), 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_STOP, "idle", 0);
    (void)set_variable(&f, "kept", bytes_of_text("1"), 0, 6999);
    hosts_run(all, 1000);
    host_stop(&all->hosts[2]);
    hosts_run(all, 10000);
    return f;
}

static uint64_t digest_of(const struct host *h)
{
    return table_digest(gossip_table(node_gossip(h->node)));
}

Test(commands, what_the_store_refuses_happens_nowhere_and_works_once_it_takes_it)
{
    for (unsigned kind = 0; kind < ORDER_KINDS; kind++) {
        struct fixture f = prepared();
        if (kind == 8) { /* it waits for nobody who is away */
            (void)host_order(f.h, ORDER_FORGET, "n3", 0);
            hosts_run(f.all, 1000);
        }
        uint64_t digest = digest_of(f.h), number = gossip_number(gossip_of(&f));
        size_t n_members = members_count(gossip_members(gossip_of(&f)));
        store_mem_fault(f.h->store, 0, 2);
        for (unsigned i = 0; i < 2; i++) {
            uint64_t token = order_number(&f, kind);
            cr_assert_eq(answer(&f, token)->code, ERR_STORE, "kind %u: %s", kind,
                         answer(&f, token)->text);
            cr_assert_str_eq(answer(&f, token)->text,
                             "nothing was written: the local store does not take "
                             "writes: injected fault");
            cr_assert_eq(answer(&f, token)->known_by, 0);
            cr_assert_eq(answer(&f, token)->n_has, 0);
            hosts_run(f.all, 3000);
            cr_assert_eq(digest_of(f.h), digest, "kind %u", kind);
            cr_assert_eq(digest_of(&f.all->hosts[1]), digest, "kind %u", kind);
            cr_assert_eq(gossip_number(gossip_of(&f)), number, "kind %u", kind);
            cr_assert_eq(members_count(gossip_members(gossip_of(&f))), n_members);
            cr_assert_eq(f.h->backlog.n, 0, "it is not tried again");
        }
        uint64_t token = order_number(&f, kind);
        hosts_run(f.all, 2000);
        cr_assert_eq(answer(&f, token)->code, 0, "kind %u: %s", kind,
                     answer(&f, token)->text);
        cr_assert_neq(digest_of(f.h), digest, "kind %u", kind);
        cr_assert_eq(digest_of(&f.all->hosts[1]), digest_of(f.h), "kind %u", kind);
        drop(&f);
    }
}

Test(commands, an_order_is_refused_when_what_waits_before_it_is)
{
    struct fixture f = with(2);
    store_mem_fault(f.h->store, 0, 2);
    host_step(
        f.h, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 1000}); /* its own row */
    host_perform(f.h);
    cr_assert_gt(f.h->backlog.n, 0);
    uint64_t token = host_order(f.h, ORDER_VAR_SET, "v", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_STORE);
    cr_assert_null(table_get(table_of(&f), bytes_of_text("var/default/v")));
    token = host_order(f.h, ORDER_VAR_SET, "v", 0);
    hosts_run(f.all, 500);
    cr_assert_eq(answer(&f, token)->code, 0, "at once, when there is room: %s",
                 answer(&f, token)->text);
    cr_assert_eq(f.h->backlog.n, 0);
    drop(&f);
}

/* Written and not synced: the one case that this node cannot know. */
Test(commands, what_the_disk_may_have_is_said_so_and_undone_when_it_can_be)
{
    for (unsigned kind = 0; kind < ORDER_KINDS; kind++) {
        struct fixture f = prepared();
        if (kind == 8) {
            (void)host_order(f.h, ORDER_FORGET, "n3", 0);
            hosts_run(f.all, 1000);
        }
        uint64_t digest = digest_of(f.h), number = gossip_number(gossip_of(&f));
        store_mem_fault(f.h->store, 0, 1);
        store_mem_fault_sync(f.h->store, 1);
        uint64_t token = order_number(&f, kind);
        cr_assert_eq(answer(&f, token)->code, ERR_UNSURE, "kind %u", kind);
        cr_assert_str_eq(answer(&f, token)->text,
                         "may stand: only this node's disk may have it, which did not "
                         "confirm the write (injected fault of a sync)");
        hosts_run(f.all, 3000);
        cr_assert_eq(digest_of(f.h), digest, "kind %u", kind);
        cr_assert_eq(digest_of(&f.all->hosts[1]), digest, "kind %u", kind);
        cr_assert_gt(gossip_number(gossip_of(&f)), number, "its numbers are used up");
        host_stop(f.h);
        host_start(f.h);
        hosts_run(f.all, 5000);
        /* The start wrote a row of its own; nothing of the order is there. */
        struct job_doc doc;
        cr_assert(job_of(&f, "web", &doc) && doc.version == 1, "kind %u", kind);
        cr_assert_not(job_of(&f, "new", &doc));
        cr_assert_not(control_of(&f, "web").has_count ||
                      control_of(&f, "web").is_stopped ||
                      control_of(&f, "web").restart_at);
        cr_assert(control_of(&f, "idle").is_stopped);
        const struct entry *kept =
            table_get(table_of(&f), bytes_of_text("var/default/kept"));
        cr_assert(kept && kept->value.at[0] == '1');
        cr_assert_eq(digest_of(&f.all->hosts[1]), digest_of(f.h), "kind %u", kind);
        drop(&f);
    }
}

Test(commands, what_the_disk_had_all_the_same_stands_after_a_restart_and_reaches_all)
{
    struct fixture f = with(3);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    store_mem_fault(f.h->store, 0, 1000); /* also what would undo it */
    store_mem_fault_sync(f.h->store, 1);
    uint64_t token = host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, ERR_UNSURE);
    hosts_run(f.all, 2000);
    cr_assert_gt(f.h->backlog.n, 0);
    token = host_submit(f.h, JOB("web") "labels: {a: c}\n", 0, ACK_DEFAULT);
    cr_assert_eq(answer(&f, token)->code, ERR_STORE, "the next one certainly not");
    host_stop(f.h);
    backlog_fini(&f.h->backlog);
    backlog_init(&f.h->backlog);
    store_mem_fault(f.h->store, 0, 0);
    host_start(f.h);
    hosts_run(f.all, 10000);
    struct job_doc doc;
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 2, "it stands");
    for (unsigned i = 1; i < 3; i++)
        cr_assert_eq(digest_of(&f.all->hosts[i]), digest_of(f.h), "n%u", i + 1);
    token = host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    cr_assert_str_eq(answer(&f, token)->text, "unchanged",
                     "whoever tries again hears so");
    cr_assert_eq(answer(&f, token)->known_by, 3);
    drop(&f);
}

/* Several jobs of one file, and memory that ends somewhere among them. */
Test(commands, without_memory_for_all_of_an_order_none_of_it_happens)
{
    static const char file[] = "jobs:\n- {job: a, count: 0, task: {command: [./x]}}\n"
                               "- {job: b, count: 0, task: {command: [./x]}}\n"
                               "- {job: c, count: 0, task: {command: [./x]}}\n";
    struct fixture f = with(1);
    bool is_done = false;
    unsigned n_refused = 0;
    tape_fini(&f.h->tape); /* it is not told how much memory there is */
    uint64_t digest = digest_of(f.h);
    for (size_t room = 1000; room < 100000 && !is_done; room += 500) {
        f.h->n_done = 0;
        f.h->fx.gossip.arena.limit = room;
        uint64_t token = host_submit(f.h, file, 0, ACK_DEFAULT);
        f.h->fx.gossip.arena.limit = EFFECTS_BYTES_MAX;
        /* With no room for an answer there is none. */
        is_done = host_done(f.h, token) && answer(&f, token)->code == 0;
        n_refused += host_done(f.h, token) && !is_done;
        if (!is_done)
            cr_assert_eq(digest_of(f.h), digest, "with room for %zu bytes", room);
    }
    cr_assert(is_done);
    cr_assert_gt(n_refused, 2);
    drop(&f);
}

/* ---- twice ---- */

Test(commands, the_same_order_twice_is_one)
{
    struct fixture f = with(3);
    uint64_t first = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    uint64_t again = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    cr_assert_eq(answer(&f, first)->code, 0);
    cr_assert_str_eq(answer(&f, first)->text, "");
    cr_assert_eq(answer(&f, again)->code, 0);
    cr_assert_str_eq(answer(&f, again)->text, "unchanged");
    cr_assert_eq(answer(&f, again)->known_by, 3);
    struct job_doc doc;
    cr_assert(job_of(&f, "web", &doc));
    cr_assert_eq(doc.version, 1);
    drop(&f);
}

Test(commands, two_orders_at_once_on_two_nodes_both_stand_until_they_meet)
{
    struct fixture f = with(3);
    struct host *other = &f.all->hosts[1];
    uint64_t a = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    uint64_t b = host_submit(other, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, a)->code, 0);
    cr_assert_eq(host_done(other, b)->result.code, 0);
    cr_assert(host_said(f.h, "event conflict") || host_said(other, "event conflict"),
              "%s", f.h->log);
    cr_assert_eq(digest_of(f.h), digest_of(other));
    cr_assert_eq(count_prefix(&f, "version/default/web/"), 2, "both can be seen");
    /* The same on both: they meet in one outcome, whoever looks. */
    a = host_submit(f.h, JOB("twin"), 0, ACK_DEFAULT);
    b = host_submit(other, JOB("twin"), 0, ACK_DEFAULT);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, a)->code, 0);
    cr_assert_eq(host_done(other, b)->result.code, 0);
    cr_assert_eq(count_prefix(&f, "version/default/twin/"), 1);
    drop(&f);
}

/* ---- answers ---- */

Test(commands, alone_an_order_is_answered_at_once_by_the_one_member)
{
    static const int acks[] = {ACK_DEFAULT, ACK_MAJORITY, ACK_ALL, 1};
    struct fixture f = with(1);
    for (size_t i = 0; i < 4; i++) {
        char value[2] = {(char)('a' + i), 0};
        const struct node_result *r =
            set_variable(&f, "v", bytes_of_text(value), acks[i], 3000 + i);
        cr_assert_not_null(r, "ack %d", acks[i]);
        cr_assert_eq(r->code, 0);
        cr_assert_eq(r->known_by, 1);
        cr_assert_eq(r->members, 1);
    }
    drop(&f);
}

Test(commands, an_order_is_told_to_all_members_that_answer)
{
    static const int acks[] = {ACK_DEFAULT, ACK_MAJORITY, ACK_ALL, 1, 3, 5};
    struct fixture f = with(5);
    for (size_t i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
        char value[2] = {(char)('a' + i), 0};
        const struct node_result *r =
            set_variable(&f, "v", bytes_of_text(value), acks[i], 3000 + i);
        cr_assert_null(r, "nobody else has it yet");
        hosts_run(f.all, 1000);
        r = answer(&f, 3000 + i);
        cr_assert_eq(r->code, 0, "ack %d: %s", acks[i], r->text);
        cr_assert_eq(r->known_by, 5);
        cr_assert_eq(r->members, 5);
        cr_assert_leq(r->took_ms, 500);
        for (unsigned k = 0; k < 5; k++) {
            const struct gossip *g = node_gossip(f.all->hosts[k].node);
            const struct entry *e =
                table_get(gossip_table(g), bytes_of_text("var/default/v"));
            cr_assert(e && e->value.at[0] == value[0], "n%u", k + 1);
        }
    }
    drop(&f);
}

Test(commands, more_members_than_there_are_is_refused_before_anything_is_written)
{
    static const int acks[] = {3, 9, 10000};
    struct fixture f = with(2);
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    uint64_t digest = table_digest(table_of(&f)), number = gossip_number(gossip_of(&f));
    for (size_t i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
        char text[80];
        (void)snprintf(text, sizeof(text), "%d wanted: the cluster has 2 members",
                       acks[i]);
        const struct node_result *r =
            set_variable(&f, "v", bytes_of_text("x"), acks[i], 4000 + i);
        cr_assert_not_null(r, "it is not waited for");
        cr_assert_eq(r->code, ERR_INVALID);
        cr_assert_str_eq(r->text, text);
        cr_assert_eq(r->known_by, 0);
        uint64_t token = host_submit(f.h, JOB("web"), 0, acks[i]);
        cr_assert_eq(answer(&f, token)->code, ERR_INVALID, "also when it is unchanged");
    }
    cr_assert_eq(table_digest(table_of(&f)), digest);
    cr_assert_eq(gossip_number(gossip_of(&f)), number);
    drop(&f);
}

Test(commands, a_cut_off_minority_cannot_get_its_majority)
{
    struct fixture f = with(3);
    f.h->is_cut = true;
    (void)set_variable(&f, "v", bytes_of_text("x"), 3, 5000);
    hosts_run(f.all, ACK_TIMEOUT_MS + 1000);
    cr_assert_eq(answer(&f, 5000)->code, ERR_UNSURE);
    cr_assert_eq(answer(&f, 5000)->known_by, 1);
    cr_assert_eq(answer(&f, 5000)->total, 3);
    cr_assert_str_eq(answer(&f, 5000)->text,
                     "may stand: written here; missing n2, n3 dead: 3 members were "
                     "wanted within 10 s; it spreads as they can be reached");
    f.h->is_cut = false;
    hosts_run(f.all, 10000);
    cr_assert_not_null(table_get(gossip_table(node_gossip(f.all->hosts[2].node)),
                                 bytes_of_text("var/default/v")),
                       "it spreads when they can be reached");
    drop(&f);
}

Test(commands, too_many_waiting_orders_are_refused_and_each_is_answered_once)
{
    enum { MORE = 8 };
    struct gossip_options options = {.id = {.at = {1}},
                                     .name = "n1",
                                     .profile = &gossip_profile_local,
                                     .endpoint = {4, {127, 0, 0, 1}, 7780}};
    struct metrics metrics = {0};
    struct gossip *g = gossip_new(&options, 0);
    struct commands *c = calloc(1, sizeof(*c));
    struct node_effects fx;
    const struct command_scope scope = {g, "n1", NULL, &metrics};
    const struct moment at = {.now_ms = 1000, .at_unix_ms = 5000000};
    node_effects_init(&fx);
    gossip_join(g, 1000, NULL, 0, &fx.gossip);
    for (uint64_t i = 1; i <= ACKS_MAX + MORE; i++) {
        struct order command = {.kind = ORDER_VAR_SET,
                                .token = i,
                                .ns = "default",
                                .name = "v",
                                .value = BYTES_OF(i),
                                .ack = 2};
        if (commands_stage(c, &scope, at, &command, &fx))
            commands_commit(c, &scope, at, 0, "", &fx);
    }
    size_t n_refused = 0;
    cr_assert_eq(c->acks.n, ACKS_MAX);
    for (size_t i = 0; i < fx.n; i++) {
        cr_assert_eq(fx.list[i].token, ACKS_MAX + 1 + n_refused++);
        cr_assert_eq(fx.list[i].result.code, ERR_BOUND);
    }
    cr_assert_eq(n_refused, MORE);
    cr_assert_eq(acks_deadline_ms(&c->acks), 1000 + ACK_TIMEOUT_MS);
    node_effects_clear(&fx);
    acks_end(&c->acks, g, (struct moment){.now_ms = 1500, .at_unix_ms = 5000500},
             " before the test ended", &fx);
    cr_assert_eq(c->acks.n, 0);
    cr_assert_eq(fx.n, ACKS_MAX);
    for (size_t i = 0; i < fx.n; i++) {
        cr_assert_eq(fx.list[i].token, i + 1);
        cr_assert_eq(fx.list[i].result.code, ERR_UNSURE);
        cr_assert_eq(fx.list[i].result.took_ms, 500);
        cr_assert_str_eq(fx.list[i].result.text,
                         "may stand: written here: 2 members were wanted before the test "
                         "ended; it spreads as they can be reached");
    }
    cr_assert_eq(acks_deadline_ms(&c->acks), UINT64_MAX);
    node_effects_fini(&fx);
    gossip_free(g);
    free(c);
}

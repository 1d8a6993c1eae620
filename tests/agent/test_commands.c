/* Orders of people: what they write, what they refuse, and when they are answered. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "core/err.h"
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
    (void)host_order(f.h, COMMAND_STOP, "web", 0);
    memset(note, 'x', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    struct jobfile file;
    struct complaints complaints = {.arena = &f.arena};
    cr_assert_eq(jobfile_read(bytes_of_text(JOB("web") "labels: {a: b}\n"), &f.arena,
                              &complaints, &file),
                 0);
    struct command command = {.kind = COMMAND_SUBMIT,
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
    (void)host_order(f.h, COMMAND_SCALE, "web", 0);
    (void)host_order(f.h, COMMAND_STOP, "web", 0);
    cr_assert(control_of(&f, "web").is_stopped && control_of(&f, "web").has_count);
    uint64_t token = host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    cr_assert_str_neq(answer(&f, token)->text, "unchanged");
    cr_assert_not(control_of(&f, "web").is_stopped);
    cr_assert_not(control_of(&f, "web").has_count);
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
    (void)host_order(f.h, COMMAND_SCALE, "web", 5);
    struct control_doc doc = control_of(&f, "web");
    cr_assert(doc.has_count && !doc.is_stopped && doc.restart_at == 0);
    cr_assert_eq(doc.count, 5);
    (void)host_order(f.h, COMMAND_STOP, "web", 0);
    doc = control_of(&f, "web");
    cr_assert(doc.has_count && doc.is_stopped);
    (void)host_order(f.h, COMMAND_START, "web", 0);
    cr_assert_not(control_of(&f, "web").is_stopped);
    (void)host_order(f.h, COMMAND_RESTART, "web", 0);
    doc = control_of(&f, "web");
    cr_assert_gt(doc.restart_at, 0);
    cr_assert_eq(doc.count, 5);
    (void)host_order(f.h, COMMAND_RESTART, "web", 0);
    cr_assert_gt(control_of(&f, "web").restart_at, doc.restart_at,
                 "twice in one millisecond");
    drop(&f);
}

Test(commands, an_order_for_what_is_not_there_says_so_and_writes_nothing)
{
    static const enum command_kind kinds[] = {
        COMMAND_SCALE,  COMMAND_STOP,       COMMAND_START, COMMAND_RESTART,
        COMMAND_REMOVE, COMMAND_VAR_REMOVE, COMMAND_FORGET};
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
    struct job_doc doc;
    (void)host_submit(f.h, JOB("web"), 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("web") "labels: {a: b}\n", 0, ACK_DEFAULT);
    (void)host_submit(f.h, JOB("web2"), 0, ACK_DEFAULT);
    (void)host_order(f.h, COMMAND_STOP, "web", 0);
    uint64_t token = host_order(f.h, COMMAND_REMOVE, "web", 0);
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
    cr_assert_not(control_of(&f, "web").is_stopped);
    drop(&f);
}

/* ---- variables and nodes ---- */

static const struct node_result *set_variable(struct fixture *f, const char *name,
                                              struct bytes value, int ack, uint64_t token)
{
    const struct command command = {.kind = COMMAND_VAR_SET,
                                    .token = token,
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
    cr_assert_eq(table_get(table_of(&f), bytes_of_text("var/big"))->value.len,
                 ENTRY_LEN_MAX);
    value.len++;
    cr_assert_eq(set_variable(&f, "big", value, 0, 1002)->code, ERR_BOUND);
    cr_assert_eq(set_variable(&f, "empty", (struct bytes){0}, 0, 1003)->code, 0);
    cr_assert_eq(table_get(table_of(&f), bytes_of_text("var/empty"))->value.len, 0);
    uint64_t token = host_order(f.h, COMMAND_VAR_REMOVE, "empty", 0);
    cr_assert_eq(answer(&f, token)->code, 0);
    cr_assert_null(table_get(table_of(&f), bytes_of_text("var/empty")));
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

Test(commands, only_a_dead_or_departed_node_is_forgotten)
{
    struct fixture f = with(3);
    uint64_t token = host_order(f.h, COMMAND_FORGET, "n2", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID);
    cr_assert_str_eq(answer(&f, token)->text,
                     "node 'n2' is alive: only a dead or departed node can be forgotten");
    token = host_order(f.h, COMMAND_FORGET, "n1", 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID);
    host_stop(&f.all->hosts[1]);
    hosts_run(f.all, 10000);
    token = host_order(f.h, COMMAND_FORGET, "n2", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, token)->code, 0, "%s", answer(&f, token)->text);
    for (unsigned i = 0; i < 3; i += 2) {
        const struct gossip *g = node_gossip(f.all->hosts[i].node);
        cr_assert_null(members_find_name(gossip_members(g), "n2"), "n%u", i + 1);
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
    cr_assert_eq(members_find_name(m, "n2")->state, MEMBER_ALIVE);
    uint64_t token = host_order(f.h, COMMAND_FORGET, "n2", 0);
    hosts_run(f.all, 2000);
    cr_assert_eq(answer(&f, token)->code, 0, "%s", answer(&f, token)->text);
    cr_assert_null(members_find(m, old->options.gossip.id));
    cr_assert_not_null(members_find(m, anew->options.gossip.id));
    char id[NODE_ID_TEXT];
    token = host_order(f.h, COMMAND_FORGET, node_id_text(anew->options.gossip.id, id), 0);
    cr_assert_eq(answer(&f, token)->code, ERR_INVALID, "an id is as good as a name");
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
            const struct entry *e = table_get(gossip_table(g), bytes_of_text("var/v"));
            cr_assert(e && e->value.at[0] == value[0], "n%u", k + 1);
        }
    }
    drop(&f);
}

Test(commands, more_members_than_there_are_time_out_and_say_so)
{
    struct fixture f = with(2);
    (void)set_variable(&f, "v", bytes_of_text("x"), 3, 4000);
    hosts_run(f.all, ACK_TIMEOUT_MS - 500);
    cr_assert_null(host_done(f.h, 4000));
    hosts_run(f.all, 1000);
    const struct node_result *r = answer(&f, 4000);
    cr_assert_eq(r->code, ERR_TIMEOUT);
    cr_assert_eq(r->known_by, 2);
    cr_assert_eq(r->members, 2);
    cr_assert_str_eq(r->text,
                     "written here, but only 2 of 2 members confirmed it within 10 s; it "
                     "spreads as they can be reached");
    drop(&f);
}

Test(commands, a_cut_off_minority_cannot_get_its_majority)
{
    struct fixture f = with(3);
    f.h->is_cut = true;
    (void)set_variable(&f, "v", bytes_of_text("x"), 3, 5000);
    hosts_run(f.all, ACK_TIMEOUT_MS + 1000);
    cr_assert_eq(answer(&f, 5000)->code, ERR_TIMEOUT);
    cr_assert_eq(answer(&f, 5000)->known_by, 1);
    f.h->is_cut = false;
    hosts_run(f.all, 10000);
    cr_assert_not_null(table_get(gossip_table(node_gossip(f.all->hosts[2].node)),
                                 bytes_of_text("var/v")),
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
    const struct moment at = {1000, 5000000};
    node_effects_init(&fx);
    gossip_join(g, 1000, NULL, 0, &fx.gossip);
    for (uint64_t i = 1; i <= COMMANDS_PENDING_MAX + MORE; i++) {
        struct command command = {.kind = COMMAND_VAR_SET,
                                  .token = i,
                                  .name = "v",
                                  .value = BYTES_OF(i),
                                  .ack = 2};
        commands_apply(c, &scope, at, &command, &fx);
    }
    cr_assert_eq(c->n, COMMANDS_PENDING_MAX);
    cr_assert_eq(fx.n, MORE);
    for (size_t i = 0; i < fx.n; i++) {
        cr_assert_eq(fx.list[i].token, COMMANDS_PENDING_MAX + 1 + i);
        cr_assert_eq(fx.list[i].result.code, ERR_BOUND);
    }
    cr_assert_eq(commands_deadline_ms(c), 1000 + ACK_TIMEOUT_MS);
    node_effects_clear(&fx);
    commands_fail(c, g, ERR_STORE, "full", (struct moment){1500, 5000500}, &fx);
    cr_assert_eq(c->n, 0);
    cr_assert_eq(fx.n, COMMANDS_PENDING_MAX);
    for (size_t i = 0; i < fx.n; i++) {
        cr_assert_eq(fx.list[i].token, i + 1);
        cr_assert_eq(fx.list[i].result.code, ERR_STORE);
        cr_assert_eq(fx.list[i].result.took_ms, 500);
    }
    cr_assert_eq(commands_deadline_ms(c), UINT64_MAX);
    node_effects_fini(&fx);
    gossip_free(g);
    free(c);
}

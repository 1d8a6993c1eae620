/* News by transcript: what is written to the table, and the lines that people read of it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/news.h"
#include "proto/record.h"

static const struct node_id self = {.at = {1}}, other = {.at = {2}};

struct fixture {
    struct gossip *gossip;
    struct news *news;
    struct node_effects fx;
    struct metrics metrics;
    uint64_t now_ms;
    char told[4096];
};

static void init(struct fixture *f)
{
    *f = (struct fixture){.news = news_new(), .now_ms = 1000};
    const struct gossip_options options = {.id = self,
                                           .name = "n1",
                                           .endpoint = {4, {127, 0, 0, 1}, 7780},
                                           .profile = &gossip_profile_local,
                                           .epoch = 1,
                                           .metrics = &f->metrics};
    f->gossip = gossip_new(&options, 0);
    cr_assert(f->gossip && f->news);
    node_effects_init(&f->fx);
    gossip_join(f->gossip, f->now_ms, NULL, 0, &f->fx.gossip);
    node_effects_clear(&f->fx);
}

static void fini(struct fixture *f)
{
    node_effects_fini(&f->fx);
    gossip_free(f->gossip);
    news_free(f->news);
}

static void collect(struct fixture *f)
{
    for (size_t i = 0; i < f->fx.n; i++) {
        const struct node_event *e = &f->fx.list[i].event;
        size_t at = strlen(f->told);
        cr_assert_eq(f->fx.list[i].kind, NODE_EVENT);
        (void)snprintf(f->told + at, sizeof(f->told) - at, "%s %s %s: %s%s%s%s\n",
                       e->kind, e->subject, e->state ? e->state : "-", e->text,
                       e->cause ? "; " : "", e->cause ? e->cause : "",
                       e->is_own ? " (log)" : "");
    }
    node_effects_clear(&f->fx);
}

static void publish(struct fixture *f, struct key key, struct bytes value)
{
    cr_assert_eq(gossip_publish(f->gossip, f->now_ms, 5000000 + f->now_ms,
                                key_bytes(&key), value, NULL, &f->fx.gossip),
                 0);
    f->now_ms += 2000;
    news_entry(f->news, gossip_members(f->gossip), gossip_table(f->gossip),
               key_bytes(&key), self, &f->fx);
    collect(f);
}

static void claim(struct fixture *f, struct claim_doc doc)
{
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_claim(&doc, &w), 0);
    publish(f, key_claim(self, "default", "web", 0), writer_done(&w));
}

static void control(struct fixture *f, struct control_doc doc)
{
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_control(&doc, &w), 0);
    publish(f, key_control("default", "web"), writer_done(&w));
}

static void job(struct fixture *f, struct job_doc doc)
{
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_job(&doc, &w), 0);
    publish(f, key_job("default", "web"), writer_done(&w));
}

Test(news, a_claim_is_told_by_its_states_and_not_by_its_details)
{
    struct fixture f;
    struct claim_doc doc = {.generation = 1, .state = INSTANCE_STARTING, .reason = ""};
    init(&f);
    claim(&f, doc);
    doc.state = INSTANCE_RUNNING;
    doc.health = HEALTH_UNKNOWN;
    claim(&f, doc);
    doc.pid = 42; /* a detail */
    claim(&f, doc);
    doc.is_proven = true;
    claim(&f, doc);
    doc.health = HEALTH_PASSING;
    claim(&f, doc);
    doc.state = INSTANCE_PENDING;
    doc.health = HEALTH_UNKNOWN;
    doc.reason = "exited with status 3";
    claim(&f, doc);
    doc.state = INSTANCE_RUNNING;
    doc.restarts = 1;
    claim(&f, doc);
    doc.restarts = 2; /* it fell and rose between two looks: the same state, yet news */
    claim(&f, doc);
    publish(&f, key_claim(self, "default", "web", 0), (struct bytes){0});
    cr_assert_str_eq(
        f.told,
        "instance web.0 starting: web.0 is starting on n1 (log)\n"
        "instance web.0 running: web.0 is running on n1 (log)\n"
        "instance web.0 running: web.0 is running and passing on n1\n"
        "instance web.0 pending: web.0 is pending on n1; exited with status 3 (log)\n"
        "instance web.0 running: web.0 is running on n1, restarted once (log)\n"
        "instance web.0 running: web.0 is running on n1, restarted 2 times\n"
        "instance web.0 gone: web.0 is no longer on n1 (log)\n");
    fini(&f);
}

Test(news, who_gives_an_instance_up_says_why)
{
    struct fixture f;
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    const struct refuse_doc doc = {.until_unix_ms = 6000000,
                                   .reason =
                                       "exited with status 3; gave up after 4 exits"};
    struct key key = key_refuse(self, "default", "web", 0);
    init(&f);
    cr_assert_eq(record_encode_refuse(&doc, &w), 0);
    publish(&f, key, writer_done(&w));
    publish(&f, key, (struct bytes){0}); /* it may be tried here again: no news yet */
    publish(&f, key, bytes_of_text("\xc1"));
    cr_assert_str_eq(
        f.told, "instance web.0 failed: web.0 is given up on n1 until 01:40:00; exited with "
                "status 3; gave up after 4 exits (log)\n");
    fini(&f);
}

Test(news, who_waits_for_a_port_is_not_given_up)
{
    struct fixture f;
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    const struct refuse_doc doc = {.reason = "port 80 is in use on this host"};
    init(&f);
    cr_assert_eq(record_encode_refuse(&doc, &w), 0);
    publish(&f, key_refuse(self, "default", "web", 0), writer_done(&w));
    cr_assert_str_eq(f.told,
                     "instance web.0 failed: web.0 cannot start on n1 yet; port 80 "
                     "is in use on this host (log)\n");
    fini(&f);
}

Test(news, a_job_that_was_not_stopped_is_tried_again_and_not_started)
{
    struct fixture f;
    init(&f);
    control(&f, (struct control_doc){.retry_at = 5000000 + f.now_ms});
    control(&f, (struct control_doc){.is_stopped = true});
    news_free(f.news);
    f.news = news_new(); /* another life of this agent */
    news_recall(f.news, gossip_table(f.gossip));
    control(&f, (struct control_doc){.retry_at = 5000000 + f.now_ms});
    control(&f, (struct control_doc){.retry_at = 5000000 + f.now_ms});
    cr_assert_str_eq(f.told, "job web ordered: web is to be tried again\n"
                             "job web stopped: web was stopped\n"
                             "job web ordered: web was started\n"
                             "job web ordered: web is to be tried again\n");
    fini(&f);
}

Test(news, jobs_and_orders)
{
    struct fixture f;
    init(&f);
    job(&f, (struct job_doc){.version = 1, .by = "n1", .note = ""});
    job(&f, (struct job_doc){.version = 2, .by = "n2", .note = "faster"});
    control(&f, (struct control_doc){.has_count = true, .count = 5});
    control(&f, (struct control_doc){.has_count = true, .count = 5, .is_stopped = true});
    control(&f, (struct control_doc){0});
    control(&f, (struct control_doc){.restart_at = 5000000 + f.now_ms});
    control(&f, (struct control_doc){.restart_at = 5000000 + f.now_ms - 2000,
                                     .is_stopped = true});
    control(&f, (struct control_doc){.restart_at = 5000000 + f.now_ms - 4000});
    publish(&f, key_control("default", "web"), (struct bytes){0});
    publish(&f, key_job("default", "web"), (struct bytes){0});
    cr_assert_str_eq(f.told, "job web v1: web v1 was submitted at n1 (log)\n"
                             "job web v2: web v2 was submitted at n2; faster (log)\n"
                             "job web ordered: web was scaled to 5\n"
                             "job web stopped: web was stopped\n"
                             "job web ordered: web was started\n"
                             "job web ordered: web is to be restarted\n"
                             "job web stopped: web was stopped\n"
                             "job web ordered: web was started\n"
                             "job web removed: web was removed\n");
    fini(&f);
}

Test(news, variables_and_conflicts)
{
    struct fixture f;
    init(&f);
    publish(&f, key_var("default", "db/host"), bytes_of_text("x"));
    news_conflict(gossip_table(f.gossip), bytes_of_text("var/default/db/host"), &f.fx);
    collect(&f);
    publish(&f, key_var("default", "db/host"), (struct bytes){0});
    news_conflict(gossip_table(f.gossip), bytes_of_text("var/default/db/host"), &f.fx);
    collect(&f);
    news_conflict(gossip_table(f.gossip), bytes_of_text("job/default/web"), &f.fx);
    collect(&f);
    struct key text = key_text("default", "web", (struct spec_hash){0});
    publish(&f, text, bytes_of_text("x"));
    news_conflict(gossip_table(f.gossip), key_bytes(&text), &f.fx);
    collect(&f);
    cr_assert_str_eq(
        f.told,
        "var db/host -: variable db/host was set (log)\n"
        "conflict var/default/db/host -: two nodes wrote var/default/db/host at the same "
        "time; the later one stands; concurrent writes (log)\n"
        "var db/host -: variable db/host was removed (log)\n"
        "conflict var/default/db/host -: two nodes wrote var/default/db/host at the same "
        "time; the later one stands; a write met a removal (log)\n"
        "conflict job/default/web -: web was submitted at two nodes at the same time; "
        "the "
        "later one stands, its history shows both; a write met a removal (log)\n"
        "conflict text/default/web/"
        "0000000000000000000000000000000000000000000000000000000000000000 -: web was submitted at two nodes "
        "at the same time, the same in other words; the later words are kept; concurrent writes (log)\n");
    fini(&f);
}

Test(news, what_cannot_be_read_is_no_news)
{
    struct fixture f;
    init(&f);
    publish(&f, key_job("default", "web"), bytes_of_text("not msgpack"));
    publish(&f, key_control("default", "web"), bytes_of_text("\xc1"));
    publish(&f, key_claim(self, "default", "web", 0), bytes_of_text("\xc1"));
    publish(&f, key_node(self), bytes_of_text("\xc1"));
    news_entry(f.news, gossip_members(f.gossip), gossip_table(f.gossip),
               bytes_of_text("claim/zz"), self, &f.fx);
    news_entry(f.news, gossip_members(f.gossip), gossip_table(f.gossip),
               bytes_of_text("later/kind"), self, &f.fx);
    collect(&f);
    cr_assert_str_eq(f.told, "");
    fini(&f);
}

Test(news, members)
{
    static const struct {
        enum member_state was, state;
        bool is_self, is_forgotten;
        const char *want;
    } rows[] = {
        {MEMBER_ALIVE, MEMBER_ALIVE, true, false,
         "member n2 alive: n2 (this node) has started (log)\n"},
        {MEMBER_ALIVE, MEMBER_LEFT, true, false, "member n2 left: n2 has left (log)\n"},
        {MEMBER_ALIVE, MEMBER_ALIVE, false, false,
         "member n2 alive: n2 has joined (log)\n"},
        {MEMBER_ALIVE, MEMBER_SUSPECT, false, false,
         "member n2 suspect: n2 is suspected; it does not answer (log)\n"},
        {MEMBER_SUSPECT, MEMBER_ALIVE, false, false,
         "member n2 alive: n2 answers again (log)\n"},
        {MEMBER_SUSPECT, MEMBER_DEAD, false, false,
         "member n2 dead: n2 is dead; no answer within the suspicion time (log)\n"},
        {MEMBER_DEAD, MEMBER_ALIVE, false, false, "member n2 alive: n2 is back (log)\n"},
        {MEMBER_ALIVE, MEMBER_LEFT, false, false, "member n2 left: n2 has left (log)\n"},
        {MEMBER_LEFT, MEMBER_ALIVE, false, false, "member n2 alive: n2 is back (log)\n"},
        {MEMBER_DEAD, MEMBER_LEFT, false, true,
         "member n2 forgotten: n2 is forgotten (log)\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        struct member m = {.id = other, .name = "n2", .state = rows[i].state};
        init(&f);
        news_member(f.news, &m, rows[i].was, rows[i].is_self, rows[i].is_forgotten,
                    &f.fx);
        collect(&f);
        cr_assert_str_eq(f.told, rows[i].want, "row %zu: %s", i, f.told);
        fini(&f);
    }
}

Test(news, a_member_from_the_disk_is_known_and_then_heard_not_dead_and_then_back)
{
    struct fixture f;
    struct member m = {.id = other, .name = "n2", .state = MEMBER_DEAD};
    init(&f);
    news_member(f.news, &m, MEMBER_DEAD, false, false, &f.fx);
    m.state = MEMBER_ALIVE;
    news_member(f.news, &m, MEMBER_DEAD, false, false, &f.fx);
    m.state = MEMBER_DEAD;
    news_member(f.news, &m, MEMBER_SUSPECT, false, false, &f.fx);
    m.state = MEMBER_ALIVE;
    news_member(f.news, &m, MEMBER_DEAD, false, false, &f.fx);
    collect(&f);
    cr_assert_str_eq(
        f.told, "member n2 known: n2 is known from before, and not heard yet (log)\n"
                "member n2 alive: n2 is heard again since this agent has started (log)\n"
                "member n2 dead: n2 is dead; no answer within the suspicion time (log)\n"
                "member n2 alive: n2 is back (log)\n");
    fini(&f);
}

/* When an order is answered, and what the answer says: by whole nodes in a tiny host. */
#include "agent/acks.h"
#include "agent/node_inner.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "host.h"

#define JOB(name) "job: " name "\ncount: 0\ntask: {command: [./x]}\n"

static uint64_t set(struct host *h, const char *value, int ack)
{
    static uint64_t token = 100000;
    const struct order command = {.kind = ORDER_VAR_SET,
                                  .token = ++token,
                                  .ns = "default",
                                  .name = "v",
                                  .value = bytes_of_text(value),
                                  .ack = ack};
    host_command(h, &command);
    return token;
}

static const struct node_result *answer(const struct host *h, uint64_t token)
{
    const struct host_done *done = host_done(h, token);
    cr_assert_not_null(done, "no answer yet");
    return &done->result;
}

static uint64_t join(struct host *h, struct endpoint at)
{
    static uint64_t token = 200000;
    const struct order command = {.kind = ORDER_JOIN, .token = ++token, .endpoint = at};
    host_command(h, &command);
    return token;
}

static struct endpoint address_of(unsigned i)
{
    return (struct endpoint){4, {127, 0, 0, (uint8_t)i}, 7780};
}

static const struct entry *variable(const struct host *h)
{
    return table_get(gossip_table(node_gossip(h->node)), bytes_of_text("var/default/v"));
}

/* ---- who has it ---- */

Test(acks, an_answer_names_who_has_the_write)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    uint64_t token = set(h, "a", ACK_DEFAULT);
    cr_assert_null(host_done(h, token));
    hosts_run(all, 500);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, 0);
    cr_assert_eq(r->n_has, 3);
    cr_assert_eq(r->n_missing, 0);
    cr_assert_str_eq(r->has[2], "n3");
    cr_assert_eq(strncmp(r->told, "told 3/3 members, 0.", 20), 0, "%s", r->told);
    hosts_free(all);
}

Test(acks, a_node_that_is_cut_off_says_what_its_answer_is_worth)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    h->is_cut = true;
    hosts_run(all, 10000);
    uint64_t token = set(h, "a", ACK_DEFAULT);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, 0, "%s", r->text);
    cr_assert_eq(r->known_by, 1);
    cr_assert_eq(r->members, 1);
    cr_assert_eq(r->total, 3);
    cr_assert_str_eq(r->told, "told 1 of 3 (n2, n3 dead): on this disk only");
    hosts_free(all);
}

Test(acks, one_that_is_dead_is_counted_and_named)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    host_stop(&all->hosts[1]);
    hosts_run(all, 10000);
    uint64_t token = set(h, "a", ACK_DEFAULT);
    hosts_run(all, 500);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, 0);
    cr_assert_eq(r->known_by, 2);
    cr_assert_eq(r->n_missing, 1);
    cr_assert_str_eq(r->missing[0].name, "n2");
    cr_assert_eq(strncmp(r->told, "told 2 of 3 (n2 dead), 0.", 25), 0, "%s", r->told);
    /* Who was forgotten is counted no more. */
    (void)host_order(h, ORDER_FORGET, "n2", 0);
    hosts_run(all, 500);
    token = set(h, "b", ACK_DEFAULT);
    hosts_run(all, 500);
    cr_assert_eq(answer(h, token)->total, 2);
    hosts_free(all);
}

Test(acks, an_unchanged_order_counts_who_has_what_is_there_on_every_node)
{
    struct hosts *all = hosts_settled(3);
    (void)host_submit(&all->hosts[0], JOB("web"), 0, ACK_DEFAULT);
    hosts_run(all, 2000);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t token = host_submit(&all->hosts[i], JOB("web"), 0, ACK_ALL);
        hosts_run(all, 1500);
        const struct node_result *r = answer(&all->hosts[i], token);
        cr_assert_eq(r->code, 0, "n%u: %s", i + 1, r->text);
        cr_assert_str_eq(r->text, "unchanged");
        cr_assert_eq(r->known_by, 3, "n%u", i + 1);
        cr_assert_str_eq(r->told, "unchanged: 3/3 members have it");
    }
    host_stop(&all->hosts[1]);
    hosts_run(all, 10000);
    uint64_t token = host_submit(&all->hosts[2], JOB("web"), 0, ACK_DEFAULT);
    hosts_run(all, 1500);
    cr_assert_str_eq(answer(&all->hosts[2], token)->told,
                     "unchanged: 2 of 3 have it (n2 dead)");
    (void)host_order(&all->hosts[0], ORDER_STOP, "web", 0);
    hosts_run(all, 1500);
    token = host_order(&all->hosts[2], ORDER_STOP, "web", 0);
    hosts_run(all, 1500);
    cr_assert_eq(answer(&all->hosts[2], token)->known_by, 2);
    hosts_free(all);
}

/* ---- who is wanted ---- */

Test(acks, too_few_within_reach_is_said_before_anything_is_written)
{
    static const struct {
        int ack;
        const char *text;
    } rows[] = {
        {2, "2 wanted, 1 within reach: --ack 1 to write here alone"},
        {3, "3 wanted, 1 within reach: --ack 1 to write here alone"},
        {ACK_MAJORITY, "2 wanted, 1 within reach: --ack 1 to write here alone"},
        {ACK_ALL, "3 wanted, 1 within reach: --ack 1 to write here alone"},
    };
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    h->is_cut = true;
    hosts_run(all, 10000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t token = set(h, "a", rows[i].ack);
        cr_assert_eq(answer(h, token)->code, ERR_NOT_READY, "row %zu", i);
        cr_assert_str_eq(answer(h, token)->text, rows[i].text);
        cr_assert_null(variable(h));
    }
    uint64_t token = set(h, "a", 1);
    cr_assert_eq(answer(h, token)->code, 0);
    cr_assert_not_null(variable(h));
    hosts_free(all);
}

Test(acks, three_of_which_one_is_dead_are_no_three)
{
    struct hosts *all = hosts_settled(3);
    host_stop(&all->hosts[2]);
    hosts_run(all, 10000);
    uint64_t token = set(&all->hosts[0], "a", 3);
    cr_assert_str_eq(answer(&all->hosts[0], token)->text,
                     "3 wanted, 2 within reach: --ack 2 to write to those alone");
    token = set(&all->hosts[0], "a", ACK_MAJORITY);
    hosts_run(all, 500);
    cr_assert_eq(answer(&all->hosts[0], token)->code, 0);
    hosts_free(all);
}

Test(acks, the_agents_own_default_is_meant_by_orders_that_say_nothing)
{
    struct hosts *all = hosts_new(2);
    struct host *h = &all->hosts[0];
    h->options.ack = 2;
    host_start(h);
    host_start(&all->hosts[1]);
    hosts_run(all, 3000);
    uint64_t token = set(h, "a", ACK_DEFAULT);
    hosts_run(all, 500);
    cr_assert_eq(answer(h, token)->code, 0);
    host_stop(&all->hosts[1]);
    hosts_run(all, 10000);
    token = set(h, "b", ACK_DEFAULT);
    cr_assert_str_eq(answer(h, token)->text,
                     "2 wanted, 1 within reach: --ack 1 to write here alone");
    cr_assert_eq(variable(h)->value.at[0], 'a');
    token = set(h, "c", 1);
    cr_assert_eq(answer(h, token)->code, 0, "what an order says counts more");
    hosts_free(all);
}

Test(acks, who_dies_while_it_is_waited_for_is_missed_by_name)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    all->hosts[2].is_cut = true;
    uint64_t token = set(h, "a", 3), other = set(h, "b", ACK_DEFAULT);
    hosts_run(all, ACK_TIMEOUT_MS - 500);
    cr_assert_null(host_done(h, token));
    cr_assert_eq(answer(h, other)->code, 0, "two are enough");
    hosts_run(all, 1000);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, ERR_UNSURE);
    cr_assert_str_eq(r->text,
                     "may stand: written here and on n2; missing n3 dead: 3 "
                     "members were wanted within 10 s; it spreads as they can be "
                     "reached");
    cr_assert_eq(r->n_has, 2);
    cr_assert_eq(r->known_by, 2);
    hosts_free(all);
}

/* ---- the first moments ---- */

Test(acks, an_order_whose_witnesses_are_gone_waits_for_its_end_and_does_not_spin)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    static struct acks a;
    struct node_effects out;
    struct moment at = host_now(h);
    h->is_cut = true;
    node_effects_init(&out);
    acks_add(&a, &(struct ack){.kind = ACK_OF_ORDER,
                               .token = 1,
                               .since_ms = at.now_ms - 3000,
                               .enough_ms = at.now_ms - 2000, /* two had it, and one has died since */
                               .wanted = 2,
                               .holding = {.epoch = gossip_epoch(node_gossip(h->node)),
                                           .number = 1 << 20}});
    acks_check(&a, h->node->gossip, at, &out);
    cr_assert_eq(a.n, 1, "it is not enough any more");
    cr_expect_gt(acks_deadline_ms(&a), at.now_ms);
    node_effects_fini(&out);
    hosts_free(all);
}

Test(acks, who_remembers_members_and_hears_none_takes_no_order_at_first)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    h->options.lone_ms = 30000;
    host_stop(h);
    h->is_cut = h->has_no_seeds = true;
    host_start(h);
    hosts_run(all, 2000);
    cr_assert(gossip_is_ready(node_gossip(h->node)));
    uint64_t token = set(h, "a", ACK_DEFAULT);
    cr_assert_eq(answer(h, token)->code, ERR_NOT_READY);
    cr_assert_str_eq(answer(h, token)->text,
                     "this node has just started, remembers 2 other members and hears "
                     "none: it takes orders in 28 s; --ack 1 to write here alone");
    cr_assert_null(variable(h));
    token = set(h, "a", 1);
    cr_assert_eq(answer(h, token)->code, 0);
    hosts_run(all, 28000);
    token = set(h, "b", ACK_DEFAULT);
    cr_assert_eq(answer(h, token)->code, 0, "%s", answer(h, token)->text);
    hosts_free(all);
}

Test(acks, who_hears_somebody_or_remembers_nobody_takes_orders_at_once)
{
    struct hosts *all = hosts_new(2);
    struct host *h = &all->hosts[0];
    h->options.lone_ms = all->hosts[1].options.lone_ms = 30000;
    h->has_no_seeds = true;
    host_start(h);
    uint64_t token = set(h, "a", ACK_DEFAULT);
    cr_assert_eq(answer(h, token)->code, 0, "alone and new: %s", answer(h, token)->text);
    host_start(&all->hosts[1]);
    hosts_run(all, 3000);
    host_stop(h);
    host_start(h);
    hosts_run(all, 1500);
    token = set(h, "b", ACK_DEFAULT);
    hosts_run(all, 500);
    cr_assert_eq(answer(h, token)->code, 0, "back among others");
    hosts_free(all);
}

/* ---- the end ---- */

Test(acks, an_agent_that_is_stopped_answers_first)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    all->hosts[1].is_cut = true;
    uint64_t token = set(h, "a", 3), enough = set(h, "b", 1);
    host_step(h, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 60000});
    host_perform(h);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, ERR_UNSURE);
    cr_assert_not_null(strstr(r->text, "may stand: written here"), "%s", r->text);
    cr_assert_not_null(strstr(r->text, "before this agent was stopped"), "%s", r->text);
    cr_assert_eq(answer(h, enough)->code, 0);
    hosts_free(all);
}

Test(acks, a_leave_says_who_heard_of_it)
{
    struct hosts *all = hosts_settled(3);
    uint64_t token = host_order(&all->hosts[2], ORDER_LEAVE, NULL, 0);
    hosts_run(all, 1000);
    const struct node_result *r = answer(&all->hosts[2], token);
    cr_assert_eq(r->code, 0, "%s", r->text);
    cr_assert_geq(r->known_by, 2);
    hosts_run(all, 10000);
    cr_assert(all->hosts[2].has_exited);
    hosts_free(all);
}

Test(acks, a_leave_that_reaches_nobody_says_so)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[2];
    h->is_cut = true;
    uint64_t token = host_order(h, ORDER_LEAVE, NULL, 0);
    hosts_run(all, ACK_TIMEOUT_MS + 1000);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, ERR_UNSURE);
    cr_assert_str_eq(r->text, "told 0 of 2: they will believe that n3 died; it departs "
                              "all the same");
    hosts_run(all, 10000);
    cr_assert(h->has_exited);
    hosts_free(all);
}

/* ---- joining ---- */

Test(acks, a_join_to_where_nobody_is_ends_after_three_seconds_and_for_good)
{
    struct hosts *all = hosts_settled(1);
    struct host *h = &all->hosts[0];
    uint64_t token = join(h, address_of(77));
    hosts_run(all, JOIN_TIMEOUT_MS - 100);
    cr_assert_null(host_done(h, token));
    hosts_run(all, 200);
    const struct node_result *r = answer(h, token);
    cr_assert_eq(r->code, -EHOSTUNREACH);
    cr_assert_eq(strncmp(r->text, "no answer from 127.0.0.77:7780 within 3 s: ", 43), 0,
                 "%s", r->text);
    hosts_free(all);
}

Test(acks, what_was_not_joined_is_not_joined_later)
{
    struct hosts *all = hosts_new(2);
    for (unsigned i = 0; i < 2; i++)
        all->hosts[i].has_no_seeds = true;
    host_start(&all->hosts[0]);
    uint64_t token = join(&all->hosts[0], address_of(2));
    hosts_run(all, JOIN_TIMEOUT_MS + 100);
    cr_assert_eq(answer(&all->hosts[0], token)->code, -EHOSTUNREACH);
    host_start(&all->hosts[1]);
    hosts_run(all, 60000);
    cr_assert_eq(members_count(gossip_members(node_gossip(all->hosts[0].node))), 1);
    hosts_free(all);
}

Test(acks, a_join_that_is_answered_names_who_answered)
{
    struct hosts *all = hosts_new(2);
    for (unsigned i = 0; i < 2; i++) {
        all->hosts[i].has_no_seeds = true;
        host_start(&all->hosts[i]);
    }
    hosts_run(all, 1000);
    uint64_t token = join(&all->hosts[0], address_of(2));
    hosts_run(all, 100);
    cr_assert_eq(answer(&all->hosts[0], token)->code, 0);
    cr_assert_str_eq(answer(&all->hosts[0], token)->text, "joined: n2 at 127.0.0.2:7780");
    hosts_run(all, 3000);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(members_count_state(gossip_members(node_gossip(all->hosts[i].node)),
                                         MEMBER_ALIVE),
                     2);
    token = join(&all->hosts[0], address_of(2));
    hosts_run(all, 100);
    cr_assert_eq(answer(&all->hosts[0], token)->code, 0, "a member answers as well");
    hosts_free(all);
}

Test(acks, nobody_joins_itself)
{
    struct hosts *all = hosts_settled(1);
    uint64_t token = join(&all->hosts[0], address_of(1));
    cr_assert_eq(answer(&all->hosts[0], token)->code, ERR_INVALID);
    cr_assert_str_eq(answer(&all->hosts[0], token)->text,
                     "127.0.0.1:7780 is this node itself");
    hosts_free(all);
}

Test(acks, a_closed_port_is_told_as_one)
{
    struct hosts *all = hosts_settled(1);
    struct host *h = &all->hosts[0];
    uint64_t token = join(h, address_of(77));
    host_step(h, &(struct node_input){.kind = INPUT_REFUSED, .endpoint = address_of(77)});
    host_perform(h);
    hosts_run(all, JOIN_TIMEOUT_MS + 100);
    cr_assert_str_eq(answer(h, token)->text,
                     "no answer from 127.0.0.77:7780 within 3 s: nothing there: nobody "
                     "listens on that port");
    hosts_free(all);
}

/* Why an address is silent is learned by a stream to it; what is no peer of ours stays none. */
Test(acks, a_join_says_why_there_is_no_answer)
{
    static const struct {
        enum knock how;
        bool is_at_once;
        const char *text;
    } rows[] = {
        {KNOCK_SECRET, true, "no answer from 127.0.0.77:7780: another secret: "},
        {KNOCK_VERSION, true, "no answer from 127.0.0.77:7780: another version: "},
        {KNOCK_FOREIGN, true, "no answer from 127.0.0.77:7780: something else: "},
        {KNOCK_SILENT, false,
         "no answer from 127.0.0.77:7780 within 3 s: nothing there: "},
        {KNOCK_MEMBER, false, "no answer from 127.0.0.77:7780 within 3 s: no UDP: "}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hosts *all = hosts_settled(1);
        struct host *h = &all->hosts[0];
        h->knocked = rows[i].how;
        uint64_t token = join(h, address_of(77));
        hosts_run(all, 700);
        cr_assert_null(host_done(h, token), "datagrams have two rounds first");
        hosts_run(all, 1800);
        cr_assert_eq(host_done(h, token) != NULL, rows[i].is_at_once, "row %zu", i);
        hosts_run(all, 1000);
        const struct node_result *r = answer(h, token);
        cr_expect_eq(r->code, -EHOSTUNREACH);
        cr_expect_eq(strncmp(r->text, rows[i].text, strlen(rows[i].text)), 0, "%s",
                     r->text);
        hosts_free(all);
    }
}

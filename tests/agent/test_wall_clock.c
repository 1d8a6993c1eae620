/* A wrong wall clock, as its node, its peers and those who give orders see it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "host.h"
#include "proto/record.h"

enum { YEAR_S = 365 * 24 * 3600 };

/* What is in the row of host `of` as `h` has it. */
static int64_t row_ms(const struct host *h, const struct host *of)
{
    struct key key = key_node(of->options.gossip.id);
    const struct entry *e =
        table_get(gossip_table(node_gossip(h->node)), key_bytes(&key));
    struct arena arena;
    struct node_doc doc;
    arena_init(&arena, 0);
    cr_assert(e && record_decode_node(e->value, &arena, &doc) == 0);
    arena_fini(&arena);
    return doc.clock_skew_ms;
}

static const struct host_done *order(struct hosts *all, struct host *h, const char *name)
{
    struct order command = {.kind = ORDER_VAR_SET,
                            .token = 900000 + h->n_done,
                            .ns = "default",
                            .name = name,
                            .value = bytes_of_text("x")};
    host_command(h, &command);
    hosts_run(all, 1500);
    const struct host_done *done = host_done(h, command.token);
    cr_assert_not_null(done);
    return done;
}

static unsigned count(const struct host *h, const char *text)
{
    unsigned n = 0;
    for (const char *at = h->log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

Test(wall, three_hundred_ms_are_said_eight_hundred_refuse_and_set_right_all_is_well)
{
    struct hosts *all = hosts_settled(5);
    struct host *bad = &all->hosts[1];
    hosts_run(all, 3000);
    bad->skew_ms = 300;
    hosts_run(all, 5000);
    cr_assert_eq(count(bad, "event clock n2 off: n2 (this node) has another time"), 1);
    cr_assert_eq(row_ms(&all->hosts[4], bad), 300);
    cr_assert_eq(order(all, bad, "a")->result.code, 0);
    bad->skew_ms = 812;
    const struct host_done *refused = order(all, bad, "b"); /* at once */
    cr_assert_eq(refused->result.code, ERR_CLOCK);
    cr_assert_str_eq(
        refused->text,
        "this node's clock is 812 ms ahead of the median of its 4 peers: set it "
        "(chrony, ntpd or timedatectl), or submit on another node");
    cr_assert_null(
        table_get(gossip_table(node_gossip(bad->node)), bytes_of_text("var/default/b")));
    cr_assert_eq(count(bad, "event clock n2 refusing"), 1);
    cr_assert_eq(row_ms(&all->hosts[4], bad), 812);
    bad->skew_ms = -2000;
    cr_assert_eq(order(all, bad, "b")->result.code, ERR_CLOCK);
    cr_assert_not_null(strstr(host_done(bad, bad->done[bad->n_done - 1].token)->text,
                              "2000 ms behind the median"));
    bad->skew_ms = 0;
    cr_assert_eq(order(all, bad, "b")->result.code, 0,
                 "set right, it takes orders at once");
    cr_assert_eq(count(bad, "event clock n2 right"), 1);
    cr_assert_eq(count(bad, "event clock"), 3);
    for (unsigned i = 0; i < all->n; i++) {
        struct host *h = &all->hosts[i];
        cr_assert_eq(row_ms(&all->hosts[4], h), 0);
        if (h == bad)
            continue;
        /* Nobody else has reason to doubt itself; they are told of it, once. */
        cr_assert_eq(count(h, "event clock n2 off: n2 has another time"), 1, "%s",
                     h->log);
        cr_assert_eq(count(h, "event clock n2 right: n2 has the time"), 1);
        cr_assert_eq(count(h, "event clock"), 2);
    }
    hosts_free(all);
}

Test(wall, an_idle_cluster_with_clocks_a_little_apart_writes_nothing)
{
    struct hosts *all = hosts_new(5);
    for (unsigned i = 0; i < 5; i++) {
        all->hosts[i].skew_ms = (int64_t)i * 50 - 100;
        host_start(&all->hosts[i]);
    }
    all->hosts[4].skew_ms = 290;
    hosts_run(all, 10000);
    uint64_t before = all->hosts[4].metrics.writes;
    cr_assert_eq(row_ms(&all->hosts[0], &all->hosts[4]), 290);
    for (unsigned i = 0; i < 100;
         i++) { /* a clock that trembles at the limit is no news */
        all->hosts[4].skew_ms = 230 + (int64_t)(i % 2) * 70;
        hosts_run(all, 500);
    }
    cr_assert_eq(all->hosts[4].metrics.writes, before);
    cr_assert_eq(count(&all->hosts[4], "event clock"), 1, "%s", all->hosts[4].log);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(count(&all->hosts[i], "event clock"), 1);
    hosts_free(all);
}

Test(wall, of_two_nodes_nobody_knows_who_is_wrong_so_both_say_so_and_take_orders)
{
    struct hosts *all = hosts_settled(2);
    all->hosts[1].skew_ms = -90000;
    hosts_run(all, 5000);
    for (unsigned i = 0; i < 2; i++) {
        struct host *h = &all->hosts[i];
        cr_assert_eq(count(h, "(this node) has another time"), 1, "%s", h->log);
        cr_assert_eq(order(all, h, i ? "b" : "a")->result.code, 0);
    }
    cr_assert_eq(row_ms(&all->hosts[0], &all->hosts[1]), -90000);
    cr_assert_eq(row_ms(&all->hosts[1], &all->hosts[0]), 90000);
    hosts_free(all);
}

/* With peers it refuses; cut off from all of them it has nobody to be compared with. */
Test(wall, a_node_a_year_ahead_takes_a_job_alone_and_anyone_can_update_it_at_once)
{
    static const char first[] = "job: web\ntask: {command: [./web]}\n";
    struct hosts *all = hosts_new(3);
    struct host *bad = &all->hosts[0];
    bad->skew_ms = YEAR_S * 1000ll;
    for (unsigned i = 0; i < 3; i++)
        host_start(&all->hosts[i]);
    hosts_run(all, 5000);
    uint64_t token = host_submit(bad, first, 0, 1);
    hosts_run(all, 1500);
    cr_assert_eq(host_done(bad, token)->result.code, ERR_CLOCK);
    cr_assert_not_null(strstr(host_done(bad, token)->text, "365 days ahead"));
    bad->is_cut = true;
    hosts_run(all, 10000);
    token = host_submit(bad, first, 0, 1);
    hosts_run(all, 1500);
    cr_assert_eq(host_done(bad, token)->result.code, 0, "%s",
                 host_done(bad, token)->text);
    bad->is_cut = false;
    hosts_run(all, 10000);
    for (unsigned i = 2; i > 0; i--) {
        char text[128];
        (void)snprintf(text, sizeof(text),
                       "job: web\ncount: %u\ntask: {command: [./w]}\n", i + 1);
        token = host_submit(&all->hosts[i], text, 3 - i, ACK_ALL);
        hosts_run(all, 1000);
        cr_assert_eq(host_done(&all->hosts[i], token)->result.code, 0, "%s",
                     host_done(&all->hosts[i], token)->text);
        for (unsigned k = 0; k < 3; k++) {
            struct arena arena;
            struct job_doc doc;
            struct key key = key_job("default", "web");
            const struct entry *e =
                table_get(gossip_table(node_gossip(all->hosts[k].node)), key_bytes(&key));
            arena_init(&arena, 0);
            cr_assert(e && record_decode_job(e->value, &arena, &doc) == 0);
            cr_assert_eq(doc.version, 4 - i);
            arena_fini(&arena);
        }
    }
    hosts_free(all);
}

Test(wall, a_clock_that_trembles_at_the_limit_is_told_of_once_a_minute)
{
    struct hosts *all = hosts_settled(5);
    struct host *bad = &all->hosts[1];
    hosts_run(all, 3000);
    int64_t told = 0;
    unsigned n_told = 0;
    for (int i = 0; i < 25; i++) {
        bad->skew_ms =
            i % 2 ? 190 : 320; /* on both sides of 200 and 250, and a step apart */
        hosts_run(all, 2000);
        n_told += row_ms(&all->hosts[4], bad) != told;
        told = row_ms(&all->hosts[4], bad);
    }
    cr_assert_eq(n_told, 1);
    cr_assert_eq(count(bad, "event clock n2 off"), 1);
    cr_assert_eq(count(bad, "event clock n2 right"), 0);
    bad->skew_ms = 150;
    hosts_run(all, 70000);
    cr_assert_eq(count(bad, "event clock n2 right"), 1);
    cr_assert_eq(row_ms(&all->hosts[4], bad), 0);
    hosts_free(all);
}

/* One step backwards is not "right again" when the agent merely starts anew. */
Test(wall, a_restart_does_not_call_a_wrong_clock_right)
{
    struct hosts *all = hosts_settled(4);
    struct host *bad = &all->hosts[2];
    bad->skew_ms = -700;
    hosts_run(all, 5000);
    host_stop(bad);
    hosts_run(all, 1000);
    host_start(bad);
    hosts_run(all, 5000);
    cr_assert_eq(row_ms(&all->hosts[0], bad), -700);
    cr_assert_eq(count(&all->hosts[0], "event clock"), 1, "%s", all->hosts[0].log);
    cr_assert_eq(order(all, bad, "a")->result.code, ERR_CLOCK);
    hosts_free(all);
}

/* A whole node whose host has no address, gets one, gets another, or is seen elsewhere. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"
#include "host.h"
#include "proto/record.h"

#define WEB                                                                              \
    "job: web\ntask: {command: [./web]}\nports: {http: dynamic}\n"                       \
    "restart: {attempts: 2, delay: 1s}\n"

static const struct endpoint none;
static const char key[] = "default.web.0";

/* Its row, as `at` has it. */
static struct node_doc row_of(struct host *at, const struct host *of, struct arena *arena)
{
    struct node_doc doc = {.address = "", .nat = ""};
    struct key row = key_node(of->options.gossip.id);
    const struct entry *e =
        table_get(gossip_table(node_gossip(at->node)), key_bytes(&row));
    cr_assert(e && record_decode_node(e->value, arena, &doc) == 0);
    return doc;
}

static const char *answer(struct host *h, uint64_t token, int want)
{
    const struct host_done *done = host_done(h, token);
    cr_assert_not_null(done);
    cr_assert_eq(done->result.code, want, "%s", done->text);
    return done->text;
}

Test(node_address, orders_wait_for_the_first_one_with_that_reason)
{
    struct hosts *all = hosts_new(1);
    struct host *h = &all->hosts[0];
    struct endpoint at = h->options.gossip.endpoint;
    h->options.gossip.endpoint = none;
    host_start(h);
    host_move(h, none);
    cr_expect(host_said(h, "n1 has no address yet"), "%s", h->log);
    hosts_run(all, 60000);
    uint64_t token = host_submit(h, WEB, 0, ACK_DEFAULT);
    cr_expect(strstr(answer(h, token, ERR_NOT_READY), "no address yet"));
    cr_expect_null(host_task(h, key));
    host_move(h, at);
    cr_expect(host_said(h, "n1 is at 127.0.0.1"), "%s", h->log);
    hosts_run(all, 2000);
    token = host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 2000);
    (void)answer(h, token, 0);
    cr_expect_not_null(host_task(h, key));
    hosts_free(all);
}

Test(node_address, one_that_is_cut_off_keeps_its_work_and_refuses_orders)
{
    struct hosts *all = hosts_settled(1);
    struct host *h = &all->hosts[0];
    struct endpoint at = h->options.gossip.endpoint;
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 3000);
    host_move(h, none);
    cr_expect(host_said(h, "n1 is cut off: its address 127.0.0.1 is gone"), "%s", h->log);
    uint64_t token = host_order(h, ORDER_STOP, "web", 0);
    cr_expect(strstr(answer(h, token, ERR_NOT_READY), "cut off"));
    hosts_run(all, 60000);
    cr_expect(host_task(h, key)->is_running);
    host_exit(h, key, 1);
    hosts_run(all, 5000);
    cr_expect_eq(host_task(h, key)->n_launches, 2,
                 "what runs goes on, also when it fails");
    cr_expect_str_eq(host_task(h, key)->address, "127.0.0.1");
    host_move(h, at);
    hosts_run(all, 10000);
    cr_expect(gossip_is_ready(node_gossip(h->node)));
    cr_expect_eq(host_task(h, key)->n_launches, 2);
    hosts_free(all);
}

Test(node_address, what_has_ended_before_the_first_one_is_not_started_again_until_then)
{
    struct hosts *all = hosts_settled(1);
    struct host *h = &all->hosts[0];
    struct endpoint at = h->options.gossip.endpoint;
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 3000);
    host_stop(h);
    h->options.gossip.endpoint = none;
    host_start(h);
    host_move(h, none);
    host_exit(h, key, 1);
    hosts_run(all, 60000);
    cr_expect_eq(host_task(h, key)->n_launches, 1);
    host_move(h, at);
    hosts_run(all, 10000);
    cr_expect_eq(host_task(h, key)->n_launches, 2);
    hosts_free(all);
}

Test(node_address, another_one_is_in_its_row_and_in_its_probes_and_moves_nothing)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    struct endpoint next = {4, {127, 0, 0, 99}, 7780};
    struct arena arena;
    arena_init(&arena, 0);
    (void)host_submit(h, WEB, 0, ACK_DEFAULT);
    hosts_run(all, 3000);
    host_move(h, next);
    cr_expect(host_said(h, "n1 is at 127.0.0.99 now, it was at 127.0.0.1"), "%s", h->log);
    hosts_run(all, 2000);
    for (unsigned i = 0; i < 3; i++) {
        const struct gossip *g = node_gossip(all->hosts[i].node);
        cr_expect_str_eq(row_of(&all->hosts[i], h, &arena).address, "127.0.0.99");
        cr_expect_eq(members_count_state(gossip_members(g), MEMBER_ALIVE), 3);
    }
    cr_expect_eq(node_work(h->node)->options.address.address[3], 99);
    arena_fini(&arena);
    hosts_free(all);
}

Test(node_address, where_others_see_it_is_told_when_it_is_none_of_its_own)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[2];
    struct arena arena;
    arena_init(&arena, 0);
    cr_expect_str_eq(row_of(&all->hosts[0], h, &arena).nat, "");
    h->nat = (struct endpoint){4, {192, 0, 2, 7}, 40000};
    hosts_run(all, 10000);
    cr_expect_str_eq(row_of(&all->hosts[0], h, &arena).nat, "192.0.2.7");
    cr_expect_str_eq(row_of(h, h, &arena).address, "127.0.0.1", "its own stays");
    cr_expect(host_said(h, "others see n3 at 192.0.2.7"), "%s", h->log);
    h->nat = none;
    hosts_run(all, 10000);
    cr_expect_str_eq(row_of(&all->hosts[0], h, &arena).nat, "");
    arena_fini(&arena);
    hosts_free(all);
}

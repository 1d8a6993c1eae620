/* Refusals end when their causes end: a port is free again, somebody orders what failed once more, or the
 * agent starts anew. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/gossip.h"
#include "host.h"
#include "proto/key.h"
#include "proto/record.h"

#define CRASHING "job: web\ntask: {command: [./web]}\nrestart: {attempts: 1, delay: 1s}\n"

struct fixture {
    struct hosts *all;
    struct host *h;
};

static struct fixture with_ports(uint16_t low, uint16_t high)
{
    struct fixture f = {.all = hosts_new(1)};
    f.h = &f.all->hosts[0];
    f.h->options.port_min = low;
    f.h->options.port_max = high;
    host_start(f.h);
    hosts_run(f.all, 3000);
    return f;
}

static void submit(struct fixture *f, const char *name, const char *ports)
{
    char file[256];
    (void)snprintf(file, sizeof(file),
                   "job: %s\ntask: {command: [./x]}\nports: {%s}\n"
                   "restart: {attempts: 0}\n",
                   name, ports);
    (void)host_submit(f->h, file, 0, ACK_DEFAULT);
    hosts_run(f->all, 500);
}

static bool runs(struct fixture *f, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "default.%s.0", name);
    struct host_task *t = host_task(f->h, key);
    return t && t->is_running;
}

static const struct entry *refusal(const struct fixture *f, const char *name)
{
    struct key key = key_refuse(f->h->options.gossip.id, "default", name, 0);
    return table_get(gossip_table(node_gossip(f->h->node)), key_bytes(&key));
}

static void strangers_take(struct fixture *f, uint16_t low, uint16_t high)
{
    for (uint32_t port = low; port <= high; port++)
        port_set_add(&f->h->strangers, (uint16_t)port);
}

static void stranger_frees(struct fixture *f, uint16_t port)
{
    f->h->strangers.bits[port / 64] &= ~(UINT64_C(1) << port % 64);
}

Test(refusals, of_jobs_that_come_one_by_one_each_gets_the_only_free_port)
{
    struct fixture f = with_ports(25000, 25003);
    strangers_take(&f, 25000, 25002);
    for (int i = 0; i < 6; i++) {
        submit(&f, "web", "http: dynamic");
        struct host_task *t = host_task(f.h, "default.web.0");
        cr_assert(t && t->is_running && t->ports[0] == 25003, "job %d", i);
        cr_assert_eq(t->n_launches, 1);
        (void)host_order(f.h, ORDER_REMOVE, "web", 0);
        hosts_run(f.all, 500);
    }
    hosts_free(f.all);
}

Test(refusals, a_port_that_a_removed_job_gives_back_is_used_at_once)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct fixture f = with_ports(25000, 25003);
    struct arena arena;
    struct refuse_doc doc;
    for (int i = 0; i < 5; i++)
        submit(&f, names[i], "http: dynamic");
    hosts_run(f.all, 12000);
    cr_assert_not(runs(&f, "e"));
    arena_init(&arena, 0);
    cr_assert_not_null(refusal(&f, "e"));
    cr_assert_eq(record_decode_refuse(refusal(&f, "e")->value, &arena, &doc), 0);
    cr_assert_eq(doc.until_unix_ms, 0, "until its cause ends");
    cr_assert_str_eq(doc.reason,
                     "no port of --ports 25000-25003 is free: 0 in use on this "
                     "host, 4 given to tasks; this one starts as soon as one "
                     "is free");
    (void)host_order(f.h, ORDER_REMOVE, "a", 0);
    hosts_run(f.all, 400);
    cr_assert(runs(&f, "e"), "%s", f.h->log);
    cr_assert_null(refusal(&f, "e"));
    arena_fini(&arena);
    hosts_free(f.all);
}

Test(refusals, what_a_stranger_gives_back_ends_a_wait_in_a_moment)
{
    static const struct {
        const char *ports;
        uint16_t freed;
    } rows[] = {{"http: dynamic", 25002},
                {"http: 8080", 8080},
                {"http: {to: 8080, protocol: udp}", 8080}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = with_ports(25000, 25003);
        strangers_take(&f, 25000, 25003);
        port_set_add(&f.h->strangers, 8080);
        submit(&f, "web", rows[i].ports);
        hosts_run(f.all, 90000);
        cr_assert_not(runs(&f, "web"));
        cr_assert_not_null(refusal(&f, "web"), "row %zu: it stays as long as its cause",
                           i);
        stranger_frees(&f, rows[i].freed);
        hosts_run(f.all, 1500);
        cr_assert(runs(&f, "web"), "row %zu: %s", i, f.h->log);
        cr_assert_eq(host_task(f.h, "default.web.0")->n_launches, 1);
        cr_assert_eq(host_task(f.h, "default.web.0")->ports[0], rows[i].freed);
        hosts_free(f.all);
    }
}

Test(refusals, who_waits_for_a_port_of_one_protocol_does_not_wait_for_the_other)
{
    struct fixture f = with_ports(25000, 25003);
    port_set_add(&f.h->strangers, 8053);
    submit(&f, "tcp", "dns: 8053");
    submit(&f, "udp", "dns: {to: 8053, protocol: udp}");
    hosts_run(f.all, 5000);
    cr_assert(refusal(&f, "tcp") && refusal(&f, "udp"));
    port_set_add(&f.h->free_by_udp, 8053);
    hosts_run(f.all, 1500);
    cr_assert(runs(&f, "udp"), "%s", f.h->log);
    cr_assert_not_null(refusal(&f, "tcp"));
    hosts_free(f.all);
}

Test(refusals, one_of_a_crowded_range_is_found_again_and_waiting_costs_little)
{
    struct fixture f = with_ports(20000, 29999);
    strangers_take(&f, 20000, 29999);
    submit(&f, "web", "http: dynamic");
    hosts_run(f.all, 2000);
    unsigned n_looks = f.h->n_looks;
    hosts_run(f.all, 10000);
    cr_assert_leq(f.h->n_looks - n_looks, 10000 / 20 + 20);
    stranger_frees(&f, 27777);
    hosts_run(f.all, 10000);
    cr_assert(runs(&f, "web"));
    hosts_free(f.all);
}

Test(refusals, who_wants_more_ports_than_there_are_keeps_no_other_waiting)
{
    struct fixture f = with_ports(25000, 25001);
    strangers_take(&f, 25000, 25001);
    submit(&f, "two", "a: dynamic, b: dynamic");
    submit(&f, "one", "a: dynamic");
    hosts_run(f.all, 3000);
    stranger_frees(&f, 25000);
    hosts_run(f.all, 2500);
    cr_assert(runs(&f, "one"), "%s", f.h->log);
    cr_assert_not(runs(&f, "two"));
    hosts_free(f.all);
}

Test(refusals, as_many_as_ports_came_free_start_and_the_others_wait_on)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct fixture f = with_ports(25000, 25003);
    unsigned n = 0;
    strangers_take(&f, 25000, 25003);
    for (int i = 0; i < 6; i++)
        submit(&f, names[i], "http: dynamic");
    hosts_run(f.all, 3000);
    for (uint16_t port = 25000; port <= 25003; port++)
        stranger_frees(&f, port);
    size_t before = f.h->log_len;
    hosts_run(f.all, 3000);
    for (int i = 0; i < 6; i++)
        n += runs(&f, names[i]);
    cr_assert_eq(n, 4, "%s", f.h->log);
    cr_assert_null(strstr(f.h->log + before, "given up"), "nobody was told in vain: %s",
                   f.h->log + before);
    hosts_free(f.all);
}

/* ---- those that kept failing ---- */

static struct fixture with_refusal(void)
{
    struct fixture f = with_ports(20000, 20099);
    (void)host_submit(f.h, CRASHING, 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    for (int i = 0; i < 2; i++) {
        cr_assert(runs(&f, "web"));
        host_exit(f.h, "default.web.0", 3);
        hosts_run(f.all, 2000);
    }
    cr_assert_not_null(refusal(&f, "web"), "%s", f.h->log);
    cr_assert_not(runs(&f, "web"));
    return f;
}

Test(refusals, the_next_order_for_a_job_ends_them_at_once)
{
    enum { RESTART, START, SAME, ANOTHER, THERE_AND_BACK, STOP_START, ANEW, ORDERS };
    for (int order = 0; order < ORDERS; order++) {
        struct fixture f = with_refusal();
        if (order == RESTART)
            (void)host_order(f.h, ORDER_RESTART, "web", 0);
        if (order == START)
            (void)host_order(f.h, ORDER_START, "web", 0);
        if (order == ANOTHER || order == THERE_AND_BACK)
            (void)host_submit(f.h, CRASHING "priority: 60\n", 0, ACK_DEFAULT);
        if (order == STOP_START)
            (void)host_order(f.h, ORDER_STOP, "web", 0);
        if (order == STOP_START)
            (void)host_order(f.h, ORDER_START, "web", 0);
        if (order == ANEW)
            (void)host_order(f.h, ORDER_REMOVE, "web", 0);
        if (order == SAME || order == THERE_AND_BACK || order == ANEW)
            (void)host_submit(f.h, CRASHING, 0, ACK_DEFAULT);
        hosts_run(f.all, 400);
        cr_assert(runs(&f, "web"), "order %d: %s", order, f.h->log);
        cr_assert_null(refusal(&f, "web"), "order %d", order);
        hosts_free(f.all);
    }
}

Test(refusals, an_agent_that_starts_anew_tries_at_once)
{
    struct fixture f = with_refusal();
    host_stop(f.h);
    host_start(f.h);
    hosts_run(f.all, 3000);
    cr_assert(runs(&f, "web"), "%s", f.h->log);
    cr_assert_null(refusal(&f, "web"));
    hosts_free(f.all);
}

Test(refusals, without_an_order_it_lasts_a_minute_whatever_else_happens)
{
    struct fixture f = with_refusal();
    submit(&f, "other", "http: dynamic");
    (void)host_order(f.h, ORDER_RESTART, "other", 0);
    (void)host_order(f.h, ORDER_SCALE, "web", 2);
    hosts_run(f.all, 30000);
    cr_assert_not_null(refusal(&f, "web"));
    hosts_run(f.all, 30000);
    cr_assert_null(refusal(&f, "web"));
    cr_assert(runs(&f, "web"));
    hosts_free(f.all);
}

Test(refusals, who_waits_to_be_started_again_is_so_at_once_when_it_is_ordered_again)
{
    struct fixture f = with_ports(20000, 20099);
    static const char slow[] =
        "job: web\ntask: {command: [./web]}\nrestart: {attempts: 1, delay: 30s}\n";
    (void)host_submit(f.h, slow, 0, ACK_DEFAULT);
    hosts_run(f.all, 1000);
    host_exit(f.h, "default.web.0", 3);
    hosts_run(f.all, 1000);
    cr_assert_not(runs(&f, "web"));
    (void)host_submit(f.h, slow, 0, ACK_DEFAULT);
    hosts_run(f.all, 400);
    cr_assert(runs(&f, "web"), "%s", f.h->log);
    host_exit(f.h, "default.web.0", 3);
    hosts_run(f.all, 1000);
    cr_assert_null(refusal(&f, "web"), "its attempts count anew");
    hosts_free(f.all);
}

Test(refusals, an_order_that_finds_all_well_writes_nothing)
{
    struct fixture f = with_ports(20000, 20099);
    (void)host_submit(f.h, CRASHING, 0, ACK_DEFAULT);
    hosts_run(f.all, 15000);
    uint64_t digest = table_digest(gossip_table(node_gossip(f.h->node)));
    (void)host_submit(f.h, CRASHING, 0, ACK_DEFAULT);
    (void)host_order(f.h, ORDER_START, "web", 0);
    hosts_run(f.all, 400);
    cr_assert_eq(table_digest(gossip_table(node_gossip(f.h->node))), digest);
    hosts_free(f.all);
}

/* Ports and environment of a task. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/task_ports.h"

struct fixture {
    struct work work;
    struct node_effects fx;
    struct port_set strangers, lingering;
    unsigned n_looks; /* at single ports */
    char why[REASON_WHOLE_MAX];
    struct metrics metrics;
    struct job_spec spec;
    struct port_spec ports[PORTS_MAX];
};

static void init(struct fixture *f, uint16_t port_min, uint16_t port_max, size_t n_ports)
{
    *f = (struct fixture){
        .spec = {.name = "web", .ns = "default", .ports = f->ports, .n_ports = n_ports}};
    for (size_t i = 0; i < n_ports; i++)
        f->ports[i] = (struct port_spec){.name = "p", .protocol = "tcp"};
    const struct work_options options = {.node = "n1",
                                         .binary = "/bin/stratos",
                                         .told = {4, {127, 0, 0, 1}, 0},
                                         .port_min = port_min,
                                         .port_max = port_max,
                                         .metrics = &f->metrics};
    work_init(&f->work, &options, 7);
    node_effects_init(&f->fx);
}

static void fini(struct fixture *f)
{
    work_fini(&f->work);
    node_effects_fini(&f->fx);
}

/* Look at the ports that the last effect asks for, as a host does. */
static size_t look(struct fixture *f, const struct node_effect *e,
                   enum port_state states[static PORT_ASKS_MAX])
{
    size_t n = 0, n_free = 0;
    cr_assert_eq(e->kind, NODE_PORTS);
    for (; n < e->n_asks && (!e->n_wanted || n_free < e->n_wanted); n++) {
        uint16_t port = e->asks[n].port;
        states[n] = port_set_has(&f->strangers, port)   ? PORT_TAKEN
                    : port_set_has(&f->lingering, port) ? PORT_LINGERS
                                                        : PORT_FREE;
        n_free += !e->asks[n].is_fixed && states[n] == PORT_FREE;
        f->n_looks++;
    }
    return n;
}

static enum task_ports_stage answer(struct fixture *f, struct work_item *item,
                                    struct moment at, const struct node_effect *e)
{
    enum port_state states[PORT_ASKS_MAX];
    size_t n = look(f, e, states);
    return task_ports_answer(&f->work, item, at, e->asks, states, n, &f->fx, f->why);
}

/* From the beginning to the end. */
static enum task_ports_stage launch(struct fixture *f, struct work_item *item)
{
    struct moment at = {.now_ms = 1000, .at_unix_ms = 1000};
    enum task_ports_stage stage = task_ports_begin(&f->work, item, at, &f->fx, f->why);
    while (stage == TASK_PORTS_ASKED) {
        if (item->ask_ms != UINT64_MAX) {
            at.now_ms = item->ask_ms;
            task_ports_ask(&f->work, item, &f->fx);
        }
        stage = answer(f, item, at, &f->fx.list[f->fx.n - 1]);
    }
    node_effects_clear(&f->fx);
    return stage;
}

static struct work_item *item_add(struct fixture *f)
{
    struct work_item *item = calloc(1, sizeof(*item));
    cr_assert_not_null(item);
    arena_init(&item->arena, 0);
    item->spec = &f->spec;
    item->next = f->work.items;
    f->work.items = item;
    f->work.n_items++;
    return item;
}

Test(task_ports, a_fixed_port_is_what_the_spec_says_and_a_dynamic_one_of_the_range)
{
    struct fixture f;
    init(&f, 20000, 20009, 2);
    f.ports[0] = (struct port_spec){.name = "http", .host_port = 8080, .protocol = "tcp"};
    f.ports[1] = (struct port_spec){.name = "admin", .protocol = "tcp"};
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_str_eq(item->ports[0].name, "http");
    cr_assert_eq(item->ports[0].port, 8080);
    cr_assert_str_eq(item->ports[1].name, "admin");
    cr_assert(item->ports[1].port >= 20000 && item->ports[1].port <= 20009);
    fini(&f);
}

Test(task_ports, dynamic_ports_are_distinct_until_the_range_is_full_and_then_refused)
{
    enum { ITEMS = 25, EACH = 4 };
    bool is_used[100] = {0};
    struct fixture f;
    init(&f, 20000, 20099, EACH);
    for (int i = 0; i < ITEMS; i++) {
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
        for (int k = 0; k < EACH; k++) {
            uint16_t port = item->ports[k].port;
            cr_assert(port >= 20000 && port <= 20099, "item %d: %u", i, port);
            cr_assert_not(is_used[port - 20000], "item %d: %u again", i, port);
            is_used[port - 20000] = true;
        }
    }
    struct work_item *late = item_add(&f);
    cr_assert_eq(launch(&f, late), TASK_PORTS_REFUSED);
    cr_assert_str_eq(f.why, "no port of --ports 20000-20099 is free: 0 in use on this "
                            "host, 100 given to tasks; this one starts as soon as one is "
                            "free");
    for (int k = 0; k < EACH; k++)
        cr_assert_eq(late->ports[k].port, 0);
    work_remove(&f.work, late->next);
    cr_assert_eq(launch(&f, late), TASK_PORTS_OUT);
    for (int k = 0; k < EACH; k++)
        cr_assert_neq(late->ports[k].port, 0, "what was given back can be had");
    fini(&f);
}

Test(task_ports, a_dynamic_port_keeps_off_the_fixed_ones_of_its_own_task)
{
    for (size_t i = 0; i < 64; i++) {
        struct fixture f;
        size_t fixed = i % 2;
        init(&f, 20000, 20001, 2);
        rng_init(&f.work.rng, i);
        f.ports[fixed].host_port = 20001;
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
        cr_assert_eq(item->ports[fixed].port, 20001);
        cr_assert_eq(item->ports[1 - fixed].port, 20000, "the fixed one comes at %zu",
                     fixed);
        fini(&f);
    }
}

Test(task_ports, the_agents_own_ports_are_given_to_no_task)
{
    struct fixture f;
    init(&f, 20000, 20004, 3);
    f.work.options.own = (struct own_ports){.gossip = 20001, .http = 20003};
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    unsigned sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += item->ports[i].port;
    cr_assert_eq(sum, 20000 + 20002 + 20004);
    fini(&f);
}

Test(task_ports, a_port_of_the_agent_is_named_by_its_flag)
{
    static const struct own_ports own = {.gossip = 7780, .http = 7781}; /* DNS is off */
    cr_assert_str_eq(task_ports_own_flag(&own, 7780), "--bind");
    cr_assert_str_eq(task_ports_own_flag(&own, 7781), "--http");
    cr_assert_str_eq(task_ports_own_flag(&(struct own_ports){.dns = 53}, 53), "--dns");
    cr_assert_null(task_ports_own_flag(&own, 0), "what is off has no port");
    cr_assert_null(task_ports_own_flag(&own, 8600));
}

Test(task_ports, the_edges_of_the_port_range_are_used)
{
    static const uint16_t ranges[][2] = {{65535, 65535}, {1, 1}, {65534, 65535}};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        size_t n = (size_t)(ranges[i][1] - ranges[i][0]) + 1;
        init(&f, ranges[i][0], ranges[i][1], n);
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
        unsigned sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += item->ports[k].port;
        cr_assert_eq(sum, n == 1 ? ranges[i][0] : 65534u + 65535u);
        fini(&f);
    }
}

static void strangers_take(struct fixture *f, uint16_t low, uint16_t high)
{
    for (uint32_t port = low; port <= high; port++)
        port_set_add(&f->strangers, (uint16_t)port);
}

Test(task_ports, a_port_that_a_stranger_has_is_not_given)
{
    for (size_t seed = 0; seed < 50; seed++) {
        struct fixture f;
        init(&f, 25000, 25003, 1);
        rng_init(&f.work.rng, seed);
        strangers_take(&f, 25000, 25002);
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
        cr_assert_eq(item->ports[0].port, 25003);
        cr_assert_leq(f.n_looks, 4, "none is looked at twice");
        fini(&f);
    }
}

Test(task_ports, the_last_free_port_of_a_crowded_range_is_found_by_looking_once_at_each)
{
    struct fixture f;
    init(&f, 20000, 29999, 1);
    strangers_take(&f, 20000, 24321);
    strangers_take(&f, 24323, 29999);
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_eq(item->ports[0].port, 24322);
    cr_assert_leq(f.n_looks, 10000);
    fini(&f);
}

Test(task_ports, with_four_of_ten_ports_free_a_port_costs_few_looks)
{
    struct fixture f;
    init(&f, 20000, 29999, 1);
    for (uint32_t port = 20000; port < 30000; port++)
        if (port % 10 < 6)
            port_set_add(&f.strangers, (uint16_t)port);
    for (int i = 0; i < 1000; i++) {
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
        cr_assert_geq(item->ports[0].port % 10, 6);
    }
    cr_assert_leq(f.n_looks, 4000, "%u looks for 1000 ports", f.n_looks);
    fini(&f);
}

Test(task_ports, of_two_that_are_offered_the_same_port_in_one_step_one_has_it)
{
    struct fixture f;
    struct moment at = {.now_ms = 1000, .at_unix_ms = 1000};
    init(&f, 20000, 20001, 1);
    struct work_item *a = item_add(&f), *b = item_add(&f);
    cr_assert_eq(task_ports_begin(&f.work, a, at, &f.fx, f.why), TASK_PORTS_ASKED);
    cr_assert_eq(task_ports_begin(&f.work, b, at, &f.fx, f.why), TASK_PORTS_ASKED);
    cr_assert_eq(f.fx.n, 2);
    enum port_state all_free[PORT_ASKS_MAX] = {PORT_FREE};
    struct node_effect first = f.fx.list[0], second = f.fx.list[1];
    cr_assert_eq(task_ports_answer(&f.work, a, at, first.asks, all_free, 2, &f.fx, f.why),
                 TASK_PORTS_OUT);
    cr_assert_eq(
        task_ports_answer(&f.work, b, at, second.asks, all_free, 2, &f.fx, f.why),
        TASK_PORTS_OUT);
    cr_assert_neq(a->ports[0].port, b->ports[0].port);
    fini(&f);
}

Test(task_ports, a_task_keeps_its_ports_until_they_are_doubted_and_then_gets_others)
{
    struct fixture f;
    init(&f, 20000, 20099, 2);
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    uint16_t first = item->ports[0].port, second = item->ports[1].port;
    port_set_add(&f.lingering, first); /* its own connections are not over yet */
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert(item->ports[0].port == first && item->ports[1].port == second);
    item->is_doubted = true;
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    for (int i = 0; i < 2; i++)
        cr_assert(item->ports[i].port != first && item->ports[i].port != second);
    second = item->ports[1].port;
    port_set_add(&f.strangers, item->ports[0].port);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_eq(item->ports[1].port, second, "who can keep one keeps it");
    fini(&f);
}

Test(task_ports, doubted_and_lingering_ports_are_better_than_none)
{
    struct fixture f;
    init(&f, 20000, 20002, 1);
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    uint16_t own = item->ports[0].port, other = own == 20000 ? 20001 : 20000;
    strangers_take(&f, 20000, 20002);
    f.strangers.bits[own / 64] &= ~(UINT64_C(1) << own % 64);
    item->is_doubted = true;
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_eq(item->ports[0].port, own, "the only one that is free");
    f.strangers.bits[other / 64] &= ~(UINT64_C(1) << other % 64);
    port_set_add(&f.lingering, other);
    port_set_add(&f.strangers, own);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_eq(item->ports[0].port, other, "the only one that lingers");
    fini(&f);
}

Test(task_ports, a_port_that_was_kept_from_another_range_is_not_given_again)
{
    struct fixture f;
    init(&f, 20000, 20009, 1);
    struct work_item *item = item_add(&f);
    item->ports[0] = (struct claim_port){"p", 31000};
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    cr_assert_leq(item->ports[0].port, 20009);
    fini(&f);
}

Test(task_ports, a_fixed_port_that_is_in_use_is_refused_before_anything_is_tried)
{
    static const struct own_ports own = {.http = 7781};
    static const struct {
        uint16_t port;
        const char *why;
    } rows[] = {
        {8080, "port 8080 is in use on this host: this one starts as soon as it is free"},
        {7781, "port 7781 is the agent's own on this node (--http): choose another, or "
               "dynamic"},
        {9090, "port 9090 is given to web.3 on this node: this one starts as soon as it "
               "is free"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        init(&f, 20000, 20009, 1);
        f.work.options.own = own;
        port_set_add(&f.strangers, 8080);
        struct work_item *other = item_add(&f);
        other->index = 3;
        other->ports[0].port = 9090;
        f.ports[0].host_port = rows[i].port;
        struct work_item *item = item_add(&f);
        cr_assert_eq(launch(&f, item), TASK_PORTS_REFUSED, "row %zu", i);
        cr_assert_str_eq(f.why, rows[i].why);
        cr_assert_eq(item->blocked_port, rows[i].port);
        fini(&f);
    }
}

Test(task_ports, a_range_that_is_too_small_for_the_job_is_said)
{
    struct fixture f;
    init(&f, 20000, 20001, 3);
    cr_assert_eq(launch(&f, item_add(&f)), TASK_PORTS_REFUSED);
    cr_assert_str_eq(f.why, "3 dynamic ports are wanted, and --ports 20000-20001 has 2");
    fini(&f);
}

Test(task_ports, the_environment_tells_the_task_who_and_where_it_is)
{
    static const char want[] =
        "STRATOS_JOB=web\nSTRATOS_NAMESPACE=default\nSTRATOS_INSTANCE=2\n"
        "STRATOS_NODE=n1\nSTRATOS_VERSION=v7\nSTRATOS_ADDRESS=127.0.0.1\n"
        "STRATOS_BIN=/bin/stratos\n"
        "PORT=8080\nPORT0=8080\nPORT_HTTP_ADMIN=8080\n"
        "ADDR_HTTP_ADMIN=127.0.0.1:8080\n"
        "PORT1=9090\nPORT_B2=9090\nADDR_B2=127.0.0.1:9090\n";
    struct fixture f;
    struct arena arena;
    char got[1024] = "";
    size_t n, len = 0;
    init(&f, 20000, 20009, 2);
    f.ports[0] =
        (struct port_spec){.name = "http-admin", .host_port = 8080, .protocol = "tcp"};
    f.ports[1] = (struct port_spec){.name = "b2", .host_port = 9090, .protocol = "tcp"};
    struct work_item *item = item_add(&f);
    item->index = 2;
    item->version = 7;
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    arena_init(&arena, 0);
    const struct pair *env = work_env(&f.work, item, &arena, &n);
    cr_assert_not_null(env);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s=%s\n", env[i].key,
                                env[i].value);
    cr_assert_str_eq(got, want);
    arena_fini(&arena);
    fini(&f);
}

Test(task_ports, a_task_with_a_token_is_told_where_it_is_and_where_it_is_of_use)
{
    static const struct {
        enum api_scope api;
        const char *served;
        bool has_file, has_address;
    } rows[] = {
        {API_NONE, "http://127.0.0.1:7781", false, false},
        {API_READ, "http://127.0.0.1:7781", true, true},
        {API_WRITE, NULL, true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        struct arena arena;
        size_t n;
        bool has_file = false, has_address = false;
        init(&f, 20000, 20009, 0);
        f.work.options.api = rows[i].served;
        f.spec.task.api = rows[i].api;
        arena_init(&arena, 0);
        const struct pair *env = work_env(&f.work, item_add(&f), &arena, &n);
        for (size_t k = 0; k < n; k++) {
            has_file |= strcmp(env[k].key, "STRATOS_TOKEN_FILE") == 0 &&
                        strcmp(env[k].value, "/dev/stratos/token") == 0;
            has_address |= strcmp(env[k].key, "STRATOS_API") == 0;
        }
        cr_assert(has_file == rows[i].has_file && has_address == rows[i].has_address,
                  "row %zu", i);
        arena_fini(&arena);
        fini(&f);
    }
}

Test(task_ports, without_ports_there_is_no_port_variable)
{
    struct fixture f;
    struct arena arena;
    size_t n;
    init(&f, 20000, 20009, 0);
    struct work_item *item = item_add(&f);
    cr_assert_eq(launch(&f, item), TASK_PORTS_OUT);
    arena_init(&arena, 0);
    const struct pair *env = work_env(&f.work, item, &arena, &n);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(strstr(env[i].key, "PORT"));
    arena_fini(&arena);
    fini(&f);
}

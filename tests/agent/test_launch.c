/* Ports and environment of a task. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/launch.h"

struct fixture {
    struct work work;
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
                                         .address = {4, {127, 0, 0, 1}, 0},
                                         .port_min = port_min,
                                         .port_max = port_max,
                                         .metrics = &f->metrics};
    work_init(&f->work, &options, 7);
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

Test(launch, a_fixed_port_is_what_the_spec_says_and_a_dynamic_one_of_the_range)
{
    struct fixture f;
    init(&f, 20000, 20009, 2);
    f.ports[0] = (struct port_spec){.name = "http", .host_port = 8080};
    f.ports[1] = (struct port_spec){.name = "admin"};
    struct work_item *item = item_add(&f);
    launch_ports(&f.work, item);
    cr_assert_str_eq(item->ports[0].name, "http");
    cr_assert_eq(item->ports[0].port, 8080);
    cr_assert_str_eq(item->ports[1].name, "admin");
    cr_assert(item->ports[1].port >= 20000 && item->ports[1].port <= 20009);
    work_fini(&f.work);
}

Test(launch, dynamic_ports_are_distinct_until_the_range_is_full_and_then_zero)
{
    enum { ITEMS = 25, EACH = 4 };
    bool is_used[100] = {0};
    struct fixture f;
    init(&f, 20000, 20099, EACH);
    for (int i = 0; i < ITEMS; i++) {
        struct work_item *item = item_add(&f);
        launch_ports(&f.work, item);
        for (int k = 0; k < EACH; k++) {
            uint16_t port = item->ports[k].port;
            cr_assert(port >= 20000 && port <= 20099, "item %d: %u", i, port);
            cr_assert_not(is_used[port - 20000], "item %d: %u again", i, port);
            is_used[port - 20000] = true;
        }
    }
    struct work_item *late = item_add(&f);
    launch_ports(&f.work, late);
    for (int k = 0; k < EACH; k++)
        cr_assert_eq(late->ports[k].port, 0);
    work_remove(&f.work, late->next);
    launch_ports(&f.work, late);
    for (int k = 0; k < EACH; k++)
        cr_assert_neq(late->ports[k].port, 0, "what was given back can be had");
    work_fini(&f.work);
}

Test(launch, a_dynamic_port_keeps_off_the_fixed_ones_of_its_own_task)
{
    for (size_t i = 0; i < 64; i++) {
        struct fixture f;
        size_t fixed = i % 2;
        init(&f, 20000, 20001, 2);
        rng_init(&f.work.rng, i);
        f.ports[fixed].host_port = 20001;
        struct work_item *item = item_add(&f);
        launch_ports(&f.work, item);
        cr_assert_eq(item->ports[fixed].port, 20001);
        cr_assert_eq(item->ports[1 - fixed].port, 20000, "the fixed one comes at %zu",
                     fixed);
        work_fini(&f.work);
    }
}

Test(launch, the_edges_of_the_port_range_are_used)
{
    static const uint16_t ranges[][2] = {{65535, 65535}, {1, 1}, {65534, 65535}};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        size_t n = (size_t)(ranges[i][1] - ranges[i][0]) + 1;
        init(&f, ranges[i][0], ranges[i][1], n);
        struct work_item *item = item_add(&f);
        launch_ports(&f.work, item);
        unsigned sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += item->ports[k].port;
        cr_assert_eq(sum, n == 1 ? ranges[i][0] : 65534u + 65535u);
        work_fini(&f.work);
    }
}

Test(launch, the_environment_tells_the_task_who_and_where_it_is)
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
    f.ports[0] = (struct port_spec){.name = "http-admin", .host_port = 8080};
    f.ports[1] = (struct port_spec){.name = "b2", .host_port = 9090};
    struct work_item *item = item_add(&f);
    item->index = 2;
    item->version = 7;
    launch_ports(&f.work, item);
    arena_init(&arena, 0);
    const struct pair *env = launch_env(&f.work, item, &arena, &n);
    cr_assert_not_null(env);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s=%s\n", env[i].key,
                                env[i].value);
    cr_assert_str_eq(got, want);
    arena_fini(&arena);
    work_fini(&f.work);
}

Test(launch, without_ports_there_is_no_port_variable)
{
    struct fixture f;
    struct arena arena;
    size_t n;
    init(&f, 20000, 20009, 0);
    struct work_item *item = item_add(&f);
    launch_ports(&f.work, item);
    arena_init(&arena, 0);
    const struct pair *env = launch_env(&f.work, item, &arena, &n);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(strstr(env[i].key, "PORT"));
    arena_fini(&arena);
    work_fini(&f.work);
}

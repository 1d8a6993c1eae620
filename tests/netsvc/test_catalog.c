/* The catalog made from members and claims: what is served, and why the rest is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "gossip/members/member.h"
#include "gossip/table/table.h"
#include "netsvc/catalog.h"
#include "netsvc/dns.h"
#include "proto/record.h"

struct world {
    struct members members;
    struct table table;
    struct rng rng;
    uint64_t number;
};

static struct node_id id_of(uint8_t n)
{
    struct node_id id;
    memset(id.at, n, sizeof(id.at));
    return id;
}

static void put(struct world *w, uint8_t writer, struct key key, struct bytes value)
{
    struct entry e = {.kind = table_kind(key_bytes(&key)),
                      .key = key_bytes(&key),
                      .value = value,
                      .writer = id_of(writer),
                      .epoch = 1,
                      .number = ++w->number};
    cr_assert_eq(table_merge(&w->table, &e, NULL), MERGE_NEW);
}

/* Node n<i> at gossip address 127.77.1.<i>; its tasks are reached at `address`, if it
 * says so. */
static void add_node(struct world *w, uint8_t i, const char *name,
                     enum member_state state, const char *address)
{
    struct member m = {
        .id = id_of(i),
        .name = name,
        .endpoint = {.family = 4, .address = {127, 77, 1, i}, .port = 7780},
        .state = state};
    struct peer *peer;
    cr_assert_eq(members_add(&w->members, &m, i == 1, &w->rng, &peer), 0);
    if (!address)
        return;
    uint8_t buf[1024];
    struct writer out = writer_of(buf, sizeof(buf));
    struct node_doc doc = {.name = name, .version = "1", .address = address};
    cr_assert_eq(record_encode_node(&doc, &out), 0);
    put(w, i, key_node(id_of(i)), writer_done(&out));
}

static void add_claim(struct world *w, uint8_t node, const char *job, uint32_t index,
                      enum instance_state state, enum health health, uint16_t port)
{
    uint8_t buf[1024];
    struct writer out = writer_of(buf, sizeof(buf));
    struct claim_port ports[] = {{"admin", 9}, {"http", port}};
    struct claim_doc doc = {.generation = 1,
                            .version = 1,
                            .state = state,
                            .health = health,
                            .reason = "",
                            .ports = ports,
                            .n_ports = 2};
    cr_assert_eq(record_encode_claim(&doc, &out), 0);
    put(w, node, key_claim(id_of(node), "default", job, index), writer_done(&out));
}

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    rng_init(&w->rng, 1);
    members_init(&w->members, NULL);
    cr_assert_eq(table_init(&w->table), 0);
    add_node(w, 1, "n1", MEMBER_ALIVE, "127.77.0.1");
    add_node(w, 2, "n2", MEMBER_DEAD, "127.77.0.2");
    add_node(w, 3, "N3", MEMBER_SUSPECT, NULL);
    add_node(w, 4, "n4", MEMBER_LEFT, "not an address");
    add_node(w, 5, "n1", MEMBER_DEAD,
             "127.77.0.5"); /* an old life of n1, under another key */
}

static void world_fini(struct world *w)
{
    members_fini(&w->members);
    table_fini(&w->table);
}

static const struct catalog_rule RULES[] = {
    {"default", "web", "web", "http", "http"},
    {"default", "worker", "worker", NULL, "tcp"},
    {"default", "web2", "web", "http", "http"}, /* a second job behind the same name */
    {"default", "idle", "idle", "http", "tcp"},
};

Test(catalog, says_what_a_check_said_of_what_is_not_served)
{
    static const struct {
        enum health health;
        const char *said, *reason;
    } rows[] = {
        {HEALTH_FAILING, "answered 500: no database",
         "health check 'ready' fails: answered 500: no database"},
        {HEALTH_FAILING, "", "health check 'ready' fails: it says no more"},
        {HEALTH_UNKNOWN, "connection refused",
         "health check 'ready' has not passed yet: connection refused"},
    };
    struct world w;
    world_init(&w);
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t buf[512];
        struct writer out = writer_of(buf, sizeof(buf));
        struct claim_doc doc = {.generation = 1,
                                .state = INSTANCE_RUNNING,
                                .health = rows[i].health,
                                .check = {.name = "ready", .said = rows[i].said}};
        cr_assert_eq(record_encode_claim(&doc, &out), 0);
        put(&w, 1, key_claim(id_of(1), "default", "web", i), writer_done(&out));
    }
    struct catalog *c = catalog_build(&w.members, &w.table, NULL, RULES, 4, true, 5);
    const struct catalog_service *web = catalog_find(c, "default", "web");
    cr_assert_eq(web->n_endpoints, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_not(web->endpoints[i].is_served);
        cr_expect_str_eq(web->endpoints[i].reason, rows[i].reason);
    }
    catalog_unref(c);
    world_fini(&w);
}

Test(catalog, serves_the_healthy_on_live_nodes_and_says_why_not_the_rest)
{
    struct world w;
    world_init(&w);
    add_claim(&w, 1, "web", 0, INSTANCE_RUNNING, HEALTH_PASSING, 20000);
    add_claim(&w, 3, "web", 0, INSTANCE_RUNNING, HEALTH_PASSING,
              20001); /* a duplicate: both */
    add_claim(&w, 1, "web", 1, INSTANCE_STARTING, HEALTH_UNKNOWN, 20002);
    add_claim(&w, 1, "web", 2, INSTANCE_RUNNING, HEALTH_FAILING, 20003);
    add_claim(&w, 2, "web", 3, INSTANCE_RUNNING, HEALTH_PASSING, 20004);
    add_claim(&w, 1, "web", 4, INSTANCE_STOPPING, HEALTH_PASSING, 20005);
    add_claim(&w, 4, "web", 5, INSTANCE_RUNNING, HEALTH_PASSING, 20006);
    add_claim(&w, 1, "web", 6, INSTANCE_RUNNING, HEALTH_UNKNOWN, 20007);
    add_claim(&w, 1, "web2", 7, INSTANCE_RUNNING, HEALTH_NONE, 20008);
    add_claim(&w, 1, "worker", 0, INSTANCE_RUNNING, HEALTH_NONE, 20009);
    add_claim(&w, 1, "other", 0, INSTANCE_RUNNING, HEALTH_NONE,
              20010); /* no rule: no service */
    add_claim(&w, 9, "web", 8, INSTANCE_RUNNING, HEALTH_NONE,
              20011); /* of nobody known */
    put(&w, 1, key_claim(id_of(1), "default", "web", 9), bytes_of_text("not msgpack"));
    static const struct {
        const char *instance, *node, *address, *reason;
    } want[] = {
        {"web.0", "N3", "127.77.1.3:20001", NULL},
        {"web.0", "n1", "127.77.0.1:20000", NULL},
        {"web.1", "n1", "127.77.0.1:20002", "starting"},
        {"web.2", "n1", "127.77.0.1:20003", "health check failing"},
        {"web.3", "n2", "127.77.0.2:20004", "node n2 is dead"},
        {"web.4", "n1", "127.77.0.1:20005", "stopping"},
        {"web.5", "n4", "127.77.1.4:20006", "node n4 has left"},
        {"web.6", "n1", "127.77.0.1:20007", "starting"},
        {"web2.7", "n1", "127.77.0.1:20008", NULL},
    };
    struct catalog *c = catalog_build(&w.members, &w.table, NULL, RULES, 4, true, 5);
    cr_assert_not_null(c);
    cr_expect_eq(c->serial, 5);
    cr_expect_eq(c->n_services, 3);
    const struct catalog_service *web = catalog_find(c, "default", "web");
    cr_assert_not_null(web);
    cr_assert_eq(web->n_endpoints, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < web->n_endpoints; i++) {
        const struct catalog_endpoint *e = &web->endpoints[i];
        char text[ADDRESS_TEXT_MAX];
        cr_expect_str_eq(e->instance, want[i].instance);
        cr_expect_str_eq(e->node, want[i].node, "%s", e->instance);
        cr_expect_str_eq(endpoint_text(&e->at, text), want[i].address);
        cr_expect_eq(e->is_served, want[i].reason == NULL, "%s", e->instance);
        cr_assert_eq(e->n_ports, 2);
        cr_expect_str_eq(e->ports[0].name, "admin");
        cr_expect_eq(e->ports[1].port, e->at.port, "%s", e->instance);
        cr_expect_str_eq(e->reason ? e->reason : "",
                         want[i].reason ? want[i].reason : "");
    }
    const struct catalog_service *worker = catalog_find(c, "default", "worker");
    cr_assert(worker && worker->n_endpoints == 1);
    cr_expect_eq(worker->endpoints[0].at.port, 0);
    const struct catalog_service *idle = catalog_find(c, "default", "idle");
    cr_expect(idle && idle->n_endpoints == 0);
    cr_expect_null(catalog_find(c, "default", "other"));
    catalog_unref(c);
    world_fini(&w);
}

/* Which of two keeps a name is decided with the view (core/naming.h). */
Test(catalog, a_node_is_called_what_means_it_alone)
{
    static const char *const called[] = {"n1", "n2", "N3", "n4",
                                         "05050505050505050505050505050505"};
    struct world w;
    world_init(&w);
    add_claim(&w, 5, "web", 0, INSTANCE_RUNNING, HEALTH_PASSING, 20000);
    struct catalog *c = catalog_build(&w.members, &w.table, called, RULES, 4, true, 1);
    char text[ADDRESS_TEXT_MAX];
    const struct catalog_node *node = catalog_find_node(c, "n1");
    cr_assert_str_eq(endpoint_host_text(&node->at, text), "127.77.0.1");
    node = catalog_find_node(c, called[4]);
    cr_assert_str_eq(endpoint_host_text(&node->at, text), "127.77.0.5");
    const struct catalog_endpoint *e = &catalog_find(c, "default", "web")->endpoints[0];
    cr_expect_str_eq(e->node, called[4]);
    cr_expect_str_eq(e->reason, "node 05050505050505050505050505050505 is dead");
    struct endpoint at = {.family = 4, .address = {127, 77, 0, 1}, .port = 9};
    cr_expect(catalog_has_host(c, &at), "of a live node, whatever the port");
    at.address[3] = 5;
    cr_expect_not(catalog_has_host(c, &at), "of a dead one");
    catalog_unref(c);
    world_fini(&w);
}

Test(catalog, nodes_are_found_by_name_the_live_one_of_two)
{
    struct world w;
    world_init(&w);
    struct catalog *c = catalog_build(&w.members, &w.table, NULL, NULL, 0, true, 1);
    cr_assert_not_null(c);
    cr_expect_eq(c->n_nodes, 4);
    const struct catalog_node *n1 = catalog_find_node(c, "n1"),
                              *n3 = catalog_find_node(c, "n3");
    cr_expect(n1 && n1->is_live && n1->at.address[3] == 1 && n1->at.port == 0);
    cr_expect(n3 && n3->is_live, "a host name's capitals do not matter");
    cr_expect(catalog_find_node(c, "n2") && !catalog_find_node(c, "n2")->is_live);
    cr_expect_null(catalog_find_node(c, "n9"));
    catalog_unref(catalog_ref(c));
    cr_expect_eq(c->refs, 1);
    catalog_unref(c);
    catalog_unref(NULL);
    world_fini(&w);
}

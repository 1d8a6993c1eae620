/* Discovery drivers on loopback, in one loop that can be closed at the end.  The secret is new in
 * every test: others on this host may run the same test. */
#include <criterion/criterion.h>
#include <string.h>

#include "gossip/members/discovery.h"
#include "gossip/uv_discovery.h"

struct node {
    struct uv_discovery *d;
    struct gossip *gossip;
    struct sealer *sealer;
    struct metrics metrics;
    struct endpoint met;
    unsigned n_met;
};

static void on_meet(void *ctx, struct endpoint at)
{
    struct node *n = ctx;
    n->met = at;
    n->n_met++;
}

static void open_node(uv_loop_t *loop, struct node *n, uint8_t number, const struct secret *secret)
{
    uint8_t session[SESSION_LEN];
    struct err err = {0};
    struct node_id id = {{number}};
    struct endpoint at = {4, {127, 0, 0, number}, 7780};
    memset(n, 0, sizeof(*n));
    random_bytes(session, sizeof(session));
    const struct keyring keys = keyring_of(secret);
    n->sealer = sealer_new(&keys, session);
    struct gossip_options options = {
        .id = id, .name = "n", .endpoint = at, .profile = &gossip_profile_lan, .epoch = 1};
    n->gossip = gossip_new(&options, uv_now(loop));
    cr_assert(n->sealer && n->gossip);
    struct uv_discovery_options discovery = {.id = id,
                                             .endpoint = at,
                                             .gossip = n->gossip,
                                             .sealer = n->sealer,
                                             .seed = number,
                                             .metrics = &n->metrics,
                                             .meet = on_meet,
                                             .ctx = n};
    cr_assert_eq(uv_discovery_open(loop, &discovery, &n->d, &err), 0, "%s", err.text);
}

static void close_nodes(uv_loop_t *loop, struct node *a, struct node *b)
{
    uv_discovery_close(a->d);
    uv_discovery_close(b->d);
    uv_run(loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(loop), 0);
    struct node *nodes[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        gossip_free(nodes[i]->gossip);
        sealer_free(nodes[i]->sealer);
    }
}

static void run_for(uv_loop_t *loop, uint64_t ms, const unsigned *counter)
{
    uv_update_time(loop);
    uint64_t end_ms = uv_now(loop) + ms;
    while (uv_now(loop) < end_ms && !(counter && *counter > 0))
        uv_run(loop, UV_RUN_ONCE); /* the beacons' own timers wake it */
}

Test(uv_discovery, two_with_one_secret_hear_of_each_other_on_loopback)
{
    uv_loop_t loop;
    struct node a, b;
    struct secret secret;
    cr_assert_eq(seal_init(), 0);
    secret_new(&secret);
    uv_loop_init(&loop);
    open_node(&loop, &a, 1, &secret);
    open_node(&loop, &b, 2, &secret);
    run_for(&loop, 5000, &a.n_met);
    run_for(&loop, 5000, &b.n_met);
    cr_assert(a.n_met > 0 && b.n_met > 0);
    cr_expect_eq(a.met.address[3], 2);
    cr_expect_eq(b.met.address[3], 1);
    cr_expect_eq(b.met.port, 7780);
    cr_expect_gt(a.metrics.beacons_out, 0);
    cr_expect_gt(b.metrics.beacons_in, 0);
    close_nodes(&loop, &a, &b);
}

Test(uv_discovery, two_with_different_secrets_only_count_what_they_cannot_open)
{
    uv_loop_t loop;
    struct node a, b;
    struct secret secret, other;
    cr_assert_eq(seal_init(), 0);
    secret_new(&secret);
    secret_new(&other);
    uv_loop_init(&loop);
    open_node(&loop, &a, 1, &secret);
    open_node(&loop, &b, 2, &other);
    run_for(&loop, 1500, NULL);
    cr_expect_eq(a.n_met + b.n_met, 0);
    cr_expect_eq(a.metrics.beacons_in + b.metrics.beacons_in, 0);
    cr_expect(a.metrics.drop_beacons > 0 && b.metrics.drop_beacons > 0);
    close_nodes(&loop, &a, &b);
}

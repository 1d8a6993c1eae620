/* When beacons are sent, and who is worth a ping. */
#include <criterion/criterion.h>
#include <string.h>

#include "gossip/members/discovery.h"
#include "gossip/members/member.h"

struct lan {
    struct members members;
    struct rng rng;
    struct discovery d;
};

static struct node_id id_of(size_t n)
{
    return (struct node_id){{(uint8_t)(n >> 8), (uint8_t)n}};
}

static void add(struct lan *lan, size_t n, enum member_state state, bool is_self)
{
    struct member m = {.id = id_of(n), .state = state, .endpoint = {4, {10, 0, 0, 1}, 7780}};
    struct peer *peer;
    cr_assert_eq(members_add(&lan->members, &m, is_self, &lan->rng, &peer), 0);
}

/* Node 1 at time 1000, with nodes 2..n alive beside it. */
static void open_lan(struct lan *lan, size_t n, uint64_t seed)
{
    memset(lan, 0, sizeof(*lan));
    rng_init(&lan->rng, seed);
    members_init(&lan->members, NULL);
    for (size_t i = 1; i <= n; i++)
        add(lan, i, MEMBER_ALIVE, i == 1);
    discovery_init(&lan->d, id_of(1), seed, 1000);
}

/* How many beacons go out until `until_ms`; the host calls exactly at the deadline. */
static unsigned beacons_until(struct lan *lan, uint64_t until_ms)
{
    unsigned n = 0;
    while (discovery_deadline_ms(&lan->d) < until_ms)
        n += discovery_tick(&lan->d, discovery_deadline_ms(&lan->d), &lan->members);
    return n;
}

static struct beacon from(size_t n, uint32_t n_members)
{
    return (struct beacon){.id = id_of(n), .endpoint = {4, {10, 0, 0, 2}, 7780}, .n_members = n_members};
}

Test(discovery, a_start_is_told_four_times_within_the_listening_time)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct lan lan;
        open_lan(&lan, 1, seed);
        cr_expect(!discovery_tick(&lan.d, 999, &lan.members), "not before its time");
        cr_expect_geq(beacons_until(&lan, 1100), 1, "seed %lu", (unsigned long)seed);
        cr_expect_geq(beacons_until(&lan, 1000 + DISCOVERY_LISTEN_MS), 2);
        members_fini(&lan.members);
    }
}

Test(discovery, idle_traffic_is_a_beacon_in_three_seconds_alone_and_in_four_for_a_whole_cluster)
{
    static const struct {
        size_t n;
        unsigned min, max; /* of one node in an hour */
    } rows[] = {{1, 1100, 1300}, {2, 110, 130}, {7, 110, 130}, {100, 8, 11}, {1000, 0, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lan lan;
        open_lan(&lan, rows[i].n, 7);
        (void)beacons_until(&lan, 10000);
        unsigned n = beacons_until(&lan, 10000 + 3600000);
        cr_expect(n >= rows[i].min && n <= rows[i].max, "%zu members: %u", rows[i].n, n);
        members_fini(&lan.members);
    }
}

Test(discovery, a_new_interface_is_told_at_once)
{
    struct lan lan;
    open_lan(&lan, 5, 3);
    (void)beacons_until(&lan, 100000);
    discovery_stir(&lan.d, 100000);
    cr_expect_geq(beacons_until(&lan, 102000), 4);
    members_fini(&lan.members);
}

Test(discovery, who_has_left_is_silent)
{
    struct lan lan;
    open_lan(&lan, 0, 1);
    add(&lan, 1, MEMBER_LEFT, true);
    cr_expect_eq(beacons_until(&lan, 60000), 0);
    members_fini(&lan.members);
}

Test(discovery, strangers_are_met_and_acquaintances_are_not)
{
    struct lan lan;
    open_lan(&lan, 1, 1);
    add(&lan, 2, MEMBER_ALIVE, false);
    add(&lan, 3, MEMBER_SUSPECT, false);
    add(&lan, 4, MEMBER_DEAD, false);
    add(&lan, 5, MEMBER_LEFT, false);
    static const struct {
        size_t id;
        uint32_t n_members;
        bool is_met;
        const char *who;
    } rows[] = {
        {1, 1, false, "ourselves"},
        {2, 3, false, "a member"},
        {3, 3, false, "a suspect, who is being asked anyway"},
        {2, 1, true, "a member that does not know us"},
        {4, 3, true, "one we believe dead, perhaps at a new address"},
        {5, 1, true, "one that had left"},
        {9, 1, true, "a stranger"},
        {9, 40, true, "a stranger's cluster"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct beacon b = from(rows[i].id, rows[i].n_members);
        cr_expect_eq(discovery_hear(&lan.d, 2000, &b, &lan.members), rows[i].is_met, "%s",
                     rows[i].who);
    }
    members_fini(&lan.members);
}

Test(discovery, a_handful_of_a_large_cluster_speaks_to_a_newcomer)
{
    struct lan lan;
    open_lan(&lan, 500, 5);
    unsigned n = 0;
    struct beacon b = from(9999, 1);
    for (uint64_t i = 0; i < 500 * 20; i++) /* twenty newcomers, heard by each member */
        n += discovery_hear(&lan.d, 2000 + 1000 * i, &b, &lan.members);
    cr_expect(n > 40 && n < 160, "%u", n);
    members_fini(&lan.members);
}

Test(discovery, a_flood_of_strangers_is_met_at_a_bounded_rate)
{
    struct lan lan;
    open_lan(&lan, 1, 6);
    unsigned n = 0;
    for (size_t i = 0; i < 10000; i++) {
        struct beacon b = from(10 + i, 1);
        n += discovery_hear(&lan.d, 2000 + i, &b, &lan.members); /* ten seconds */
    }
    cr_expect(n >= 9 * DISCOVERY_MEETS_MAX && n <= 11 * DISCOVERY_MEETS_MAX, "%u", n);
    members_fini(&lan.members);
}

/* Stories of addresses: late, changed, gone. */
#include <string.h>

#include "proto/key.h"
#include "proto/record.h"
#include "tests/sim/move.h"
#include "tests/sim/story.h"

static const struct endpoint nowhere;

enum { NOTICED_MS = MOVE_NOTICE_MS + 1 };

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 4);
    story_expect_converged(s, 10000, "with work");
    story_run(s, 5000);
}

static bool is_ready(const struct sim *s, unsigned node)
{
    return gossip_is_ready(node_gossip(s->nodes[node].node));
}

/* Where `at` says that the tasks of `of` are: its row, of which DNS is made. */
static bool row_says(const struct sim *s, unsigned at, unsigned of, struct endpoint want)
{
    struct arena arena;
    struct node_doc doc;
    char text[ADDRESS_TEXT_MAX];
    struct key key = key_node(s->nodes[of].id);
    const struct entry *e =
        table_get(gossip_table(node_gossip(s->nodes[at].node)), key_bytes(&key));
    arena_init(&arena, 0);
    bool is_so = e && record_decode_node(e->value, &arena, &doc) == 0 &&
                 strcmp(doc.address, endpoint_host_text(&want, text)) == 0;
    arena_fini(&arena);
    return is_so;
}

static bool all_rows_say(const struct sim *s, unsigned of, struct endpoint want)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && !row_says(s, i, of, want))
            return false;
    return true;
}

/* ---- late ---- */

/* One of three reboots, and its network comes up long after its agent. */
static void reboot_before_the_network(struct sim *s)
{
    open_at_work(s);
    sim_crash(s, 2, true);
    move_host(s, 2, nowhere);
    story_run(s, 10000);
    story_expect_converged(s, 10000, "after the death of one of three");
    uint64_t others = story_launches(s, 0, 2), own = story_launches(s, 2, 3);
    sim_boot(s, 2);
    story_run(s, 60000);
    story_expect(s, !is_ready(s, 2), "a host without an address is not ready");
    story_expect(s, story_launches(s, 2, 3) == own, "it starts nothing");
    move_host(s, 2, move_address(2, 0));
    story_run(s, NOTICED_MS);
    story_expect_whole(s, 3000, "after the address came");
    story_run(s, 30000);
    story_expect_converged(s, 1000, "after the address came");
    story_expect(s, story_launches(s, 0, 2) == others && story_launches(s, 2, 3) == own,
                 "nothing ran twice and nothing moved");
}

/* The agent is started anew, its tasks are alive; the address is late by less than the others wait. */
static void restart_keeps_tasks(struct sim *s)
{
    open_at_work(s);
    uint64_t before = story_launches(s, 0, 3);
    sim_crash(s, 2, false);
    move_host(s, 2, nowhere);
    sim_boot(s, 2);
    story_run(s, 2000);
    story_expect(s, !is_ready(s, 2), "it is not ready");
    move_host(s, 2, move_address(2, 1));
    story_run(s, NOTICED_MS);
    story_expect_whole(s, 3000, "after another address came");
    story_run(s, 30000);
    story_expect_converged(s, 1000, "after another address came");
    story_expect(s, story_launches(s, 0, 3) == before, "its tasks were kept");
    story_expect(s, all_rows_say(s, 2, move_address(2, 1)), "all know where they are");
}

/* A whole site gets its power back, and its addresses one after another, the last after minutes. */
static void power_is_back(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < 5; i++) {
        sim_crash(s, i, true);
        move_host(s, i, nowhere);
    }
    uint64_t before = story_launches(s, 0, 5);
    for (unsigned i = 0; i < 5; i++)
        sim_boot(s, i);
    story_run(s, 30000);
    story_expect(s, story_launches(s, 0, 5) == before, "nobody alone starts anything");
    for (unsigned i = 0; i < 5; i++) {
        move_host(s, i, move_address(i, 0));
        story_run(s, i * 500);
    }
    story_expect_whole(s, 5000, "after the last address came");
    story_expect_converged(s, 60000, "after the last address came");
}

/* ---- another ---- */

static void change(struct sim *s)
{
    open_at_work(s);
    /* What a node remembers counts as dead to it until it is heard; here nobody remembers anybody. */
    uint64_t launches = story_launches(s, 0, s->options.nodes), deaths = s->n_deaths;
    for (unsigned i = 1; i <= 12; i++) {
        unsigned k = i % s->options.nodes;
        move_host(s, k, move_address(k, i));
        story_run(s, 2000);
        story_expect(s, all_rows_say(s, k, move_address(k, i)),
                     "all say the new address within two seconds");
        story_run(s, 3000);
    }
    story_run(s, 30000);
    story_expect_converged(s, 1000, "after all have moved");
    story_expect(s, s->n_deaths == deaths, "nobody believed anybody dead");
    story_expect(s, story_launches(s, 0, s->options.nodes) == launches, "nothing moved");
}

/* The router gives out another prefix.  Nobody knows where anybody is; only beacons lead together. */
static void all_at_once(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < s->options.nodes; i++)
        move_host(s, i, move_address(i, 1));
    story_expect_whole(s, 60000, "after all moved at once");
    story_expect_converged(s, 60000, "after all moved at once");
}

/* ---- gone ---- */

static void cut_off(struct sim *s)
{
    open_at_work(s);
    uint64_t own = story_launches(s, 4, 5);
    s->nodes[4].is_absent = false;
    move_host(s, 4, nowhere);
    story_run(s, 120000);
    story_expect(s, !is_ready(s, 4), "a node without an address is not ready");
    for (unsigned i = 0; i < 4; i++)
        story_expect(s, story_belief(s, 4, i) == MEMBER_ALIVE, "it judges nobody");
    story_expect(s, story_launches(s, 4, 5) == own, "it takes nothing over");
    struct order order = {
        .kind = ORDER_SCALE, .ns = "default", .name = s->jobs[0].name, .count = 1};
    story_expect(s, !sim_command(s, 4, &order, 0), "it takes no order");
    s->jobs[0].is_unsure = false;
    move_host(s, 4, move_address(4, 0));
    story_run(s, NOTICED_MS);
    story_expect_whole(s, 3000, "after the address came back");
    story_run(s, 30000);
    story_expect_converged(s, 1000, "after the address came back");
    story_expect(s, story_launches(s, 4, 5) <= own + 1, "work does not come and go");
}

/* So shortly that nobody has time to believe a death. */
static void gone_for_a_moment(struct sim *s)
{
    open_at_work(s);
    uint64_t launches = story_launches(s, 0, 5), deaths = s->n_deaths;
    for (unsigned i = 0; i < 5; i++) {
        move_host(s, i, nowhere);
        story_run(s, 1500);
        move_host(s, i, move_address(i, 0));
        story_run(s, 10000);
    }
    story_expect_converged(s, 1000, "after short losses");
    story_expect(s, s->n_deaths == deaths, "nobody believed anybody dead");
    story_expect(s, story_launches(s, 0, 5) == launches, "nothing moved");
}

const struct story stories_of_addresses[] = {
    {"a host that is up before its network starts nothing",
     {.nodes = 3},
     reboot_before_the_network},
    {"tasks are kept by an agent that waits for an address",
     {.nodes = 3},
     restart_keeps_tasks},
    {"addresses that come one by one after a power cut", {.nodes = 5}, power_is_back},
    {"an address that changes kills nobody and moves nothing", {.nodes = 5}, change},
    {"the same where a fifth is lost", {.nodes = 5, .loss = 0.2}, change},
    {"all addresses change at once and beacons lead together",
     {.nodes = 5, .meeting = MEET_BEACONS},
     all_at_once},
    {"a node that is cut off judges nobody and takes nothing over",
     {.nodes = 5},
     cut_off},
    {"an address that is gone for a moment is nobody's death",
     {.nodes = 5},
     gone_for_a_moment},
};
const size_t n_stories_of_addresses =
    sizeof(stories_of_addresses) / sizeof(stories_of_addresses[0]);

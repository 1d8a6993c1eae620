/* Stories of secrets and of finding each other: rotation, two clusters on one LAN, memories. */
#include "tests/sim/seal.h"
#include "tests/sim/secret.h"
#include "tests/sim/story.h"

/* ---- rotation ---- */

static bool has_unopened(const struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].n_unopened)
            return true;
    return false;
}

static void open_cluster(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_run(s, 2000);
}

static void under_writes(struct sim *s)
{
    open_cluster(s);
    uint64_t suspicions = s->n_suspicions, deaths = s->n_deaths;
    secret_rotate(s, 3, false);
    for (size_t n = 1; n <= 20; n++) {
        story_submit(s, (unsigned)n % s->options.nodes, n);
        story_run(s, 500);
    }
    story_expect_whole(s, 10000, "after a rotation");
    story_expect(s, s->rotations[0].is_acked, "it was acknowledged");
    story_expect(s, s->nodes[0].keys.n == 1, "the old secret is refused");
    story_expect(s, !has_unopened(s), "everybody could open what was sealed");
    story_expect(s, s->n_deaths == deaths, "nobody died of it");
    if (s->options.loss == 0)
        story_expect(s, s->n_suspicions == suspicions, "nobody was suspected for it");
    for (size_t i = 0; i < s->n_jobs; i++)
        story_expect(s, s->jobs[i].is_acked, "every write was acknowledged");
}

static void slept_through(struct sim *s)
{
    open_cluster(s);
    sim_crash(s, 4, true);
    story_run(s, 10000);
    secret_rotate(s, 0, false);
    story_run(s, 1000);
    story_expect(s, !s->rotations[0].is_acked && s->nodes[0].keys.n == 1,
                 "a rotation that would shut somebody out is refused");
    secret_rotate(s, 1, true);
    story_run(s, 15000);
    story_expect_whole(s, 5000, "after a forced rotation");
    sim_boot(s, 4);
    for (int i = 0; i < 60; i++) {
        story_run(s, 1000);
        story_expect(s, story_is_belief(s, 4, MEMBER_DEAD),
                     "all believe the sleeper dead");
        for (unsigned k = 0; k < 4; k++)
            story_expect(s, story_belief(s, 4, k) != MEMBER_ALIVE,
                         "the sleeper hears nobody");
    }
    story_expect(s, s->nodes[0].n_unopened && s->nodes[4].n_unopened, "both sides tried");
    secret_hand_out(s);
    story_expect(s, s->n_handed_out == 1, "one needed the new secret from the operator");
    story_expect_whole(s, 5000, "with the new secret");
}

/* Cut off before it heard of the rotation, while all others start anew in the middle of it. */
static void is_cut_off(struct sim *s)
{
    open_cluster(s);
    s->nodes[4].side = 1;
    s->is_partitioned = true;
    secret_rotate(s, 0, false);
    story_run(s, 20000);
    story_expect(s, story_is_belief(s, 4, MEMBER_ALIVE) == false, "it is missed");
    for (unsigned i = 0; i < 4; i++) {
        sim_crash(s, i, false);
        story_run(s, 100);
        sim_boot(s, i);
        story_run(s, 3000);
    }
    for (unsigned i = 0; i < 4; i++)
        sim_crash(s, i, false);
    for (unsigned i = 0; i < 4; i++)
        sim_boot(s, i);
    story_run(s, 30000);
    for (unsigned i = 0; i < 4; i++)
        story_expect(s, s->nodes[i].keys.n == 2, "the others wait for it");
    s->is_partitioned = false;
    story_expect_whole(s, 20000, "after the partition");
    story_expect(s, s->n_handed_out == 0 && s->nodes[4].keys.n == 1,
                 "nobody was shut out");
}

static unsigned first_by_id(const struct sim *s)
{
    unsigned first = 0;
    for (unsigned i = 1; i < s->options.nodes; i++)
        if (node_id_compare(s->nodes[i].id, s->nodes[first].id) < 0)
            first = i;
    return first;
}

/* Until `node` has changed its secret file that often. */
static void await_changes(struct sim *s, unsigned node, unsigned n)
{
    uint64_t until_ms = s->now_ms + 20000;
    while (s->nodes[node].n_changes < n && s->now_ms < until_ms && !s->failure[0])
        story_run(s, 1);
    story_expect(s, s->nodes[node].n_changes >= n, "a rotation goes on");
}

/* The record of one rotation is removed where the order of the next has not been heard of, and the
 * removal, being the later write, displaces the order. */
static void is_displaced(struct sim *s)
{
    enum { ROWS_MS = 60 };
    open_cluster(s);
    secret_rotate(s, 2, false);
    unsigned first = first_by_id(s), other = (first + 1) % s->options.nodes;
    for (unsigned i = 0; i < s->options.nodes; i++)
        await_changes(s, i, 3);
    story_run(s, ROWS_MS);
    s->nodes[first].side = 1;
    s->is_partitioned = true;
    secret_rotate(s, other, true);
    story_run(s, 1000);
    s->is_partitioned = false;
    story_expect_whole(s, 30000, "after two rotations in a row");
    story_expect(s, s->n_handed_out == 0, "nobody was shut out");
}

/* A node crashes while it still opens the old secret too, and misses the next rotation's order.  It
 * hears of it by one that has taken the order up and does not use the new secret yet, while the others
 * do: each of these two must not wait for the other. */
static void fell_behind(struct sim *s)
{
    open_cluster(s);
    secret_rotate(s, 0, false);
    story_run(s, 2000);
    sim_crash(s, 4, false);
    story_expect(s, s->nodes[4].n_changes == 2,
                 "it crashed while it sealed with the new and opened the old");
    story_run(s, 150000);
    story_expect(s, s->nodes[0].keys.n == 1, "the others went on");
    secret_rotate(s, 1, true);
    await_changes(s, 3, 4);
    sim_crash(s, 3, false);
    await_changes(s, 0, 5);
    sim_boot(s, 3);
    sim_boot(s, 4);
    story_expect_whole(s, 30000, "after it came back in the middle of the next one");
    story_expect(s, s->n_handed_out == 0, "it had what it needed");
}

static void join_meanwhile(struct sim *s)
{
    for (unsigned i = 0; i < 4; i++)
        sim_boot(s, i);
    story_run(s, 5000);
    secret_rotate(s, 0, false);
    for (unsigned i = 4; i < s->options.nodes; i++) {
        story_run(s, 700);
        secret_install(s, i);
        sim_boot(s, i);
    }
    story_expect_whole(s, 30000, "after a rotation with joiners");
}

/* ---- finding each other ---- */

static void meet_on_a_lan(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 3000, "on one LAN");
    for (unsigned i = 0; i < s->options.nodes; i++)
        story_expect(s,
                     members_count(gossip_members(node_gossip(s->nodes[i].node))) ==
                         s->options.nodes,
                     "each knows all");
}

static void two_on_a_lan(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 5000, "two clusters on one LAN");
    story_submit(s, 0, 4);
    story_run(s, 300000);
    story_expect_converged(s, 1000, "after five minutes");
    for (unsigned i = 0; i < s->options.nodes; i++) {
        story_expect(s, s->nodes[i].n_unopened > 0,
                     "each was within earshot of strangers");
        story_expect(s, s->nodes[i].metrics.drop_malformed == 0, "nothing got in");
    }
    story_expect(s, s->n_deaths == 0, "nobody died");
}

/* Power fails, and when it is back there are no beacons and no addresses to ask. */
static void by_memory(struct sim *s)
{
    open_cluster(s);
    story_submit(s, 0, 3);
    story_expect_converged(s, 10000, "with work");
    for (unsigned i = 0; i < s->options.nodes; i++) {
        sim_crash(s, i, true);
        s->nodes[i].meeting = MEET_MEMORY;
    }
    story_run(s, 60000);
    story_boot_all(s);
    story_expect_whole(s, 5000, "after a power cut");
    story_expect_converged(s, 45000, "after a power cut");
}

static void halves_that_never_met(struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i % 2;
    s->is_partitioned = true;
    story_boot_all(s);
    story_run(s, 100000);
    story_expect(
        s, story_belief(s, 0, 2) == MEMBER_ALIVE && story_belief(s, 0, 1) == MEMBER_LEFT,
        "each half found itself and not the other");
    story_submit(s, 0, 2);
    story_submit(s, 1, 4);
    story_run(s, 5000);
    s->is_partitioned = false;
    /* The next beacon of anybody: 30 s with a quarter of jitter. */
    story_expect_whole(s, 40000, "after their networks were joined");
    story_expect_converged(s, 10000, "after their networks were joined");
}

/* ---- seeds that are silent ---- */

/* Seeds are the first node and that in the middle: of the other cluster, down, and cut off. */
static void seeds_tell_why(struct sim *s)
{
    for (unsigned i = 0; i < 3; i++)
        sim_boot(s, i);
    story_run(s, 3000);
    for (unsigned how = KNOCK_NOBODY; how <= KNOCK_MEMBER; how++)
        story_expect(
            s, s->nodes[1].n_knocked[how] == (how == KNOCK_SECRET || how == KNOCK_NOBODY),
            "a node is told once of each seed why it is silent");
    s->nodes[5].side = 1;
    s->is_partitioned = true;
    sim_boot(s, 5);
    story_run(s, 3000);
    story_expect(s, s->nodes[5].n_knocked[KNOCK_SILENT] == 2,
                 "one that is cut off hears nothing");
    story_run(s, 600000);
    story_expect(s, s->nodes[1].n_knocked[KNOCK_SECRET] <= 7,
                 "it is said ever more rarely");
    story_expect(s, s->nodes[0].n_knocked[KNOCK_SECRET] == 0,
                 "nobody is told of a seed that answers");
}

/* ---- sessions ---- */

enum { SESSIONS_AN_HOUR = 4 };

static void sessions_change(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_run(s, 3600 * 1000);
    story_expect(s, s->n_sessions >= SESSIONS_AN_HOUR * s->options.nodes,
                 "a session is drawn every quarter of an hour");
    story_expect(s, s->n_sessions <= (SESSIONS_AN_HOUR + 1) * s->options.nodes,
                 "and not more often");
    story_expect(s, s->n_suspicions == 0, "nobody was missed for it");
}

/* The host does not know that its memory is of a minute ago, but for one of its clocks. */
static void memory_goes_back(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    struct seal_memory memory = seal_keep(s, 1);
    story_run(s, 60000);
    seal_put_back(s, 1, &memory);
    story_run(s, 60000);
    memory = seal_keep(s, 2);
    story_run(s, 60000);
    s->nodes[2].session = memory.session;
    s->nodes[2].skew_ms += 60000; /* its wall clock is set */
    story_run(s, 500);
    story_expect(s, s->n_suspicions == 0, "nobody was missed for it");
}

const struct story stories_of_secrets[] = {
    {"silent seeds are asked by streams why",
     {.nodes = 6, .clusters = 2},
     seeds_tell_why},
    {"a session is changed every quarter of an hour and nothing is lost for it",
     {.nodes = 5},
     sessions_change},
    {"memory that goes back uses no nonce twice", {.nodes = 5}, memory_goes_back},
    {"a rotation under writes is noticed by nobody",
     {.nodes = 10, .jobs = 20},
     under_writes},
    {"a rotation under writes and loss is survived by all",
     {.nodes = 10, .loss = 0.1, .delay_max_ms = 60, .jobs = 20},
     under_writes},
    {"who slept through a forced rotation is shut out until it is given the new secret",
     {.nodes = 5},
     slept_through},
    {"who is cut off for a minute misses no rotation, though all others start anew",
     {.nodes = 5},
     is_cut_off},
    {"an order to rotate that a removal displaced is made again",
     {.nodes = 5},
     is_displaced},
    {"who crashed in one rotation and slept until the next takes part in it",
     {.nodes = 5},
     fell_behind},
    {"who joins during a rotation takes part in it", {.nodes = 12}, join_meanwhile},
    {"two nodes on one LAN find each other without being told",
     {.nodes = 2, .meeting = MEET_BEACONS},
     meet_on_a_lan},
    {"twenty nodes on one LAN find each other without being told",
     {.nodes = 20, .meeting = MEET_BEACONS},
     meet_on_a_lan},
    {"two secrets on one LAN never meet",
     {.nodes = 8, .meeting = MEET_BEACONS, .clusters = 2},
     two_on_a_lan},
    {"a cluster that restarts at once finds itself by memory alone",
     {.nodes = 10, .meeting = MEET_BEACONS},
     by_memory},
    {"halves that never met find each other when their networks join",
     {.nodes = 10, .meeting = MEET_BEACONS},
     halves_that_never_met},
};
const size_t n_stories_of_secrets =
    sizeof(stories_of_secrets) / sizeof(stories_of_secrets[0]);

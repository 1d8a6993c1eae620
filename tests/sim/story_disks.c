/* Stories of disks that are full or fail. */
#include "proto/key.h"
#include "proto/record.h"
#include "tests/sim/ail.h"
#include "tests/sim/story.h"

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 5);
    story_expect_converged(s, 10000, "with work");
    story_run(s, 5000);
}

static unsigned n_tasks(const struct sim *s, unsigned node)
{
    unsigned n = 0;
    for (const struct sim_task *t = s->nodes[node].tasks; t; t = t->next)
        n += t->is_running;
    return n;
}

static bool is_seen(const struct sim *s, unsigned of, enum disk_state state)
{
    bool is_so = true;
    for (unsigned i = 0; i < s->options.nodes; i++) {
        struct key key = key_node(s->nodes[of].id);
        struct arena arena;
        struct node_doc doc;
        if (!s->nodes[i].node)
            continue;
        arena_init(&arena, 0);
        const struct entry *e =
            table_get(gossip_table(node_gossip(s->nodes[i].node)), key_bytes(&key));
        is_so &=
            e && record_decode_node(e->value, &arena, &doc) == 0 && doc.disk == state;
        arena_fini(&arena);
    }
    return is_so;
}

/* Nothing may come of what it refuses, however often. */
static void give_orders(struct sim *s, unsigned node, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct order command = {.kind = ORDER_SCALE,
                                .ns = "default",
                                .name = s->jobs[i % s->n_jobs].name,
                                .ack = 2,
                                .count = 7};
        story_expect(s, !sim_command(s, node, &command, i % s->n_jobs),
                     "a node whose disk is in trouble refuses orders");
        story_run(s, 200);
    }
}

static void full(struct sim *s)
{
    open_at_work(s);
    unsigned held = n_tasks(s, 2);
    uint64_t before = story_launches(s, 0, s->options.nodes);
    ail_begin(s, 2, STORE_NO_SPACE, 300000);
    story_run(s, 2000);
    story_expect(s, is_seen(s, 2, DISK_FULL), "all see that it is full");
    give_orders(s, 2, 20);
    story_expect(s, n_tasks(s, 2) == held, "its work stays");
    story_expect(s, story_launches(s, 0, s->options.nodes) == before,
                 "nothing is started");
    uint64_t own = story_launches(s, 2, 3);
    story_submit(s, 0, 12);
    story_expect_converged(s, 15000, "with more work");
    story_expect(s, story_launches(s, 2, 3) == own, "it gets none of it");
    ail_end(s, 2);
    story_run(s, 6000);
    story_expect(s, is_seen(s, 2, DISK_OK), "all see that it has room");
    story_expect_converged(s, 5000, "with room");
    story_expect(s, n_tasks(s, 2) == held, "nothing moved");
}

static void broken(struct sim *s)
{
    open_at_work(s);
    story_expect(s, n_tasks(s, 2) > 0, "it holds something");
    ail_begin(s, 2, STORE_FAILING, 300000);
    story_expect_converged(s, 15000, "with a broken disk");
    story_run(s, 5000);
    story_expect(s, is_seen(s, 2, DISK_BROKEN), "all see that it is broken");
    story_expect(s, n_tasks(s, 2) == 0, "its work has left");
    story_expect(s, story_is_belief(s, 2, MEMBER_ALIVE), "it stays a member");
    give_orders(s, 2, 10);
    story_expect_converged(s, 5000, "after refused orders");
    ail_end(s, 2);
    story_run(s, 30000);
    story_expect(s, is_seen(s, 2, DISK_BROKEN),
                 "half a minute is too short to be trusted");
    story_run(s, 45000);
    story_expect(s, is_seen(s, 2, DISK_OK), "after a minute it is trusted");
    story_expect_converged(s, 1000, "when it is well");
    uint64_t own = story_launches(s, 2, 3);
    story_submit(s, 0, 15);
    story_expect_converged(s, 15000, "with more work");
    story_expect(s, story_launches(s, 2, 3) > own, "it takes work again");
}

/* It dies and starts again and again; nothing of what it says in the meantime is on its disk. */
static void full_starts(struct sim *s)
{
    open_at_work(s);
    unsigned held = n_tasks(s, 2);
    uint64_t before = story_launches(s, 0, s->options.nodes);
    ail_begin(s, 2, STORE_NO_SPACE, 600000);
    for (unsigned i = 0; i < 6; i++) {
        sim_crash(s, 2, false);
        story_run(s, 100 + 150 * i);
        sim_boot(s, 2);
        story_run(s, 4000);
        story_expect(s, story_is_belief(s, 2, MEMBER_ALIVE), "it is a member");
        story_expect(s, !gossip_is_ready(node_gossip(s->nodes[2].node)), "it is held");
        story_expect(s, is_seen(s, 2, DISK_FULL), "all see that it is full");
    }
    story_expect(s, n_tasks(s, 2) == held, "it keeps its work");
    ail_end(s, 2);
    story_run(s, 6000);
    story_expect_converged(s, 5000, "with room");
    story_expect(s, is_seen(s, 2, DISK_OK), "all see that it has room");
    sim_crash(s, 2, false);
    story_run(s, 200);
    sim_boot(s, 2);
    story_expect_converged(s, 10000, "after one more start");
    story_expect(s, story_launches(s, 0, s->options.nodes) == before,
                 "nothing was started twice, or anew");
}

/* The full ones are the first to be well again, and are given what the broken ones held. */
static void all_full(struct sim *s)
{
    open_at_work(s);
    uint64_t before = story_launches(s, 0, s->options.nodes);
    for (unsigned i = 0; i < s->options.nodes; i++)
        ail_begin(s, i, i % 2 ? STORE_FAILING : STORE_NO_SPACE, 60000);
    story_run(s, 60000);
    story_expect(s, story_launches(s, 0, s->options.nodes) == before,
                 "where nobody can take it, all stays where it is");
    story_expect_converged(s, 1000, "while no disk is well");
    story_run(s, 75000);
    story_expect_converged(s, 5000, "when all disks are well");
    for (unsigned i = 0; i < s->options.nodes; i++)
        story_expect(s, is_seen(s, i, DISK_OK), "all disks are well");
}

const struct story stories_of_disks[] = {
    {"a full disk refuses orders, keeps its work and gets no more", {.nodes = 5}, full},
    {"a broken disk gives its work away and its node stays", {.nodes = 5}, broken},
    {"a node that starts on a full disk is a member with its work",
     {.nodes = 5},
     full_starts},
    {"where no disk is well nothing moves until one is", {.nodes = 4}, all_full},
};
const size_t n_stories_of_disks = sizeof(stories_of_disks) / sizeof(stories_of_disks[0]);

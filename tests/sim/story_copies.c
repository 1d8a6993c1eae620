/* Stories of stores and memories that are put back as they once were, and of who was away for long. */
#include "gossip/spread/grave.h"
#include "tests/sim/copy.h"
#include "tests/sim/order.h"
#include "tests/sim/story.h"

enum {
    OLD = 2,
    ACK_TWO = 0,
    ACK_ONE = 4
}; /* the node; what order_give makes of its dice */

/* `n` orders on one node, a moment apart. */
static void give(struct sim *s, unsigned node, unsigned n, unsigned ack)
{
    for (unsigned i = 0; i < n && !s->failure[0]; i++) {
        uint64_t dice[2] = {node, rng_below(&s->rng, 1u << 30) * 6 + ack};
        order_give(s, dice);
        story_run(s, 100);
    }
}

static void part(struct sim *s, bool is_cut)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i == OLD;
    s->is_partitioned = is_cut;
}

/* A cluster at work, and a copy that lacks some of what one of its nodes wrote and was told. */
static void open_with_copy(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 2);
    story_expect_converged(s, 10000, "with work");
    give(s, OLD, 20, ACK_TWO);
    copy_take(s, OLD);
    give(s, OLD, 25, ACK_TWO);
    give(s, 0, 10, ACK_TWO);
    story_expect_whole(s, 5000, "before the copy is put back");
}

static void end_whole(struct sim *s)
{
    story_expect_whole(s, 30000, "with the copy");
    give(s, OLD, 10, ACK_TWO);
    story_expect_whole(s, 5000, "after more orders");
    for (unsigned i = 0; i < s->options.nodes; i++)
        sim_crash(s, i, false);
    story_boot_all(s);
    story_expect_whole(s, 20000, "after a new start");
}

static void among_others(struct sim *s)
{
    open_with_copy(s);
    copy_put_back(s, OLD, false);
    give(s, OLD, 20, ACK_TWO);
    end_whole(s);
}

static void alone_first(struct sim *s, bool has_memory, unsigned n)
{
    open_with_copy(s);
    part(s, true);
    copy_put_back(s, OLD, has_memory);
    story_run(s, 15000);
    give(s, OLD, n, ACK_ONE);
    give(s, 0, 10, ACK_TWO);
    part(s, false);
    end_whole(s);
}

static void cut_off(struct sim *s)
{
    alone_first(s, false, 20);
}

static void last_one_up(struct sim *s)
{
    open_with_copy(s);
    for (unsigned i = 0; i < s->options.nodes; i++)
        sim_crash(s, i, false);
    copy_put_back(s, OLD, false);
    story_run(s, 15000);
    give(s, OLD, 15, ACK_ONE);
    sim_boot(s, 0);
    story_run(s, 3000);
    give(s, OLD, 10, ACK_TWO);
    sim_crash(s, OLD, false);
    sim_boot(s, OLD);
    story_run(s, 2000);
    story_boot_all(s);
    end_whole(s);
}

static void again_and_again(struct sim *s)
{
    open_with_copy(s);
    for (unsigned i = 0; i < 4; i++) {
        copy_put_back(s, OLD, false);
        story_run(s, 500 * i);
        give(s, OLD, 10, ACK_TWO);
        if (i % 2) {
            sim_crash(s, OLD, false);
            sim_boot(s, OLD);
        }
    }
    end_whole(s);
}

static void clock_behind(struct sim *s)
{
    open_with_copy(s);
    s->nodes[OLD].skew_ms = -3600000;
    part(s, true);
    copy_put_back(s, OLD, false);
    story_run(s, 15000);
    give(s, OLD, 20, ACK_ONE);
    s->nodes[OLD].skew_ms = 0;
    part(s, false);
    end_whole(s);
}

/* Orders that end what others made leave tombstones, which are gone when the copy comes back. */
static void collected(struct sim *s)
{
    open_with_copy(s);
    give(s, OLD, 60, ACK_TWO);
    give(s, 1, 30, ACK_TWO);
    story_run(s, 20000);
    var_check_collected(s);
    copy_put_back(s, OLD, false);
    give(s, OLD, 20, ACK_TWO);
    end_whole(s);
    story_run(s, 20000);
    var_check_collected(s);
}

static void memory_among_others(struct sim *s)
{
    open_with_copy(s);
    copy_put_back(s, OLD, true);
    give(s, OLD, 20, ACK_TWO);
    end_whole(s);
}

/* It gives fewer numbers again than the others know, and more of them. */
static void memory_cut_off(struct sim *s)
{
    alone_first(s, true, 8);
}

static void memory_cut_off_for_long(struct sim *s)
{
    alone_first(s, true, 90);
}

enum { AWAY = 3, GUEST = 4, REAPED_MS = 90000 };

/* How many of the others have let go of this node. */
static unsigned n_buried(struct sim *s, unsigned node)
{
    unsigned n = 0;
    for (unsigned i = 0; i < AWAY; i++) {
        struct grave grave;
        n += s->nodes[i].node &&
             grave_of(node_gossip(s->nodes[i].node), s->nodes[node].id, &grave);
    }
    return n;
}

/* One that is cut off works on alone.  Meanwhile a host comes, is given orders as all are, and goes for good,
 * again and again; what everybody had is ended by others. */
static void away_while_hosts_came_and_went(struct sim *s)
{
    bool was_buried = false;
    for (unsigned i = 0; i < GUEST; i++)
        sim_boot(s, i);
    story_run(s, 10000);
    story_submit(s, 0, 2);
    give(s, AWAY, 15, ACK_TWO);
    give(s, 0, 15, ACK_TWO);
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i == AWAY;
    s->is_partitioned = true;
    story_run(s, 10000);
    give(s, AWAY, 10, ACK_ONE);
    for (unsigned k = 0; k < 3 && !s->failure[0]; k++) {
        sim_boot(s, GUEST);
        story_run(s, 5000);
        if (k > 0) /* what people gave it stands, and so does its line */
            give(s, GUEST, 10, ACK_TWO);
        give(s, 0, 10, ACK_TWO);
        story_run(s, 2000);
        sim_crash(s, GUEST, true);
        sim_wipe(s, GUEST);
        story_run(s, REAPED_MS);
        was_buried = was_buried || n_buried(s, GUEST) > 0;
        if (k == 1) {
            sim_crash(s, AWAY, false);
            sim_boot(s, AWAY);
        }
    }
    s->is_partitioned = false;
    sim_boot(s, GUEST);
    story_expect_whole(s, 60000, "when all are back");
    give(s, AWAY, 10, ACK_TWO);
    story_expect_whole(s, 5000, "after more orders");
    for (unsigned i = 0; i < s->options.nodes; i++)
        sim_crash(s, i, false);
    story_boot_all(s);
    story_expect_whole(s, 20000, "after a new start");
    story_expect(s, was_buried, "a host was let go");
}

const struct story stories_of_copies[] = {
    {"an old copy of a disk that is put back loses nothing", {.nodes = 3}, among_others},
    {"an old copy that comes up cut off loses nothing", {.nodes = 4}, cut_off},
    {"an old copy that comes up alone loses nothing", {.nodes = 3}, last_one_up},
    {"an old copy that is put back again and again loses nothing",
     {.nodes = 4},
     again_and_again},
    {"an old copy under a clock that is behind loses nothing",
     {.nodes = 3},
     clock_behind},
    {"an old copy revives nothing whose deletion was collected",
     {.nodes = 3, .reap_ms = 45000},
     collected},
    {"who was away while hosts came and went revives nothing",
     {.nodes = 5, .reap_ms = 45000},
     away_while_hosts_came_and_went},
    {"a memory that is put back loses nothing", {.nodes = 3}, memory_among_others},
    {"a memory that is put back cut off loses nothing", {.nodes = 3}, memory_cut_off},
    {"a memory that is put back cut off for long loses nothing",
     {.nodes = 4},
     memory_cut_off_for_long},
};
const size_t n_stories_of_copies =
    sizeof(stories_of_copies) / sizeof(stories_of_copies[0]);

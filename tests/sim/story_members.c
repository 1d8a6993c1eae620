/* Stories of failures: what moves when, and what does not. */
#include <stdio.h>

#include "proto/key.h"
#include "tests/sim/act.h"
#include "tests/sim/story.h"

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 4);
    story_expect_converged(s, 10000, "with work");
    story_run(s, 5000);
}

/* ---- failures of many ---- */

enum { HOLD_MS = 30000, LATEST_DEATH_MS = 6000 };

static void most_fail(struct sim *s)
{
    open_at_work(s);
    uint64_t before = story_launches(s, 4, 7);
    for (unsigned i = 0; i < 4; i++)
        sim_crash(s, i, true);
    for (int i = 0; i < 30; i++) {
        story_run(s, HOLD_MS / 30);
        story_expect(s, story_launches(s, 4, 7) == before,
                     "nothing is taken over in the hold");
    }
    story_expect(s, story_is_belief(s, 0, MEMBER_DEAD), "they are dead to all");
    /* It begins anew with each death, and few survivors take longer to meet all the dead. */
    story_expect_converged(s, 20000, "after the hold");
    story_expect(s, story_launches(s, 4, 7) > before, "then it is taken over");
}

static void most_are_back_in_time(struct sim *s)
{
    open_at_work(s);
    uint64_t before = story_launches(s, 0, 7);
    for (unsigned i = 0; i < 4; i++)
        sim_crash(s, i, false);
    story_run(s, 20000);
    for (unsigned i = 0; i < 4; i++)
        sim_boot(s, i);
    story_run(s, 60000);
    story_expect_converged(s, 1000, "after their return");
    story_expect(s, story_launches(s, 0, 7) == before, "nothing was started twice");
}

static void some_fail(struct sim *s)
{
    open_at_work(s);
    sim_crash(s, 2, true);
    sim_crash(s, 3, true);
    story_expect_converged(s, LATEST_DEATH_MS + 9000,
                           "after the failure of two of seven");
}

static void half_restarts(struct sim *s)
{
    open_at_work(s);
    uint64_t before = story_launches(s, 0, s->options.nodes), deaths = s->n_deaths;
    for (unsigned i = 0; i < s->options.nodes; i += 2)
        sim_crash(s, i, false);
    story_run(s, 300);
    for (unsigned i = 0; i < s->options.nodes; i += 2)
        sim_boot(s, i);
    story_expect_whole(s, 5000, "after half of all restarted");
    story_run(s, 30000);
    story_expect_converged(s, 1000, "after half of all restarted");
    story_expect(s, story_launches(s, 0, s->options.nodes) == before, "nothing moved");
    /* What a node remembers counts as dead to it until it is heard. */
    story_expect(s, s->n_deaths <= deaths + s->options.nodes * s->options.nodes / 2,
                 "nobody who went on believed anybody dead");
}

/* ---- one-way and flapping links ---- */

static void cut_link(struct sim *s, bool is_steady, bool is_one_way)
{
    s->flap[0] = 1;
    s->flap[1] = 3;
    s->is_flap_steady = is_steady;
    s->is_flap_one_way = is_one_way;
    s->flap_until_ms = s->now_ms + 120000;
    story_run(s, 120000);
    story_expect(s, s->n_deaths == 0, "nobody died of one link");
    story_expect_converged(s, 5000, "after the link was mended");
}

static void one_way_link(struct sim *s)
{
    open_at_work(s);
    cut_link(s, true, true);
}

static void flapping_link(struct sim *s)
{
    open_at_work(s);
    cut_link(s, false, false);
}

/* Two of five hear the three others and are not heard. */
static void one_way_partition(struct sim *s)
{
    s->options.is_asymmetric = true;
    open_at_work(s);
    for (unsigned i = 0; i < 2; i++)
        s->nodes[i].side = 0;
    for (unsigned i = 2; i < 5; i++)
        s->nodes[i].side = 1;
    s->is_partitioned = true;
    story_run(s, 60000);
    story_expect(s, story_belief(s, 4, 0) == MEMBER_DEAD, "who is not heard is dead");
    s->is_partitioned = false;
    story_expect_whole(s, 5000, "after the partition");
    story_expect_converged(s, 10000, "after the partition");
}

/* ---- readiness, clocks, forgetting ---- */

static void silent_seeds(struct sim *s)
{
    for (unsigned i = 0; i < 4; i++)
        sim_boot(s, i);
    story_run(s, 3000);
    story_submit(s, 0, 4);
    story_run(s, 10000);
    s->nodes[4].side = 1;
    s->is_partitioned = true;
    sim_boot(s, 4);
    story_run(s, 60000);
    story_expect(s, !gossip_is_ready(node_gossip(s->nodes[4].node)), "it is not ready");
    story_expect(s, s->nodes[4].n_launched == 0, "it takes no work");
    s->is_partitioned = false;
    story_expect_converged(s, 5000, "after the partition");
}

static bool scale(struct sim *s, unsigned node, uint32_t count)
{
    struct order command = {.kind = ORDER_SCALE,
                            .ns = "default",
                            .name = s->jobs[0].name,
                            .ack = 2,
                            .count = count};
    return sim_command(s, node, &command, 0);
}

/* It writes while it is alone and cannot know better; the others join it. */
static void broken_clock(struct sim *s)
{
    s->ack = ACK_DEFAULT;
    s->nodes[0].skew_ms = 365ll * 86400 * 1000;
    s->nodes[0].meeting = MEET_MEMORY;
    sim_boot(s, 0);
    story_run(s, 3000);
    story_submit(s, 0, 1);
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the others joined");
    story_run(s, 1000);
    story_expect(s, s->jobs[0].is_acked, "what a node alone took is known to others");
    for (unsigned i = s->options.nodes; i-- > 1;) {
        story_expect(s, scale(s, i, i), "whose clock is right takes an order");
        s->jobs[0].scale_asked = i;
        story_run(s, 1000);
        story_expect(s, s->jobs[0].n_open == 0 && !s->jobs[0].is_unsure,
                     "it is acknowledged");
        story_expect_converged(s, 10000, "after an order by the next node");
    }
    story_expect(s, !scale(s, 0, 5), "whose clock is wrong refuses, now that it knows");
    story_run(s, 5000);
    story_expect_converged(s, 1000, "after a refused order");
}

static int stop_visit(void *ctx, const struct entry *e)
{
    (void)ctx;
    (void)e;
    return 1;
}

/* How many kinds of rows. */
static size_t rows_of(const struct sim *s, unsigned at, unsigned of)
{
    static const char *const kinds[] = {"node", "claim", "done", "refuse"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char prefix[64], id[NODE_ID_TEXT];
        (void)snprintf(prefix, sizeof(prefix), "%s/%s", kinds[i],
                       node_id_text(s->nodes[of].id, id));
        n += table_each(gossip_table(node_gossip(s->nodes[at].node)),
                        bytes_of_text(prefix), stop_visit, NULL) == 1;
    }
    return n;
}

static void forgotten(struct sim *s)
{
    open_at_work(s);
    sim_crash(s, 4, true);
    story_run(s, 60000);
    story_expect_converged(s, 1000, "after a death");
    story_expect(s, rows_of(s, 1, 4) > 0, "failed is not forgotten");
    struct order forget = {.kind = ORDER_FORGET, .token = SIM_NO_TOKEN, .name = "n5"};
    sim_order(s, 0, &forget);
    story_run(s, 5000);
    for (unsigned i = 0; i < 4; i++) {
        story_expect(s, story_belief(s, i, 4) == MEMBER_LEFT, "nobody knows it any more");
        story_expect(s, rows_of(s, i, 4) == 0, "its rows are gone");
    }
    sim_boot(s, 4);
    story_expect_whole(s, 5000, "after the forgotten came back");
}

const struct story stories_of_members[] = {
    {"a mass failure moves nothing for thirty seconds", {.nodes = 7}, most_fail},
    {"most that come back in time lose nothing", {.nodes = 7}, most_are_back_in_time},
    {"what a few held is taken over at once", {.nodes = 7}, some_fail},
    {"half of a cluster restarts at once and nothing moves",
     {.nodes = 20},
     half_restarts},
    {"a link that works one way only kills nobody", {.nodes = 5}, one_way_link},
    {"a link that flaps kills nobody", {.nodes = 5}, flapping_link},
    {"a partition one way only heals", {.nodes = 5}, one_way_partition},
    {"a joiner whose seeds are silent takes nothing", {.nodes = 5}, silent_seeds},
    {"a clock a year ahead keeps nobody from the next word", {.nodes = 5}, broken_clock},
    {"the dead keep their rows until they are forgotten", {.nodes = 5}, forgotten},
};
const size_t n_stories_of_members =
    sizeof(stories_of_members) / sizeof(stories_of_members[0]);

/* Stories of power cuts, and of disks that are lost. */
#include "tests/sim/disk.h"
#include "tests/sim/order.h"
#include "tests/sim/story.h"

enum { ACK_TWO = 0, ACK_ONE = 4 }; /* what order_give makes of its dice */

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 3);
    story_expect_converged(s, 10000, "with work");
}

static void give(struct sim *s, unsigned node, unsigned n, unsigned ack)
{
    for (unsigned i = 0; i < n && !s->failure[0]; i++) {
        uint64_t dice[2] = {node, rng_below(&s->rng, 1u << 30) * 6 + ack};
        order_give(s, dice);
        story_run(s, 1 + rng_below(&s->rng, 60));
    }
}

static void end_converged(struct sim *s)
{
    story_expect_whole(s, 30000, "with power");
    story_expect_converged(s, 90000, "with power");
}

/* At any moment of many orders; each of them was synced by who took it. */
static void of_all(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < 8 && !s->failure[0]; i++) {
        for (unsigned k = 0; k < s->options.nodes; k++)
            give(s, k, 4, k % 2 ? ACK_ONE : ACK_TWO);
        for (unsigned k = 0; k < s->options.nodes; k++)
            disk_cut(s, k, rng_next(&s->rng));
        story_boot_all(s);
        story_expect_whole(s, 30000, "after a cut of all");
    }
    end_converged(s);
}

/* It loses what it had heard and says so: others tell it again. */
static void of_one(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < 12 && !s->failure[0]; i++) {
        give(s, i % 2, 5, ACK_TWO);
        disk_cut(s, 2, 0);
        give(s, i % 2, 2, ACK_TWO);
        sim_boot(s, 2);
        story_run(s, rng_below(&s->rng, 4000));
    }
    end_converged(s);
}

static void disk_burns(struct sim *s)
{
    open_at_work(s);
    give(s, 1, 20, ACK_TWO);
    story_run(s, 2000);
    sim_crash(s, 1, true);
    disk_excuse(s, 1);
    sim_wipe(s, 1);
    story_run(s, 40000);
    sim_boot(s, 1);
    end_converged(s);
    for (size_t i = 0; i < s->n_orders; i++)
        story_expect(s,
                     s->orders[i].made != OUTCOME_UNSURE &&
                         s->orders[i].ended != OUTCOME_UNSURE,
                     "nothing was excused");
}

/* Two of five write on their side; then one of the two loses its disk, or both. */
static void parted_and_wiped(struct sim *s, unsigned n_wiped)
{
    open_at_work(s);
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i < 2;
    s->is_partitioned = true;
    story_run(s, 10000);
    give(s, 0, 20, ACK_TWO);
    size_t n_parted = s->n_orders;
    give(s, 3, 20, ACK_TWO);
    for (unsigned i = 0; i < n_wiped; i++) {
        sim_crash(s, i, true);
        disk_excuse(s, i);
        sim_wipe(s, i);
    }
    s->is_partitioned = false;
    story_run(s, 20000);
    story_boot_all(s);
    end_converged(s);
    size_t n_excused = 0;
    for (size_t i = 0; i < s->n_orders; i++)
        n_excused +=
            s->orders[i].made == OUTCOME_UNSURE || s->orders[i].ended == OUTCOME_UNSURE;
    story_expect(s, n_wiped == 2 ? n_excused > 0 : n_excused == 0,
                 "only what was on lost disks alone is excused");
    for (size_t i = n_parted; i < s->n_orders; i++)
        story_expect(s, s->orders[i].made == OUTCOME_DONE,
                     "the other side's orders stand");
}

static void parted_one(struct sim *s)
{
    parted_and_wiped(s, 1);
}

static void parted_both(struct sim *s)
{
    parted_and_wiped(s, 2);
}

const struct story stories_of_power[] = {
    {"a power cut of all loses nothing that was acknowledged", {.nodes = 3}, of_all},
    {"a power cut of one costs what it had heard alone, and it is told again",
     {.nodes = 3},
     of_one},
    {"a disk that burns takes nothing with it that another acknowledged",
     {.nodes = 3},
     disk_burns},
    {"of a side that is cut off one disk may burn", {.nodes = 5}, parted_one},
    {"where all disks burn that have it, only that is lost", {.nodes = 5}, parted_both},
};
const size_t n_stories_of_power = sizeof(stories_of_power) / sizeof(stories_of_power[0]);

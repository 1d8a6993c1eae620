/* Stories of orders on disks that refuse them. */
#include <stdio.h>

#include "gossip/table/table.h"
#include "proto/key.h"
#include "tests/sim/disk.h"
#include "tests/sim/edit.h"
#include "tests/sim/pair.h"
#include "tests/sim/story.h"

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 2);
    story_expect_converged(s, 10000, "with work");
}

/* `n` orders of all kinds on one node, a moment apart. */
static void give(struct sim *s, unsigned node, unsigned n)
{
    for (unsigned i = 0; i < n && !s->failure[0]; i++) {
        uint64_t dice[2] = {node, rng_next(&s->rng)};
        order_give(s, dice);
        story_run(s, 100);
        order_check_refused(s);
    }
}

static size_t count(const struct sim *s, enum sim_outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_orders; i++)
        n += (s->orders[i].made == outcome) + (s->orders[i].ended == outcome);
    return n;
}

/* The first write that is refused, the second, and so on, on each of the nodes. */
static void refused(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < 40; i++) {
        disk_fault(s, i % 3, i / 3, 1 + i % 5, 0);
        give(s, i % 3, 6);
    }
    story_expect(s, s->n_refused > 20, "disks refused orders");
    story_expect(s, count(s, OUTCOME_DONE) > 60, "others were done");
    story_expect(s, count(s, OUTCOME_UNSURE) == 0, "each outcome is known");
    for (unsigned i = 0; i < 3; i++)
        disk_mend(s, i);
    story_expect_converged(s, 5000, "after the disks took writes again");
    story_run(s, 60000);
    story_expect_converged(s, 1000, "a minute later");
}

/* What was not confirmed is taken back as soon as the disk takes writes again. */
static void unconfirmed(struct sim *s)
{
    open_at_work(s);
    for (unsigned i = 0; i < 30; i++) {
        disk_fault(s, i % 3, i / 3 % 4, 1, 1);
        give(s, i % 3, 4);
    }
    story_expect(s, s->n_unsure > 5, "some orders may stand");
    for (unsigned i = 0; i < 3; i++)
        disk_mend(s, i);
    story_expect_converged(s, 5000, "after the disks took writes again");
    for (unsigned i = 0; i < 3; i++) {
        sim_crash(s, i, false);
        sim_boot(s, i);
        story_run(s, 5000);
    }
    story_expect_converged(s, 5000, "after each was started again");
    for (size_t k = 0; k < s->n_orders; k++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "o%zu", k);
        struct key key =
            s->orders[k].is_job ? key_job("default", name) : key_var("default", name);
        bool is_there = table_get(gossip_table(node_gossip(s->nodes[0].node)),
                                  key_bytes(&key)) != NULL;
        story_expect(s, s->orders[k].made != OUTCOME_UNSURE || !is_there,
                     "none of those stands, where it could be taken back");
    }
}

/* The machine is lost with what its disk had and never said: the next start brings it to all. */
static void found_again(struct sim *s)
{
    open_at_work(s);
    struct order command = {.kind = ORDER_VAR_SET,
                            .token = SIM_NO_TOKEN,
                            .ns = "default",
                            .name = "late",
                            .value = bytes_of_text("x")};
    disk_fault(s, 0, 0, 1000, 1);
    sim_order(s, 0, &command);
    story_run(s, 5000);
    for (unsigned i = 0; i < 3; i++)
        story_expect(s,
                     !table_get(gossip_table(node_gossip(s->nodes[i].node)),
                                bytes_of_text("var/default/late")),
                     "nobody has it");
    backlog_fini(&s->nodes[0].backlog);
    backlog_init(&s->nodes[0].backlog);
    sim_crash(s, 0, false);
    sim_boot(s, 0);
    story_expect_converged(s, 20000, "after the restart");
    for (unsigned i = 0; i < 3; i++)
        story_expect(s,
                     table_get(gossip_table(node_gossip(s->nodes[i].node)),
                               bytes_of_text("var/default/late")) != NULL,
                     "all have it");
}

/* ---- pairs, and partitions ---- */

static void expect_pair(struct sim *s, size_t index, bool is_conflict)
{
    unsigned told = 0;
    const struct sim_pair *p = &s->pairs[index];
    story_expect(s, p->outcomes[0] == OUTCOME_DONE && p->outcomes[1] == OUTCOME_DONE,
                 "both orders were acknowledged");
    for (unsigned i = 0; i < s->options.nodes; i++) {
        const struct entry *lost = pair_entry(s, i, index, true),
                           *won = pair_entry(s, i, index, false);
        story_expect(s, won != NULL, "the variable is there");
        story_expect(
            s, (lost != NULL) == is_conflict,
            "a value is kept as lost where two were set at once, and only there");
        story_expect(s, !lost || !won || !bytes_equal(lost->value, won->value),
                     "it is the other one");
        told += s->nodes[i].n_told_conflict > 0;
    }
    story_expect(s, !is_conflict || told >= 2, "who gave the two orders is told");
}

static void twice(struct sim *s)
{
    const unsigned one[2] = {1, 1}, two[2] = {1, 2};
    open_at_work(s);
    story_expect(s, pair_give(s, one, true, 2) && pair_give(s, one, false, 2),
                 "they are given");
    story_run(s, 3000);
    expect_pair(s, 0, false);
    expect_pair(s, 1, false);
    story_expect(s,
                 bytes_equal(pair_entry(s, 0, 1, false)->value, bytes_of_text("second")),
                 "the second order of one node is the later one");
    for (unsigned i = 0; i < 3; i++)
        story_expect(s, s->nodes[i].n_told_conflict == 0, "nobody is told of a conflict");
    story_expect(s, pair_give(s, two, false, 2), "two at once");
    story_run(s, 5000);
    expect_pair(s, 2, true);
    story_expect_converged(s, 5000, "after pairs of orders");
}

/* Two instances, which an update would replace one after the other. */
static void again_spec(struct edit_spec *ret)
{
    struct sim_job job = {.name = "again", .count = 2};
    edit_spec_first(&job, ret);
    ret->spec.name = ret->spec.service_name = "again"; /* the job above does not stay */
    ret->spec.update.min_healthy_time_ms = 10000;
}

/* The same job, by two nodes at once and then again: one job, and nothing starts anew. */
static void job_twice(struct sim *s)
{
    struct edit_spec e;
    again_spec(&e);
    open_at_work(s);
    uint64_t before = story_launches(s, 0, 3);
    struct order command = {.kind = ORDER_SUBMIT,
                              .token = SIM_NO_TOKEN,
                              .jobs = &e.spec,
                              .n_jobs = 1,
                              .ack = 2};
    sim_order(s, 0, &command);
    sim_order(s, 2, &command);
    story_run(s, 30000);
    uint64_t launches = story_launches(s, 0, 3);
    story_expect(s, launches == before + 2, "both instances have started, once");
    for (unsigned i = 0; i < 6; i++) {
        sim_order(s, i % 3, &command);
        story_run(s, 2000);
    }
    story_run(s, 30000);
    story_expect(s, story_launches(s, 0, 3) == launches, "nothing starts anew");
    story_expect_converged(s, 5000, "after the same job again");
}

/* Removed and made again, at once or when it was heard, on this node or another: each instance starts once
 * anew, and does not wait for the others. */
static void made_again(struct sim *s)
{
    struct edit_spec e;
    again_spec(&e);
    open_at_work(s);
    uint64_t launches = story_launches(s, 0, 3) + 2;
    struct order submit = {.kind = ORDER_SUBMIT,
                             .token = SIM_NO_TOKEN,
                             .jobs = &e.spec,
                             .n_jobs = 1,
                             .ack = 2},
                   rm = {.kind = ORDER_REMOVE,
                         .token = SIM_NO_TOKEN,
                         .ns = "default",
                         .name = "again",
                         .ack = 2};
    sim_order(s, 0, &submit);
    story_run(s, 15000);
    story_expect(s, story_launches(s, 0, 3) == launches, "both instances have started");
    for (unsigned i = 0; i < 6; i++) {
        sim_order(s, i % 3, &rm);
        story_run(s, i % 2 ? 1000 : 0);
        sim_order(s, i % 2 ? (i + 1) % 3 : i % 3, &submit);
        story_run(s, 5000);
        launches += 2;
        story_expect(s, story_launches(s, 0, 3) == launches,
                     "each of the two starts once anew, within five seconds");
    }
    story_expect_converged(s, 5000, "after the last");
}

static void part(struct sim *s, bool is_cut)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i < 2;
    s->is_partitioned = is_cut;
}

/* One order on each side, with the cut some time before them, a moment after, or when they were answered;
 * each answer is held to at the end. */
static void parted(struct sim *s)
{
    static const int64_t cut_after_ms[] = {-20000, -1000, -50, 0, 1, 5, 15, 40, 500};
    open_at_work(s);
    for (size_t i = 0; i < 2 * sizeof(cut_after_ms) / sizeof(cut_after_ms[0]); i++) {
        int64_t after_ms = cut_after_ms[i / 2];
        const unsigned nodes[2] = {i % 2, 4};
        part(s, after_ms < 0);
        story_run(s, after_ms < 0 ? (uint64_t)-after_ms : 0);
        story_expect(s, pair_give(s, nodes, false, i % 2 ? ACK_MAJORITY : 2),
                     "they are given");
        story_run(s, after_ms > 0 ? (uint64_t)after_ms : 0);
        part(s, true);
        story_run(s, 15000);
        const enum sim_outcome *is = s->pairs[i].outcomes;
        story_expect(s, is[0] != OUTCOME_OPEN && is[1] != OUTCOME_OPEN,
                     "both are answered");
        story_expect(s, is[1] == OUTCOME_DONE, "three of five take orders");
        story_expect(s, after_ms > 0 || i % 2 == 0 || is[0] != OUTCOME_DONE,
                     "two of five are no majority");
        story_expect(s,
                     after_ms < 500 || (is[0] == OUTCOME_DONE && is[1] == OUTCOME_DONE),
                     "what was given in time was acknowledged");
        part(s, false);
        story_expect_whole(s, 10000, "after the heal");
        story_run(s, 10000);
    }
    story_expect_converged(s, 60000, "after all");
}

const struct story stories_of_orders[] = {
    {"what a disk refuses is in nobody's table", {.nodes = 3}, refused},
    {"what a disk did not confirm is taken back when it can be",
     {.nodes = 3},
     unconfirmed},
    {"what a disk had all the same stands after a restart, everywhere",
     {.nodes = 3},
     found_again},
    {"an order that is given twice is one, and of two at once one wins and the other is "
     "kept",
     {.nodes = 3},
     twice},
    {"a job that is submitted twice is one", {.nodes = 3}, job_twice},
    {"a job that was removed and is made again is another one, and starts at once",
     {.nodes = 3},
     made_again},
    {"an order around a partition is what its answer says", {.nodes = 5}, parted},
};
const size_t n_stories_of_orders =
    sizeof(stories_of_orders) / sizeof(stories_of_orders[0]);

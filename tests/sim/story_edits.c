/* Stories of edits: what they start anew, and what serves meanwhile. */
#include <stdio.h>

#include "proto/key.h"
#include "tests/sim/edit.h"
#include "tests/sim/story.h"

enum { JOBS = 3 };

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, JOBS);
    story_expect_converged(s, 10000, "with work");
    story_run(s, 5000);
}

static uint64_t launches(const struct sim *s)
{
    return story_launches(s, 0, s->options.nodes);
}

/* At every node in turn, each time with other keys; agents start anew in between. */
static void edits(struct sim *s)
{
    open_at_work(s);
    uint64_t before = launches(s);
    for (unsigned i = 0; i < 24; i++) {
        unsigned node = i % s->options.nodes, other = (i + 2) % s->options.nodes;
        edit_give(s, node, i % JOBS, rng_next(&s->rng));
        story_run(s, i % 3 * 150);
        if (i % 4 == 3) {
            sim_crash(s, other, false);
            edit_give(s, node, (i + 1) % JOBS, rng_next(&s->rng));
            story_run(s, 1000);
            sim_boot(s, other);
            story_run(s, 3000);
        }
        story_expect_converged(s, 30000, "after an edit");
    }
    story_expect(s, launches(s) == before, "nothing was started anew");
}

static void edits_on_both_sides(struct sim *s)
{
    open_at_work(s);
    uint64_t before = launches(s);
    for (unsigned i = 0; i < s->options.nodes; i++)
        s->nodes[i].side = i < 2;
    s->is_partitioned = true;
    for (unsigned i = 0; i < 6; i++) { /* shorter than a death */
        edit_give(s, 0, i % JOBS, rng_next(&s->rng));
        edit_give(s, 4, i % JOBS, rng_next(&s->rng));
        story_run(s, 200);
    }
    s->is_partitioned = false;
    story_expect_converged(s, 30000, "after the partition");
    story_expect(s, launches(s) == before, "nothing was started anew");
}

/* The same text, then the same text with one argument more, then without it. */
static void updates(struct sim *s)
{
    open_at_work(s);
    s->has_updates = true;
    uint32_t n = 0;
    for (unsigned i = 0; i < JOBS; i++)
        n += s->jobs[i].count;
    for (unsigned round = 1; round <= 2; round++) {
        uint64_t before = launches(s);
        for (unsigned i = 0; i < JOBS; i++) {
            s->jobs[i].task = round == 1 ? "more" : NULL;
            edit_give(s, i, i, 0);
        }
        story_expect_converged(s, 60000, "after an update");
        story_expect(s, launches(s) == before + n, "every task was started once more");
    }
}

const struct story stories_of_edits[] = {
    {"edits that no task can see restart nothing", {.nodes = 5}, edits},
    {"edits on both sides of a split restart nothing", {.nodes = 5}, edits_on_both_sides},
    {"an edit that tasks see restarts each of them once", {.nodes = 5}, updates},
};
const size_t n_stories_of_edits = sizeof(stories_of_edits) / sizeof(stories_of_edits[0]);

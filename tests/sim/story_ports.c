/* Stories of ports that others have, and of refusals that end when their causes do. */
#include "tests/sim/edit.h"
#include "tests/sim/story.h"
#include "tests/sim/task.h"

enum { ALL = (1 << PORTS_FEW) - 1 };

static void open_whole(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
}

static unsigned count_running(const struct sim *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->options.nodes; i++)
        for (const struct sim_task *t = s->nodes[i].tasks; t; t = t->next)
            n += t->is_running;
    return n;
}

/* Two ports in all are free, on one of three hosts. */
static void crowded(struct sim *s)
{
    open_whole(s);
    task_strangers(&s->nodes[0], ALL & ~0x30);
    task_strangers(&s->nodes[1], ALL);
    task_strangers(&s->nodes[2], ALL);
    story_submit(s, 0, 4);
    story_run(s, 5000);
    story_expect(s, count_running(s) == 2, "two tasks run, as many as there are ports");
    story_run(s, 120000);
    story_expect(s, story_launches(s, 0, 3) == 2, "nothing was launched in vain");
    task_strangers(&s->nodes[1], ALL & ~0x7);
    story_run(s, 3000);
    story_expect(s, count_running(s) == 5, "what came free is used in a moment");
    task_strangers(&s->nodes[2], 0);
    story_expect_converged(s, 3000, "after the last strangers went");
    story_expect(s, story_launches(s, 0, 3) == count_running(s),
                 "each was launched once");
}

static void fall_everywhere(struct sim *s)
{
    for (unsigned i = 0; i < 600 && count_running(s) + (i < 300) > 0; i++) {
        for (unsigned node = 0; node < s->options.nodes; node++)
            sim_task_exit(s, node);
        story_run(s, 200);
    }
    story_expect(s, count_running(s) == 0, "all are given up, everywhere");
}

/* Nobody is told twice: the order reaches all who refuse. */
static void ordered_again(struct sim *s)
{
    open_whole(s);
    story_submit(s, 0, 1);
    story_expect_converged(s, 10000, "with work");
    for (unsigned kind = 0; kind < 3; kind++) {
        struct edit_spec e;
        edit_spec_first(&s->jobs[0], &e);
        struct order orders[] = {
            {.kind = ORDER_SUBMIT, .jobs = &e.spec, .n_jobs = 1},
            {.kind = ORDER_START},
            {.kind = ORDER_RESTART},
        };
        struct order *order = &orders[kind];
        order->ns = "default";
        order->name = s->jobs[0].name;
        order->token = SIM_NO_TOKEN;
        fall_everywhere(s);
        sim_order(s, kind, order);
        story_expect_converged(s, 2500, "after the order");
    }
}

/* It is killed and started while some of its tasks are on their way, again and again. */
static void killed_while_starting(struct sim *s)
{
    open_whole(s);
    for (unsigned round = 0; round < 10 && !s->failure[0]; round++) {
        task_strangers(&s->nodes[round % 3], 0x5555u << round % 2);
        story_submit(s, round % 3, 2 + round / 2);
        story_run(s, 95 + 7 * round);
        sim_crash(s, round % 3, false);
        story_run(s, 300);
        sim_boot(s, round % 3);
        story_run(s, 2000);
    }
    for (unsigned i = 0; i < 3; i++)
        task_strangers(&s->nodes[i], 0);
    story_expect_converged(s, 60000, "at the end");
}

const struct story stories_of_ports[] = {
    {"a port is given only when it is free, and waited for without attempts",
     {.nodes = 3, .has_strangers = true},
     crowded},
    {"an order for what was given up is obeyed at once by all who refuse it",
     {.nodes = 3},
     ordered_again},
    {"no port is given twice by an agent that is killed between draw and launch",
     {.nodes = 3, .has_strangers = true},
     killed_while_starting},
};
const size_t n_stories_of_ports = sizeof(stories_of_ports) / sizeof(stories_of_ports[0]);

/* Stories of identities that are on two live nodes. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/clone.h"
#include "tests/sim/story.h"

enum {
    CLONED = 1,            /* the node; it is neither of those that --join names */
    PERIODS_MS = 2 * 1000, /* two probe periods of a LAN */
    STOP_MS = 600,         /* a task ends within that, when it is told to */
    ALONE_MS = 45000 /* twins that nobody compares ask themselves in vain for a while */
};

static void open_at_work(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 4);
    story_expect_converged(s, 10000, "with work");
    story_run(s, 15000);
}

static bool is_told(const struct sim *s)
{
    for (unsigned i = 0; i < sim_n_hosts(s); i++)
        if (s->nodes[i].node && s->nodes[i].n_told_clone == 0)
            return false;
    return true;
}

/* No task runs on two hosts. */
static bool is_once(const struct sim *s)
{
    for (unsigned i = 0; i < sim_n_hosts(s); i++)
        for (const struct sim_task *t = s->nodes[i].tasks; t; t = t->next)
            for (unsigned k = i + 1; t->is_running && k < sim_n_hosts(s); k++)
                for (const struct sim_task *u = s->nodes[k].tasks; u; u = u->next)
                    if (u->is_running && strcmp(t->key, u->key) == 0)
                        return false;
    return true;
}

static void stay_once(struct sim *s, uint64_t for_ms)
{
    for (uint64_t passed = 0; passed < for_ms; passed += 100) {
        story_run(s, 100);
        story_expect(s, is_once(s), "nothing runs twice");
    }
}

/* All know, the clone has stopped for good, and the elder is what it was. */
static void expect_elder(struct sim *s, unsigned clone)
{
    story_expect(s, is_told(s), "all were told, both twins too");
    story_expect(s, clone_is_stopped(s, clone), "the younger has stopped");
    story_expect(s, !clone_is_stopped(s, CLONED), "the elder has not");
    for (unsigned i = 0; i < s->options.nodes; i++) {
        struct endpoint other;
        story_expect(s, story_belief(s, i, CLONED) == MEMBER_ALIVE,
                     "the elder is alive to all");
        story_expect(
            s,
            gossip_twin(node_gossip(s->nodes[i].node), s->nodes[CLONED].id, &other) &&
                endpoint_equal(&other, &s->nodes[clone].endpoint),
            "each can say where the younger is");
    }
}

static void noticed(struct sim *s, bool has_tasks, uint64_t within_ms)
{
    open_at_work(s);
    uint64_t launches = story_launches(s, 0, s->options.nodes);
    unsigned clone = clone_start(s, CLONED, has_tasks);
    uint64_t deaths =
        s->n_deaths; /* whom the clone remembers is dead to it until it is heard */
    story_run(s, within_ms);
    expect_elder(s, clone);
    story_run(s, STOP_MS);
    stay_once(s, 60000);
    expect_elder(s, clone);
    story_expect(s, story_launches(s, 0, s->options.nodes) == launches, "nothing moved");
    story_expect(s, s->n_deaths == deaths, "nobody was believed dead");
    story_expect_converged(s, 1000, "with a clone that has stopped");
    sim_crash(s, clone, true);
    story_run(s, 30000);
    story_expect_converged(s, 1000, "without the clone");
}

static void directory(struct sim *s)
{
    noticed(s, false, PERIODS_MS);
}

static void machine(struct sim *s)
{
    noticed(s, true, PERIODS_MS);
}

static void in_bad_weather(struct sim *s)
{
    noticed(s, true, 20000);
}

/* It takes no order, whoever gives one. */
static void refuses(struct sim *s)
{
    open_at_work(s);
    unsigned clone = clone_start(s, CLONED, false);
    story_run(s, PERIODS_MS + STOP_MS);
    struct order order = {
        .kind = ORDER_SCALE, .ns = "default", .name = s->jobs[0].name, .count = 1};
    story_expect(s, !sim_command(s, clone, &order, 0), "the younger takes no order");
    story_expect_converged(s, 1000, "after a refused order");
}

/* It comes up where it is neither heard nor hears anybody. */
static unsigned start_apart(struct sim *s, bool has_tasks)
{
    for (unsigned i = 0; i <= s->options.nodes; i++)
        s->nodes[i].side = i == s->options.nodes;
    s->is_partitioned = true;
    return clone_start(s, CLONED, has_tasks);
}

static void settle(struct sim *s, uint64_t within_ms)
{
    char why[512] = "";
    uint64_t until_ms = s->now_ms + within_ms;
    while (!s->failure[0] && !clones_are_settled(s, why, sizeof(why))) {
        if (s->now_ms >= until_ms)
            sim_fail(s, "after %llu ms: %s", (unsigned long long)within_ms, why);
        story_run(s, 100);
    }
}

/* It works alone for a while, and believes all others dead. */
static void cut_off(struct sim *s)
{
    open_at_work(s);
    unsigned clone = start_apart(s, true);
    story_run(s, 90000);
    story_expect(s, !clone_is_stopped(s, clone), "it does not know");
    s->is_partitioned = false;
    story_run(s, PERIODS_MS + 2000); /* the dead are looked for once a second */
    expect_elder(s, clone);
    story_run(s, STOP_MS);
    stay_once(s, 60000);
    story_expect_converged(s, 1000, "after the heal");
}

/* The elder starts anew while its clone is out of reach: now that one has lived for longer. */
static void elder_restarts(struct sim *s)
{
    open_at_work(s);
    unsigned clone = start_apart(s, false);
    story_run(s, 20000);
    sim_crash(s, CLONED, false);
    sim_boot(s, CLONED);
    story_run(s, 20000);
    s->is_partitioned = false;
    story_run(s, 5000);
    story_expect(s, clone_is_stopped(s, CLONED) && !clone_is_stopped(s, clone),
                 "the life that began later has stopped");
    settle(s, 0);
    story_expect_whole(s, 20000, "after people sorted it out");
    story_run(s, 60000);
    story_expect_converged(s, 1000, "after people sorted it out");
    story_expect(s, is_once(s), "nothing runs twice");
}

/* What was moved to another host and started there, while the first one was off, is an ordinary restart;
 * until the first one is switched on. */
static void taken_over(struct sim *s)
{
    open_at_work(s);
    sim_crash(s, CLONED, true);
    story_run(s, 2000);
    unsigned clone = clone_start(s, CLONED, false);
    story_run(s, 20000);
    story_expect(s, !clone_is_stopped(s, clone), "nobody else is there");
    story_expect(s, s->nodes[clone].n_told_clone == 0, "nobody says so");
    sim_boot(s, CLONED);
    story_run(s, PERIODS_MS);
    story_expect(s, clone_is_stopped(s, CLONED),
                 "the host that was switched on has stopped");
    story_expect(s, !clone_is_stopped(s, clone), "its successor has not");
    story_run(s, STOP_MS);
    stay_once(s, 20000);
    settle(s, 0);
    story_expect_whole(s, 20000, "after people sorted it out");
    story_expect_converged(s, 60000, "after people sorted it out");
}

static void two_clones(struct sim *s)
{
    open_at_work(s);
    unsigned first = clone_start(s, CLONED, true), second = clone_start(s, CLONED, true);
    story_run(s, 2 * PERIODS_MS);
    story_expect(s, clone_is_stopped(s, first) && clone_is_stopped(s, second),
                 "both clones have stopped");
    story_expect(s, !clone_is_stopped(s, CLONED), "the elder has not");
    story_run(s, STOP_MS);
    stay_once(s, 30000);
    story_expect_converged(s, 1000, "with two that have stopped");
}

/* Nobody is there who could compare them. */
static void alone(struct sim *s)
{
    story_boot_all(s);
    story_expect_whole(s, 10000, "after the start");
    story_submit(s, 0, 2);
    story_expect_converged(s, 10000, "with work");
    sim_crash(s, 0, true);
    story_run(s, 60000);
    unsigned clone = clone_start(s, CLONED, false);
    story_run(s, ALONE_MS);
    story_expect(s, clone_is_stopped(s, clone) != clone_is_stopped(s, CLONED),
                 "one of two has stopped");
    stay_once(s, 10000);
    sim_boot(s, 0);
    settle(s, 0);
    story_expect_whole(s, 20000, "with all");
    story_expect_converged(s, 60000, "with all");
}

/* Whoever has a stopped one starts it again and again: it learns each time that it is not the first. */
static void again_and_again(struct sim *s)
{
    open_at_work(s);
    uint64_t launches = story_launches(s, 0, s->options.nodes);
    unsigned clone = clone_start(s, CLONED, false);
    for (unsigned i = 0; i < 4; i++) {
        story_run(s, PERIODS_MS);
        expect_elder(s, clone);
        story_run(s, STOP_MS);
        stay_once(s, 3000 * i);
        sim_crash(s, clone, i % 2);
        sim_boot(s, clone);
    }
    story_run(s, PERIODS_MS + STOP_MS);
    stay_once(s, 10000);
    story_expect(s, story_launches(s, 0, s->options.nodes) == launches, "nothing moved");
    story_expect_converged(s, 1000, "with a clone that has stopped");
}

const struct story stories_of_clones[] = {
    {"a copied directory on another host stops within two probe periods",
     {.nodes = 5},
     directory},
    {"a cloned machine stops with what runs in it within two probe periods",
     {.nodes = 5},
     machine},
    {"a clone stops where a fifth is lost as well",
     {.nodes = 5, .loss = 0.2},
     in_bad_weather},
    {"a clone that has stopped takes no order", {.nodes = 3}, refuses},
    {"a clone that was cut off stops when it is heard", {.nodes = 5}, cut_off},
    {"of two lives the younger stops, whichever host it is on",
     {.nodes = 5},
     elder_restarts},
    {"a host whose identity moved stops when it is switched on",
     {.nodes = 5},
     taken_over},
    {"of three with one identity two stop", {.nodes = 5}, two_clones},
    {"twins that nobody else sees find out themselves", {.nodes = 2}, alone},
    {"a clone that is started again and again stops each time",
     {.nodes = 5},
     again_and_again},
};
const size_t n_stories_of_clones =
    sizeof(stories_of_clones) / sizeof(stories_of_clones[0]);

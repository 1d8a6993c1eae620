/* Telling stories.  See story.h. */
#include "tests/sim/story.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/act.h"
#include "tests/sim/checker.h"

enum { LOOK_MS = 100 };

void story_boot_all(struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        sim_boot(s, i);
}

void story_run(struct sim *s, uint64_t for_ms)
{
    if (!s->failure[0])
        sim_run(s, s->now_ms + for_ms);
}

static void expect_within(struct sim *s, bool (*is_so)(struct sim *, char *, size_t),
                          uint64_t within_ms, const char *when)
{
    char why[512] = "";
    uint64_t until_ms = s->now_ms + within_ms;
    while (!s->failure[0]) {
        if (is_so(s, why, sizeof(why)))
            return;
        if (s->now_ms >= until_ms)
            sim_fail(s, "%s, after %llu ms: %s", when, (unsigned long long)within_ms,
                     why);
        story_run(s, LOOK_MS);
    }
}

void story_expect_whole(struct sim *s, uint64_t within_ms, const char *when)
{
    expect_within(s, checker_is_whole, within_ms, when);
}

void story_expect_converged(struct sim *s, uint64_t within_ms, const char *when)
{
    expect_within(s, checker_is_converged, within_ms, when);
}

void story_expect(struct sim *s, bool is_so, const char *what)
{
    if (!is_so)
        sim_fail(s, "at %llu ms it is not so that %s", (unsigned long long)s->now_ms,
                 what);
}

void story_submit(struct sim *s, unsigned node, size_t n)
{
    s->options.jobs = (unsigned)n;
    for (size_t i = s->n_jobs; i < n; i++) {
        struct fate work = {.kind = FATE_WORK, .dice = {node, 3 + 5 * i}};
        fate_perform(s, &work);
    }
    story_expect(s, s->n_jobs == n, "there is a node that takes jobs");
}

enum member_state story_belief(const struct sim *s, unsigned node, unsigned of)
{
    const struct sim_node *n = &s->nodes[node];
    const struct member *m =
        n->node ? members_find(gossip_members(node_gossip(n->node)), s->nodes[of].id)
                : NULL;
    return m ? m->state : MEMBER_LEFT;
}

bool story_is_belief(const struct sim *s, unsigned of, enum member_state state)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (i != of && s->nodes[i].node && story_belief(s, i, of) != state)
            return false;
    return true;
}

uint64_t story_launches(const struct sim *s, unsigned first, unsigned behind_last)
{
    uint64_t n = 0;
    for (unsigned i = first; i < behind_last; i++)
        n += s->nodes[i].n_launched;
    return n;
}

/* ---- all ---- */

static bool tell(const struct story *story, uint64_t seed, bool is_verbose)
{
    static struct sim s;
    struct sim_options options = story->options;
    options.seed = seed;
    options.delay_min_ms = 1;
    options.delay_max_ms = options.delay_max_ms ? options.delay_max_ms : 20;
    sim_init(&s, &options);
    s.is_verbose = is_verbose;
    story->tell(&s);
    bool is_passed = !s.failure[0];
    printf("%s %s, seed %llu%s%s\n", is_passed ? "ok  " : "FAIL", story->name,
           (unsigned long long)seed, is_passed ? "" : ": ", s.failure);
    (void)fflush(stdout);
    sim_fini(&s);
    return is_passed;
}

static int tell_some(const struct story *stories, size_t n, const char *part,
                     uint64_t first, uint64_t last, bool is_verbose, int *ret_passed)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint64_t seed = first; seed <= last && strstr(stories[i].name, part);
             seed++) {
            bool is_passed = tell(&stories[i], seed, is_verbose);
            failed += !is_passed;
            *ret_passed += is_passed;
        }
    }
    return failed;
}

int story_tell_all(const char *part, uint64_t first_seed, uint64_t last_seed,
                   bool is_verbose, int *ret_passed)
{
    const struct {
        const struct story *stories;
        size_t n;
    } all[] = {{stories_of_copies, n_stories_of_copies},
               {stories_of_edits, n_stories_of_edits},
               {stories_of_members, n_stories_of_members},
               {stories_of_orders, n_stories_of_orders},
               {stories_of_ports, n_stories_of_ports},
               {stories_of_secrets, n_stories_of_secrets},
               {stories_of_disks, n_stories_of_disks},
               {stories_of_addresses, n_stories_of_addresses},
               {stories_of_clones, n_stories_of_clones},
               {stories_of_power, n_stories_of_power}};
    int failed = 0;
    *ret_passed = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        failed += tell_some(all[i].stories, all[i].n, part, first_seed, last_seed,
                            is_verbose, ret_passed);
    return failed;
}

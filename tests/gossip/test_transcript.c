/* What the nodes say to themselves while members fail, refute, leave and return: the expected
 * lines have to appear in this order, others may stand between them. */
#include <criterion/criterion.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"

static struct world *three(void)
{
    struct world *w = world_new(3, 8, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
    world_run(w, 2000);
    return w;
}

static void expect(const struct world *w, size_t from, const char *const *lines, size_t n)
{
    size_t at = from;
    for (size_t i = 0; i < n; i++) {
        while (at < w->n_lines && strcmp(w->lines[at], lines[i]) != 0)
            at++;
        cr_assert_lt(at, w->n_lines, "missing, or too early: %s", lines[i]);
    }
}

#define EXPECT(w, from, ...)                                                                 \
    do {                                                                                     \
        static const char *const lines[] = {__VA_ARGS__};                                    \
        expect(w, from, lines, sizeof(lines) / sizeof(lines[0]));                            \
    } while (0)

static void deafen(struct world *w, size_t i, bool is_deaf)
{
    for (size_t k = 0; k < w->n; k++)
        w->is_blocked[i][k] = w->is_blocked[k][i] = is_deaf && k != i;
}

Test(transcript, a_silent_member_is_asked_through_others_suspected_and_dead)
{
    struct world *w = three();
    size_t from = w->n_lines;
    world_kill(w, 2);
    world_run(w, 6000);
    /* It was n2's turn; n1 hears of it. */
    EXPECT(w, from, "n2: no ack from n3 in time: asking 1 others", "n2: no ack from n3",
           "n2: suspect n3 incarnation=1", "n1: suspect n3 incarnation=1",
           "n2: dead n3 incarnation=1");
    world_free(w);
}

static bool first_suspects_third(struct world *w)
{
    return world_belief(w, 0, 2) == MEMBER_SUSPECT;
}

Test(transcript, a_suspect_that_hears_of_it_refutes_with_a_higher_incarnation)
{
    struct world *w = three();
    size_t from = w->n_lines;
    deafen(w, 2, true);
    cr_assert_neq(world_until(w, first_suspects_third, 5000), UINT64_MAX);
    deafen(w, 2, false);
    world_run(w, 2000);
    EXPECT(w, from, "n1: suspect n3 incarnation=1", "n3: refute: i am not suspect",
           "n3: alive n3 incarnation=2", "n1: alive n3 incarnation=2");
    for (size_t i = from; i < w->n_lines; i++)
        cr_assert_null(strstr(w->lines[i], "dead"), "%s", w->lines[i]);
    world_free(w);
}

Test(transcript, the_dead_of_a_partition_refute_when_it_heals)
{
    struct world *w = three();
    deafen(w, 2, true);
    world_run(w, 10000);
    size_t from = w->n_lines;
    deafen(w, 2, false);
    world_run(w, 3000);
    EXPECT(w, from, "n3: refute: i am not dead", "n3: alive n3 incarnation=2",
           "n1: alive n3 incarnation=2");
    EXPECT(w, from, "n1: alive n1 incarnation=2",
           "n3: alive n1 incarnation=2");
    world_free(w);
}

Test(transcript, a_leave_is_no_death_and_a_return_needs_a_higher_incarnation)
{
    struct world *w = three();
    size_t from = w->n_lines;
    gossip_leave(w->nodes[2].gossip, w->now_ms, &w->nodes[2].fx);
    world_perform(w, 2);
    world_run(w, 3000);
    world_kill(w, 2);
    world_start(w, 2, (size_t[]){0}, 1);
    world_run(w, 3000);
    EXPECT(w, from, "n3: left n3 incarnation=1", "n1: left n3 incarnation=1",
           "n1: alive n3 incarnation=2");
    world_free(w);
}

/* Is `of` among what node `i` has to tell? */
static bool tells_of(const struct world *w, size_t i, size_t of)
{
    const struct peer *peer = members_peer(&w->nodes[i].gossip->members, w->nodes[of].id);
    return peer && peer->rumor;
}

Test(transcript, news_that_only_a_list_carried_is_not_passed_on)
{
    struct world *w = three();
    world_kill(w, 2);
    world_run(w, 6000);
    /* n1 restarts, so it hears of the death of n3 by the list of n2 alone. */
    world_kill(w, 0);
    world_wipe(w, 0);
    world_start(w, 0, (size_t[]){1}, 1);
    for (int ms = 0; ms < 3000; ms++) {
        world_run(w, 1);
        cr_assert_not(tells_of(w, 0, 2), "after %d ms", ms);
    }
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_DEAD);
    world_free(w);
}

Test(transcript, a_dead_incarnation_is_not_revived_by_an_old_list)
{
    struct world *w = three();
    /* n1 sleeps while n3 dies, and hears nothing of it: its list still says that n3 lives. */
    w->nodes[0].stalled_until_ms = w->now_ms + 12000;
    deafen(w, 0, true);
    world_kill(w, 2);
    world_run(w, 11900);
    deafen(w, 0, false);
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_ALIVE);
    cr_assert_eq(world_belief(w, 1, 2), MEMBER_DEAD);
    size_t deaths = w->nodes[1].n_deaths_seen;
    for (int ms = 0; ms < 8000; ms++) {
        world_run(w, 1);
        cr_assert_eq(world_belief(w, 1, 2), MEMBER_DEAD, "after %d ms", ms);
    }
    cr_assert_eq(world_belief(w, 0, 2), MEMBER_DEAD);
    cr_assert_eq(world_belief(w, 1, 0), MEMBER_ALIVE);
    cr_assert_eq(w->nodes[1].n_deaths_seen, deaths);
    world_free(w);
}

static bool is_agreed_by_first_two(struct world *w)
{
    return world_belief(w, 0, 3) == MEMBER_DEAD && world_belief(w, 1, 3) == MEMBER_DEAD &&
           gossip_rumors(w->nodes[0].gossip) + gossip_rumors(w->nodes[1].gossip) == 0;
}

/* n1 and n2 were cut off from n3 and n4, and have told each other of their deaths for long enough.  Then
 * n2 and n3 hear each other again, and compare lists. */
Test(transcript, a_death_in_an_old_list_is_only_a_suspicion)
{
    struct world *w = world_new(4, 11, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
    world_part(w, 2, true);
    cr_assert_neq(world_until(w, is_agreed_by_first_two, 60000), UINT64_MAX);
    world_run(w, 10000);
    w->is_blocked[1][2] = w->is_blocked[2][1] = false;
    for (int ms = 0; ms < 10000; ms++) {
        world_run(w, 1);
        cr_assert_neq(world_belief(w, 2, 3), MEMBER_DEAD, "after %d ms", ms);
    }
    cr_assert_eq(world_belief(w, 1, 3), MEMBER_ALIVE, "it has said so through n3");
    world_free(w);
}

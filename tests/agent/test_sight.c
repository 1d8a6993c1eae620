/* Whom a node reaches, in words. */
#include "agent/sight.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "host.h"

static void expect(const struct sight *s, const char *text)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *said = sight_text(s, &arena);
    cr_expect(said ? text && strcmp(said, text) == 0 : !text, "%s",
              said ? said : "(nothing)");
    arena_fini(&arena);
}

Test(sight, who_fell_silent_together_is_named_with_one_time)
{
    static const struct sight_member two[] = {{"n4", 12000}, {"n5", 12000}},
                                     old[] = {{"n3", 12000}, {"n5", 3720000}},
                                     never[] = {{"n2", SILENT_SINCE_START}},
                                     many[] = {{"a", 1000}, {"b", 1000}, {"c", 1000},
                                               {"d", 1000}, {"e", 1000}, {"f", 1000},
                                               {"g", 1000}};
    struct sight s = {.self = "n1", .within = 3, .total = 5, .gone = two, .n_gone = 2};
    expect(&s, "n1 reaches 3 of 5 (n4, n5 silent 12s)");
    s.wait_ms = 29600;
    s.is_asking = true;
    expect(&s, "n1 reaches 3 of 5 (n4, n5 silent 12s); take-overs wait at most 30s more");
    s = (struct sight){.self = "n1", .within = 2, .total = 4, .gone = two, .n_gone = 2};
    expect(&s, "SPLIT: n1 reaches 2 of 4 (n4, n5 silent 12s); as many may run there as "
               "here; what "
               "is taken over may run there, too");
    s = (struct sight){.self = "n1", .within = 1, .total = 3, .gone = old, .n_gone = 2};
    expect(
        &s,
        "SPLIT: n1 reaches 1 of 3 (n3 silent 12s, n5 silent 1h2m); this is the smaller "
        "side; what is taken over may run there, too");
    s = (struct sight){.self = "n1", .within = 1, .total = 2, .gone = never, .n_gone = 1};
    expect(&s, "n1 reaches 1 of 2 (n2 not heard since this agent started)");
    s = (struct sight){.self = "n1", .within = 8, .total = 15, .gone = many, .n_gone = 7};
    expect(&s, "n1 reaches 8 of 15 (a, b, c, d, e and 2 more silent 1s)");
    s = (struct sight){.self = "n1", .within = 3, .total = 3};
    expect(&s, NULL);
    s = (struct sight){.self = "n1", .within = 2, .total = 3, .away = two, .n_away = 1};
    expect(&s, "n1 reaches 2 of 3 (n4 away for at most 12s more)");
}

Test(sight, a_cut_node_knows_that_it_is_on_the_smaller_side_and_until_when_it_waits)
{
    struct hosts *all = hosts_settled(3);
    struct arena arena;
    struct sight s;
    all->hosts[2].is_cut = true;
    arena_init(&arena, 0);
    do {
        hosts_run(all, 100);
        cr_assert_eq(sight_of(all->hosts[2].node, "n3", all->now_ms, &arena, &s), 0);
    } while (s.n_gone < 2 && all->now_ms < 60000);
    cr_assert_eq(s.within, 1);
    cr_assert_eq(s.total, 3);
    cr_assert_eq(s.n_gone, 2);
    cr_assert(sight_is_split(&s));
    cr_assert(s.wait_ms > 0 && s.wait_ms <= 30000, "%lu", (unsigned long)s.wait_ms);
    cr_assert_str_eq(s.gone[0].name, "n1");
    hosts_run(all, 15000);
    cr_assert_eq(sight_of(all->hosts[0].node, "n1", all->now_ms, &arena, &s), 0);
    cr_assert_eq(s.n_gone, 1);
    cr_assert_not(sight_is_split(&s));
    arena_fini(&arena);
    hosts_free(all);
}

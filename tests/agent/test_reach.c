/* What an acknowledgement is worth: how many are wanted, and the words for who has a write. */
#include "agent/reach.h"

#include <criterion/criterion.h>

#include "core/err.h"
#include "host.h"

Test(reach, what_is_wanted_counts_the_dead_as_well)
{
    static const struct {
        int ack;
        struct reach r;
        size_t wanted;
    } rows[] = {
        {ACK_DEFAULT, {1, 1}, 1},
        {ACK_DEFAULT, {1, 3}, 1},
        {ACK_DEFAULT, {2, 3}, 2},
        {ACK_DEFAULT, {5, 5}, 2},
        {ACK_MAJORITY, {1, 1}, 1},
        {ACK_MAJORITY, {2, 2}, 2},
        {ACK_MAJORITY, {1, 3}, 2},
        {ACK_MAJORITY, {2, 5}, 3},
        {ACK_ALL, {2, 5}, 5},
        {ACK_ALL, {5, 5}, 5},
        {1, {1, 5}, 1},
        {4, {1, 5}, 4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(reach_wanted(rows[i].ack, rows[i].r), rows[i].wanted, "row %zu", i);
}

Test(reach, of_a_large_cluster_a_sample_is_waited_for_unless_more_are_wanted)
{
    static const struct {
        int ack;
        struct reach r;
        size_t expected;
    } rows[] = {
        {ACK_DEFAULT, {5, 5}, 5},      {ACK_DEFAULT, {256, 300}, 256},
        {ACK_DEFAULT, {257, 300}, 32}, {32, {1000, 1000}, 32},
        {33, {1000, 1000}, 1000},      {ACK_MAJORITY, {1000, 1000}, 1000},
        {ACK_ALL, {1000, 1000}, 1000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(reach_expected(rows[i].ack, rows[i].r), rows[i].expected, "row %zu",
                     i);
}

Test(reach, who_has_it_is_said_in_one_sentence)
{
    static const char *const names[] = {"n1", "n2", "n3"};
    static const struct node_missing dead[] = {{"n2", MEMBER_DEAD, 44000},
                                               {"n3", MEMBER_DEAD, SILENT_SINCE_START}};
    static const struct node_missing mixed[] = {
        {"n2", MEMBER_ALIVE, 300},
        {"n3", MEMBER_SUSPECT, 4200},
        {"n4", MEMBER_SUSPECT, SILENT_SINCE_START},
        {"n5", MEMBER_DEAD, 9000}};
    static const struct {
        struct node_result r;
        bool is_unchanged;
        const char *text;
    } rows[] = {
        {{.known_by = 5, .total = 5, .took_ms = 310}, false, "told 5/5 members, 0.31s"},
        {{.known_by = 1, .total = 1}, false, "told 1/1 members, 0.00s"},
        {{.known_by = 1, .total = 3, .missing = dead, .n_missing = 2},
         false,
         "told 1 of 3 (n2, n3 dead): on this disk only"},
        {{.known_by = 3, .total = 5, .missing = dead, .n_missing = 2, .took_ms = 500},
         false,
         "told 3 of 5 (n2, n3 dead), 0.50s"},
        {{.known_by = 41, .members = 1000, .total = 1000, .took_ms = 20},
         false,
         "told 41 of 1000 so far, 0.02s"},
        {{.known_by = 1, .total = 5, .missing = mixed, .n_missing = 4},
         false,
         "told 1 of 5 (n2 not yet, n3 silent 4s, n4 not heard yet, n5 dead): on this "
         "disk "
         "only"},
        {{.known_by = 3, .total = 3, .has = names, .n_has = 3},
         true,
         "unchanged: 3/3 members have it"},
        {{.known_by = 1, .total = 3, .missing = dead, .n_missing = 2},
         true,
         "unchanged: 1 of 3 have it (n2, n3 dead)"},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_str_eq(reach_told_text(&rows[i].r, rows[i].is_unchanged, &arena),
                         rows[i].text);
    arena_fini(&arena);
}

Test(reach, of_many_that_lack_it_some_are_named)
{
    struct node_missing many[NAMES_TOLD_MAX];
    struct arena arena;
    for (size_t i = 0; i < NAMES_TOLD_MAX; i++)
        many[i] = (struct node_missing){"nx", MEMBER_DEAD, 0};
    struct node_result r = {
        .known_by = 1, .total = 1001, .missing = many, .n_missing = NAMES_TOLD_MAX};
    arena_init(&arena, 0);
    cr_assert_str_eq(reach_told_text(&r, false, &arena),
                     "told 1 of 1001 (nx, nx, nx, nx, nx, nx, nx, nx dead and 992 more): "
                     "on this disk only");
    arena_fini(&arena);
}

/* Of more members than are named, both lists are bounded and the counts are right. */
Test(reach, names_are_sorted_as_people_count_and_the_dead_are_missing)
{
    struct hosts *all = hosts_settled(4);
    const struct gossip *g = node_gossip(all->hosts[0].node);
    struct holding h = {.epoch = gossip_epoch(g), .number = gossip_number(g)};
    struct node_result r = {0};
    struct arena arena;
    arena_init(&arena, 0);
    host_stop(&all->hosts[2]);
    hosts_run(all, 5000);
    reach_fill(g, &h, all->now_ms, &arena, &r);
    cr_assert_eq(r.known_by, 3);
    cr_assert_eq(r.members, 3);
    cr_assert_eq(r.total, 4);
    cr_assert_eq(r.n_has, 3);
    cr_assert_str_eq(r.has[0], "n1");
    cr_assert_str_eq(r.has[1], "n2");
    cr_assert_str_eq(r.has[2], "n4");
    cr_assert_eq(r.n_missing, 1);
    cr_assert_str_eq(r.missing[0].name, "n3");
    cr_assert_eq(r.missing[0].state, MEMBER_DEAD);
    cr_assert(r.missing[0].silent_ms >= 4000 && r.missing[0].silent_ms <= 5500, "%u",
              (unsigned)r.missing[0].silent_ms);
    arena_fini(&arena);
    hosts_free(all);
}

Test(reach, marks_of_more_writers_than_are_kept_are_known_by_equal_tables_alone)
{
    struct holding h = {0};
    for (unsigned i = 0; i < 3 * HOLDING_MARKS_MAX; i++) {
        struct entry e = {.writer = {{(uint8_t)(i % 3)}}, .epoch = 1, .number = 1 + i};
        holding_add(&h, &e);
    }
    cr_assert_eq(h.n_marks, 3);
    cr_assert_eq(h.marks[2].number, 3 * HOLDING_MARKS_MAX);
    cr_assert_not(h.is_overfull);
    for (unsigned i = 0; i < HOLDING_MARKS_MAX; i++) {
        struct entry e = {.writer = {{(uint8_t)(10 + i)}}, .epoch = 1, .number = 1};
        holding_add(&h, &e);
    }
    cr_assert(h.is_overfull);
}

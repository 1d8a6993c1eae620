/* Announced absences: counted by who waits, from the first sight of the row. */
#include "sched/away.h"

#include <criterion/criterion.h>
#include <string.h>

#include "proto/record.h"
#include "tests/sched/fake_table.h"

enum { NODES = 4, START_MS = 1000 };

struct world {
    struct members members;
    struct table table;
    struct aways aways;
    struct arena arena;
};

static void put(struct world *w, size_t i, enum member_state state,
                enum agent_state agent, uint64_t away_ms, uint64_t number)
{
    struct node_id id = {{(uint8_t)(i + 1)}};
    const struct node_doc doc = {
        .name = "n", .version = "1", .address = "", .state = agent, .away_ms = away_ms};
    struct fake_entry *row = &w->table.list[i];
    *row = (struct fake_entry){.key = key_node(id), .number = number};
    struct writer out = writer_of(row->value, sizeof(row->value));
    cr_assert_eq(record_encode_node(&doc, &out), 0);
    row->len = out.len;
    w->members.list[i] = (struct member){.id = id, .name = "n", .state = state};
    w->members.n = w->table.n = NODES;
}

static struct world world(void)
{
    struct world w = {0};
    arena_init(&w.arena, 0);
    return w;
}

static void fini(struct world *w)
{
    aways_fini(&w->aways);
    arena_fini(&w->arena);
}

static uint64_t until(struct world *w, size_t i, uint64_t now_ms)
{
    cr_assert_eq(aways_update(&w->aways, &w->members, &w->table, &w->arena, now_ms), 0);
    return aways_until_ms(&w->aways, (struct node_id){{(uint8_t)(i + 1)}}, now_ms);
}

static void fill(struct world *w)
{
    for (size_t i = 0; i < NODES; i++)
        put(w, i, MEMBER_ALIVE, AGENT_UP, 0, 1);
}

Test(away, begins_when_a_dead_members_row_is_first_seen_and_ends)
{
    struct world w = world();
    fill(&w);
    cr_assert_eq(until(&w, 2, START_MS), 0);
    put(&w, 2, MEMBER_DEAD, AGENT_AWAY, 500, 2);
    cr_assert_eq(until(&w, 2, START_MS + 10), START_MS + 510);
    cr_assert_eq(until(&w, 2, START_MS + 509), START_MS + 510, "and is not begun again");
    cr_assert_eq(until(&w, 2, START_MS + 510), 0);
    cr_assert_eq(until(&w, 2, START_MS + 9000), 0, "it is over for good");
    cr_assert_eq(until(&w, 1, START_MS), 0);
    fini(&w);
}

Test(away, goes_on_when_the_member_is_thought_to_be_alive_in_between)
{
    struct world w = world();
    fill(&w);
    put(&w, 0, MEMBER_DEAD, AGENT_AWAY, 500, 2);
    cr_assert_eq(until(&w, 0, START_MS), START_MS + 500);
    w.members.list[0].state = MEMBER_ALIVE;
    (void)until(&w, 0, START_MS + 100);
    w.members.list[0].state = MEMBER_DEAD;
    cr_assert_eq(until(&w, 0, START_MS + 200), START_MS + 500);
    put(&w, 0, MEMBER_DEAD, AGENT_AWAY, 500, 3); /* it was back, and said so again */
    cr_assert_eq(until(&w, 0, START_MS + 300), START_MS + 800);
    put(&w, 0, MEMBER_DEAD, AGENT_UP, 0, 4);
    cr_assert_eq(until(&w, 0, START_MS + 400), 0);
    fini(&w);
}

Test(away, is_bounded_and_only_for_who_says_so)
{
    struct world w = world();
    fill(&w);
    put(&w, 0, MEMBER_DEAD, AGENT_AWAY, UINT64_MAX, 1);
    put(&w, 1, MEMBER_DEAD, AGENT_AWAY, 0, 1);
    put(&w, 2, MEMBER_DEAD, AGENT_UP, 500, 1);
    put(&w, 3, MEMBER_LEFT, AGENT_AWAY, 500, 1);
    cr_assert_eq(until(&w, 0, START_MS), START_MS + AWAY_MAX_MS);
    for (size_t i = 1; i < NODES; i++)
        cr_assert_eq(until(&w, i, START_MS), 0, "%zu", i);
    w.table.list[0].value[0] = 0xc1;
    w.table.list[0].number = 2;
    cr_assert_eq(until(&w, 0, START_MS), 0, "a row that cannot be read says nothing");
    fini(&w);
}

Test(away, keeps_the_work_of_a_dead_member_that_is_heard_as_an_agent_of_0_1)
{
    struct members all = {.n = 1};
    struct member m = {.state = MEMBER_DEAD};
    cr_expect_eq(away_former_ms(&all, &m, START_MS), 0, "never heard");
    all.former_ms = START_MS;
    cr_expect_eq(away_former_ms(&all, &m, START_MS), START_MS + FORMER_MS);
    cr_expect_eq(away_former_ms(&all, &m, START_MS + FORMER_MS), 0, "not any more");
    m.state = MEMBER_ALIVE;
    cr_expect_eq(away_former_ms(&all, &m, START_MS), 0);
}

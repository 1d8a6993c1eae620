/* Members that still speak as 0.1 does. */
#include <criterion/criterion.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"

static bool hear(struct world *w, struct node_id id, uint64_t at_unix_ms, uint64_t now_unix_ms)
{
    struct message m = {.kind = MESSAGE_PING, .at_unix_ms = at_unix_ms};
    struct arena arena;
    struct bytes out;
    m.sender = (struct message_member){.id = id, .name = "n", .endpoint = {4, {127, 0, 0, 2}, 7780}};
    arena_init(&arena, 0);
    cr_assert_eq(message_encode(&m, &arena, &out), 0);
    bool is_news = gossip_hear_former(w->nodes[0].gossip, w->now_ms, now_unix_ms, out);
    arena_fini(&arena);
    return is_news;
}

static uint64_t former_ms(const struct world *w, size_t i)
{
    return members_former_ms(gossip_members(w->nodes[0].gossip), w->nodes[i].id);
}

Test(former, a_member_that_speaks_as_0_1_is_noted_and_nothing_else_follows)
{
    static const struct node_id stranger = {{9, 9}};
    struct world *w = world_new(2, 1, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    world_kill(w, 1);
    world_run(w, 20000);
    cr_assert_eq(world_belief(w, 0, 1), MEMBER_DEAD);
    uint64_t wall = w->unix_ms + w->now_ms;
    cr_expect_not(hear(w, stranger, wall, wall));
    cr_expect_null(members_find(gossip_members(w->nodes[0].gossip), stranger));
    cr_expect_not(hear(w, w->nodes[1].id, wall - 61000, wall), "recorded, and sent again");
    cr_expect_eq(former_ms(w, 1), 0);
    cr_expect(hear(w, w->nodes[1].id, wall, wall));
    cr_expect_eq(former_ms(w, 1), w->now_ms);
    cr_expect_not(hear(w, w->nodes[1].id, wall, wall), "it is no news any more");
    cr_expect_eq(world_belief(w, 0, 1), MEMBER_DEAD);
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    world_free(w);
}

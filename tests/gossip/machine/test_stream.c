/* Streams whose other end is proven: what they take. */
#include <criterion/criterion.h>

#include "gossip/gossip.h"
#include "gossip/machine/stream.h"
#include "proto/codec.h"
#include "tests/gossip/world.h"

/* The ping of one node as a frame; lives in the arena. */
static struct bytes ping_of(const struct world_node *n, struct arena *arena)
{
    struct message m = {.kind = MESSAGE_PING,
                        .sender = {.id = n->id,
                                   .name = n->name,
                                   .endpoint = n->endpoint,
                                   .state = MEMBER_ALIVE},
                        .sequence = 7};
    struct bytes frame;
    cr_assert_eq(message_encode(&m, arena, &frame), 0);
    return frame;
}

static bool has_closed(const struct gossip_effects *fx, uint32_t stream)
{
    for (size_t i = 0; i < fx->n; i++)
        if (fx->list[i].kind == GOSSIP_STREAM_CLOSE && fx->list[i].stream == stream)
            return true;
    return false;
}

Test(stream, takes_no_message_of_another_than_its_peer)
{
    static const int proven[] = {1, 2, -1};
    struct world *w = world_new(3, 1, &gossip_profile_lan);
    struct arena arena;
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
    arena_init(&arena, 0);
    struct bytes frame = ping_of(&w->nodes[2], &arena);
    for (size_t i = 0; i < sizeof(proven) / sizeof(*proven); i++) {
        struct gossip *g = w->nodes[0].gossip;
        struct gossip_effects *fx = &w->nodes[0].fx;
        struct node_id peer = {0};
        uint32_t stream = 1u << 31 | (uint32_t)(9000 + i);
        if (proven[i] >= 0)
            peer = w->nodes[proven[i]].id;
        gossip_effects_clear(fx);
        gossip_stream_opened(g, w->now_ms, stream, peer, fx);
        int error = gossip_stream_frame(g, w->now_ms, w->unix_ms, stream, frame, fx);
        cr_expect_eq(error, proven[i] == 1 ? ERR_INVALID : 0, "row %zu", i);
        cr_expect_eq(has_closed(fx, stream), proven[i] == 1, "row %zu", i);
        gossip_effects_clear(fx);
    }
    arena_fini(&arena);
    world_free(w);
}

/* Whoever answers a knock is whom it was meant for: it is told. */
Test(stream, a_member_that_only_tcp_reaches_is_told_of)
{
    struct world *w = world_new(2, 1, &gossip_profile_lan);
    world_start(w, 0, NULL, 0);
    world_run(w, 2000);
    struct gossip *g = w->nodes[0].gossip;
    struct gossip_effects *fx = &w->nodes[0].fx;
    gossip_effects_clear(fx);
    cr_assert(gossip_knock(g, w->now_ms, w->nodes[1].endpoint, fx));
    uint32_t stream = fx->list[0].stream;
    gossip_effects_clear(fx);
    gossip_stream_opened(g, w->now_ms, stream, w->nodes[1].id, fx);
    bool is_told = false;
    for (size_t i = 0; i < fx->n; i++)
        is_told = is_told || fx->list[i].kind == GOSSIP_KNOCKED;
    cr_expect(is_told);
    cr_expect(has_closed(fx, stream));
    gossip_effects_clear(fx);
    world_free(w);
}

/* The address of a member leads to another: it has moved, or its place was taken. */
Test(stream, says_nothing_to_another_than_it_meant)
{
    static const int proven[] = {1, 2, -1};
    for (size_t row = 0; row < sizeof(proven) / sizeof(*proven); row++) {
        struct world *w = world_new(3, 1, &gossip_profile_lan);
        world_start_all(w);
        cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
        struct gossip *g = w->nodes[0].gossip;
        struct gossip_effects *fx = &w->nodes[0].fx;
        struct node_id peer = {0};
        uint32_t stream = 0;
        static uint8_t large[60000];
        size_t n_said = 0;
        gossip_effects_clear(fx);
        cr_assert_eq(gossip_publish(g, w->now_ms, w->unix_ms, bytes_of_text("var/a"),
                                    (struct bytes){large, sizeof(large)}, NULL, fx),
                     0);
        gossip_effects_clear(fx);
        gossip_tick(g, w->now_ms + 20, w->unix_ms, fx);
        for (size_t i = 0; i < fx->n; i++)
            if (fx->list[i].kind == GOSSIP_STREAM_OPEN &&
                endpoint_equal(&fx->list[i].endpoint, &w->nodes[1].endpoint))
                stream = fx->list[i].stream;
        cr_assert_neq(stream, 0);
        if (proven[row] >= 0)
            peer = w->nodes[proven[row]].id;
        gossip_effects_clear(fx);
        gossip_stream_opened(g, w->now_ms + 20, stream, peer, fx);
        for (size_t i = 0; i < fx->n; i++)
            n_said += fx->list[i].kind == GOSSIP_STREAM_SEND;
        cr_expect_eq(has_closed(fx, stream), proven[row] == 2, "row %zu", row);
        cr_expect_eq(n_said > 0, proven[row] != 2, "row %zu", row);
        gossip_effects_clear(fx);
        world_free(w);
    }
}

Test(stream, the_longest_list_of_writers_finds_room_in_a_frame)
{
    static struct message_seen lines[STREAM_SEEN_MAX];
    static uint32_t parts[STREAM_PARTS];
    static uint64_t buckets[MESSAGE_BUCKETS];
    struct arena arena;
    struct bytes wire;
    for (size_t i = 0; i < STREAM_SEEN_MAX; i++) {
        const uint64_t most = ((uint64_t)1 << 60) - 1;
        lines[i] = (struct message_seen){.writer = {{1}}, .epoch = most, .number = most,
                                         .is_stale = true, .before_epoch = most, .before_number = most};
        for (size_t k = 0; k < MESSAGE_OLDER; k++)
            lines[i].older[k] = (struct message_life){most, most};
    }
    for (size_t i = 0; i < STREAM_PARTS; i++)
        parts[i] = STREAM_PARTS - 1;
    struct message m = {.kind = MESSAGE_SYNC_REPLY,
                        .sender = {.id = {{1}}, .name = "n1", .endpoint = {4, {127, 0, 0, 1}, 7780}},
                        .seen = lines, .n_seen = STREAM_SEEN_MAX,
                        .differing = parts, .n_differing = STREAM_PARTS,
                        .buckets = buckets, .n_buckets = MESSAGE_BUCKETS};
    arena_init(&arena, 0);
    cr_assert_eq(message_encode(&m, &arena, &wire), 0);
    cr_expect_leq(wire.len + 1024, FRAME_MAX, "%zu", wire.len);
    arena_fini(&arena);
}

/* What a hostile member that has the secret cannot do for good, and what somebody who recorded true
 * messages cannot do with them.  See tests/fuzz/ for what it cannot do at all. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"
#include "proto/codec.h"
#include "tests/gossip/world.h"

#define TOP ((uint64_t)1 << 60) /* of counters */

static const struct endpoint elsewhere = {4, {127, 0, 0, 99}, 999};

static struct world *small_world(size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_neq(world_until(w, world_is_whole, 5000), UINT64_MAX);
    return w;
}

static struct message message_of(const struct world_node *n, enum message_kind kind)
{
    return (struct message){.kind = kind,
                            .sender = {.id = n->id,
                                       .name = n->name,
                                       .endpoint = n->endpoint,
                                       .state = MEMBER_ALIVE,
                                       .incarnation = 1}};
}

/* Told to node `i` as a datagram from an address where nobody is. */
static void tell(struct world *w, size_t i, const struct message *m)
{
    struct arena arena;
    struct bytes datagram;
    struct world_node *n = &w->nodes[i];
    arena_init(&arena, 0);
    cr_assert_eq(message_encode(m, &arena, &datagram), 0);
    cr_expect_eq(gossip_receive(n->gossip, w->now_ms, w->unix_ms + w->now_ms, elsewhere,
                                datagram, &n->fx),
                 0);
    arena_fini(&arena);
    world_perform(w, i);
}

static void push(struct world *w, size_t to, struct message_range *range)
{
    struct message m = message_of(&w->nodes[2], MESSAGE_PUSH);
    m.ranges = range;
    m.n_ranges = 1;
    tell(w, to, &m);
}

/* Others would refuse what is written beyond the end: the tables would differ for ever. */
Test(hostile, nothing_is_written_beyond_the_end_of_a_counter)
{
    struct world *w = small_world(3, 1);
    struct message_entry last = {.key = bytes_of_text("var/a"),
                                 .value = bytes_of_text("stuck"),
                                 .number = 9,
                                 .generation = TOP};
    struct message_range generation = {.writer = w->nodes[2].id,
                                       .epoch = w->nodes[2].epoch,
                                       .entries = &last,
                                       .n_entries = 1};
    push(w, 0, &generation);
    world_run(w, 5000);
    cr_expect(world_is_equal(w));
    cr_expect_eq(world_write(w, 0, "var/a", "mine", NULL), ERR_BOUND);
    cr_expect_eq(world_write(w, 0, "var/b", "mine", NULL), 0);

    /* No life of ours can have got there, so nothing follows from it. */
    struct message_range number = {
        .writer = w->nodes[0].id, .epoch = TOP, .through = TOP};
    push(w, 0, &number);
    cr_expect_eq(world_write(w, 0, "var/b", "again", NULL), 0);
    cr_expect_eq(world_write(w, 1, "var/b", "again", NULL), 0);
    world_run(w, 5000);
    cr_expect(world_is_whole(w));
    world_free(w);
}

/* And who cannot come back above a record is not covered by it. */
Test(hostile, a_living_member_that_is_forgotten_far_ahead_keeps_its_rows)
{
    static const char *const untils[] = {"5",          "1000000",    "1073741822",
                                         "1073741823", "4294967295", "999999999999999",
                                         "-1"};
    for (size_t i = 0; i < sizeof(untils) / sizeof(*untils); i++) {
        struct world *w = small_world(3, 2 + i);
        char key[64] = "forget/", row[64] = "node/", id[NODE_ID_TEXT];
        strcat(key, node_id_text(w->nodes[1].id, id));
        strcat(row, id);
        cr_assert_eq(world_write(w, 0, key, untils[i], NULL), 0);
        world_run(w, 2000);
        cr_assert_eq(world_write(w, 1, row, "still here", NULL), 0);
        world_run(w, 5000);
        cr_expect(world_is_whole(w), "row %zu", i);
        const char *seen = world_read(w, 0, row);
        cr_expect(seen && strcmp(seen, "still here") == 0, "row %zu", i);
        world_free(w);
    }
}

/* No accusation is so late that it cannot be answered. */
Test(hostile, the_last_accusation_is_refuted)
{
    static const uint32_t incarnations[] = {7, (1u << 30) - 2, (1u << 30) - 1, 1u << 30,
                                            UINT32_MAX};
    for (size_t i = 0; i < sizeof(incarnations) / sizeof(*incarnations); i++) {
        struct world *w = small_world(3, 20 + i);
        struct message m = message_of(&w->nodes[2], MESSAGE_NEWS);
        struct message_member dead = message_of(&w->nodes[1], MESSAGE_NEWS).sender;
        dead.state = MEMBER_DEAD;
        dead.incarnation = incarnations[i];
        m.members = &dead;
        m.n_members = 1;
        tell(w, 0, &m);
        cr_expect_neq(world_until(w, world_is_whole, 20000), UINT64_MAX, "row %zu", i);
        world_free(w);
    }
}

static bool has_name_and_place(const struct world *w, size_t i, size_t of)
{
    const struct member *m =
        members_find(gossip_members(w->nodes[i].gossip), w->nodes[of].id);
    return m && strcmp(m->name, w->nodes[of].name) == 0 &&
           endpoint_equal(&m->endpoint, &w->nodes[of].endpoint);
}

/* The seal remembers sessions, but not for ever: a message of a forgotten one is opened again, and
 * comes from wherever it was sent again.  What it says has been overtaken. */
Test(hostile, a_recorded_message_changes_nothing_even_when_it_is_opened_again)
{
    struct world *w = small_world(3, 3);
    cr_assert_eq(world_write(w, 1, "var/a", "old", NULL), 0);
    world_run(w, 1000);
    const struct entry *e =
        table_get(gossip_table(w->nodes[0].gossip), bytes_of_text("var/a"));
    struct message_entry old = {.key = bytes_of_text("var/a"),
                                .value = bytes_of_text("old"),
                                .number = e->number,
                                .generation = e->generation,
                                .stamp = e->stamp};
    struct message_range range = {.writer = e->writer,
                                  .epoch = e->epoch,
                                  .through = e->number,
                                  .entries = &old,
                                  .n_entries = 1};
    cr_assert_eq(world_write(w, 1, "var/a", "new", NULL), 0);
    world_kill(w, 2);
    world_run(w, 10000);
    world_start(w, 2, (size_t[]){0},
                1); /* it and the others are an incarnation further */
    cr_assert_neq(world_until(w, world_is_whole, 20000), UINT64_MAX);
    uint64_t digest = table_digest(gossip_table(w->nodes[0].gossip));
    size_t n_deaths = w->nodes[0].n_deaths_seen, n_changes = w->nodes[0].n_member_changes;
    size_t n_table = w->nodes[0].n_table_changes;

    for (enum message_kind kind = MESSAGE_PING; kind < MESSAGE_GREET; kind++) {
        struct message m = message_of(&w->nodes[1], kind);
        struct message_member suspect = message_of(&w->nodes[2], kind).sender;
        suspect.state = MEMBER_SUSPECT;
        suspect.accuser = w->nodes[1].id;
        m.members = &suspect;
        m.n_members = 1;
        m.sequence = 1;
        m.ranges = &range;
        m.n_ranges = 1;
        if (kind == MESSAGE_SYNC)
            kind =
                MESSAGE_DONE; /* what is in between goes by stream, whose key is gone */
        else if (kind != MESSAGE_PING_REQ)
            tell(w, 0, &m);
        world_run(w, 100);
    }
    world_run(w, 5000);
    cr_expect(world_is_whole(w));
    cr_expect_eq(table_digest(gossip_table(w->nodes[0].gossip)), digest);
    cr_expect_eq(w->nodes[0].n_table_changes, n_table);
    cr_expect_eq(w->nodes[0].n_deaths_seen, n_deaths);
    cr_expect_eq(w->nodes[0].n_member_changes, n_changes);
    cr_expect(has_name_and_place(w, 0, 1));
    cr_expect(has_name_and_place(w, 0, 2));
    world_free(w);
}

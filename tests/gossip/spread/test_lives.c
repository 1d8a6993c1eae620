/* Lives: numbers of their own, the chain between them, and what is numbered again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/spread/entries.h"
#include "gossip/spread/lives.h"
#include "gossip/table/stored.h"
#include "tests/gossip/world.h"

static const struct node_id writer = {{7, 7, 7}};

static struct world *whole_world(size_t n, uint64_t seed, const struct gossip_profile *profile)
{
    struct world *w = world_new(n, seed, profile);
    world_start_all(w);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    return w;
}

static int hear(struct world *w, size_t i, const struct message_range *range)
{
    arena_clear(&w->nodes[i].gossip->scratch);
    batch_drop(&w->nodes[i].gossip->batch);
    return entries_hear(w->nodes[i].gossip, w->now_ms, range, false, &w->nodes[i].fx);
}

static bool has_seen(const struct world *w, size_t i, uint64_t epoch, uint64_t number)
{
    const struct seen_number *line = seen_find(&w->nodes[i].gossip->seen, writer);
    return line && line->epoch == epoch && line->number == number;
}

Test(lives, a_first_range_is_a_gap_until_the_life_before_was_seen_to_its_end)
{
    struct world *w = whole_world(1, 1, &gossip_profile_lan);
    struct message_entry one = {bytes_of_text("var/one"), bytes_of_text("1"), 1, 1, 1},
                         two = {bytes_of_text("var/two"), bytes_of_text("2"), 1, 1, 2};
    struct message_range first = {writer, 50, 0, 4, &one, 1, 0, 0},
                         second = {writer, 60, 0, 1, &two, 1, 50, 4};
    struct message_range part = first;
    part.through = 3;
    cr_assert_eq(hear(w, 0, &part), 1);
    cr_assert_eq(hear(w, 0, &second), 1);
    cr_assert_not_null(world_read(w, 0, "var/two"), "what comes is merged in any case");
    cr_assert(has_seen(w, 0, 50, 3));
    cr_assert_eq(hear(w, 0, &first), 1);
    cr_assert_eq(hear(w, 0, &second), 1);
    cr_assert(has_seen(w, 0, 60, 1));
    const struct seen_number *line = seen_find(&w->nodes[0].gossip->seen, writer);
    cr_assert(line->before_epoch == 50 && line->before_number == 4);
    world_free(w);
}

Test(lives, a_life_that_the_next_one_did_not_know_of_is_not_covered_by_it)
{
    struct seen_number line = {writer, 60, 5, 50, 4, {{0}}};
    cr_expect(seen_line_covers(&line, 60, 5));
    cr_expect_not(seen_line_covers(&line, 60, 6));
    cr_expect_not(seen_line_covers(&line, 55, 1));
    cr_expect(seen_line_covers(&line, 50, 4));
    cr_expect_not(seen_line_covers(&line, 50, 5));
    cr_expect(seen_line_covers(&line, 40, 9));
    cr_expect_not(seen_line_covers(&line, 70, 1));
}

Test(lives, two_values_of_one_version_end_as_one)
{
    for (unsigned order = 0; order < 2; order++) {
        struct world *w = whole_world(2, 2 + order, &gossip_profile_lan);
        for (unsigned i = 0; i < 2; i++) {
            struct message_entry e = {bytes_of_text("var/a"),
                                      bytes_of_text(i == order ? "this" : "that"), 1, 1, 1};
            struct message_range range = {writer, 50, 0, 1, &e, 1, 0, 0};
            cr_assert_eq(hear(w, i, &range), 1);
        }
        cr_assert_neq(table_digest(gossip_table(w->nodes[0].gossip)),
                      table_digest(gossip_table(w->nodes[1].gossip)));
        cr_assert_lt(world_until(w, world_is_whole, 60000), 60000);
        char value[16];
        (void)snprintf(value, sizeof(value), "%s", world_read(w, 0, "var/a"));
        cr_assert_str_eq(world_read(w, 1, "var/a"), value);
        world_free(w);
    }
}

static bool none_is_left(struct world *w)
{
    struct table_walk walk;
    struct entry e;
    for (size_t i = 0; i < w->n; i++) {
        table_from_key(gossip_table(w->nodes[i].gossip), (struct bytes){0}, &walk);
        while (table_next(gossip_table(w->nodes[i].gossip), &walk, &e))
            if (!e.value.at)
                return false;
    }
    return true;
}

Test(lives, own_tombstones_of_former_lives_are_collected_with_those_of_the_present)
{
    struct gossip_profile profile = gossip_profile_lan;
    profile.collect_lag_ms = 230;
    struct world *w = whole_world(3, 4, &profile);
    for (unsigned life = 0; life < 3; life++) {
        for (unsigned i = 0; i < 250; i++) {
            char key[32];
            (void)snprintf(key, sizeof(key), "var/%u.%u", life, i);
            cr_assert_eq(world_write(w, 1, key, "x", NULL), 0);
            cr_assert_eq(world_write(w, 1, key, NULL, NULL), 0);
        }
        world_kill(w, 1);
        world_start(w, 1, (size_t[]){0}, 1);
    }
    cr_assert_lt(world_until(w, none_is_left, 60000), 60000);
    world_free(w);
}

static void restore(struct gossip *g, struct arena *arena, enum store_space space,
                    const char *key, struct bytes value)
{
    cr_assert_eq(gossip_restore(g, space, arena_bytes(arena, bytes_of_text(key)), value), 0);
}

/* A store that began empty, three lives ago; peers know of one between them that it has not. */
struct copy {
    struct gossip *g;
    struct gossip_effects fx;
};

static void init_copy(struct copy *c)
{
    const struct life former[] = {{0, 0}, {50, 9}, {60, 4}};
    struct gossip_options options = {.id = writer,
                                     .name = "n1",
                                     .endpoint = {4, {127, 0, 0, 1}, 7780},
                                     .profile = &gossip_profile_lan,
                                     .epoch = 100};
    struct arena arena;
    arena_init(&arena, 0);
    gossip_effects_init(&c->fx);
    c->g = gossip_new(&options, 1000);
    restore(c->g, &arena, STORE_LOCAL, "lives", stored_lives_encode(former, 3, &arena));
    restore(c->g, &arena, STORE_LOCAL, "number", stored_number_encode(70, 3, &arena));
    gossip_join(c->g, 1000, NULL, 0, &c->fx);
    lives_heed(c->g, 65, 7);
    cr_assert(c->g->lives.is_behind);
    arena_fini(&arena);
}

static void fini_copy(struct copy *c)
{
    gossip_effects_fini(&c->fx);
    gossip_free(c->g);
}

Test(lives, an_old_copy_that_asks_says_which_former_lives_it_knows)
{
    struct copy c;
    struct message_seen own = {.writer = writer};
    init_copy(&c);
    lives_greet(c.g, &own);
    cr_expect(own.epoch == 70 && own.number == 3);
    cr_expect(own.before_epoch == 60 && own.before_number == 4);
    cr_expect(own.older[0].epoch == 50 && own.older[0].number == 9);
    cr_expect(own.older[1].epoch == 1 && own.older[1].number == 0, "of what was before it knows nothing");
    fini_copy(&c);
}

Test(lives, what_was_pulled_of_own_former_lives_is_told_as_seen)
{
    struct copy c;
    struct seen_number told = {.writer = writer, .epoch = 65, .number = 7, .before_epoch = 60, .before_number = 4};
    init_copy(&c);
    const struct seen_number *line = seen_find(&c.g->seen, writer);
    cr_assert_not(seen_line_covers(line, 65, 7));
    lives_pulled(c.g, &told);
    lives_heed(c.g, 65, 7);
    lives_settle(c.g, &c.fx);
    line = seen_find(&c.g->seen, writer);
    cr_expect(seen_line_covers(line, 65, 7));
    cr_expect_not(seen_line_covers(line, 65, 8));
    cr_expect(seen_line_covers(line, 70, 3) && seen_line_covers(line, 50, 9));
    fini_copy(&c);
}

/* Peers speak of the present life, and of the one before it how far they had seen that. */
Test(lives, what_peers_say_of_a_former_life_counts_beside_the_present_one)
{
    struct copy c;
    init_copy(&c);
    struct seen_number told = {.writer = writer, .epoch = gossip_epoch(c.g), .number = 1,
                               .before_epoch = 75, .before_number = 8, .older = {{70, 3}}};
    lives_pulled(c.g, &told);
    cr_expect(lives_covers(c.g, 75, 8));
    cr_expect_not(lives_covers(c.g, 75, 9));
    fini_copy(&c);
}

/* 0.1 counted in one epoch, which was a unix time in milliseconds, over all starts. */
Test(lives, the_first_one_on_a_store_of_0_1_follows_on_its_last_number)
{
    enum { LAST = 7 };
    const uint64_t old = 1700000000000;
    struct gossip_options options = {.id = writer,
                                     .name = "n1",
                                     .endpoint = {4, {127, 0, 0, 1}, 7780},
                                     .profile = &gossip_profile_lan,
                                     .epoch = (uint64_t)1800000000 << 28};
    struct entry e = {.kind = ENTRY_RECORD, .key = bytes_of_text("var/a"), .value = bytes_of_text("1"),
                      .writer = writer, .epoch = old, .number = 3, .generation = 1, .stamp = 1};
    struct gossip *g = gossip_new(&options, 1000);
    struct gossip_effects fx;
    struct arena arena;
    arena_init(&arena, 0);
    gossip_effects_init(&fx);
    restore(g, &arena, STORE_LOCAL, "number", stored_number_encode(old, LAST, &arena));
    restore(g, &arena, STORE_TABLE, "var/a", stored_entry_encode(&e, &arena));
    gossip_join(g, 1000, NULL, 0, &fx);
    const struct seen_number *line = seen_find(&g->seen, writer);
    cr_assert_eq(gossip_epoch(g), options.epoch);
    cr_assert(line->before_epoch == old && line->before_number == LAST);
    cr_assert(lives_know(g, old, LAST) && !lives_know(g, old, LAST + 1));
    cr_assert(lives_know(g, old - 1, 1), "what its store had of lives before is known, too");
    bool is_synced = false;
    for (size_t i = 0; i < fx.n && fx.list[i].kind != GOSSIP_SEND; i++)
        is_synced |= fx.list[i].kind == GOSSIP_PERSIST && fx.list[i].is_synced;
    cr_assert(is_synced, "it is on the disk before it speaks");
    gossip_free(g);
    gossip_effects_fini(&fx);
    arena_fini(&arena);
}

Test(lives, whoever_hears_of_numbers_that_it_did_not_give_begins_above_them)
{
    struct world *w = whole_world(2, 5, &gossip_profile_lan);
    struct gossip *g = w->nodes[1].gossip;
    cr_assert_eq(world_write(w, 1, "var/a", "mine", NULL), 0);
    world_run(w, 1000);
    struct message_entry e = {bytes_of_text("var/b"), bytes_of_text("of another life"), 9, 1, 1};
    struct message_range range = {w->nodes[1].id, gossip_epoch(g) + 5, 0, 9, &e, 1, 0, 0};
    uint64_t above = range.epoch;
    cr_assert_geq(hear(w, 0, &range), 0);
    cr_assert_lt(world_until(w, world_is_whole, 60000), 60000);
    world_run(w, 5000);
    cr_assert_gt(gossip_epoch(g), above);
    cr_assert(world_is_whole(w));
    for (size_t i = 0; i < 2; i++) {
        cr_assert_str_eq(world_read(w, i, "var/a"), "mine");
        cr_assert_str_eq(world_read(w, i, "var/b"), "of another life");
    }
    world_free(w);
}

Test(lives, a_store_that_was_lost_is_no_old_copy)
{
    struct world *w = whole_world(2, 6, &gossip_profile_lan);
    cr_assert_eq(world_write(w, 1, "var/a", "1", NULL), 0);
    world_run(w, 1000);
    world_kill(w, 1);
    world_wipe(w, 1);
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 20000), 20000);
    world_run(w, 2000);
    cr_assert_eq(w->nodes[1].n_old_copies, 0);
    struct table_walk walk;
    struct entry own;
    table_from(gossip_table(w->nodes[0].gossip), w->nodes[1].id, 0, 0, &walk);
    cr_assert(table_next(gossip_table(w->nodes[0].gossip), &walk, &own));
    cr_assert_eq(own.epoch, gossip_epoch(w->nodes[1].gossip), "and what it wrote is numbered again");
    world_free(w);
}

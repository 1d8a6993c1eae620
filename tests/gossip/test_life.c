/* Lives that begin on a full disk: what they say is not mistaken for what another life says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/gossip/world.h"

static const char *row_key(const struct world *w, size_t i)
{
    static char key[64];
    char id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "node/%s", node_id_text(w->nodes[i].id, id));
    return key;
}

static struct world *whole_world(size_t n, uint64_t seed)
{
    struct world *w = world_new(n, seed, &gossip_profile_lan);
    world_start_all(w);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    return w;
}

static uint32_t incarnation(const struct world *w, size_t i)
{
    const struct members *m = gossip_members(w->nodes[i].gossip);
    return members_find(m, w->nodes[i].id)->incarnation;
}

struct same {
    const struct table *other;
    size_t n;
};

static int same_entry(void *ctx, const struct entry *e)
{
    struct same *same = ctx;
    const struct entry *other = table_get(same->other, e->key);
    cr_assert(other && bytes_equal(other->value, e->value), "%.*s", (int)e->key.len,
              (const char *)e->key.at);
    same->n++;
    return 0;
}

/* Equal digests may hide different values: these are compared. */
static void expect_same(struct world *w)
{
    cr_assert_lt(world_until(w, world_is_whole, 60000), 60000);
    for (size_t i = 1; i < w->n; i++) {
        const struct table *first = gossip_table(w->nodes[0].gossip);
        struct same same = {first, 0};
        (void)table_each(gossip_table(w->nodes[i].gossip), (struct bytes){0}, same_entry,
                         &same);
        cr_assert_eq(same.n, table_count(first));
    }
}

Test(life, two_that_are_not_written_down_share_neither_incarnation_nor_epoch)
{
    enum { LIVES = 6 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = whole_world(3, seed);
        uint64_t epochs[LIVES], first = gossip_epoch(w->nodes[2].gossip);
        uint32_t incarnations[LIVES];
        cr_assert_eq(world_write(w, 2, row_key(w, 2), "as stored", NULL), 0);
        world_run(w, 1000);
        w->nodes[2].is_unwritten = true;
        for (size_t life = 0; life < LIVES; life++) {
            char value[32];
            world_kill(w, 2);
            world_start(w, 2, (size_t[]){0}, 1);
            incarnations[life] = incarnation(w, 2);
            (void)snprintf(value, sizeof(value), "life %zu", life);
            cr_assert_eq(world_write(w, 2, row_key(w, 2), value, NULL), 0);
            epochs[life] = gossip_epoch(w->nodes[2].gossip);
            cr_assert_gt(epochs[life], first);
            for (size_t i = 0; i < life; i++) {
                cr_assert_neq(epochs[i], epochs[life], "seed %u", (unsigned)seed);
                cr_assert_neq(incarnations[i], incarnations[life]);
            }
            world_run(w, 500);
        }
        world_free(w);
    }
}

/* Some of the lives end before anybody heard of them, some after, and the last is an ordinary one. */
Test(life, whatever_lives_were_lost_all_tables_end_with_the_same_values)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = whole_world(3, seed);
        cr_assert_eq(world_write(w, 2, row_key(w, 2), "as stored", NULL), 0);
        world_run(w, 1000);
        for (unsigned life = 0; life < 5; life++) {
            char value[32];
            w->nodes[2].is_unwritten = life < 4;
            world_kill(w, 2);
            world_run(w, rng_chance(&w->rng, 0.3) ? 8000 : 100);
            world_start(w, 2, (size_t[]){0}, 1);
            (void)snprintf(value, sizeof(value), "life %u", life);
            cr_assert_eq(world_write(w, 2, row_key(w, 2), value, NULL), 0);
            (void)snprintf(value, sizeof(value), "var/%u", life % 2);
            cr_assert_eq(world_write(w, 0, value, row_key(w, 2), NULL), 0);
            world_run(w, rng_below(&w->rng, 3000));
        }
        expect_same(w);
        world_free(w);
    }
}

/* What a life had in memory only is lost with it: peers must not believe that the next one has it. */
Test(life, what_was_only_in_memory_is_told_again_to_the_next_one)
{
    struct world *w = whole_world(3, 7);
    uint64_t number;
    w->nodes[2].is_unwritten = true;
    world_kill(w, 2);
    world_start(w, 2, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    cr_assert_eq(world_write(w, 0, "var/a", "1", &number), 0);
    world_run(w, 1000);
    cr_assert_eq(gossip_known_by(w->nodes[0].gossip, number), 3);
    world_kill(w, 2);
    world_start(w, 2, (size_t[]){1}, 1);
    cr_assert_null(world_read(w, 2, "var/a"), "its disk never had it");
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    cr_assert_str_eq(world_read(w, 2, "var/a"), "1");
    world_free(w);
}

/* What was seen of others is on the disk as well: only what is new travels. */
Test(life, nothing_that_was_seen_before_a_restart_is_pulled_once_more)
{
    enum { BEFORE = 40 };
    struct world *w = whole_world(2, 3);
    for (unsigned i = 0; i < BEFORE; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "var/%u", i);
        cr_assert_eq(world_write(w, 0, key, "1", NULL), 0);
    }
    world_run(w, 2000);
    world_kill(w, 1);
    world_run(w, 200);
    cr_assert_eq(world_write(w, 0, "var/new", "1", NULL), 0);
    world_run(w, 10000);
    struct metrics was = w->nodes[1].metrics;
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    world_run(w, 5000);
    const struct metrics *is = &w->nodes[1].metrics;
    uint64_t n = is->entries_merged - was.entries_merged + is->entries_stale -
                 was.entries_stale + is->entries_superseded - was.entries_superseded;
    cr_assert_str_eq(world_read(w, 1, "var/new"), "1");
    cr_assert_leq(n, 3, "%llu entries came for one", (unsigned long long)n);
    world_free(w);
}

Test(life, a_held_node_is_a_member_with_the_table_and_ready_only_when_let_go)
{
    for (int alone = 0; alone < 2; alone++) {
        struct world *w = whole_world(2, 3);
        struct world_node *n = &w->nodes[1];
        world_kill(w, 1);
        if (alone)
            world_kill(w, 0);
        world_run(w, 200);
        cr_assert_eq(world_write(w, 0, "var/a", "1", NULL), 0);
        n->is_unwritten = true;
        w->holds_starts = true;
        world_start(w, 1, (size_t[]){0}, alone ? 0 : 1);
        world_run(w, 20000);
        cr_assert_not(n->is_ready, "it was told");
        cr_assert_not(gossip_is_ready(n->gossip));
        cr_assert_eq(world_belief(w, 0, 1), MEMBER_ALIVE);
        if (!alone)
            cr_assert_str_eq(world_read(w, 1, "var/a"), "1");
        gossip_hold(n->gossip, w->now_ms, false, &n->fx);
        world_perform(w, 1);
        cr_assert(n->is_ready && gossip_is_ready(n->gossip));
        world_free(w);
    }
}

Test(life, one_that_is_let_go_before_it_would_be_ready_is_ready_when_it_would)
{
    struct world *w = whole_world(2, 3);
    struct world_node *n = &w->nodes[1];
    world_kill(w, 1);
    w->holds_starts = true;
    world_part(w, 1, true);
    world_start(w, 1, (size_t[]){0}, 1);
    world_run(w, 3000);
    gossip_hold(n->gossip, w->now_ms, false, &n->fx);
    world_perform(w, 1);
    cr_assert_not(gossip_is_ready(n->gossip));
    world_part(w, 1, false);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    cr_assert(n->is_ready);
    world_free(w);
}

/* Its store was damaged under it, and it is the only one that knows. */
Test(life, what_is_known_is_written_whole_into_another_store)
{
    enum { ENTRIES = 300 };
    static char value[20000];
    struct world *w = whole_world(2, 11);
    char key[32];
    uint64_t number;
    unsigned n_steps = 1;
    memset(value, 'x', sizeof(value) - 1);
    for (unsigned i = 0; i < ENTRIES; i++) {
        (void)snprintf(key, sizeof(key), "var/%u", i);
        cr_assert_eq(world_write(w, i % 2, key, i % 3 ? "short" : value, &number), 0);
        world_run(w, 20);
    }
    cr_assert_eq(world_write(w, 1, "var/7", NULL, &number), 0);
    cr_assert_lt(world_until(w, world_is_whole, 10000), 10000);
    world_wipe(w, 1);
    struct gossip_restock at = {.key_len = 0};
    while (gossip_restock(w->nodes[1].gossip, &at, &w->nodes[1].fx)) {
        world_perform(w, 1);
        n_steps++;
    }
    world_perform(w, 1);
    cr_assert_gt(n_steps, 1);
    uint64_t digest = table_digest(gossip_table(w->nodes[1].gossip));
    uint32_t was = incarnation(w, 1);
    world_kill(w, 0);
    world_kill(w, 1);
    world_start(w, 1, (size_t[]){0}, 1);
    cr_assert_eq(table_digest(gossip_table(w->nodes[1].gossip)), digest);
    cr_assert_null(world_read(w, 1, "var/7"));
    cr_assert_eq(incarnation(w, 1), was + 1);
    const struct lives *lives = &w->nodes[1].gossip->lives;
    cr_assert_eq(lives->former[lives->n - 1].number, number, "it remembers its life");
    const struct members *m = gossip_members(w->nodes[1].gossip);
    cr_assert_eq(members_count(m), 2, "it remembers its peer");
    const struct seen_number *seen;
    cr_assert_eq(gossip_seen(w->nodes[1].gossip, &seen), 2);
    world_free(w);
}

/* Own writes in two halves: what is staged is nowhere, what the store took is everywhere, and what it
 * may have taken by mistake is put right. */
#include "gossip/spread/stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "tests/gossip/world.h"

struct fixture {
    struct world *w;
    struct world_node *n;
    const struct store_change *changes;
    size_t n_changes;
};

static struct fixture with(size_t n)
{
    struct fixture f = {.w = world_new(n, 7, &gossip_profile_local)};
    world_start_all(f.w);
    cr_assert_neq(world_until(f.w, world_is_whole, 20000), UINT64_MAX);
    f.n = &f.w->nodes[0];
    cr_assert_eq(world_write(f.w, 0, "var/old", "1", NULL), 0);
    world_run(f.w, 1000);
    return f;
}

static int publish(struct fixture *f, const char *key, const char *value)
{
    struct bytes v = value ? bytes_of_text(value) : (struct bytes){0};
    return gossip_publish(f->n->gossip, f->w->now_ms, f->w->unix_ms + f->w->now_ms,
                          bytes_of_text(key), v, NULL, &f->n->fx);
}

static void stage_three(struct fixture *f)
{
    gossip_stage(f->n->gossip);
    cr_assert_eq(publish(f, "var/a", "x"), 0);
    cr_assert_eq(publish(f, "var/old", "2"), 0);
    cr_assert_eq(publish(f, "var/b", ""), 0);
    cr_assert_eq(gossip_staged(f->n->gossip, &f->changes, &f->n_changes, &f->n->fx), 0);
}

/* As a host does, only with the world's store. */
static void store(struct fixture *f)
{
    struct gossip_effects held = f->n->fx; /* must not be cleared yet */
    gossip_effects_init(&f->n->fx);
    struct gossip_effect *e = effect_add(&f->n->fx, GOSSIP_PERSIST);
    e->changes = calloc(f->n_changes, sizeof(*e->changes));
    memcpy(e->changes, f->changes, f->n_changes * sizeof(*e->changes));
    e->n_changes = f->n_changes;
    e->is_synced = true;
    struct store_change *copy = e->changes;
    world_perform(f->w, 0);
    free(copy);
    gossip_effects_fini(&f->n->fx);
    f->n->fx = held;
}

static const char *stored(struct fixture *f, const char *key)
{
    for (size_t i = 0; i < f->n->n_store; i++)
        if (f->n->store[i].space == STORE_TABLE &&
            f->n->store[i].key_len == strlen(key) &&
            memcmp(f->n->store[i].key, key, strlen(key)) == 0)
            return (const char *)f->n->store[i].value;
    return NULL;
}

Test(stage, what_is_staged_is_in_no_table_and_told_to_nobody)
{
    struct fixture f = with(3);
    uint64_t digest = table_digest(gossip_table(f.n->gossip));
    uint64_t number = gossip_number(f.n->gossip);
    stage_three(&f);
    cr_assert_eq(f.n_changes, 4, "three entries, and the number that they reach");
    cr_assert_eq(f.n->fx.n, 0, "no effect before the store has spoken");
    cr_assert_eq(table_digest(gossip_table(f.n->gossip)), digest);
    cr_assert_eq(gossip_number(f.n->gossip), number);
    gossip_unstage(f.n->gossip, f.w->now_ms, false, &f.n->fx);
    cr_assert_eq(f.n->fx.n, 0);
    world_run(f.w, 5000);
    cr_assert_eq(table_digest(gossip_table(f.n->gossip)), digest);
    cr_assert_eq(gossip_number(f.n->gossip), number, "its numbers are free again");
    cr_assert_str_eq(world_read(f.w, 1, "var/old"), "1");
    world_free(f.w);
}

Test(stage, what_the_store_took_is_merged_and_told)
{
    struct fixture f = with(3);
    uint64_t number = gossip_number(f.n->gossip);
    stage_three(&f);
    store(&f);
    cr_assert_eq(gossip_commit(f.n->gossip, f.w->now_ms, &f.n->fx), 0);
    cr_assert_eq(gossip_number(f.n->gossip), number + 3);
    world_perform(f.w, 0);
    world_run(f.w, 1000);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_str_eq(world_read(f.w, i, "var/a"), "x");
        cr_assert_str_eq(world_read(f.w, i, "var/old"), "2");
        cr_assert_str_eq(world_read(f.w, i, "var/b"), "");
    }
    cr_assert(world_is_equal(f.w));
    cr_assert_eq(gossip_known_by(f.n->gossip, number + 3), 3);
    world_kill(f.w, 0);
    world_start(f.w, 0, (size_t[]){1}, 1);
    cr_assert_str_eq(world_read(f.w, 0, "var/a"), "x", "it was on the disk before");
    world_free(f.w);
}

Test(stage, a_key_is_staged_once)
{
    struct fixture f = with(1);
    gossip_stage(f.n->gossip);
    cr_assert_eq(publish(&f, "var/a", "x"), 0);
    cr_assert_eq(publish(&f, "var/a", "y"), ERR_CONFLICT);
    cr_assert_eq(publish(&f, "var/a", NULL), 0, "there is nothing to delete");
    cr_assert_eq(publish(&f, "var/old", NULL), 0);
    cr_assert_eq(publish(&f, "var/old", "3"), ERR_CONFLICT);
    gossip_unstage(f.n->gossip, f.w->now_ms, false, &f.n->fx);
    gossip_stage(f.n->gossip);
    cr_assert_eq(gossip_staged(f.n->gossip, &f.changes, &f.n_changes, &f.n->fx), 0);
    cr_assert_eq(f.n_changes, 0, "nothing is left of it");
    cr_assert_eq(publish(&f, "var/a", "z"), 0);
    gossip_unstage(f.n->gossip, f.w->now_ms, false, &f.n->fx);
    world_free(f.w);
}

/* One room after another, until it is enough: never half of it, and never a lost effect. */
Test(stage, without_memory_it_says_so_and_leaves_nothing)
{
    struct fixture f = with(1);
    uint64_t digest = table_digest(gossip_table(f.n->gossip));
    bool is_done = false;
    for (size_t room = 0; room < 60000 && !is_done; room += 200) {
        gossip_effects_clear(&f.n->fx);
        f.n->fx.arena.limit = f.n->fx.arena.used + room + 1;
        gossip_stage(f.n->gossip);
        int status = publish(&f, "var/a", "x");
        if (status == 0)
            status = publish(&f, "var/b", "y");
        if (status == 0)
            status = gossip_staged(f.n->gossip, &f.changes, &f.n_changes, &f.n->fx);
        is_done = status == 0;
        cr_assert(is_done || status == -ENOMEM, "%zu bytes: %s", room, err_name(status));
        gossip_unstage(f.n->gossip, f.w->now_ms, false, &f.n->fx);
        cr_assert_eq(table_digest(gossip_table(f.n->gossip)), digest);
    }
    cr_assert(is_done);
    f.n->fx.arena.limit = EFFECTS_BYTES_MAX;
    world_free(f.w);
}

Test(stage, what_the_disk_may_have_uses_its_numbers_up_and_is_put_right)
{
    struct fixture f = with(3);
    uint64_t digest = table_digest(gossip_table(f.n->gossip));
    uint64_t number = gossip_number(f.n->gossip);
    stage_three(&f);
    store(&f);
    cr_assert_not_null(stored(&f, "var/a"));
    gossip_unstage(f.n->gossip, f.w->now_ms, true, &f.n->fx);
    cr_assert_eq(gossip_number(f.n->gossip), number + 3);
    cr_assert_eq(table_digest(gossip_table(f.n->gossip)), digest);
    world_perform(f.w, 0);
    cr_assert_null(stored(&f, "var/a"));
    cr_assert_null(stored(&f, "var/b"));
    world_run(f.w, 1000);
    cr_assert_eq(gossip_known_by(f.n->gossip, number + 3), 3,
                 "the members know of the empty numbers, and wait for nothing");
    cr_assert_eq(world_write(f.w, 0, "var/c", "next", &number), 0);
    world_run(f.w, 1000);
    cr_assert_str_eq(world_read(f.w, 2, "var/c"), "next");
    cr_assert_null(world_read(f.w, 2, "var/a"));
    world_kill(f.w, 0);
    world_start(f.w, 0, (size_t[]){1}, 1);
    cr_assert_null(world_read(f.w, 0, "var/a"));
    cr_assert_str_eq(world_read(f.w, 0, "var/old"), "1");
    world_free(f.w);
}

/* It comes up with what nobody has and everybody has seen the number of: then all have it. */
Test(stage, what_a_restart_finds_stands_and_reaches_all)
{
    struct fixture f = with(3);
    stage_three(&f);
    store(&f);
    gossip_unstage(f.n->gossip, f.w->now_ms, true, &f.n->fx);
    for (size_t i = 0; i < f.n->fx.n; i++) /* the disk takes nothing any more */
        if (f.n->fx.list[i].kind == GOSSIP_PERSIST)
            f.n->fx.list[i].n_changes = 0;
    world_perform(f.w, 0);
    world_run(f.w, 1000);
    cr_assert_null(world_read(f.w, 1, "var/a"));
    world_kill(f.w, 0);
    world_run(f.w, 500);
    world_start(f.w, 0, (size_t[]){1}, 1);
    cr_assert_str_eq(world_read(f.w, 0, "var/a"), "x");
    cr_assert_lt(world_until(f.w, world_is_whole, 20000), 20000);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_str_eq(world_read(f.w, i, "var/a"), "x", "n%zu", i + 1);
        cr_assert_str_eq(world_read(f.w, i, "var/old"), "2", "n%zu", i + 1);
    }
    world_free(f.w);
}

Test(stage, a_forgotten_member_goes_when_the_store_has_it)
{
    struct fixture f = with(3);
    world_kill(f.w, 2);
    world_run(f.w, 10000);
    gossip_stage(f.n->gossip);
    cr_assert_eq(gossip_forget(f.n->gossip, f.w->now_ms, f.w->nodes[2].id, &f.n->fx), 0);
    cr_assert_not_null(members_find(gossip_members(f.n->gossip), f.w->nodes[2].id));
    gossip_unstage(f.n->gossip, f.w->now_ms, false, &f.n->fx);
    world_run(f.w, 1000);
    cr_assert_not_null(members_find(gossip_members(f.n->gossip), f.w->nodes[2].id));
    gossip_stage(f.n->gossip);
    cr_assert_eq(gossip_forget(f.n->gossip, f.w->now_ms, f.w->nodes[2].id, &f.n->fx), 0);
    cr_assert_eq(gossip_staged(f.n->gossip, &f.changes, &f.n_changes, &f.n->fx), 0);
    store(&f);
    cr_assert_eq(gossip_commit(f.n->gossip, f.w->now_ms, &f.n->fx), 0);
    world_perform(f.w, 0);
    cr_assert_null(members_find(gossip_members(f.n->gossip), f.w->nodes[2].id));
    world_run(f.w, 1000);
    cr_assert_null(members_find(gossip_members(f.w->nodes[1].gossip), f.w->nodes[2].id));
    world_free(f.w);
}

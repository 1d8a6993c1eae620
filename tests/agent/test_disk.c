/* The state of a disk, step by step; then as its node, its peers and those who give orders see it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "host.h"
#include "proto/record.h"

#define MIB (UINT64_C(1) << 20)

/* ---- the machine ---- */

struct fixture {
    struct disk disk;
    struct disk_facts facts;
    struct disk_advice advice;
    struct moment at;
};

static struct fixture well(void)
{
    return (struct fixture){.facts = {.room = {100 * MIB, ROOM_UNCOUNTED},
                                      .has_ballast = true,
                                      .is_open = true,
                                      .where = "/data",
                                      .error = "write: Input/output error"},
                            .at = {.now_ms = 1000, .at_unix_ms = 1700000000000}};
}

/* A look `later_ms` after the last; whoever advises a probe gets the write it asks for. */
static enum disk_state look(struct fixture *f, uint64_t later_ms)
{
    f->at.now_ms += later_ms;
    f->at.at_unix_ms += later_ms;
    f->facts.has_written = false;
    (void)disk_step(&f->disk, &f->facts, f->at, &f->advice);
    if (f->advice.probes && f->facts.trouble == STORE_WELL) {
        f->facts.has_written = true;
        (void)disk_step(&f->disk, &f->facts, f->at, &f->advice);
    }
    f->facts.was_short = false;
    return f->disk.state;
}

static enum disk_state look_for(struct fixture *f, uint64_t ms)
{
    for (uint64_t left = ms; left > 0; left -= 1000)
        (void)look(f, 1000);
    return f->disk.state;
}

Test(disk, is_full_where_a_write_was_refused_or_little_is_left_and_not_before)
{
    static const struct {
        uint64_t bytes, inodes;
        enum store_trouble trouble;
        bool was_short, is_shut;
        enum disk_state state;
        const char *cause;
    } rows[] = {
        {100 * MIB, ROOM_UNCOUNTED, STORE_WELL, false, false, DISK_OK, ""},
        {4 * MIB, 16, STORE_WELL, false, false, DISK_OK, ""},
        {4 * MIB - 1, 16, STORE_WELL, false, false, DISK_FULL, "16 more files"},
        {4 * MIB - 1, 64, STORE_WELL, false, false, DISK_FULL,
         "3.9 MiB free under /data: make room there"},
        {812 << 10, ROOM_UNCOUNTED, STORE_WELL, false, false, DISK_FULL,
         "812 KiB free under /data: make room there"},
        {100 * MIB, 15, STORE_WELL, false, false, DISK_FULL,
         "15 more files can be made under /data: remove some there"},
        {100 * MIB, 100, STORE_NO_SPACE, false, false, DISK_FULL, "is it a quota?"},
        {8 * MIB, 100, STORE_WELL, true, false, DISK_FULL, "8.0 MiB free under /data"},
        {0, 100, STORE_NO_SPACE, true, true, DISK_FULL, "0 KiB free under /data"},
        {100 * MIB, 100, STORE_FAILING, false, false, DISK_BROKEN,
         "write: Input/output error: look at dmesg, and replace the disk"},
        {0, 0, STORE_FAILING, true, true, DISK_BROKEN, "write: Input/output error"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = well();
        f.facts.room = (struct room){rows[i].bytes, rows[i].inodes};
        f.facts.trouble = rows[i].trouble;
        f.facts.was_short = rows[i].was_short;
        f.facts.is_open = !rows[i].is_shut;
        cr_assert_eq(look(&f, 0), rows[i].state, "row %zu", i);
        cr_assert(strstr(f.disk.cause, rows[i].cause), "row %zu: %s", i, f.disk.cause);
        cr_assert_eq(f.disk.since_unix_ms, rows[i].state ? 1700000000000 : 0);
        cr_assert_eq(f.advice.next_ms, rows[i].state ? 1000 : 5000, "row %zu", i);
    }
}

Test(disk, is_full_until_there_is_enough_and_a_write_has_shown_it)
{
    struct fixture f = well();
    f.facts.room.free_bytes = 0;
    cr_assert_eq(look(&f, 0), DISK_FULL);
    cr_assert_not(f.advice.probes, "nothing is tried where there is no room");
    f.facts.room.free_bytes = 8 * MIB - 1; /* and eight that the ballast holds */
    cr_assert_eq(look_for(&f, 60000), DISK_FULL);
    cr_assert(strstr(f.disk.cause, "7.9 MiB free under /data, 16 MiB are wanted"), "%s",
              f.disk.cause);
    f.facts.has_ballast = false;
    f.facts.room.free_bytes = 16 * MIB - 1;
    cr_assert_eq(look_for(&f, 60000), DISK_FULL);
    f.facts.room.free_bytes = 16 * MIB;
    cr_assert_eq(look(&f, 1000), DISK_FULL, "room that is there for a moment is none");
    cr_assert_eq(look_for(&f, 2000), DISK_OK);
    cr_assert_eq(f.disk.since_unix_ms, 0);
    cr_assert(f.advice.makes_ballast);
    f.facts.has_ballast = true;
    f.facts.room.free_bytes = 8 * MIB;
    cr_assert_eq(look_for(&f, 60000), DISK_OK);
    cr_assert_not(f.advice.makes_ballast);
    f.facts.room.free_bytes = 0;
    cr_assert_eq(look(&f, 5000), DISK_FULL);
    f.facts.room.free_bytes = 100 * MIB;
    f.facts.trouble = STORE_NO_SPACE; /* a quota: there is room, for others */
    cr_assert_eq(look_for(&f, 60000), DISK_FULL);
    f.facts.trouble = STORE_WELL;
    cr_assert_eq(look(&f, 1000), DISK_OK);
}

Test(disk, is_broken_until_writes_succeed_for_a_minute)
{
    struct fixture f = well();
    cr_assert_eq(look(&f, 0), DISK_OK);
    f.facts.trouble = STORE_FAILING;
    f.facts.is_open = false;
    cr_assert_eq(look(&f, 5000), DISK_BROKEN);
    cr_assert(f.advice.opens_store);
    unsigned tries = 0;
    for (unsigned i = 0; i < 20; i++) {
        (void)look(&f, 1000);
        tries += f.advice.opens_store;
    }
    cr_assert_eq(tries, 4, "every five seconds");
    f.facts.trouble = STORE_WELL;
    f.facts.is_open = true;
    cr_assert_eq(look_for(&f, 30000), DISK_BROKEN);
    cr_assert(strstr(f.disk.cause, "watched for a minute"), "%s", f.disk.cause);
    f.facts.trouble = STORE_FAILING;
    cr_assert_eq(look(&f, 1000), DISK_BROKEN);
    f.facts.trouble = STORE_WELL;
    cr_assert_eq(look_for(&f, 60000), DISK_BROKEN, "the minute begins anew");
    cr_assert_eq(look_for(&f, 2000), DISK_OK);
    f.facts.trouble = STORE_FAILING;
    (void)look(&f, 5000);
    f.facts.trouble = STORE_NO_SPACE;
    f.facts.room.free_bytes = 0;
    cr_assert_eq(look_for(&f, 50000), DISK_BROKEN);
    cr_assert_eq(look_for(&f, 20000), DISK_FULL,
                 "it answers no errors any more, but is full");
}

Test(disk, a_store_that_is_shut_is_opened_where_there_is_room_for_that)
{
    struct fixture f = well();
    f.facts.is_open = false;
    f.facts.trouble = STORE_NO_SPACE;
    f.facts.wants_bytes = 3 * MIB;
    f.facts.room.free_bytes = 3 * MIB - 1;
    for (unsigned i = 0; i < 30; i++) {
        cr_assert_eq(look(&f, 1000), DISK_FULL);
        cr_assert_not(f.advice.opens_store || f.advice.probes);
    }
    f.facts.room = (struct room){3 * MIB, 15};
    (void)look(&f, 1000);
    cr_assert_not(f.advice.opens_store);
    f.facts.room.free_inodes = 16;
    (void)look(&f, 1000);
    cr_assert(f.advice.opens_store, "within a second of the room");
    (void)look(&f, 1000);
    cr_assert_not(f.advice.opens_store, "that did not help: a while later");
    (void)look_for(&f, 3000);
    cr_assert_not(f.advice.opens_store);
    (void)look(&f, 1000);
    cr_assert(f.advice.opens_store);
}

Test(disk, the_ballast_goes_under_four_mebibytes_and_is_made_where_sixteen_are_free)
{
    cr_assert(disk_drops_ballast(&(struct room){4 * MIB - 1, 100}, true));
    cr_assert_not(disk_drops_ballast(&(struct room){4 * MIB, 100}, true));
    cr_assert_not(disk_drops_ballast(&(struct room){0, 100}, false));
    struct fixture f = well();
    f.facts.has_ballast = false;
    f.facts.room.free_bytes = 16 * MIB - 1;
    (void)look(&f, 5000);
    cr_assert_not(f.advice.makes_ballast);
    f.facts.room.free_bytes = 16 * MIB;
    (void)look(&f, 5000);
    cr_assert(f.advice.makes_ballast);
    for (unsigned i = 0; i < 11; i++) {
        (void)look(&f, 5000);
        cr_assert_not(f.advice.makes_ballast, "what failed is tried once a minute");
    }
    (void)look(&f, 5000);
    cr_assert(f.advice.makes_ballast);
}

/* Whatever happens: broken is left a minute after the last error at the soonest, full after two seconds
 * of room, and with peace all ends well. */
Test(disk, whatever_happens_it_does_not_flap_and_ends_well)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct fixture f = well();
        struct rng r;
        uint64_t failed_ms = 0, short_ms = 0;
        rng_init(&r, seed);
        for (unsigned i = 0; i < 400; i++) {
            enum disk_state was = f.disk.state;
            if (rng_chance(&r, 0.2))
                f.facts.trouble = (enum store_trouble)rng_below(&r, 3);
            if (rng_chance(&r, 0.2))
                f.facts.room.free_bytes = rng_below(&r, 30) * MIB;
            if (rng_chance(&r, 0.1))
                f.facts.room.free_inodes = rng_below(&r, 100);
            if (rng_chance(&r, 0.1))
                f.facts.is_open = rng_chance(&r, 0.7);
            if (rng_chance(&r, 0.1))
                f.facts.has_ballast = rng_chance(&r, 0.5);
            enum disk_state is = look(&f, 1 + rng_below(&r, 8000));
            bool is_roomy =
                f.facts.room.free_bytes + (f.facts.has_ballast ? 8 * MIB : 0) >=
                    16 * MIB &&
                f.facts.room.free_inodes >= 64;
            failed_ms = f.facts.trouble == STORE_FAILING ? f.at.now_ms : failed_ms;
            short_ms = is_roomy ? short_ms : f.at.now_ms;
            cr_assert(is != DISK_OK || f.facts.is_open, "seed %u", (unsigned)seed);
            if (was == DISK_BROKEN && is != DISK_BROKEN)
                cr_assert_geq(f.at.now_ms - failed_ms, 60000, "seed %u", (unsigned)seed);
            if (was == DISK_FULL && is == DISK_OK)
                cr_assert_gt(f.at.now_ms - short_ms, 2000, "seed %u", (unsigned)seed);
            cr_assert_eq(is == DISK_OK, f.disk.cause[0] == '\0');
            cr_assert_eq(is == DISK_OK, f.disk.since_unix_ms == 0);
        }
        f.facts = well().facts;
        cr_assert_eq(look_for(&f, 63000), DISK_OK, "seed %u", (unsigned)seed);
    }
}

/* ---- the node ---- */

static const char web[] = "job: web\ncount: 2\ntask: {command: [./web]}\n";

static void see(struct host *h, enum store_trouble trouble, uint64_t free_bytes,
                bool is_open)
{
    struct disk_facts facts = {.room = {free_bytes, ROOM_UNCOUNTED},
                               .has_ballast = true,
                               .is_open = is_open,
                               .has_written = trouble == STORE_WELL && is_open,
                               .trouble = trouble,
                               .where = "/data",
                               .error = "Input/output error"};
    host_step(h, &(struct node_input){.kind = INPUT_DISK, .disk = &facts});
    host_perform(h);
}

/* Each second, as its host does. */
static void see_for(struct hosts *all, struct host *h, enum store_trouble trouble,
                    uint64_t free_bytes, uint64_t ms)
{
    for (uint64_t left = ms; left > 0; left -= 1000) {
        hosts_run(all, 1000);
        see(h, trouble, free_bytes, true);
    }
}

static struct node_doc row_of(const struct host *h, const struct host *of,
                              struct arena *arena)
{
    struct key key = key_node(of->options.gossip.id);
    const struct entry *e =
        table_get(gossip_table(node_gossip(h->node)), key_bytes(&key));
    struct node_doc doc;
    cr_assert(e && record_decode_node(e->value, arena, &doc) == 0);
    return doc;
}

static size_t n_running(const struct host *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_tasks; i++)
        n += h->tasks[i].is_running;
    return n;
}

static unsigned count(const struct host *h, const char *text)
{
    unsigned n = 0;
    for (const char *at = h->log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static int order(struct hosts *all, struct host *h, const char *name)
{
    uint64_t token = host_order(h, ORDER_VAR_SET, name, 0);
    hosts_run(all, 1500);
    cr_assert_not_null(host_done(h, token));
    return host_done(h, token)->result.code;
}

Test(disk, a_full_one_is_said_everywhere_refuses_orders_and_keeps_its_work)
{
    struct hosts *all = hosts_settled(3);
    struct host *full = &all->hosts[1];
    struct arena arena;
    arena_init(&arena, 0);
    (void)host_submit(&all->hosts[0], web, 0, ACK_ALL);
    hosts_run(all, 3000);
    size_t held = n_running(full);
    see(full, STORE_WELL, 0, true);
    hosts_run(all, 2000);
    for (unsigned i = 0; i < 3; i++) {
        struct node_doc doc = row_of(&all->hosts[i], full, &arena);
        cr_assert_eq(doc.disk, DISK_FULL);
        cr_assert_gt(doc.disk_since_unix_ms, 1700000000000);
        cr_assert_eq(count(&all->hosts[i], "event disk n2 full: n2's disk is full"), 1);
    }
    cr_assert(
        host_said(full, "n2's disk is full: 0 KiB free under /data: make room there"));
    uint64_t token = host_order(full, ORDER_SCALE, "web", 9);
    hosts_run(all, 2000);
    const struct host_done *done = host_done(full, token);
    cr_assert_eq(done->result.code, ERR_STORE);
    cr_assert(strstr(done->text,
                     "this node's disk is full, no space left: 0 KiB free under "
                     "/data: make room there, or give the order to another node"),
              "%s", done->text);
    (void)host_order(&all->hosts[0], ORDER_SCALE, "web", 6);
    hosts_run(all, 4000);
    cr_assert_eq(n_running(full), held, "nothing new, and nothing less");
    cr_assert_eq(n_running(&all->hosts[0]) + n_running(&all->hosts[2]), 6 - held);
    (void)host_order(&all->hosts[0], ORDER_RESTART, "web", 0);
    hosts_run(all, 10000);
    cr_assert_eq(n_running(full), held);
    see_for(all, full, STORE_WELL, 100 * MIB, 4000);
    hosts_run(all, 2000);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(row_of(&all->hosts[i], full, &arena).disk, DISK_OK);
        cr_assert_eq(count(&all->hosts[i], "event disk n2 ok"), 1);
        cr_assert_eq(count(&all->hosts[i], "event disk"), 2);
    }
    cr_assert(host_said(full, "n2's disk has room again"));
    cr_assert_eq(order(all, full, "after"), 0);
    arena_fini(&arena);
    hosts_free(all);
}

Test(disk, a_broken_one_gives_its_work_away_and_takes_some_again_when_it_mends)
{
    struct hosts *all = hosts_settled(3);
    struct host *broken = &all->hosts[1];
    (void)host_submit(&all->hosts[0], "job: web\ncount: 6\ntask: {command: [./web]}\n", 0,
                      ACK_ALL);
    hosts_run(all, 3000);
    cr_assert_eq(n_running(broken), 2);
    see(broken, STORE_FAILING, 100 * MIB, false);
    hosts_run(all, 5000);
    cr_assert_eq(n_running(broken), 0);
    cr_assert_eq(n_running(&all->hosts[0]) + n_running(&all->hosts[2]), 6);
    cr_assert_lt(order(all, broken, "k"), 0);
    const struct members *members = gossip_members(node_gossip(all->hosts[0].node));
    cr_assert_eq(members_count_state(members, MEMBER_ALIVE), 3, "it stays a member");
    see_for(all, broken, STORE_WELL, 100 * MIB, 50000);
    (void)host_order(&all->hosts[0], ORDER_SCALE, "web", 7);
    hosts_run(all, 3000);
    cr_assert_eq(n_running(broken), 0, "not yet");
    see_for(all, broken, STORE_WELL, 100 * MIB, 20000);
    cr_assert_eq(n_running(broken), 0, "nothing moves because it is well");
    (void)host_order(&all->hosts[0], ORDER_SCALE, "web", 8);
    hosts_run(all, 3000);
    cr_assert_eq(n_running(broken), 1);
    cr_assert_eq(count(&all->hosts[0], "event disk n2"), 2);
    hosts_free(all);
}

/* Started on a full disk: a member with its work at once, ready when the store takes writes. */
Test(disk, a_node_whose_store_is_shut_is_held_unless_its_disk_is_broken)
{
    for (int is_broken = 0; is_broken < 2; is_broken++) {
        struct hosts *all = hosts_settled(2);
        struct host *h = &all->hosts[1];
        host_stop(h);
        h->node = tape_new(&h->tape, &h->options, host_now(h));
        tape_leap(&h->tape, h->node);
        see(h, is_broken ? STORE_FAILING : STORE_NO_SPACE, is_broken ? 100 * MIB : 0,
            false);
        host_step(h, &(struct node_input){
                         .kind = INPUT_JOIN,
                         .join = {&all->hosts[0].options.gossip.endpoint, 1, false}});
        host_perform(h);
        hosts_run(all, 3000);
        struct arena arena;
        arena_init(&arena, 0);
        cr_assert_eq(row_of(&all->hosts[0], h, &arena).disk,
                     is_broken ? DISK_BROKEN : DISK_FULL);
        arena_fini(&arena);
        cr_assert_eq(gossip_is_ready(node_gossip(h->node)), is_broken);
        const struct members *members = gossip_members(node_gossip(all->hosts[0].node));
        cr_assert_eq(members_count_state(members, MEMBER_ALIVE), 2);
        see(h, STORE_WELL, 100 * MIB, true);
        hosts_run(all, 100);
        cr_assert(gossip_is_ready(node_gossip(h->node)));
        hosts_free(all);
    }
}

Test(disk, a_node_that_waits_for_its_disk_answers_and_says_nothing_to_anybody)
{
    struct hosts *all = hosts_settled(2);
    struct host *h = &all->hosts[1];
    host_stop(h);
    h->options.is_waiting = true;
    h->node = tape_new(&h->tape, &h->options, host_now(h));
    see(h, STORE_NO_SPACE, 0, false);
    static const enum order_kind kinds[] = {ORDER_VAR_SET, ORDER_LEAVE, ORDER_JOIN};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint64_t token = host_order(h, kinds[i], "k", 0);
        const struct host_done *done = host_done(h, token);
        cr_assert(done && done->result.code == ERR_NOT_READY);
        cr_assert_str_eq(
            done->text,
            "this node has not joined the others yet, for its disk is full: 0 "
            "KiB free under /data: make room there");
    }
    host_step(h, &(struct node_input){.kind = INPUT_AWAY, .away_ms = 1000});
    cr_assert_eq(members_count(gossip_members(node_gossip(h->node))), 1);
    for (size_t i = 0; i < h->fx.n; i++)
        cr_assert(h->fx.list[i].kind != NODE_GOSSIP ||
                  h->fx.list[i].gossip.kind != GOSSIP_SEND);
    node_effects_clear(&h->fx);
    tape_cleared(&h->tape);
    struct disk was = *node_own_disk(h->node);
    node_free(h->node);
    h->node = NULL;
    h->options.is_waiting = false;
    h->options.disk = &was; /* what it has become is carried over, and not told again */
    host_start(h);
    hosts_run(all, 3000);
    struct arena arena;
    arena_init(&arena, 0);
    cr_assert_eq(row_of(&all->hosts[0], h, &arena).disk, DISK_FULL);
    arena_fini(&arena);
    cr_assert_eq(count(h, "event disk n2"), 1, "%s", h->log);
    hosts_free(all);
}

/* Who tells a writer that it has a record: all of a cluster, of a large one a sample, and all again when
 * somebody waits for more. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gossip/machine/machine.h"
#include "tests/lib/crowd.h"

enum { WRITER = 3, WARM_UP_MS = 4000 };

struct counts {
    struct arena arena;
    size_t n_told; /* SEEN to the writer */
};

static void count(void *ctx, size_t node, const struct gossip_effect *e)
{
    struct counts *c = ctx;
    struct message m;
    (void)node;
    arena_clear(&c->arena);
    if (e->kind == GOSSIP_SEND && message_decode(e->bytes, &c->arena, &m) == 0 &&
        m.kind == MESSAGE_SEEN && node_id_equal(m.to, crowd_id(WRITER)))
        c->n_told++;
}

static struct crowd *of(size_t n, struct counts *counts)
{
    struct crowd *c = crowd_new(n, 7, &gossip_profile_lan);
    *counts = (struct counts){0};
    arena_init(&counts->arena, 0);
    for (size_t i = 0; i < 20; i++) { /* the links become a tree */
        (void)crowd_write(c, WRITER, "var/warm", i % 2 ? "1" : "2");
        crowd_run(c, WARM_UP_MS / 20);
    }
    crowd_run(c, WARM_UP_MS);
    c->watcher.ctx = counts;
    c->watcher.effect = count;
    counts->n_told = 0;
    return c;
}

static void fini(struct crowd *c, struct counts *counts)
{
    for (size_t i = 0; i < c->n; i++)
        cr_expect_not_null(
            table_get(gossip_table(c->nodes[i].gossip), bytes_of_text("var/x")),
            "node %zu", i);
    crowd_free(c);
    arena_fini(&counts->arena);
}

Test(answers, up_to_256_members_everybody_says_that_it_has_a_record)
{
    struct counts counts;
    struct crowd *c = of(200, &counts);
    uint64_t number = crowd_write(c, WRITER, "var/x", "1");
    crowd_run(c, 1500);
    cr_expect_eq(gossip_known_by(c->nodes[WRITER].gossip, number), 200);
    cr_expect_geq(counts.n_told, 150);
    fini(c, &counts);
}

Test(answers, of_more_a_sample_says_so_and_soon)
{
    struct counts counts;
    struct crowd *c = of(400, &counts);
    uint64_t number = crowd_write(c, WRITER, "var/x", "1");
    crowd_run(c, 300);
    size_t known = gossip_known_by(c->nodes[WRITER].gossip, number);
    cr_expect_geq(known, ANSWER_SAMPLE / 2, "%zu", known);
    crowd_run(c, 6000);
    cr_expect_lt(counts.n_told, 2 * ANSWER_SAMPLE, "%zu", counts.n_told);
    fini(c, &counts);
}

Test(answers, everybody_does_when_it_is_waited_for)
{
    struct counts counts;
    struct crowd *c = of(400, &counts);
    uint64_t number = crowd_write(c, WRITER, "var/x", "1");
    gossip_ask_all(c->nodes[WRITER].gossip, c->now_ms);
    crowd_run(c, 1500);
    cr_expect_eq(gossip_known_by(c->nodes[WRITER].gossip, number), 400);
    cr_expect_lt(counts.n_told, 2 * 400, "%zu", counts.n_told);
    fini(c, &counts);
}

Test(answers, lost_ones_are_asked_for_again)
{
    struct counts counts;
    struct crowd *c = of(400, &counts);
    c->loss = 0.2;
    uint64_t number = crowd_write(c, WRITER, "var/x", "1");
    gossip_ask_all(c->nodes[WRITER].gossip, c->now_ms);
    crowd_run(c, 6000);
    cr_expect_eq(gossip_known_by(c->nodes[WRITER].gossip, number), 400);
    fini(c, &counts);
}

/* How long planning takes: from three nodes to the sizes everything is laid out for.
 *
 * Four moments of each cluster: nothing is placed yet, all is placed, a node has died, and
 * nothing fits anywhere, so that every search is in vain.
 *
 *     bench_plan [NODES]     no cluster of more nodes */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sched/act.h"
#include "tests/lib/fake_view.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The mean time of one plan and one node's acts. */
static double measure(struct fake_view *f, struct arena *arena, struct plan *ret_plan)
{
    struct act *acts;
    size_t n_acts, rounds = 0;
    double start, spent;
    fake_sort(f);
    start = now_ms();
    do {
        arena_clear(arena);
        if (plan_make(&f->view, arena, ret_plan) < 0 ||
            act_decide(&f->view, ret_plan, arena, &acts, &n_acts) < 0)
            exit(1);
        rounds++;
        spent = now_ms() - start;
    } while (spent < 200);
    return spent / (double)rounds;
}

static void realize(struct fake_view *f, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct placement *p = &plan->placements[i];
        if (p->action == PLACEMENT_PLACE)
            fake_claim(f, p->job, p->index, p->node, p->generation);
    }
}

static void bench(uint32_t n_nodes, uint32_t n_jobs, uint32_t count)
{
    struct fake_view f;
    struct arena arena;
    struct plan plan;
    uint32_t room = 1000 + n_jobs * count / n_nodes * 1000; /* twice what is wanted */
    fake_init(&f);
    arena_init(&arena, 0);
    for (uint32_t i = 0; i < n_nodes; i++)
        fake_node(&f, room, 1ul << 40);
    for (uint32_t i = 0; i < n_jobs; i++) {
        fake_job(&f, count, 500, 256 << 20);
        if (i % 10 == 0)
            fake_constraint(&f, i, CONSTRAINT_EQ, "rack", "r1");
        if (i % 10 == 1)
            fake_constraint(&f, i, CONSTRAINT_UNIQUE, "hostname", NULL);
    }
    printf("%6u %7u %10u", n_nodes, n_jobs, n_jobs * count);
    printf(" %10.3f", measure(&f, &arena, &plan));
    realize(&f, &plan);
    printf(" %10.3f", measure(&f, &arena, &plan));
    f.nodes[0].is_live = f.nodes[0].takes_work = false;
    printf(" %10.3f", measure(&f, &arena, &plan));
    for (uint32_t i = 0; i < n_nodes; i++)
        f.nodes[i].doc.cpu_milli = 400;
    f.n_claims = 0;
    printf(" %10.3f\n", measure(&f, &arena, &plan));
    arena_fini(&arena);
    fake_fini(&f);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[][3] = {{3, 5, 3},          {50, 50, 10},      {1000, 1000, 10},
                                        {10000, 10000, 10}, {10000, 10, 10000}, {10000, 100000, 1}};
    size_t nodes_max = argc > 1 ? strtoul(argv[1], NULL, 10) : SIZE_MAX;
    printf(" NODES    JOBS  INSTANCES   FIRST ms    KEEP ms   DEATH ms    VAIN ms\n");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i][0] <= nodes_max)
            bench(sizes[i][0], sizes[i][1], sizes[i][2]);
    return 0;
}

/* What it takes to mend a large table that lost some of its entries everywhere: two gossip machines on
 * virtual time, profile lan, each of which lacks other entries that both have seen, as after stores that
 * went back.
 *
 *     bench_repair [ENTRIES PERCENT] ...      the rows of docs/BENCHMARKS.md when none is named
 *
 * Fails when the tables do not become equal, or it takes more comparisons than the bound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/lib/crowd.h"

enum { LIMIT_MS = 600 * 1000, LOOK_MS = 100, COMPARISONS_MAX = 16 };

struct row {
    size_t n;
    double percent;
};

static void fill(struct crowd *c, struct row row)
{
    struct node_id writer = {{7}};
    for (size_t i = 0; i < row.n; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "var/default/%zu", i);
        struct entry e = {.kind = ENTRY_RECORD,
                          .key = bytes_of_text(key),
                          .value = bytes_of_text("a value as long as most"),
                          .writer = writer,
                          .epoch = 1,
                          .number = i + 1,
                          .generation = 1,
                          .stamp = 1};
        for (size_t k = 0; k < c->n; k++) {
            bool is_lost = rng_chance(&c->rng, row.percent / 100);
            if (!is_lost && table_merge(&c->nodes[k].gossip->table, &e, NULL) < 0)
                abort();
        }
    }
    for (size_t k = 0; k < c->n; k++) {
        if (seen_advance(&c->nodes[k].gossip->seen, writer, 1, 0, row.n) < 0)
            abort();
    }
}

static bool is_mended(const struct crowd *c)
{
    return c->nodes[0].gossip->table.digest == c->nodes[1].gossip->table.digest;
}

static bool run(struct row row)
{
    struct crowd *c = crowd_new(2, 1, &gossip_profile_lan);
    fill(c, row);
    size_t n_lost = 0;
    for (size_t k = 0; k < c->n; k++)
        n_lost += row.n - table_size(&c->nodes[k].gossip->table);
    uint64_t start_ms = c->now_ms;
    c->n_stream_bytes = 0;
    while (!is_mended(c) && c->now_ms - start_ms < LIMIT_MS)
        crowd_run(c, LOOK_MS);
    uint64_t n_compared = (c->nodes[0].metrics.syncs + c->nodes[1].metrics.syncs) / 2;
    bool is_fine = is_mended(c) && n_compared <= COMPARISONS_MAX;
    printf("| %zu, %.2f %% | %zu | %llu | %.1f | %.0f |\n", row.n, row.percent, n_lost,
           (unsigned long long)n_compared, (double)c->n_stream_bytes / 1e6,
           (double)(c->now_ms - start_ms) / 1e3);
    (void)fflush(stdout);
    crowd_free(c);
    return is_fine;
}

int main(int argc, char **argv)
{
    static const struct row usual[] = {{10000, 1}, {200000, 0.1}, {200000, 1}, {1000000, 0.1}};
    size_t n = argc > 1 ? (size_t)(argc - 1) / 2 : sizeof(usual) / sizeof(usual[0]);
    bool is_fine = true;
    printf("| entries, lost on each side | lost | comparisons | MB on streams | s |\n"
           "| ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++) {
        struct row row = usual[i % (sizeof(usual) / sizeof(usual[0]))];
        if (argc > 1)
            row = (struct row){strtoul(argv[1 + 2 * i], NULL, 10),
                               strtod(argv[2 + 2 * i], NULL)};
        is_fine = run(row) && is_fine;
    }
    return is_fine ? 0 : 1;
}

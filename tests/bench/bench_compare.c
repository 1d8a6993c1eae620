/* What comparing tables costs while nothing is missing: gossip machines on virtual time, no loss, steady
 * writes by random nodes, profile lan.
 *
 *     bench_compare [NODES WRITES_PER_S FORMER_WRITERS] ...   the rows of docs/BENCHMARKS.md when none is named
 *
 * Fails when a row leaves its bound: comparisons begun per node and second, and what former writers
 * (whom every node has seen, and who write no more) add to the traffic of a cluster without any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "tests/lib/crowd.h"

enum {
    WARM_UP_MS = 10000,
    MEASURE_MS = 120000,
    HEADERS = 42 + 28 /* seal, IP and UDP */
};

static const double begun_max = 0.05, bytes_over_none_max = 1.2;

struct row {
    size_t n, rate, former;
};

struct result {
    double begun, bytes;
    bool agree;
};

static void remember_former(struct crowd *c, size_t n_former)
{
    for (size_t i = 0; i < n_former; i++) {
        struct node_id writer;
        uint64_t words[2] = {rng_next(&c->rng), rng_next(&c->rng)};
        memcpy(writer.at, words, sizeof(writer.at));
        for (size_t k = 0; k < c->n; k++) {
            if (seen_advance(&c->nodes[k].gossip->seen, writer, 1, 0, i + 1) < 0)
                abort();
        }
    }
}

static void write_for(struct crowd *c, size_t rate, uint64_t for_ms)
{
    char key[32], value[32];
    uint64_t start_ms = c->now_ms;
    for (size_t i = 0; i < rate * for_ms / 1000; i++) {
        (void)snprintf(key, sizeof(key), "var/default/%zu", i % 1000);
        (void)snprintf(value, sizeof(value), "%llu %zu", (unsigned long long)start_ms, i);
        uint64_t at_ms = start_ms + i * 1000 / rate;
        crowd_run(c, at_ms - c->now_ms);
        (void)crowd_write(c, rng_below(&c->rng, c->n), key, value);
    }
    crowd_run(c, start_ms + for_ms - c->now_ms);
}

static uint64_t count_compared(const struct crowd *c)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->nodes[i].metrics.syncs;
    return n / 2; /* both sides count */
}

static struct result run(struct row row)
{
    struct crowd *c = crowd_new(row.n, 1, &gossip_profile_lan);
    remember_former(c, row.former);
    write_for(c, row.rate, WARM_UP_MS);
    uint64_t compared = count_compared(c);
    c->n_datagrams = c->n_bytes = c->n_stream_bytes = 0;
    write_for(c, row.rate, MEASURE_MS);
    double node_seconds = (double)row.n * MEASURE_MS / 1e3;
    struct result r = {
        .begun = (double)(count_compared(c) - compared) / node_seconds,
        .bytes = (double)(c->n_bytes + HEADERS * c->n_datagrams + c->n_stream_bytes) /
                 node_seconds,
        .agree = true,
    };
    crowd_run(c, WARM_UP_MS);
    for (size_t i = 1; i < c->n; i++)
        r.agree = r.agree && table_digest(gossip_table(c->nodes[i].gossip)) ==
                                 table_digest(gossip_table(c->nodes[0].gossip));
    crowd_free(c);
    return r;
}

int main(int argc, char **argv)
{
    static const struct row usual[] = {{16, 0, 0}, {16, 20, 0},   {100, 100, 0},
                                       {3, 10, 0}, {3, 10, 1000}, {3, 10, 9000}};
    size_t n = argc > 1 ? (size_t)(argc - 1) / 3 : sizeof(usual) / sizeof(usual[0]);
    double bytes_of_none = 0;
    bool is_fine = true;
    printf("| nodes, writes/s, former writers | comparisons begun per node and second | "
           "bytes per "
           "node and second |\n| ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++) {
        struct row row = usual[i % (sizeof(usual) / sizeof(usual[0]))];
        if (argc > 1)
            row = (struct row){strtoul(argv[1 + 3 * i], NULL, 10),
                               strtoul(argv[2 + 3 * i], NULL, 10),
                               strtoul(argv[3 + 3 * i], NULL, 10)};
        struct result r = run(row);
        printf("| %zu, %zu, %zu | %.4f | %.0f |\n", row.n, row.rate, row.former, r.begun,
               r.bytes);
        (void)fflush(stdout);
        if (row.former == 0)
            bytes_of_none = r.bytes;
        is_fine = is_fine && r.agree && r.begun <= begun_max &&
                  (bytes_of_none == 0 || row.former == 0 ||
                   r.bytes <= bytes_over_none_max * bytes_of_none);
    }
    return is_fine ? 0 : 1;
}

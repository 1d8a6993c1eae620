/* What a million rows cost: 10,000 nodes with 100 claims each, merged writer by writer as a
 * comparison brings them, then in random order, then read, replaced and listed.
 *
 * Prints rows per second and resident bytes per row; `bench_table N` takes another number of rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/rng.h"
#include "gossip/table/table.h"

enum { ROWS_PER_NODE = 100, VALUE_LEN = 44 };

struct row {
    char key[80];
    uint8_t value[VALUE_LEN];
    struct entry entry;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*u %lu", &pages) != 1)
        exit(1);
    (void)fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void make_row(struct row *row, size_t i, uint64_t round)
{
    char id[NODE_ID_TEXT];
    size_t node = i / ROWS_PER_NODE, k = i % ROWS_PER_NODE;
    struct node_id writer;
    struct rng rng;
    rng_init(&rng, node + 1);
    for (size_t at = 0; at < sizeof(writer.at); at++)
        writer.at[at] = (uint8_t)rng_next(&rng);
    (void)snprintf(row->key, sizeof(row->key), "claim/%s/default/job-%04zu/%zu", node_id_text(writer, id),
                   (i * 7919) % 5000, i / 5000);
    memset(row->value, (int)(k + round), VALUE_LEN);
    row->entry = (struct entry){.kind = ENTRY_ROW,
                                .key = bytes_of_text(row->key),
                                .value = {row->value, VALUE_LEN},
                                .writer = writer,
                                .epoch = 1800000000,
                                .number = round * ROWS_PER_NODE + k + 1};
}

/* The making of rows is not what is measured: they are made in portions. */
static double merge_all(struct table *t, const uint32_t *order, size_t n, uint64_t round)
{
    enum { PORTION = 4096 };
    static struct row rows[PORTION];
    double spent = 0;
    for (size_t i = 0; i < n; i += PORTION) {
        size_t len = n - i < PORTION ? n - i : PORTION;
        for (size_t k = 0; k < len; k++)
            make_row(&rows[k], order[i + k], round);
        double start = now_s();
        for (size_t k = 0; k < len; k++)
            if (table_merge(t, &rows[k].entry, NULL) != MERGE_NEW)
                exit(1);
        spent += now_s() - start;
    }
    return spent;
}

static int count(void *ctx, const struct entry *e)
{
    *(size_t *)ctx += e->value.len;
    return 0;
}

static double read_all(const struct table *t, const uint32_t *order, size_t n)
{
    static struct row row;
    double spent = 0;
    for (size_t i = 0; i < n; i++) {
        make_row(&row, order[i], 0);
        double start = now_s();
        if (!table_get(t, row.entry.key))
            exit(1);
        spent += now_s() - start;
    }
    return spent;
}

static void say(const char *what, size_t n, double seconds)
{
    printf("%-44s %8.2f s %10.0f rows/s\n", what, seconds, (double)n / seconds);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, bytes = 0;
    uint32_t *order = malloc(n * sizeof(*order));
    struct rng rng;
    struct table t;
    if (!order || n == 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    rng_init(&rng, 1);
    size_t before = resident();
    if (table_init(&t) < 0)
        return 1;
    say("merge, writer by writer", n, merge_all(&t, order, n, 0));
    size_t held = resident() - before;
    printf("%-44s %8.1f MB %7.1f bytes per row\n", "resident", (double)held / 1e6,
           (double)held / (double)n);
    double start = now_s();
    (void)table_each(&t, bytes_of_text("claim/"), count, &bytes);
    say("visit all in key order", n, now_s() - start);
    say("replace all once, writer by writer", n, merge_all(&t, order, n, 1));
    rng_shuffle(&rng, order, n, sizeof(*order));
    say("read by key, in random order", n, read_all(&t, order, n));
    say("replace all once, in random order", n, merge_all(&t, order, n, 2));
    held = resident() - before;
    printf("%-44s %8.1f MB %7.1f bytes per row\n", "resident after all was replaced twice",
           (double)held / 1e6, (double)held / (double)n);
    uint64_t digest = table_digest(&t);
    table_fini(&t);
    if (table_init(&t) < 0)
        return 1;
    say("merge, in random order", n, merge_all(&t, order, n, 2));
    if (table_digest(&t) != digest)
        return 1;
    table_fini(&t);
    free(order);
    return 0;
}

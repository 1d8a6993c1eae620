/* A store as a large cluster leaves it on one of its disks, written through the project's own forms:
 * claims of many nodes, and what was seen of each writer.
 *
 * `bench_store [rows [writers [DIRECTORY]]]`: a million of 10,000 in a temporary directory unless
 * told; in DIRECTORY, which an agent can then be started on (takeover.py does), the store stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/rng.h"
#include "core/store.h"
#include "gossip/table/stored.h"
#include "proto/record.h"

enum { ROWS_PER_BATCH = 1000, JOBS = 5000 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct node_id writer_at(size_t i)
{
    struct node_id id;
    struct rng rng;
    rng_init(&rng, i + 10);
    for (size_t k = 0; k < sizeof(id.at); k++)
        id.at[k] = (uint8_t)rng_next(&rng);
    return id;
}

/* A running, healthy instance: 62 bytes as msgpack. */
static struct bytes claim(size_t row, struct arena *arena)
{
    enum { CLAIM_MAX = 256 };
    struct claim_doc doc = {.generation = 1,
                            .version = 1,
                            .state = INSTANCE_RUNNING,
                            .health = HEALTH_PASSING,
                            .reason = "",
                            .claimed_unix_ms = 1800000000000 + row};
    uint64_t job = row % JOBS;
    memcpy(doc.spec.at, &job, sizeof(job));
    struct writer w = writer_of(arena_alloc(arena, CLAIM_MAX), CLAIM_MAX);
    return record_encode_claim(&doc, &w) < 0 ? (struct bytes){0} : writer_done(&w);
}

static struct entry row_at(size_t row, size_t writers, struct arena *arena)
{
    char job[NAME_LEN_MAX + 1];
    struct node_id id = writer_at(row % writers);
    (void)snprintf(job, sizeof(job), "job-%04zu", row % JOBS);
    struct key key = key_claim(id, "default", job, (uint32_t)(row / JOBS));
    return (struct entry){.kind = ENTRY_ROW,
                          .key = arena_bytes(arena, key_bytes(&key)),
                          .value = claim(row, arena),
                          .writer = id,
                          .epoch = 1800000000000,
                          .number = row / writers + 1};
}

static int write_rows(struct store *store, size_t rows, size_t writers, struct err *err)
{
    int status = 0;
    for (size_t row = 0; status == 0 && row < rows;) {
        struct store_change changes[ROWS_PER_BATCH];
        struct arena arena;
        size_t n = 0;
        arena_init(&arena, 0);
        for (; n < ROWS_PER_BATCH && row < rows; row++) {
            struct entry e = row_at(row, writers, &arena);
            changes[n++] = (struct store_change){STORE_TABLE, e.key,
                                                 stored_entry_encode(&e, &arena)};
        }
        status = store_write(store, changes, n, row == rows, err);
        arena_fini(&arena);
    }
    return status;
}

static int write_seen(struct store *store, size_t rows, size_t writers, struct err *err)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < writers; i++) {
        struct arena arena;
        struct node_id id = writer_at(i);
        char key[5 + sizeof(id.at)] = "seen/";
        arena_init(&arena, 0);
        memcpy(key + 5, id.at, sizeof(id.at));
        uint64_t number = rows / writers + (i < rows % writers);
        struct store_change change = {
            STORE_LOCAL, BYTES_OF(key),
            stored_number_encode(1800000000000, number, &arena)};
        status = store_write(store, &change, 1, i + 1 == writers, err);
        arena_fini(&arena);
    }
    return status;
}

int main(int argc, char **argv)
{
    size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    size_t writers = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    char temporary[] = "/tmp/bench_store.XXXXXX", path[512], command[540];
    const char *directory = argc > 3 ? argv[3] : mkdtemp(temporary);
    struct store *store;
    struct err err = {0};
    bool was_damaged;
    if (!directory || rows == 0 || writers == 0 || strlen(directory) > 500)
        return 2;
    (void)mkdir(directory, 0700); /* there already is fine; a failure shows at once */
    (void)snprintf(path, sizeof(path), "%s/store", directory);
    double start = now_s();
    int status = store_rocks_open(path, &store, &was_damaged, &err);
    if (status == 0) {
        status = write_rows(store, rows, writers, &err);
        if (status == 0)
            status = write_seen(store, rows, writers, &err);
        store_close(store);
    }
    double spent = now_s() - start;
    if (status < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    else
        printf("%zu rows of %zu writers on the disk in %.2f s: %.0f rows/s\n", rows,
               writers, spent, (double)rows / spent);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", temporary);
    if (argc <= 3 && system(command) != 0)
        return 1;
    return status < 0;
}

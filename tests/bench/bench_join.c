/* A new node takes over a table of a million rows: two whole gossip machines with the real codec, the
 * newcomer with a real store in a temporary directory; the stream is a queue in memory.
 *
 * `bench_join [rows [cut]]`: with `cut` the stream breaks after so many frames, and the time is that
 * of both parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gossip/gossip.h"
#include "gossip/machine/machine.h"

enum { ROWS_PER_NODE = 100, VALUE_LEN = 44 };

struct frame {
    size_t to;
    uint32_t stream; /* 0: a datagram */
    enum { FRAME_BYTES, FRAME_OPENED, FRAME_CLOSED } kind;
    struct bytes bytes;
    struct frame *next;
};

static struct gossip *nodes[2];
static struct metrics metrics[2];
static struct gossip_effects effects[2];
static struct store *store;
static struct frame *first, **last = &first;
static uint64_t now_ms;
static size_t n_frames, n_bytes, largest, cut_after;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct endpoint endpoint_of(size_t i)
{
    return (struct endpoint){4, {10, 0, 0, (uint8_t)i}, 7780};
}

static void post(size_t to, uint32_t stream, int kind, struct bytes in)
{
    struct frame *f = malloc(sizeof(*f) + in.len);
    if (!f)
        exit(1);
    *f = (struct frame){.to = to, .stream = stream, .kind = (unsigned)kind,
                        .bytes = {(uint8_t *)(f + 1), in.len}};
    if (in.len)
        memcpy(f + 1, in.at, in.len);
    *last = f;
    last = &f->next;
}

/* The other end of a stream has the same number with the top bit the other way round. */
static uint32_t other(uint32_t stream)
{
    return stream ^ 1u << 31;
}

static void perform(size_t i)
{
    struct gossip_effects *fx = &effects[i];
    struct err err = {0};
    for (size_t k = 0; k < fx->n; k++) {
        const struct gossip_effect *e = &fx->list[k];
        if (e->kind == GOSSIP_SEND) {
            post(!i, 0, FRAME_BYTES, e->bytes);
        } else if (e->kind == GOSSIP_STREAM_OPEN) {
            post(!i, other(e->stream), FRAME_OPENED, (struct bytes){0});
            post(i, e->stream, FRAME_OPENED, (struct bytes){0});
        } else if (e->kind == GOSSIP_STREAM_SEND) {
            n_frames++;
            n_bytes += e->bytes.len;
            largest = e->bytes.len > largest ? e->bytes.len : largest;
            if (n_frames == cut_after) {
                post(i, e->stream, FRAME_CLOSED, (struct bytes){0});
                post(!i, other(e->stream), FRAME_CLOSED, (struct bytes){0});
            } else {
                post(!i, other(e->stream), FRAME_BYTES, e->bytes);
            }
        } else if (e->kind == GOSSIP_STREAM_CLOSE) {
            post(!i, other(e->stream), FRAME_CLOSED, (struct bytes){0});
        } else if (e->kind == GOSSIP_PERSIST && i == 1 &&
                   store_write(store, e->changes, e->n_changes, e->is_synced, &err) < 0) {
            exit(1);
        }
    }
    if (fx->n_lost)
        exit(1);
    gossip_effects_clear(fx);
}

static void deliver(const struct frame *f)
{
    struct gossip *g = nodes[f->to];
    struct gossip_effects *fx = &effects[f->to];
    uint64_t unix_ms = 1800000000000 + now_ms;
    if (f->kind == FRAME_OPENED)
        gossip_stream_opened(g, now_ms, f->stream, (struct node_id){{(uint8_t)(!f->to + 1)}}, fx);
    else if (f->kind == FRAME_CLOSED)
        gossip_stream_closed(g, now_ms, f->stream, fx);
    else if (f->stream)
        (void)gossip_stream_frame(g, now_ms, unix_ms, f->stream, f->bytes, fx);
    else
        (void)gossip_receive(g, now_ms, unix_ms, endpoint_of(!f->to), f->bytes, fx);
    perform(f->to);
}

static void step(void)
{
    struct frame *f = first;
    if (f) {
        first = f->next;
        if (!first)
            last = &first;
        deliver(f);
        free(f);
        return;
    }
    now_ms++;
    for (size_t i = 0; i < 2; i++) {
        if (gossip_deadline_ms(nodes[i]) <= now_ms) {
            gossip_tick(nodes[i], now_ms, 1800000000000 + now_ms, &effects[i]);
            perform(i);
        }
    }
}

static void fill(struct gossip *g, size_t n)
{
    uint8_t value[VALUE_LEN];
    char key[80], id[NODE_ID_TEXT];
    for (size_t i = 0; i < n; i++) {
        size_t node = i / ROWS_PER_NODE, k = i % ROWS_PER_NODE;
        struct node_id writer;
        struct rng rng;
        rng_init(&rng, node + 10);
        for (size_t at = 0; at < sizeof(writer.at); at++)
            writer.at[at] = (uint8_t)rng_next(&rng);
        int len = snprintf(key, sizeof(key), "claim/%s/default/job-%04zu/%zu", node_id_text(writer, id),
                           (i * 7919) % 5000, i / 5000);
        memset(value, (int)i, sizeof(value));
        struct entry e = {.kind = ENTRY_ROW, .key = {(uint8_t *)key, (size_t)len},
                          .value = {value, sizeof(value)}, .writer = writer, .epoch = 1800000000,
                          .number = k + 1};
        if (table_merge(&g->table, &e, NULL) != MERGE_NEW ||
            seen_advance(&g->seen, writer, e.epoch, 0, e.number) < 0)
            exit(1);
    }
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    char directory[] = "/tmp/bench_join.XXXXXX", path[64], command[80];
    struct err err = {0};
    bool was_damaged;
    cut_after = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (!mkdtemp(directory))
        return 1;
    (void)snprintf(path, sizeof(path), "%s/store", directory);
    if (store_rocks_open(path, &store, &was_damaged, &err) < 0)
        return 1;
    for (size_t i = 0; i < 2; i++) {
        struct gossip_options options = {.id = {{(uint8_t)(i + 1)}}, .name = i ? "new" : "old",
                                         .endpoint = endpoint_of(i), .profile = &gossip_profile_lan,
                                         .epoch = 1, .seed = i + 1, .metrics = &metrics[i]};
        gossip_effects_init(&effects[i]);
        nodes[i] = gossip_new(&options, 0);
        if (!nodes[i])
            return 1;
    }
    fill(nodes[0], n);
    gossip_join(nodes[0], 0, NULL, 0, &effects[0]);
    perform(0);
    double start = now_s();
    struct endpoint seed = endpoint_of(0);
    gossip_join(nodes[1], 0, &seed, 1, &effects[1]);
    perform(1);
    while (!gossip_is_ready(nodes[1]) && now_ms < 600000)
        step();
    double spent = now_s() - start;
    bool is_same = table_count(gossip_table(nodes[1])) == n &&
                   table_digest(gossip_table(nodes[0])) == table_digest(gossip_table(nodes[1]));
    printf("%zu rows in %.2f s and %llu ms of pauses: %.0f rows/s; %zu frames, %.1f MB, the largest %zu KiB%s\n",
           n, spent, (unsigned long long)now_ms, (double)n / spent, n_frames, (double)n_bytes / 1e6,
           largest / 1024, is_same ? "" : "; TABLES DIFFER");
    printf("%llu rows came that were known, %llu comparisons\n",
           (unsigned long long)(metrics[0].entries_stale + metrics[1].entries_stale),
           (unsigned long long)metrics[1].syncs);
    store_close(store);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command) == 0 && is_same ? 0 : 1;
}

/* How a write spreads: N whole gossip machines that know each other already, in virtual time on a
 * network with delay and loss, where no stream ever opens, so that no comparison can help.
 *
 * `bench_spread [nodes [loss [seed [writes [all]]]]]`; delays are those of a LAN, 1 to 3 ms.  With `all`
 * each write is one that somebody waits for everybody to have.  Fails when a write misses a node or is
 * late, or when anybody is believed dead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/machine/machine.h"

enum {
    WRITES = 100, /* unless told otherwise */
    WARM_UP_MS = 4000, /* links become a tree meanwhile */
    PAUSE_MS = 97,     /* between two writes */
    WATCHED = 300,     /* of the newest it is noted how many are known to have them */
    FEW = 128,         /* nodes, among which a write is late earlier */
    REST_MS = 6000,
    DELAY_MIN_MS = 1,
    DELAY_MAX_MS = 3,
};

struct event {
    uint64_t at_ms, order;
    uint32_t from, to;
    uint32_t stream; /* to close; 0: a datagram, or a tick when len is 0 */
    uint32_t len;
    uint8_t bytes[];
};

struct spread {
    size_t n;
    double loss;
    bool asks_all;
    uint64_t now_ms;
    struct rng rng;
    struct gossip **nodes;
    uint64_t *tick_ms; /* the earliest tick in the heap */
    struct gossip_effects fx;
    struct event **heap;
    size_t n_heap, cap;
    uint64_t order, n_datagrams, n_bytes, n_deaths;
    struct write {
        uint32_t node;
        uint64_t number, at_ms, majority_ms, all_ms;
        uint32_t n_has;
        uint16_t *took_ms;
    } *writes;
    size_t n_writes;
};

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void push(struct spread *s, struct event *e)
{
    if (s->n_heap == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->heap = realloc(s->heap, s->cap * sizeof(struct event *));
        if (!s->heap)
            exit(1);
    }
    size_t i = s->n_heap++;
    e->order = s->order++;
    for (; i > 0 && is_before(e, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static struct event *pop(struct spread *s)
{
    struct event *first = s->heap[0], *last = s->heap[--s->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && is_before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!is_before(s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return first;
}

static void post(struct spread *s, uint64_t at_ms, size_t from, size_t to, uint32_t stream,
                 struct bytes in)
{
    struct event *e = malloc(sizeof(*e) + in.len);
    if (!e)
        exit(1);
    *e = (struct event){.at_ms = at_ms, .from = (uint32_t)from, .to = (uint32_t)to,
                        .stream = stream, .len = (uint32_t)in.len};
    if (in.len)
        memcpy(e->bytes, in.at, in.len);
    push(s, e);
}

static struct endpoint endpoint_of(size_t i)
{
    return (struct endpoint){4, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 7780};
}

static struct node_id id_of(size_t i)
{
    struct node_id id;
    struct rng rng;
    rng_init(&rng, i + 1);
    for (size_t k = 0; k < sizeof(id.at); k++)
        id.at[k] = (uint8_t)rng_next(&rng);
    return id;
}

static void note_known(struct spread *s, struct write *w)
{
    size_t known = gossip_known_by(s->nodes[w->node], w->number);
    if (w->majority_ms == UINT64_MAX && known > s->n / 2)
        w->majority_ms = s->now_ms - w->at_ms;
    if (w->all_ms == UINT64_MAX && known == s->n)
        w->all_ms = s->now_ms - w->at_ms;
}

static void note_change(struct spread *s, size_t node, struct bytes key)
{
    unsigned i;
    if (key.len < 5 || memcmp(key.at, "var/", 4) != 0)
        return;
    i = (unsigned)strtoul((const char *)key.at + 4, NULL, 10);
    struct write *w = &s->writes[i];
    w->took_ms[node] = (uint16_t)(s->now_ms - w->at_ms);
    w->n_has++;
}

static void perform(struct spread *s, size_t i)
{
    for (size_t k = 0; k < s->fx.n; k++) {
        const struct gossip_effect *e = &s->fx.list[k];
        if (e->kind == GOSSIP_SEND) {
            size_t to = (size_t)e->endpoint.address[1] << 16 | (size_t)e->endpoint.address[2] << 8 |
                        e->endpoint.address[3];
            s->n_datagrams++;
            s->n_bytes += e->bytes.len;
            if (!rng_chance(&s->rng, s->loss))
                post(s, s->now_ms + DELAY_MIN_MS + rng_below(&s->rng, DELAY_MAX_MS - DELAY_MIN_MS + 1),
                     i, to, 0, e->bytes);
        } else if (e->kind == GOSSIP_STREAM_OPEN) {
            post(s, s->now_ms + 2 * DELAY_MAX_MS, i, i, e->stream, (struct bytes){0});
        } else if (e->kind == GOSSIP_TABLE_CHANGED) {
            note_change(s, i, e->key);
        } else if (e->kind == GOSSIP_MEMBER_CHANGED) {
            s->n_deaths += e->member.state == MEMBER_DEAD;
        }
    }
    gossip_effects_clear(&s->fx);
    uint64_t deadline = gossip_deadline_ms(s->nodes[i]);
    deadline = deadline <= s->now_ms ? s->now_ms + 1 : deadline;
    if (deadline < s->tick_ms[i]) {
        s->tick_ms[i] = deadline;
        post(s, deadline, i, i, 0, (struct bytes){0});
    }
}

static void step(struct spread *s, struct event *e)
{
    struct gossip *g = s->nodes[e->to];
    uint64_t unix_ms = 1800000000000 + s->now_ms;
    if (e->stream)
        gossip_stream_closed(g, s->now_ms, e->stream, &s->fx);
    else if (e->len)
        (void)gossip_receive(g, s->now_ms, unix_ms, endpoint_of(e->from),
                             (struct bytes){e->bytes, e->len}, &s->fx);
    else if (s->tick_ms[e->to] == e->at_ms)
        s->tick_ms[e->to] = UINT64_MAX;
    if (!e->stream && !e->len && gossip_deadline_ms(g) <= s->now_ms)
        gossip_tick(g, s->now_ms, unix_ms, &s->fx);
    perform(s, e->to);
    size_t watched = s->n_writes > WATCHED ? s->n_writes - WATCHED : 0;
    for (size_t i = watched; e->len && i < s->n_writes; i++) {
        if (s->writes[i].node == e->to && s->writes[i].all_ms == UINT64_MAX)
            note_known(s, &s->writes[i]);
    }
}

static void run(struct spread *s, uint64_t until_ms)
{
    while (s->n_heap > 0 && s->heap[0]->at_ms <= until_ms) {
        struct event *e = pop(s);
        s->now_ms = e->at_ms;
        step(s, e);
        free(e);
    }
    s->now_ms = until_ms;
}

static void start(struct spread *s)
{
    s->nodes = calloc(s->n, sizeof(struct gossip *));
    s->tick_ms = calloc(s->n, sizeof(uint64_t));
    if (!s->nodes || !s->tick_ms)
        exit(1);
    for (size_t i = 0; i < s->n; i++) {
        struct gossip_options options = {.id = id_of(i), .name = "n", .endpoint = endpoint_of(i),
                                         .profile = &gossip_profile_lan, .epoch = 1,
                                         .seed = rng_next(&s->rng)};
        s->tick_ms[i] = UINT64_MAX;
        s->nodes[i] = gossip_new(&options, 0);
        for (size_t k = 0; s->nodes[i] && k < s->n; k++) {
            struct member member = {.id = id_of(k), .name = "n", .endpoint = endpoint_of(k),
                                    .state = MEMBER_ALIVE, .incarnation = 1};
            struct peer *peer;
            if (k != i)
                (void)members_add(&s->nodes[i]->members, &member, false, &s->nodes[i]->rng, &peer);
        }
        if (!s->nodes[i])
            exit(1);
        gossip_join(s->nodes[i], 0, NULL, 0, &s->fx);
        perform(s, i);
    }
}

static void write_one(struct spread *s, size_t i)
{
    char key[32];
    struct write *w = &s->writes[i];
    *w = (struct write){.node = (uint32_t)rng_below(&s->rng, s->n), .at_ms = s->now_ms,
                        .majority_ms = UINT64_MAX, .all_ms = UINT64_MAX,
                        .took_ms = calloc(s->n, sizeof(uint16_t))};
    (void)snprintf(key, sizeof(key), "var/%zu", i);
    s->n_writes++;
    if (!w->took_ms || gossip_publish(s->nodes[w->node], s->now_ms, 1800000000000 + s->now_ms,
                                      bytes_of_text(key), bytes_of_text("some value"), &w->number,
                                      &s->fx) < 0)
        exit(1);
    if (s->asks_all)
        gossip_ask_all(s->nodes[w->node], s->now_ms);
    perform(s, w->node);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void say(const char *what, uint64_t *ms, size_t n)
{
    qsort(ms, n, sizeof(*ms), by_size);
    printf("%-34s p50 %6llu  p99 %6llu  max %6llu ms\n", what, (unsigned long long)ms[n / 2],
           (unsigned long long)ms[n * 99 / 100], (unsigned long long)ms[n - 1]);
}

/* Bounds of a write at all nodes. */
static bool is_in_time(const struct spread *s, const uint64_t *reached_ms, size_t n)
{
    uint64_t usual_ms = s->n <= FEW ? 1000 : 2000;
    return reached_ms[n * 99 / 100] <= usual_ms && reached_ms[n - 1] <= 2 * usual_ms;
}

static bool report(const struct spread *s, size_t n_writes)
{
    uint64_t *reached = calloc(n_writes, sizeof(*reached));
    uint64_t *majority = calloc(n_writes, sizeof(*majority));
    uint64_t *all = calloc(n_writes, sizeof(*all));
    uint64_t *every = calloc(n_writes * s->n, sizeof(*every));
    if (!reached || !majority || !all || !every)
        exit(1);
    size_t n_every = 0, n_whole = 0;
    for (size_t i = 0; i < n_writes; i++) {
        const struct write *w = &s->writes[i];
        reached[i] = w->n_has == s->n ? 0 : UINT64_MAX;
        n_whole += w->n_has == s->n;
        for (size_t k = 0; k < s->n; k++) {
            every[n_every++] = w->took_ms[k];
            if (w->took_ms[k] > reached[i])
                reached[i] = w->took_ms[k];
        }
        majority[i] = w->majority_ms;
        all[i] = w->all_ms;
    }
    printf("%zu nodes, loss %.0f %%: %zu of %zu writes reached every node, %llu deaths\n", s->n,
           s->loss * 100, n_whole, n_writes, (unsigned long long)s->n_deaths);
    say("a write at one node", every, n_every);
    say("a write at all nodes", reached, n_writes);
    say("its writer knows of a majority", majority, n_writes);
    say("its writer knows of all", all, n_writes);
    bool is_fine = n_whole == n_writes && s->n_deaths == 0 && is_in_time(s, reached, n_writes);
    free(reached);
    free(majority);
    free(all);
    free(every);
    return is_fine;
}

int main(int argc, char **argv)
{
    static struct spread s;
    s.n = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
    s.loss = argc > 2 ? strtod(argv[2], NULL) : 0;
    rng_init(&s.rng, argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
    size_t n_writes = argc > 4 ? strtoul(argv[4], NULL, 10) : WRITES;
    s.writes = calloc(n_writes, sizeof(*s.writes));
    s.asks_all = argc > 5;
    if (!s.writes || n_writes == 0 || s.n == 0)
        return 2;
    gossip_effects_init(&s.fx);
    start(&s);
    run(&s, WARM_UP_MS);
    uint64_t before = s.n_datagrams, bytes = s.n_bytes;
    for (size_t i = 0; i < n_writes; i++) {
        write_one(&s, i);
        run(&s, s.now_ms + PAUSE_MS);
    }
    run(&s, s.now_ms + REST_MS);
    bool is_fine = report(&s, n_writes);
    double seconds = ((double)n_writes * PAUSE_MS + REST_MS) / 1e3;
    printf("%.1f datagrams and %.0f bytes per node and second, probes included\n",
           (double)(s.n_datagrams - before) / (double)s.n / seconds,
           (double)(s.n_bytes - bytes) / (double)s.n / seconds);
    return is_fine ? 0 : 1;
}

/* The crowd.  See crowd.h. */
#include "tests/lib/crowd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/machine/machine.h"

#define SPREAD 2654435769u

enum { UNIX_MS = 1800000000, DELAY_MIN_MS = 1, DELAY_MAX_MS = 3, START_MS = 1000 };

enum event_kind { EVENT_TICK, EVENT_DATAGRAM, EVENT_OPENED, EVENT_FRAME, EVENT_CLOSED };

struct crowd_event {
    uint64_t at_ms, order;
    enum event_kind kind;
    uint32_t from, to, stream;
    size_t len;
    uint8_t bytes[];
};

struct crowd_end {
    uint32_t stream, peer, their_stream;
};

/* ---- the queue ---- */

static bool is_before(const struct crowd_event *a, const struct crowd_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void push(struct crowd *c, struct crowd_event *e)
{
    if (c->n_heap == c->heap_cap) {
        c->heap_cap = c->heap_cap ? 2 * c->heap_cap : 4096;
        c->heap = realloc(c->heap, c->heap_cap * sizeof(struct crowd_event *));
        assert(c->heap);
    }
    size_t i = c->n_heap++;
    for (; i > 0 && is_before(e, c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = e;
}

static struct crowd_event *pop(struct crowd *c)
{
    struct crowd_event *first = c->heap[0], *last = c->heap[--c->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= c->n_heap)
            break;
        child += child + 1 < c->n_heap && is_before(c->heap[child + 1], c->heap[child]);
        if (!is_before(c->heap[child], last))
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = last;
    return first;
}

static void post(struct crowd *c, enum event_kind kind, uint64_t at_ms, size_t from,
                 size_t to, uint32_t stream, struct bytes in)
{
    struct crowd_event *e = malloc(sizeof(*e) + in.len);
    assert(e);
    *e = (struct crowd_event){at_ms,        c->n_events++, kind,  (uint32_t)from,
                              (uint32_t)to, stream,        in.len};
    if (in.len)
        memcpy(e->bytes, in.at, in.len);
    push(c, e);
}

/* ---- slowness ---- */

/* When a node that is slow at `at_ms` does what it had to do then; `at_ms` itself if it
 * is well. */
static uint64_t wakes_ms(const struct crowd *c, size_t i, uint64_t at_ms)
{
    if (c->nodes[i].slowness == CROWD_WELL || at_ms < c->slow_from_ms ||
        at_ms >= c->slow_until_ms)
        return at_ms;
    uint64_t turn_ms = c->slow_ms + c->well_ms,
             into_ms = (at_ms - c->slow_from_ms) % turn_ms;
    return into_ms < c->slow_ms ? at_ms - into_ms + c->slow_ms : at_ms;
}

static uint64_t arrival_ms(struct crowd *c, size_t from, size_t to)
{
    uint64_t delay_ms =
        DELAY_MIN_MS + rng_below(&c->rng, DELAY_MAX_MS - DELAY_MIN_MS + 1);
    return wakes_ms(c, to, wakes_ms(c, from, c->now_ms) + delay_ms);
}

/* ---- effects ---- */

static size_t node_at(const struct crowd *c, struct endpoint at)
{
    size_t i = (size_t)at.address[1] << 16 | (size_t)at.address[2] << 8 | at.address[3];
    return i < c->n ? i : c->n;
}

static struct crowd_end *find_end(struct crowd_node *n, uint32_t stream)
{
    for (size_t i = 0; i < n->n_ends; i++) {
        if (n->ends[i].stream == stream)
            return &n->ends[i];
    }
    return NULL;
}

static void add_end(struct crowd_node *n, uint32_t stream, size_t peer,
                    uint32_t their_stream)
{
    if (n->n_ends == n->ends_cap) {
        n->ends_cap = n->ends_cap ? 2 * n->ends_cap : 8;
        n->ends = realloc(n->ends, n->ends_cap * sizeof(*n->ends));
        assert(n->ends);
    }
    n->ends[n->n_ends++] = (struct crowd_end){stream, (uint32_t)peer, their_stream};
}

static void drop_end(struct crowd_node *n, uint32_t stream)
{
    struct crowd_end *end = find_end(n, stream);
    if (end)
        *end = n->ends[--n->n_ends];
}

/* A connect needs the peer's kernel alone, so it succeeds with a slow one. */
static void open_stream(struct crowd *c, size_t from, const struct gossip_effect *e)
{
    size_t to = node_at(c, e->endpoint);
    uint64_t at_ms = arrival_ms(c, from, from) + DELAY_MAX_MS;
    if (to == c->n || !c->nodes[to].is_up) {
        post(c, EVENT_CLOSED, at_ms, from, from, e->stream, (struct bytes){0});
        return;
    }
    uint32_t theirs = ++c->next_accepted | 1u << 31;
    add_end(&c->nodes[from], e->stream, to, theirs);
    add_end(&c->nodes[to], theirs, from, e->stream);
    post(c, EVENT_OPENED, wakes_ms(c, to, at_ms), from, to, theirs, (struct bytes){0});
    post(c, EVENT_OPENED, at_ms, to, from, e->stream, (struct bytes){0});
}

/* Frames take the longest delay, so that they keep their order. */
static void along_stream(struct crowd *c, size_t from, const struct gossip_effect *e,
                         enum event_kind kind)
{
    struct crowd_end *end = find_end(&c->nodes[from], e->stream);
    if (!end)
        return;
    uint64_t at_ms = wakes_ms(c, end->peer, wakes_ms(c, from, c->now_ms) + DELAY_MAX_MS);
    post(c, kind, at_ms, from, end->peer, end->their_stream, e->bytes);
    if (kind == EVENT_CLOSED)
        drop_end(&c->nodes[from], e->stream);
}

static void note_death(struct crowd *c, size_t by, const struct gossip_effect *e)
{
    size_t of = node_at(c, e->member.endpoint);
    if (e->member.state != MEMBER_DEAD || e->was == MEMBER_DEAD || of == c->n ||
        !c->nodes[of].is_up || c->nodes[of].slowness != CROWD_WELL)
        return;
    c->n_accused++;
    c->n_accused_by_well += c->nodes[by].slowness == CROWD_WELL;
}

static void perform(struct crowd *c, size_t i)
{
    struct crowd_node *n = &c->nodes[i];
    for (size_t k = 0; k < c->fx.n; k++) {
        const struct gossip_effect *e = &c->fx.list[k];
        if (c->watcher.effect)
            c->watcher.effect(c->watcher.ctx, i, e);
        size_t to = e->kind == GOSSIP_SEND ? node_at(c, e->endpoint) : c->n;
        if (e->kind == GOSSIP_SEND) {
            c->n_datagrams++;
            c->n_bytes += e->bytes.len;
        }
        if (to < c->n && c->nodes[to].is_up && !rng_chance(&c->rng, c->loss))
            post(c, EVENT_DATAGRAM, arrival_ms(c, i, to), i, to, 0, e->bytes);
        if (e->kind == GOSSIP_STREAM_OPEN)
            open_stream(c, i, e);
        if (e->kind == GOSSIP_STREAM_SEND) {
            c->n_stream_bytes += e->bytes.len;
            along_stream(c, i, e, EVENT_FRAME);
        }
        if (e->kind == GOSSIP_STREAM_CLOSE)
            along_stream(c, i, e, EVENT_CLOSED);
        if (e->kind == GOSSIP_MEMBER_CHANGED)
            note_death(c, i, e);
    }
    gossip_effects_clear(&c->fx);
    if (c->watcher.probe && n->metrics.probes != n->n_probes)
        c->watcher.probe(c->watcher.ctx, i, n->gossip->swim.probes[0].target);
    n->n_probes = n->metrics.probes;
    uint64_t at_ms = gossip_deadline_ms(n->gossip);
    at_ms = at_ms > c->now_ms ? at_ms : c->now_ms + 1;
    if (n->slowness == CROWD_STOPPED)
        at_ms = wakes_ms(c, i, at_ms);
    if (at_ms != n->tick_ms && at_ms < UINT64_MAX) {
        n->tick_ms = at_ms;
        post(c, EVENT_TICK, at_ms, i, i, 0, (struct bytes){0});
    }
}

/* ---- life ---- */

/* As even as the hashes that real ids are: multiples of the golden part of 2^32. */
struct node_id crowd_id(size_t i)
{
    uint32_t start = (uint32_t)(i + 1) * SPREAD;
    return (struct node_id){{(uint8_t)(start >> 24), (uint8_t)(start >> 16),
                             (uint8_t)(start >> 8), (uint8_t)start, 0x5a, (uint8_t)(i >> 16),
                             (uint8_t)(i >> 8), (uint8_t)i}};
}

struct endpoint crowd_endpoint(size_t i)
{
    return (struct endpoint){
        4, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 7780};
}

size_t crowd_index(struct node_id id)
{
    return (size_t)id.at[5] << 16 | (size_t)id.at[6] << 8 | id.at[7];
}

struct gossip *crowd_machine(size_t n, size_t self, const struct gossip_profile *profile,
                             uint64_t seed, struct metrics *metrics, struct names *names,
                             uint64_t now_ms)
{
    char name[NAME_LEN_MAX + 1];
    (void)snprintf(name, sizeof(name), "n%zu", self);
    struct gossip_options options = {.id = crowd_id(self),
                                     .name = name,
                                     .endpoint = crowd_endpoint(self),
                                     .profile = profile,
                                     .epoch = 1,
                                     .seed = seed,
                                     .metrics = metrics,
                                     .names = names};
    struct gossip *g = gossip_new(&options, now_ms);
    struct gossip_effects fx;
    assert(g);
    gossip_effects_init(&fx);
    gossip_join(g, now_ms, NULL, 0, &fx);
    gossip_effects_fini(&fx);
    for (size_t i = 0; i < n; i++) {
        struct peer *peer;
        struct member m = {.id = crowd_id(i),
                           .name = name,
                           .endpoint = crowd_endpoint(i),
                           .state = MEMBER_ALIVE,
                           .incarnation = 1,
                           .changed_ms = now_ms};
        (void)snprintf(name, sizeof(name), "n%zu", i);
        if (i != self && members_add(&g->members, &m, false, &g->rng, &peer) < 0)
            abort();
    }
    return g;
}

struct crowd *crowd_new(size_t n, uint64_t seed, const struct gossip_profile *profile)
{
    struct crowd *c = calloc(1, sizeof(*c));
    assert(c);
    c->nodes = calloc(n, sizeof(*c->nodes));
    assert(c->nodes);
    c->profile = profile;
    c->n = n;
    c->now_ms = START_MS;
    rng_init(&c->rng, seed);
    names_init(&c->names);
    gossip_effects_init(&c->fx);
    for (size_t i = 0; i < n; i++) {
        struct crowd_node *node = &c->nodes[i];
        node->is_up = true;
        node->gossip = crowd_machine(n, i, profile, rng_next(&c->rng), &node->metrics,
                                     &c->names, START_MS);
        perform(c, i);
    }
    return c;
}

void crowd_free(struct crowd *c)
{
    for (size_t i = 0; i < c->n; i++) {
        gossip_free(c->nodes[i].gossip);
        free(c->nodes[i].ends);
    }
    gossip_effects_fini(&c->fx);
    names_fini(&c->names);
    for (size_t i = 0; i < c->n_heap; i++)
        free(c->heap[i]);
    free(c->heap);
    free(c->nodes);
    free(c);
}

static void deliver(struct crowd *c, struct crowd_event *e)
{
    struct crowd_node *n = &c->nodes[e->to];
    uint64_t now_ms = c->now_ms, unix_ms = UNIX_MS + now_ms;
    struct bytes in = {e->bytes, e->len};
    if (!n->is_up || (e->kind == EVENT_TICK && e->at_ms != n->tick_ms))
        return;
    switch (e->kind) {
    case EVENT_TICK:
        n->tick_ms = 0;
        gossip_tick(n->gossip, now_ms, unix_ms, &c->fx);
        break;
    case EVENT_DATAGRAM:
        (void)gossip_receive(n->gossip, now_ms, unix_ms, crowd_endpoint(e->from), in,
                             &c->fx);
        break;
    case EVENT_OPENED:
        gossip_stream_opened(n->gossip, now_ms, e->stream, crowd_id(e->from), &c->fx);
        break;
    case EVENT_FRAME:
        (void)gossip_stream_frame(n->gossip, now_ms, unix_ms, e->stream, in, &c->fx);
        break;
    case EVENT_CLOSED:
        drop_end(n, e->stream);
        gossip_stream_closed(n->gossip, now_ms, e->stream, &c->fx);
        break;
    }
    perform(c, e->to);
}

void crowd_run(struct crowd *c, uint64_t for_ms)
{
    uint64_t end_ms = c->now_ms + for_ms;
    while (c->n_heap && c->heap[0]->at_ms <= end_ms) {
        struct crowd_event *e = pop(c);
        c->now_ms = e->at_ms > c->now_ms ? e->at_ms : c->now_ms;
        deliver(c, e);
        free(e);
    }
    c->now_ms = end_ms;
}

void crowd_kill(struct crowd *c, size_t i)
{
    struct crowd_node *n = &c->nodes[i];
    n->is_up = false;
    for (size_t k = 0; k < n->n_ends; k++)
        post(c, EVENT_CLOSED, c->now_ms + 1, i, n->ends[k].peer, n->ends[k].their_stream,
             (struct bytes){0});
    n->n_ends = 0;
}

uint64_t crowd_write(struct crowd *c, size_t i, const char *key, const char *value)
{
    uint64_t number = 0;
    if (gossip_publish(c->nodes[i].gossip, c->now_ms, UNIX_MS + c->now_ms,
                       bytes_of_text(key), bytes_of_text(value), &number, &c->fx) < 0)
        abort();
    perform(c, i);
    return number;
}

void crowd_whisper(struct crowd *c, size_t i, size_t of, uint32_t incarnation)
{
    struct gossip *g = c->nodes[i].gossip;
    struct arena arena;
    struct bytes out;
    struct message_member news = machine_member(members_peer(&g->members, crowd_id(of)));
    struct message_member sender =
        machine_member(members_peer(&g->members, crowd_id((i + 1) % c->n)));
    news.incarnation = incarnation;
    struct message m = {.kind = MESSAGE_NEWS,
                        .sender = sender,
                        .digest = machine_digest(g),
                        .members_digest = g->members.digest,
                        .members = &news,
                        .n_members = 1};
    arena_init(&arena, 0);
    if (message_encode(&m, &arena, &out) < 0)
        abort();
    (void)gossip_receive(g, c->now_ms, UNIX_MS + c->now_ms, sender.endpoint, out,
                         &c->fx);
    arena_fini(&arena);
    perform(c, i);
}

size_t crowd_count_state(const struct crowd *c, size_t of, enum member_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct member *m =
            members_find(gossip_members(c->nodes[i].gossip), crowd_id(of));
        n += c->nodes[i].is_up && i != of && m && m->state == state;
    }
    return n;
}

size_t crowd_n_up(const struct crowd *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->nodes[i].is_up;
    return n;
}

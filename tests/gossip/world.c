/* The little world.  See world.h. */
#include "tests/gossip/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/codec.h"

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_REFUSED,
    EVENT_OPENED,
    EVENT_FRAME,
    EVENT_CLOSED
};

struct world_event {
    uint64_t at_ms, order;
    enum event_kind kind;
    size_t from, to;
    uint64_t life; /* of the receiver: what was meant for a dead one is gone */
    uint32_t stream;
    size_t len;
    uint8_t bytes[];
};

struct world_link {
    size_t node[2];
    uint32_t stream[2];
    uint64_t last_ms[2]; /* of the latest delivery towards that end: streams keep their
                            order */
    bool is_closed;
};

/* ---- the queue: a binary heap ---- */

static bool is_before(const struct world_event *a, const struct world_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void heap_swap(struct world *w, size_t a, size_t b)
{
    struct world_event *spare = w->heap[a];
    w->heap[a] = w->heap[b];
    w->heap[b] = spare;
}

static void heap_push(struct world *w, struct world_event *e)
{
    if (w->n_heap == w->heap_cap) {
        w->heap_cap = w->heap_cap ? w->heap_cap * 2 : 256;
        w->heap = realloc(w->heap, w->heap_cap * sizeof(struct world_event *));
        assert(w->heap);
    }
    size_t i = w->n_heap++;
    w->heap[i] = e;
    for (; i > 0 && is_before(w->heap[i], w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_swap(w, i, (i - 1) / 2);
}

static struct world_event *heap_pop(struct world *w)
{
    struct world_event *first = w->heap[0];
    w->heap[0] = w->heap[--w->n_heap];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < w->n_heap; child++)
            least = is_before(w->heap[child], w->heap[least]) ? child : least;
        if (least == i)
            return first;
        heap_swap(w, i, least);
        i = least;
    }
}

static void post(struct world *w, enum event_kind kind, uint64_t at_ms, size_t from,
                 size_t to, uint32_t stream, struct bytes in)
{
    struct world_event *e = calloc(1, sizeof(*e) + in.len);
    assert(e);
    *e = (struct world_event){at_ms, w->n_events++,      kind,   from,
                              to,    w->nodes[to].epoch, stream, in.len};
    if (in.len)
        memcpy(e->bytes, in.at, in.len);
    heap_push(w, e);
}

static bool is_far(const struct world *w, size_t from, size_t to)
{
    return w->nodes[from].site != w->nodes[to].site;
}

static uint64_t delay_ms(struct world *w, size_t from, size_t to)
{
    uint64_t ms =
        w->delay_min_ms + rng_below(&w->rng, w->delay_max_ms - w->delay_min_ms + 1);
    if (is_far(w, from, to))
        ms += w->far_min_ms + rng_below(&w->rng, w->far_max_ms - w->far_min_ms + 1);
    return ms;
}

/* ---- the store ---- */

static int record_compare(const struct world_record *r, enum store_space space,
                          struct bytes key)
{
    if (r->space != space)
        return r->space < space ? -1 : 1;
    return bytes_compare((struct bytes){r->key, r->key_len}, key);
}

static void store_apply(struct world_node *n, const struct store_change *c)
{
    size_t i = 0;
    while (i < n->n_store && record_compare(&n->store[i], c->space, c->key) < 0)
        i++;
    bool is_there = i < n->n_store && record_compare(&n->store[i], c->space, c->key) == 0;
    if (is_there) {
        free(n->store[i].key);
        free(n->store[i].value);
        memmove(n->store + i, n->store + i + 1, (n->n_store - i - 1) * sizeof(*n->store));
        n->n_store--;
    }
    if (!c->value.at)
        return;
    if (n->n_store == n->store_cap) {
        n->store_cap = n->store_cap ? n->store_cap * 2 : 64;
        n->store = realloc(n->store, n->store_cap * sizeof(*n->store));
        assert(n->store);
    }
    memmove(n->store + i + 1, n->store + i, (n->n_store - i) * sizeof(*n->store));
    n->n_store++;
    n->store[i] =
        (struct world_record){c->space, malloc(c->key.len + 1), malloc(c->value.len + 1),
                              c->key.len, c->value.len};
    memcpy(n->store[i].key, c->key.at, c->key.len);
    memcpy(n->store[i].value, c->value.at, c->value.len);
}

/* What was there before a change of an unsynced batch; value NULL: nothing was. */
struct world_undo {
    size_t batch;
    enum store_space space;
    uint8_t *key, *value;
    size_t key_len, value_len;
};

static void forget_undo(struct world_node *n)
{
    for (size_t i = 0; i < n->n_undo; i++) {
        free(n->undo[i].key);
        free(n->undo[i].value);
    }
    n->n_undo = n->n_unsynced = 0;
}

static void note_undo(struct world_node *n, const struct store_change *c)
{
    struct world_undo u = {n->n_unsynced, c->space,   malloc(c->key.len + 1),
                           NULL,          c->key.len, 0};
    memcpy(u.key, c->key.at, c->key.len);
    for (size_t i = 0; i < n->n_store; i++) {
        const struct world_record *r = &n->store[i];
        if (record_compare(r, c->space, c->key) != 0)
            continue;
        u.value = malloc(r->value_len + 1);
        memcpy(u.value, r->value, r->value_len);
        u.value_len = r->value_len;
    }
    if (n->n_undo == n->undo_cap) {
        n->undo_cap = n->undo_cap ? n->undo_cap * 2 : 64;
        n->undo = realloc(n->undo, n->undo_cap * sizeof(*n->undo));
        assert(n->undo);
    }
    n->undo[n->n_undo++] = u;
}

static void store_batch(struct world_node *n, const struct gossip_effect *e)
{
    if (n->keeps_undo && e->is_synced)
        forget_undo(n);
    for (size_t k = 0; k < e->n_changes; k++) {
        if (n->keeps_undo && !e->is_synced)
            note_undo(n, &e->changes[k]);
        store_apply(n, &e->changes[k]);
    }
    n->n_unsynced += !e->is_synced;
}

/* ---- effects ---- */

static size_t node_at(const struct world *w, struct endpoint at)
{
    size_t i = 0;
    while (i < w->n) {
        const struct world_node *n = &w->nodes[i];
        if (endpoint_equal(n->nat.family ? &n->nat : &n->endpoint, &at) ||
            (n->second.family && endpoint_equal(&n->second, &at)))
            break;
        i++;
    }
    return i;
}

static struct endpoint seen_from(const struct world_node *n)
{
    return n->nat.family ? n->nat : n->endpoint;
}

/* Where a datagram of this family comes from; family 0: the node has no such address. */
static struct endpoint source(const struct world_node *n, uint32_t family)
{
    static const struct endpoint none;
    return n->second.family == family      ? n->second
           : seen_from(n).family == family ? seen_from(n)
                                           : none;
}

/* Its sockets are bound to what the host has had. */
static bool is_stranded(const struct world_node *n)
{
    struct endpoint told = gossip_endpoint(n->gossip);
    return !endpoint_equal(&told, &n->endpoint);
}

static struct world_link *link_of(struct world *w, size_t node, uint32_t stream,
                                  size_t *ret_end)
{
    for (size_t i = 0; i < w->n_links; i++) {
        for (size_t end = 0; end < 2; end++) {
            struct world_link *l = &w->links[i];
            if (!l->is_closed && l->node[end] == node && l->stream[end] == stream) {
                *ret_end = end;
                return l;
            }
        }
    }
    return NULL;
}

static void send_datagram(struct world *w, size_t from, const struct gossip_effect *e)
{
    struct arena arena;
    struct message m;
    size_t to = node_at(w, e->endpoint);
    assert(e->bytes.len <= MESSAGE_DATAGRAM_MAX);
    w->n_datagrams++;
    w->n_bytes += e->bytes.len;
    w->n_to[to] += to < w->n;
    w->longest = e->bytes.len > w->longest ? e->bytes.len : w->longest;
    arena_init(&arena, 0);
    assert(message_decode(e->bytes, &arena, &m) == 0);
    bool is_lost = to == w->n || is_stranded(&w->nodes[from]) ||
                   source(&w->nodes[from], e->endpoint.family).family == 0 ||
                   e->endpoint.family == w->lost_family || w->is_blocked[from][to] ||
                   rng_chance(&w->rng, w->loss) || (int)m.kind == w->lost_kind;
    bool is_between = to < w->n && is_far(w, from, to);
    w->n_pushes[is_between] += m.kind == MESSAGE_PUSH;
    is_lost = is_lost || (is_between && rng_chance(&w->rng, w->far_loss));
    arena_fini(&arena);
    if (!is_lost && w->has_refusals && !w->nodes[to].is_up)
        post(w, EVENT_REFUSED, w->now_ms + delay_ms(w, from, to), to, from, 0,
             (struct bytes){0});
    else if (!is_lost)
        post(w, EVENT_DATAGRAM, w->now_ms + delay_ms(w, from, to), from, to,
             e->endpoint.family, e->bytes);
}

static void open_stream(struct world *w, size_t from, const struct gossip_effect *e)
{
    size_t to = node_at(w, e->endpoint);
    uint64_t at_ms = w->now_ms + 2 * w->delay_max_ms;
    w->n_streams++;
    if (to == w->n || !w->nodes[to].is_up || is_stranded(&w->nodes[from]) ||
        source(&w->nodes[from], e->endpoint.family).family == 0 ||
        w->is_blocked[from][to] || w->is_blocked[to][from] || w->are_streams_blocked) {
        post(w, EVENT_CLOSED, at_ms, from, from, e->stream, (struct bytes){0});
        return;
    }
    at_ms += is_far(w, from, to) ? 2 * w->far_max_ms : 0;
    if (w->n_links == w->links_cap) {
        w->links_cap = w->links_cap ? w->links_cap * 2 : 64;
        w->links = realloc(w->links, w->links_cap * sizeof(*w->links));
        assert(w->links);
    }
    uint32_t theirs = (uint32_t)w->n_links | 1u << 31;
    w->links[w->n_links++] =
        (struct world_link){{from, to}, {e->stream, theirs}, {at_ms, at_ms}, false};
    post(w, EVENT_OPENED, at_ms, from, to, theirs, (struct bytes){0});
    post(w, EVENT_OPENED, at_ms, to, from, e->stream, (struct bytes){0});
}

static uint64_t stream_time(struct world *w, struct world_link *l, size_t towards)
{
    uint64_t at_ms = w->now_ms + delay_ms(w, l->node[0], l->node[1]);
    if (at_ms < l->last_ms[towards])
        at_ms = l->last_ms[towards];
    l->last_ms[towards] = at_ms;
    return at_ms;
}

static void end_stream(struct world *w, struct world_link *l, bool tells_0, bool tells_1)
{
    l->is_closed = true;
    if (tells_0)
        post(w, EVENT_CLOSED, stream_time(w, l, 0), l->node[1], l->node[0], l->stream[0],
             (struct bytes){0});
    if (tells_1)
        post(w, EVENT_CLOSED, stream_time(w, l, 1), l->node[0], l->node[1], l->stream[1],
             (struct bytes){0});
}

static void send_frame(struct world *w, size_t from, const struct gossip_effect *e)
{
    size_t end;
    struct world_link *l = link_of(w, from, e->stream, &end);
    assert(e->bytes.len <= FRAME_MAX);
    if (!l)
        return;
    size_t to = l->node[!end];
    if (w->is_blocked[from][to] || !w->nodes[to].is_up) {
        end_stream(w, l, true, true);
        return;
    }
    post(w, EVENT_FRAME, stream_time(w, l, !end), from, to, l->stream[!end], e->bytes);
}

static void close_stream(struct world *w, size_t from, const struct gossip_effect *e)
{
    size_t end;
    struct world_link *l = link_of(w, from, e->stream, &end);
    if (l)
        end_stream(w, l, end == 1, end == 0);
}

static void perform(struct world *w, size_t i, const struct gossip_effect *e)
{
    struct world_node *n = &w->nodes[i];
    switch (e->kind) {
    case GOSSIP_SEND:
        send_datagram(w, i, e);
        break;
    case GOSSIP_STREAM_OPEN:
        open_stream(w, i, e);
        break;
    case GOSSIP_STREAM_SEND:
        w->n_stream_bytes += e->bytes.len;
        send_frame(w, i, e);
        break;
    case GOSSIP_STREAM_CLOSE:
        close_stream(w, i, e);
        break;
    case GOSSIP_PERSIST:
        if (!n->is_unwritten)
            store_batch(n, e);
        break;
    case GOSSIP_MEMBER_CHANGED:
        n->n_member_changes++;
        n->n_deaths_seen += e->member.state == MEMBER_DEAD && e->was != MEMBER_DEAD;
        break;
    case GOSSIP_TABLE_CHANGED:
        n->n_table_changes++;
        break;
    case GOSSIP_CONFLICT:
        n->n_conflicts++;
        break;
    case GOSSIP_KNOCKED:
        n->knocked = e->knock;
        break;
    case GOSSIP_OLD_COPY:
        n->n_old_copies++;
        break;
    case GOSSIP_TWIN:
        n->n_twins++;
        break;
    case GOSSIP_READY:
        n->is_ready = true;
        break;
    case GOSSIP_LEFT:
        n->has_left = true;
        break;
    }
}

void world_perform(struct world *w, size_t i)
{
    struct world_node *n = &w->nodes[i];
    for (size_t k = 0; k < n->fx.n; k++)
        perform(w, i, &n->fx.list[k]);
    assert(n->fx.n_lost == 0);
    gossip_effects_clear(&n->fx);
    n->deadline_ms = gossip_deadline_ms(n->gossip);
}

/* ---- life ---- */

static void keep_line(void *ctx, uint64_t now_ms, const char *text)
{
    struct world_node *n = ctx;
    struct world *w = n->world;
    (void)now_ms;
    if (w->n_lines == WORLD_LINES_MAX)
        return;
    char line[600];
    (void)snprintf(line, sizeof(line), "%s: %s", n->name, text);
    w->lines[w->n_lines++] = strdup(line);
    if (getenv("WORLD_TRACE"))
        (void)fprintf(stderr, "%6llu %s\n", (unsigned long long)w->now_ms, line);
}

struct world *world_new(size_t n, uint64_t seed, const struct gossip_profile *profile)
{
    struct world *w = calloc(1, sizeof(*w));
    assert(w && n <= WORLD_NODES_MAX);
    w->unix_ms = 1800000000000;
    w->profile = profile;
    w->n = n;
    w->delay_min_ms = 1;
    w->delay_max_ms = 3;
    w->lost_kind = -1;
    rng_init(&w->rng, seed);
    for (size_t i = 0; i < n; i++) {
        struct world_node *node = &w->nodes[i];
        for (size_t k = 0; k < sizeof(node->id.at); k++)
            node->id.at[k] = (uint8_t)(i + 1);
        (void)snprintf(node->name, sizeof(node->name), "n%zu", i + 1);
        node->endpoint =
            (struct endpoint){4, {127, 77, (uint8_t)(i >> 8), (uint8_t)i}, 7780};
        node->world = w;
        node->tracer = (struct tracer){.line = keep_line, .ctx = node};
        gossip_effects_init(&node->fx);
    }
    return w;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        gossip_free(w->nodes[i].gossip);
        gossip_effects_fini(&w->nodes[i].fx);
        world_wipe(w, i);
        free(w->nodes[i].store);
        free(w->nodes[i].undo);
    }
    while (w->n_heap)
        free(heap_pop(w));
    for (size_t i = 0; i < w->n_lines; i++)
        free(w->lines[i]);
    free(w->heap);
    free(w->links);
    free(w);
}

void world_start(struct world *w, size_t i, const size_t *seeds, size_t n_seeds)
{
    struct world_node *n = &w->nodes[i];
    struct endpoint list[2 * WORLD_NODES_MAX];
    size_t n_list = 0;
    assert(!n->is_up);
    gossip_free(n->gossip);
    n->epoch += n->n_store == 0; /* a new store begins a new epoch */
    struct gossip_options options = {
        .id = n->id,
        .name = n->name,
        .second = n->second,
        .endpoint = n->endpoint,
        .profile = w->profile,
        .epoch = n->epoch,
        .seed = rng_next(&w->rng),
        .tracer = &n->tracer,
        .metrics = &n->metrics,
        .listen_ms = w->listen_ms,
    };
    n->gossip = gossip_new(&options, w->now_ms);
    assert(n->gossip);
    n->is_up = true;
    n->is_ready = n->has_left = false;
    for (size_t k = 0; k < n->n_store; k++) {
        const struct world_record *r = &n->store[k];
        int err = gossip_restore(n->gossip, r->space, (struct bytes){r->key, r->key_len},
                                 (struct bytes){r->value, r->value_len});
        assert(err == 0);
    }
    for (size_t k = 0; k < n_seeds; k++) {
        list[n_list++] = w->nodes[seeds[k]].endpoint;
        if (w->nodes[seeds[k]].second.family)
            list[n_list++] = w->nodes[seeds[k]].second;
    }
    if (n->is_unwritten)
        gossip_leap(n->gossip);
    if (w->holds_starts)
        gossip_hold(n->gossip, w->now_ms, true, &n->fx);
    gossip_join(n->gossip, w->now_ms, list, n_list, &n->fx);
    world_perform(w, i);
}

void world_start_all(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        world_start(w, i, (size_t[]){0}, 1);
}

void world_move(struct world *w, size_t i, struct endpoint to, uint64_t late_ms)
{
    struct world_node *n = &w->nodes[i];
    n->endpoint = to;
    for (size_t k = 0; k < w->n_links; k++) {
        struct world_link *l = &w->links[k];
        if (!l->is_closed && (l->node[0] == i || l->node[1] == i))
            end_stream(w, l, true, true);
    }
    world_run(w, late_ms);
    gossip_move(n->gossip, w->now_ms, to, &n->fx);
    world_perform(w, i);
}

void world_kill(struct world *w, size_t i)
{
    w->nodes[i].is_up = false;
    for (size_t k = 0; k < w->n_links; k++) {
        struct world_link *l = &w->links[k];
        if (!l->is_closed && (l->node[0] == i || l->node[1] == i))
            end_stream(w, l, l->node[0] != i, l->node[1] != i);
    }
}

void world_cut(struct world *w, size_t i)
{
    struct world_node *n = &w->nodes[i];
    size_t keep = (size_t)rng_below(&w->rng, n->n_unsynced + 1);
    world_kill(w, i);
    while (n->n_undo > 0 && n->undo[n->n_undo - 1].batch >= keep) {
        struct world_undo *u = &n->undo[--n->n_undo];
        struct store_change back = {
            u->space, {u->key, u->key_len}, {u->value, u->value_len}};
        store_apply(n, &back);
        free(u->key);
        free(u->value);
    }
    forget_undo(n);
}

void world_wipe(struct world *w, size_t i)
{
    struct world_node *n = &w->nodes[i];
    forget_undo(n);
    for (size_t k = 0; k < n->n_store; k++) {
        free(n->store[k].key);
        free(n->store[k].value);
    }
    n->n_store = 0;
}

void world_part(struct world *w, size_t n_left, bool is_parted)
{
    for (size_t a = 0; a < w->n; a++) {
        for (size_t b = 0; b < w->n; b++)
            w->is_blocked[a][b] = is_parted && (a < n_left) != (b < n_left);
    }
}

/* ---- time ---- */

static uint64_t wall(const struct world *w, const struct world_node *n)
{
    return w->unix_ms + w->now_ms + (uint64_t)n->skew_ms;
}

static void deliver(struct world *w, struct world_event *e)
{
    struct world_node *n = &w->nodes[e->to];
    uint64_t unix_ms = wall(w, n);
    struct bytes in = {e->bytes, e->len};
    if (!n->is_up || e->life != n->epoch)
        return;
    if (w->now_ms <= n->stalled_until_ms) {
        post(w, e->kind, n->stalled_until_ms + 1, e->from, e->to, e->stream, in);
        return;
    }
    switch (e->kind) {
    case EVENT_DATAGRAM:
        (void)gossip_receive(n->gossip, w->now_ms, unix_ms,
                             source(&w->nodes[e->from], e->stream), in, &n->fx);
        break;
    case EVENT_REFUSED:
        gossip_refused(n->gossip, w->now_ms, seen_from(&w->nodes[e->from]), &n->fx);
        break;
    case EVENT_OPENED:
        gossip_stream_opened(n->gossip, w->now_ms, e->stream, w->nodes[e->from].id,
                             &n->fx);
        break;
    case EVENT_FRAME:
        (void)gossip_stream_frame(n->gossip, w->now_ms, unix_ms, e->stream, in, &n->fx);
        break;
    case EVENT_CLOSED:
        gossip_stream_closed(n->gossip, w->now_ms, e->stream, &n->fx);
        break;
    }
    world_perform(w, e->to);
}

static size_t first_due(const struct world *w, uint64_t *ret_ms)
{
    size_t first = w->n;
    *ret_ms = UINT64_MAX;
    for (size_t i = 0; i < w->n; i++) {
        const struct world_node *n = &w->nodes[i];
        uint64_t due_ms =
            n->deadline_ms > n->stalled_until_ms ? n->deadline_ms : n->stalled_until_ms;
        if (n->is_up && n->deadline_ms != UINT64_MAX && due_ms < *ret_ms) {
            *ret_ms = due_ms;
            first = i;
        }
    }
    return first;
}

/* False when nothing happens until `end_ms`. */
static bool step(struct world *w, uint64_t end_ms)
{
    uint64_t due_ms;
    size_t i = first_due(w, &due_ms);
    if (w->n_heap && w->heap[0]->at_ms <= due_ms) {
        if (w->heap[0]->at_ms > end_ms)
            return false;
        struct world_event *e = heap_pop(w);
        w->now_ms = e->at_ms > w->now_ms ? e->at_ms : w->now_ms;
        deliver(w, e);
        free(e);
        return true;
    }
    if (due_ms > end_ms)
        return false;
    w->now_ms = due_ms > w->now_ms ? due_ms : w->now_ms;
    w->n_ticks++;
    gossip_tick(w->nodes[i].gossip, w->now_ms, wall(w, &w->nodes[i]), &w->nodes[i].fx);
    world_perform(w, i);
    if (w->nodes[i].deadline_ms <= w->now_ms)
        w->nodes[i].deadline_ms = w->now_ms + 1; /* a host's timer needs a moment too */
    return true;
}

void world_run(struct world *w, uint64_t for_ms)
{
    uint64_t end_ms = w->now_ms + for_ms;
    while (step(w, end_ms)) {
    }
    w->now_ms = end_ms;
}

uint64_t world_until(struct world *w, bool (*is_so)(struct world *w), uint64_t limit_ms)
{
    uint64_t start_ms = w->now_ms;
    while (!is_so(w)) {
        if (w->now_ms >= start_ms + limit_ms)
            return UINT64_MAX;
        uint64_t before_ms = w->now_ms;
        while (w->now_ms == before_ms && step(w, start_ms + limit_ms)) {
        }
        if (w->now_ms == before_ms)
            w->now_ms = start_ms + limit_ms;
    }
    return w->now_ms - start_ms;
}

/* ---- looking and touching ---- */

int world_write(struct world *w, size_t i, const char *key, const char *value,
                uint64_t *ret_number)
{
    struct world_node *n = &w->nodes[i];
    int err = gossip_publish(n->gossip, w->now_ms, wall(w, n), bytes_of_text(key),
                             bytes_of_text(value), ret_number, &n->fx);
    world_perform(w, i);
    return err;
}

const char *world_read(struct world *w, size_t i, const char *key)
{
    static char text[256];
    const struct entry *e =
        table_get(gossip_table(w->nodes[i].gossip), bytes_of_text(key));
    if (!e)
        return NULL;
    (void)snprintf(text, sizeof(text), "%.*s", (int)e->value.len,
                   (const char *)e->value.at);
    return text;
}

enum member_state world_belief(const struct world *w, size_t i, size_t of)
{
    const struct member *m =
        members_find(gossip_members(w->nodes[i].gossip), w->nodes[of].id);
    return m ? m->state : MEMBER_LEFT;
}

bool world_is_equal(struct world *w)
{
    const struct world_node *first = NULL;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->nodes[i].is_up)
            continue;
        if (first && table_digest(gossip_table(first->gossip)) !=
                         table_digest(gossip_table(w->nodes[i].gossip)))
            return false;
        first = &w->nodes[i];
    }
    return true;
}

bool world_is_whole(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!w->nodes[i].is_up)
            continue;
        if (!w->nodes[i].is_ready)
            return false;
        for (size_t k = 0; k < w->n; k++) {
            bool is_alive = world_belief(w, i, k) == MEMBER_ALIVE;
            if (is_alive != w->nodes[k].is_up)
                return false;
        }
    }
    return world_is_equal(w);
}

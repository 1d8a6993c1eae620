/* The event heap.  See event.h. */
#include "tests/sim/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void event_push(struct sim *s, struct sim_event *e)
{
    if (s->n_events == s->events_cap) {
        s->events_cap = s->events_cap ? 2 * s->events_cap : 1024;
        s->heap = realloc(s->heap, s->events_cap * sizeof(*s->heap));
        assert(s->heap);
    }
    size_t i = s->n_events++;
    for (; i > 0 && is_before(e, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

struct sim_event *event_pop(struct sim *s)
{
    struct sim_event *top = s->heap[0], *last = s->heap[--s->n_events];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->n_events)
            break;
        if (child + 1 < s->n_events && is_before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!is_before(s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    if (s->n_events)
        s->heap[i] = last;
    return top;
}

struct sim_event *event_new(struct sim *s, enum event_kind kind, unsigned node,
                            uint64_t delay_ms, struct bytes payload)
{
    struct sim_event *e = calloc(1, sizeof(*e) + payload.len);
    assert(e);
    e->at_ms = s->now_ms + delay_ms;
    e->order = s->next_event++;
    e->kind = kind;
    e->node = node;
    e->boot = s->nodes[node].boot;
    e->len = payload.len;
    if (payload.len)
        memcpy(e->bytes, payload.at, payload.len);
    return e;
}

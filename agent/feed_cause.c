/* See feed_cause.h. */
#include "agent/feed_cause.h"

#include <string.h>

#include "core/hash.h"

static uint64_t hash_of(const char *a, const char *b, const char *c)
{
    uint64_t hash = hash64(bytes_of_text(a ? a : ""), 1);
    hash = hash64(bytes_of_text(b ? b : ""), hash);
    return hash64(bytes_of_text(c ? c : ""), hash);
}

static enum event_kind kind_of(const char *kind)
{
    static const struct {
        const char *word;
        enum event_kind kind;
    } kinds[] = {
        {"member", EVENT_MEMBER}, {"job", EVENT_JOB},     {"instance", EVENT_INSTANCE},
        {"hold", EVENT_TURN},     {"disk", EVENT_TURN},   {"clock", EVENT_TURN},
        {"clash", EVENT_TURN},    {"address", EVENT_TURN}, {"table", EVENT_TURN},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].word, kind) == 0)
            return kinds[i].kind;
    return EVENT_OTHER;
}

static enum event_state state_of(enum event_kind kind, const char *state)
{
    static const struct {
        enum event_kind kind;
        const char *word;
        enum event_state state;
    } states[] = {
        {EVENT_INSTANCE, "starting", EVENT_BEGUN}, {EVENT_INSTANCE, "stopping", EVENT_ENDING},
        {EVENT_INSTANCE, "pending", EVENT_BROKEN}, {EVENT_INSTANCE, "failed", EVENT_BROKEN},
        {EVENT_INSTANCE, "gone", EVENT_OVER},      {EVENT_MEMBER, "suspect", EVENT_SUSPECT},
        {EVENT_MEMBER, "dead", EVENT_DEAD},        {EVENT_MEMBER, "left", EVENT_LEFT},
        {EVENT_JOB, "removed", EVENT_REMOVED},     {EVENT_JOB, "stopped", EVENT_STOPPED},
    };
    for (size_t i = 0; state && i < sizeof(states) / sizeof(states[0]); i++)
        if (states[i].kind == kind && strcmp(states[i].word, state) == 0)
            return states[i].state;
    return EVENT_PLAIN;
}

/* "web.0" is of job "web", and a job of itself. */
static uint64_t job_of(enum event_kind kind, const struct node_event *e)
{
    const char *dot = e->subject ? strrchr(e->subject, '.') : NULL;
    if ((kind != EVENT_JOB && kind != EVENT_INSTANCE) || !e->subject)
        return 0;
    size_t len = kind == EVENT_INSTANCE && dot ? (size_t)(dot - e->subject)
                                               : strlen(e->subject);
    uint64_t hash = hash64(bytes_of_text(e->ns ? e->ns : ""), 2);
    return hash64((struct bytes){(const uint8_t *)e->subject, len}, hash);
}

struct event_mark event_mark_of(uint64_t id, const struct node_event *event,
                                const char *node)
{
    enum event_kind kind = kind_of(event->kind);
    return (struct event_mark){
        .id = id,
        .who = hash_of(event->kind, event->ns, event->subject),
        .job = job_of(kind, event),
        .node = hash_of(node, NULL, NULL),
        .kind = kind,
        .state = state_of(kind, event->state),
    };
}

struct looking {
    const struct event_mark *ring;
    size_t cap;
    const struct event_mark *now;
    uint64_t because; /* the member that it names; 0 = none */
    enum event_state order; /* the order that it names; EVENT_PLAIN: any */
};

/* The newest event before that `is` holds of. */
static const struct event_mark *newest(const struct looking *l,
                                       bool (*is)(const struct looking *l,
                                                  const struct event_mark *m))
{
    uint64_t id = l->now->id, last = id > l->cap ? id - l->cap : 0;
    while (--id > last) {
        const struct event_mark *m = &l->ring[id % l->cap];
        if (m->id == id && is(l, m))
            return m;
    }
    return NULL;
}

static bool is_same_here(const struct looking *l, const struct event_mark *m)
{
    return m->who == l->now->who && m->node == l->now->node;
}

static bool is_same_subject(const struct looking *l, const struct event_mark *m)
{
    return m->who == l->now->who;
}

static bool is_suspicion(const struct looking *l, const struct event_mark *m)
{
    return m->who == l->now->who && m->state == EVENT_SUSPECT;
}

static bool is_its_node_gone(const struct looking *l, const struct event_mark *m)
{
    return m->kind == EVENT_MEMBER && m->who == l->because &&
           (m->state == EVENT_DEAD || m->state == EVENT_LEFT);
}

static bool is_any_silent(const struct looking *l, const struct event_mark *m)
{
    (void)l;
    return m->kind == EVENT_MEMBER &&
           (m->state == EVENT_DEAD || m->state == EVENT_SUSPECT);
}

static bool is_its_order(const struct looking *l, const struct event_mark *m)
{
    return m->kind == EVENT_JOB && m->job == l->now->job &&
           (l->order == EVENT_PLAIN || m->state == l->order);
}

/* What has an instance start: an order, or that it fell or ended somewhere. */
static bool is_its_origin(const struct looking *l, const struct event_mark *m)
{
    return is_its_order(l, m) ||
           (m->who == l->now->who && (m->state == EVENT_BROKEN || m->state == EVENT_OVER));
}

static bool is_elsewhere(const struct looking *l, const struct event_mark *m)
{
    return m->who == l->now->who && m->node != l->now->node;
}

/* Why it stops, as sched/act.c says it. */
static enum event_state order_of(const char *cause)
{
    if (cause && (strcmp(cause, "its job was removed") == 0 ||
                  strcmp(cause, "the job is gone") == 0))
        return EVENT_REMOVED;
    return cause && strcmp(cause, "the job is stopped") == 0 ? EVENT_STOPPED : EVENT_PLAIN;
}

static const struct event_mark *cause_of_instance(struct looking *l, const char *cause)
{
    const struct event_mark *before = newest(l, is_same_here);
    if (l->now->state == EVENT_ENDING) {
        if (cause && strncmp(cause, "held by ", 8) == 0)
            return newest(l, is_elsewhere);
        l->order = order_of(cause);
        return newest(l, is_its_order);
    }
    if (l->now->state != EVENT_BEGUN && before && before->state != EVENT_OVER)
        return before;
    const struct event_mark *gone = l->because ? newest(l, is_its_node_gone) : NULL;
    return gone ? gone : newest(l, is_its_origin);
}

uint64_t event_cause(const struct event_mark *ring, size_t cap,
                     const struct event_mark *now, const struct node_event *event)
{
    struct looking l = {.ring = ring, .cap = cap, .now = now};
    const struct event_mark *found = NULL;
    bool is_on = event->state && strcmp(event->state, "on") == 0;
    if (event->because)
        l.because = hash_of("member", NULL, event->because);
    switch (now->kind) {
    case EVENT_INSTANCE:
        found = cause_of_instance(&l, event->cause);
        break;
    case EVENT_MEMBER:
        if (now->state == EVENT_DEAD)
            found = newest(&l, is_suspicion);
        else if (now->state == EVENT_PLAIN) /* it is back, or forgotten */
            found = newest(&l, is_same_subject);
        break;
    case EVENT_TURN:
        if (is_on && strcmp(event->kind, "hold") == 0)
            found = newest(&l, is_any_silent);
        else
            found = newest(&l, is_same_subject);
        break;
    case EVENT_JOB: /* a person's order: it has no cause here */
    case EVENT_OTHER:
        break;
    }
    return found ? found->id : 0;
}

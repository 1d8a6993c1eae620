/* Tasks of simulated nodes.  See task.h. */
#include "tests/sim/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_task *task_find(struct sim_node *n, const char *key)
{
    for (struct sim_task *t = n->tasks; t; t = t->next)
        if (strcmp(t->key, key) == 0)
            return t;
    return NULL;
}

void task_note(struct sim_task *t, struct bytes note)
{
    uint8_t *copy = note.len ? malloc(note.len) : NULL;
    if (note.len)
        memcpy(copy, note.at, note.len);
    free((void *)(uintptr_t)t->note.at);
    t->note = (struct bytes){copy, note.len};
}

void task_remove(struct sim_node *n, const char *key)
{
    for (struct sim_task **at = &n->tasks; *at; at = &(*at)->next) {
        struct sim_task *t = *at;
        if (strcmp(t->key, key) != 0)
            continue;
        *at = t->next;
        task_note(t, (struct bytes){0});
        free(t);
        return;
    }
}

void task_event(struct sim *s, unsigned node, const struct sim_task *t,
                enum event_kind kind, uint64_t delay_ms, int32_t status)
{
    struct sim_event *e = event_new(s, kind, node, delay_ms, (struct bytes){0});
    e->task_boot = t->boot;
    e->status = status;
    memcpy(e->key, t->key, sizeof(e->key));
    event_push(s, e);
}

void task_launch(struct sim *s, unsigned node, const struct node_effect *e)
{
    struct sim_node *n = &s->nodes[node];
    if (task_find(n, e->key) && task_find(n, e->key)->is_running)
        sim_fail(s, "%s launches %s twice", n->name, e->key);
    task_remove(n, e->key);
    struct sim_task *t = calloc(1, sizeof(*t));
    assert(t);
    (void)snprintf(t->key, sizeof(t->key), "%s", e->key);
    n->n_launched++;
    t->boot = s->next_event;
    t->pid = (uint32_t)(s->next_event & 0xffff) + 2;
    t->is_healthy = true;
    t->started_unix_ms = sim_moment(s, n).at_unix_ms;
    task_note(t, e->note);
    t->next = n->tasks;
    n->tasks = t;
    task_event(s, node, t, EVENT_TASK_STARTED, 5 + rng_below(&s->rng, 50), 0);
}

void task_end(struct sim *s, unsigned node, const char *key, uint64_t delay_ms,
              int32_t status)
{
    struct sim_task *t = task_find(&s->nodes[node], key);
    if (t)
        task_event(s, node, t, EVENT_TASK_EXITED, delay_ms, status);
}

void task_probe(struct sim *s, unsigned node, const struct node_effect *e)
{
    struct sim_task *t = task_find(&s->nodes[node], e->key);
    struct sim_event *done =
        event_new(s, EVENT_PROBED, node, 1 + rng_below(&s->rng, 5), (struct bytes){0});
    done->check = e->check;
    done->status = t && t->is_running && t->is_healthy;
    (void)snprintf(done->key, sizeof(done->key), "%s", e->key);
    event_push(s, done);
}

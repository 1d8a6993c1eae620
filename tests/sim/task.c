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

static bool is_port_taken(const struct sim_node *n, uint16_t port)
{
    if (port_set_has(&n->strangers, port))
        return true;
    for (const struct sim_task *t = n->tasks; t; t = t->next)
        for (size_t i = 0; t->is_running && i < t->n_ports; i++)
            if (t->ports[i] == port)
                return true;
    return false;
}

void task_strangers(struct sim_node *n, uint64_t mask)
{
    n->strangers = (struct port_set){0};
    for (unsigned i = 0; i < PORTS_FEW; i++) {
        uint16_t port = (uint16_t)(PORTS_LOW + i);
        if (mask >> i & 1 && !is_port_taken(n, port))
            port_set_add(&n->strangers, port);
    }
}

void task_ports(struct sim *s, unsigned node, const struct node_effect *e)
{
    struct sim_node *n = &s->nodes[node];
    enum port_state states[PORT_ASKS_MAX];
    size_t i = 0, n_free = 0;
    for (; i < e->n_asks && (e->n_wanted == 0 || n_free < e->n_wanted); i++) {
        states[i] = is_port_taken(n, e->asks[i].port) ? PORT_TAKEN : PORT_FREE;
        n_free += !e->asks[i].is_fixed && states[i] == PORT_FREE;
        n->n_looked++;
    }
    tape_step(&n->tape, n->node, sim_moment(s, n),
              &(struct node_input){.kind = INPUT_PORTS, .ports = {e, states, i}}, &n->fx);
}

void task_launch(struct sim *s, unsigned node, const struct node_effect *e)
{
    struct sim_node *n = &s->nodes[node];
    if (task_find(n, e->key) && task_find(n, e->key)->is_running)
        sim_fail(s, "%s launches %s twice", n->name, e->key);
    if (n->endpoint.family == 0 && !task_find(n, e->key))
        sim_fail(s, "%s takes %s, and has no address", n->name, e->key);
    task_remove(n, e->key);
    struct sim_task *t = calloc(1, sizeof(*t));
    assert(t);
    (void)snprintf(t->key, sizeof(t->key), "%s", e->key);
    n->n_launched++;
    t->boot = s->next_event;
    t->pid = (uint32_t)(s->next_event & 0xffff) + 2;
    t->is_healthy = true;
    t->n_ports = e->n_ports;
    for (size_t i = 0; i < e->n_ports; i++) {
        t->ports[i] = e->ports[i];
        if (e->ports[i] == 0 || is_port_taken(n, e->ports[i]))
            sim_fail(s, "%s gives %s port %u, which is taken", n->name, e->key,
                     e->ports[i]);
    }
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

/* Cloning hosts and sorting the clones out.  See clone.h. */
#include "tests/sim/clone.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/copy.h"
#include "tests/sim/event.h"
#include "tests/sim/task.h"

static void copy_task(struct sim *s, struct sim_node *to, const struct sim_task *task)
{
    struct sim_task *copy = malloc(sizeof(*copy));
    assert(copy);
    *copy = *task;
    copy->note = (struct bytes){0};
    copy->boot = s->next_event++; /* events of the one are not about the other */
    task_note(copy, task->note);
    copy->next = to->tasks;
    to->tasks = copy;
}

unsigned clone_start(struct sim *s, unsigned of, bool has_tasks)
{
    struct sim_node *original = &s->nodes[of];
    unsigned host = sim_n_hosts(s);
    assert(host < SIM_NODES_MAX);
    s->n_clones++;
    struct sim_node *n = &s->nodes[host];
    sim_node_init(s, host, copy_of(original->store));
    (void)snprintf(n->name, sizeof(n->name), "n%u'", of + 1);
    n->twin_of = of + 1;
    n->id = original->id;
    n->cluster = original->cluster;
    n->keys = original->keys;
    n->meeting = original->meeting;
    n->skew_ms = original->skew_ms;
    for (const struct sim_task *t = original->tasks; has_tasks && t; t = t->next)
        if (t->is_running)
            copy_task(s, n, t);
    sim_boot(s, host);
    return host;
}

bool clone_is_stopped(const struct sim *s, unsigned host)
{
    const struct node *node = s->nodes[host].node;
    return node && gossip_is_stopped(node_gossip(node));
}

/* What people do when they read that an identity is there twice. */
static bool sort_out(struct sim *s, unsigned clone, unsigned original, char *why,
                     size_t cap)
{
    bool has_clone = clone_is_stopped(s, clone),
         has_original = clone_is_stopped(s, original);
    if (!s->nodes[clone].node || !s->nodes[original].node)
        return true;
    if (has_clone && has_original)
        sim_fail(s, "%s and its clone have both stopped", s->nodes[original].name);
    if (!has_clone && !has_original) {
        (void)snprintf(why, cap, "%s and its clone both live", s->nodes[original].name);
        return false;
    }
    sim_crash(s, clone, true);
    if (has_original) {
        sim_crash(s, original, false);
        sim_boot(s, original);
    }
    return true;
}

bool clones_are_settled(struct sim *s, char *why, size_t cap)
{
    for (unsigned host = s->options.nodes; host < sim_n_hosts(s); host++)
        if (!sort_out(s, host, s->nodes[host].twin_of - 1, why, cap))
            return false;
    return true;
}

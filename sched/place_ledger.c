/* What the ledger counts: loads, ports and the rules of a job.  Both the claims (place_claims.c) and the
 * visits (place.c) are entered here; it decides nothing. */
#include <errno.h>

#include "core/hash.h"
#include "sched/place.h"

struct load place_need(const struct job_spec *spec)
{
    return (struct load){spec->task.cpu_milli, spec->task.memory_bytes};
}

void load_add(struct load *to, struct load more)
{
    if (__builtin_add_overflow(to->cpu_milli, more.cpu_milli, &to->cpu_milli))
        to->cpu_milli = UINT64_MAX;
    if (__builtin_add_overflow(to->memory_bytes, more.memory_bytes, &to->memory_bytes))
        to->memory_bytes = UINT64_MAX;
}

bool claim_runs(const struct claim_doc *d)
{
    return d->state != INSTANCE_FINISHED && d->state != INSTANCE_FAILED &&
           d->state != INSTANCE_LOST;
}

/* The slot where (node, port) is or would be. */
static uint64_t *port_slot(const struct port_set *set, uint64_t key)
{
    size_t at = (size_t)hash_mix(key, 0) & (set->n_slots - 1);
    while (set->slots[at] && set->slots[at] != key)
        at = (at + 1) & (set->n_slots - 1);
    return &set->slots[at];
}

static uint64_t port_key(uint32_t node, uint16_t port)
{
    return ((uint64_t)node << 16 | port) + 1;
}

bool place_port_taken(const struct place *p, uint32_t node, uint16_t port)
{
    return *port_slot(&p->ports, port_key(node, port)) != 0;
}

bool place_ports_taken(const struct place *p, uint32_t job, uint32_t node)
{
    const struct job_spec *spec = p->view->jobs[job].spec;
    for (size_t i = 0; i < spec->n_ports; i++) {
        uint16_t port = spec->ports[i].host_port;
        if (port && place_port_taken(p, node, port))
            return true;
    }
    return false;
}

void place_ports_take(struct place *p, uint32_t job, uint32_t node)
{
    const struct job_spec *spec = p->view->jobs[job].spec;
    for (size_t i = 0; i < spec->n_ports; i++) {
        uint16_t port = spec->ports[i].host_port;
        if (port)
            *port_slot(&p->ports, port_key(node, port)) = port_key(node, port);
    }
}

int place_job_rules(struct place *p, uint32_t job)
{
    const struct job_spec *spec = p->view->jobs[job].spec;
    p->round++;
    p->n_rules_of_job = 0;
    for (size_t i = 0; i < spec->n_constraints && i < CONSTRAINTS_MAX; i++) {
        struct rule *rule = rules_find(&p->rules, &spec->constraints[i]);
        if (!rule)
            return -ENOMEM;
        p->rules_of_job[p->n_rules_of_job++] = rule;
    }
    return 0;
}

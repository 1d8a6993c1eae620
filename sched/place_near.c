/* The node that misses least where nothing fits, and what it misses: what a person could change.  See
 * place.h.
 *
 * Only what would be enough by itself is named: a node that lacks room and nothing else, or one fixed
 * port, or one constraint. */
#include <string.h>

#include "core/doc.h"
#include "sched/place.h"

enum miss { MISS_ROOM, MISS_PORT, MISS_CONSTRAINT, MISS_MORE };

struct near {
    uint32_t node;
    enum miss miss;
    uint64_t
        part; /* MISS_ROOM: in 1/1024, so much of what is wanted is there; more is nearer */
};

static uint64_t left_of(uint64_t offered, uint64_t used)
{
    return used < offered ? offered - used : 0;
}

static struct load left_on(const struct place *p, uint32_t node)
{
    const struct node_doc *doc = &p->view->nodes[node].doc;
    return (struct load){
        left_of(doc->cpu_milli, p->reserved[node].cpu_milli),
        left_of(doc->memory_bytes, p->reserved[node].memory_bytes),
    };
}

static uint64_t part_of(uint64_t left, uint64_t need)
{
    return left >= need ? 1024 : (uint64_t)((double)left * 1024 / (double)need);
}

static uint64_t part_left(const struct place *p, uint32_t node)
{
    struct load left = left_on(p, node), need = place_need(p->view->jobs[p->job].spec);
    uint64_t cpu = part_of(left.cpu_milli, need.cpu_milli),
             memory = part_of(left.memory_bytes, need.memory_bytes);
    return cpu < memory ? cpu : memory;
}

static uint16_t port_taken(const struct place *p, uint32_t node, size_t *ret_n)
{
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    uint16_t taken = 0;
    *ret_n = 0;
    for (size_t i = 0; i < spec->n_ports; i++)
        if (spec->ports[i].host_port &&
            place_port_taken(p, node, spec->ports[i].host_port)) {
            taken = spec->ports[i].host_port;
            ++*ret_n;
        }
    return taken;
}

static size_t constraints_missed(const struct place *p, uint32_t node)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        n += !rule_holds(&p->rules, p->rules_of_job[i], node);
    return n;
}

static bool is_taken_from(const struct place *p, uint32_t node)
{
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        if (rule_is_taken(p->rules_of_job[i], node, p->round))
            return true;
    return p->runs_serial[node] == p->serial || p->refused_serial[node] == p->serial;
}

static struct near look_at(const struct place *p, uint32_t node)
{
    size_t n_ports, n_constraints = constraints_missed(p, node);
    struct near near = {node, MISS_MORE, part_left(p, node)};
    bool lacks_room = near.part < 1024;
    (void)port_taken(p, node, &n_ports);
    if (is_taken_from(p, node) || n_ports + n_constraints + lacks_room != 1)
        return near;
    near.miss = lacks_room ? MISS_ROOM : n_ports ? MISS_PORT : MISS_CONSTRAINT;
    if (near.miss == MISS_ROOM && near.part == 0)
        near.miss = MISS_MORE; /* none of it is left: that is no advice */
    return near;
}

/* By kind, by how much of the room is there, and by id. */
static bool is_nearer(struct near a, struct near b)
{
    if (a.miss != b.miss)
        return a.miss < b.miss;
    if (a.miss == MISS_ROOM && a.part != b.part)
        return a.part > b.part;
    return a.node < b.node;
}

static const char *room_text(const struct place *p, uint32_t node)
{
    char cpu[SIZE_TEXT], memory[SIZE_TEXT];
    struct load left = left_on(p, node), need = place_need(p->view->jobs[p->job].spec);
    bool lacks_cpu = left.cpu_milli < need.cpu_milli,
         lacks_memory = left.memory_bytes < need.memory_bytes;
    return arena_printf(p->arena, "; %s would fit with %s%s%s%s%s",
                        p->view->nodes[node].doc.name, lacks_cpu ? "cpu <= " : "",
                        lacks_cpu ? thousandths_text(left.cpu_milli, cpu) : "",
                        lacks_cpu && lacks_memory ? " and " : "",
                        lacks_memory ? "memory <= " : "",
                        lacks_memory ? size_text_below(left.memory_bytes, memory) : "");
}

static const char *constraint_text(const struct place *p, uint32_t node)
{
    const char *name = p->view->nodes[node].doc.name;
    const struct job_spec *spec = p->view->jobs[p->job].spec;
    for (size_t i = 0; i < p->n_rules_of_job; i++) {
        const struct constraint *c = &spec->constraints[i];
        if (rule_holds(&p->rules, p->rules_of_job[i], node))
            continue;
        if (!c->value || !*c->value)
            return arena_printf(p->arena, "; %s would fit but for the attribute %s", name,
                                c->attr);
        return arena_printf(p->arena, "; %s would fit but for %s %s %s", name, c->attr,
                            c->op == CONSTRAINT_LIKE ? "like" : "==", c->value);
    }
    return "";
}

const char *place_near(const struct place *p)
{
    struct near best = {VIEW_NONE, MISS_MORE, 0};
    size_t n_ports;
    for (size_t i = 0; i < p->n_ring; i++) {
        struct near one = look_at(p, p->ring[i].node);
        if (one.miss != MISS_MORE && is_nearer(one, best))
            best = one;
    }
    switch (best.miss) {
    case MISS_ROOM:
        return room_text(p, best.node);
    case MISS_PORT:
        return arena_printf(p->arena, "; %s would fit but for port %u",
                            p->view->nodes[best.node].doc.name,
                            port_taken(p, best.node, &n_ports));
    case MISS_CONSTRAINT:
        return constraint_text(p, best.node);
    case MISS_MORE:
        break;
    }
    return "";
}

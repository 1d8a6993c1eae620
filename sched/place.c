/* The ledger of one plan.  See place.h. */
#include "sched/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

/* ---- setting up ---- */

static int compare_ring(const void *a, const void *b)
{
    const struct ring_node *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Only services are planned here, and only as many instances as the cluster is laid out for. */
static size_t count_instances(struct place *p, size_t *ret_n_ports)
{
    size_t n = 0;
    for (size_t job = 0; job < p->view->n_jobs; job++) {
        const struct view_job *j = &p->view->jobs[job];
        p->first_instance[job] = n;
        bool is_planned = j->spec && j->spec->type == JOB_SERVICE &&
                          j->count <= INSTANCES_PER_JOB_MAX && n + j->count <= CLAIMS_MAX;
        n += is_planned ? j->count : 0;
        for (size_t i = 0; j->spec && i < j->spec->n_ports; i++)
            *ret_n_ports +=
                j->spec->ports[i].host_port ? j->count + (size_t)j->n_claims : 0;
    }
    p->first_instance[p->view->n_jobs] = n;
    return n;
}

static void make_ring(struct place *p)
{
    const struct view *v = p->view;
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        p->node_hash[i] = hash64(BYTES_OF(v->nodes[i].id), 0);
        if (v->nodes[i].takes_work)
            p->ring[p->n_ring++] = (struct ring_node){p->node_hash[i], i};
        else if (v->nodes[i].is_live)
            p->n_no_work++;
    }
    if (p->n_ring > 0)
        qsort(p->ring, p->n_ring, sizeof(*p->ring), compare_ring);
}

int place_init(struct place *p, const struct view *v, struct arena *arena)
{
    size_t n_nodes = v->n_nodes, n_ports = 0;
    *p = (struct place){.view = v, .arena = arena};
    int rc = rules_init(&p->rules, v, arena);
    p->first_instance = arena_array(arena, v->n_jobs + 1, sizeof(*p->first_instance));
    if (rc < 0 || !p->first_instance)
        return -ENOMEM;
    size_t n = count_instances(p, &n_ports);
    for (p->ports.n_slots = 8; p->ports.n_slots < 2 * n_ports;)
        p->ports.n_slots *= 2;
    p->ports.slots = arena_array(arena, p->ports.n_slots, sizeof(*p->ports.slots));
    p->holders = arena_array(arena, n + 1, sizeof(*p->holders));
    p->reserved = arena_array(arena, n_nodes + 1, sizeof(*p->reserved));
    p->scored = arena_array(arena, n_nodes + 1, sizeof(*p->scored));
    p->ring = arena_array(arena, n_nodes + 1, sizeof(*p->ring));
    p->eligible_buf = arena_array(arena, n_nodes + 1, sizeof(*p->eligible_buf));
    p->node_hash = arena_array(arena, n_nodes + 1, sizeof(*p->node_hash));
    p->n_same = arena_array(arena, n_nodes + 1, sizeof(*p->n_same));
    p->n_same_round = arena_array(arena, n_nodes + 1, sizeof(*p->n_same_round));
    p->refused_serial = arena_array(arena, n_nodes + 1, sizeof(*p->refused_serial));
    p->runs_serial = arena_array(arena, n_nodes + 1, sizeof(*p->runs_serial));
    p->refused_by = arena_array(arena, n_nodes + 1, sizeof(*p->refused_by));
    if (!p->ports.slots || !p->holders || !p->reserved || !p->scored || !p->ring ||
        !p->eligible_buf || !p->node_hash || !p->n_same || !p->n_same_round ||
        !p->refused_serial || !p->refused_by || !p->runs_serial)
        return -ENOMEM;
    memset(p->holders, 0xff, n * sizeof(*p->holders)); /* VIEW_NONE */
    make_ring(p);
    return place_claims(p);
}

/* ---- turning to a job and an instance ---- */

static void same_add(struct place *p, uint32_t node)
{
    if (p->n_same_round[node] != p->round)
        p->n_same[node] = 0;
    p->n_same_round[node] = p->round;
    p->n_same[node]++;
}

int place_job(struct place *p, uint32_t job)
{
    const struct view_job *j = &p->view->jobs[job];
    int rc = place_job_rules(p, job);
    if (rc < 0)
        return rc;
    p->job = job;
    p->job_hash = hash64(bytes_of_text(j->name), hash64(bytes_of_text(j->ns), 0));
    p->eligible = NULL;
    p->next_claim = j->first_claim;
    for (size_t at = p->first_instance[job]; at < p->first_instance[job + 1]; at++) {
        if (p->holders[at] == VIEW_NONE)
            continue;
        const struct view_claim *c = &p->view->claims[p->holders[at]];
        for (size_t i = 0; i < p->n_rules_of_job; i++)
            rule_take(p->rules_of_job[i], c->node, p->round);
        if (c->doc.is_proven)
            same_add(p, c->node);
    }
    return 0;
}

/* A refusal of another version than the current one is void: the new one may be tried. */
static void instance_refusals(struct place *p, uint32_t index)
{
    const struct view *v = p->view;
    for (; p->next_refusal < v->n_refusals; p->next_refusal++) {
        const struct view_refuse *r = &v->refusals[p->next_refusal];
        if (r->job > p->job || (r->job == p->job && r->index > index))
            return;
        if (r->job != p->job || r->index != index ||
            !spec_hash_equal(r->doc.spec, v->jobs[p->job].doc.spec))
            continue;
        p->refused_serial[r->node] = p->serial;
        p->refused_by[r->node] = (uint32_t)p->next_refusal;
        p->is_special = true;
    }
}

static void instance_claims(struct place *p, uint32_t index)
{
    const struct view_job *j = &p->view->jobs[p->job];
    for (; p->next_claim < j->first_claim + (size_t)j->n_claims; p->next_claim++) {
        const struct view_claim *c = &p->view->claims[p->next_claim];
        if (c->index > index)
            return;
        if (c->index != index)
            continue;
        if (c->doc.generation > p->generation)
            p->generation = c->doc.generation;
        if (claim_runs(&c->doc)) {
            p->runs_serial[c->node] = p->serial;
            p->is_special = true;
            p->has_former |= c->is_former;
        }
    }
}

static void instance_past(struct place *p, uint32_t index)
{
    const struct view *v = p->view;
    for (; p->next_past < v->n_past; p->next_past++) {
        const struct view_past *past = &v->past[p->next_past];
        if (past->job > p->job || (past->job == p->job && past->index > index))
            return;
        if (past->job == p->job && past->index == index &&
            past->generation > p->generation)
            p->generation = past->generation;
    }
}

void place_instance(struct place *p, uint32_t index)
{
    p->serial++;
    p->is_special = p->has_former = false;
    p->generation = 0;
    instance_claims(p, index);
    instance_past(p, index);
    instance_refusals(p, index);
}

void place_held(struct place *p, uint32_t claim)
{
    const struct view_claim *c = &p->view->claims[claim];
    if (c->doc.is_proven)
        return; /* counted from the beginning */
    same_add(p, c->node);
    load_add(&p->scored[c->node], place_need(p->view->jobs[p->job].spec));
}

void place_placed(struct place *p, uint32_t node)
{
    struct load need = place_need(p->view->jobs[p->job].spec);
    same_add(p, node);
    load_add(&p->scored[node], need);
    load_add(&p->reserved[node], need);
    place_ports_take(p, p->job, node);
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        rule_take(p->rules_of_job[i], node, p->round);
}

/* ---- filter, score, choose ---- */

/* The filters whose outcome no claim can change: they decide who is a candidate at all. */
static enum fit fit_fixed(const struct place *p, uint32_t node)
{
    if (!p->view->nodes[node].takes_work)
        return FIT_NO_WORK;
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        if (!rule_holds(&p->rules, p->rules_of_job[i], node))
            return FIT_CONSTRAINT;
    return FIT_YES;
}

static enum fit fit_now(const struct place *p, uint32_t node)
{
    const struct node_doc *doc = &p->view->nodes[node].doc;
    struct load total = p->reserved[node];
    if (p->runs_serial[node] == p->serial)
        return FIT_RUNS_IT;
    for (size_t i = 0; i < p->n_rules_of_job; i++)
        if (rule_is_taken(p->rules_of_job[i], node, p->round))
            return FIT_UNIQUE;
    if (place_ports_taken(p, p->job, node))
        return FIT_PORT;
    load_add(&total, place_need(p->view->jobs[p->job].spec));
    if (total.cpu_milli > doc->cpu_milli)
        return FIT_CPU;
    if (total.memory_bytes > doc->memory_bytes)
        return FIT_MEMORY;
    return p->refused_serial[node] == p->serial ? FIT_REFUSED : FIT_YES;
}

enum fit place_fit(const struct place *p, uint32_t node)
{
    enum fit fit = fit_fixed(p, node);
    return fit == FIT_YES ? fit_now(p, node) : fit;
}

static uint64_t share(uint64_t used, uint64_t of)
{
    __extension__ unsigned __int128 scaled = (unsigned __int128)used * 1024;
    return of ? (uint64_t)(scaled / of) : 0;
}

struct place_score place_score(const struct place *p, uint32_t index, uint32_t node)
{
    const struct node_doc *doc = &p->view->nodes[node].doc;
    struct load used = p->scored[node];
    load_add(&used, place_need(p->view->jobs[p->job].spec));
    uint64_t cpu = share(used.cpu_milli, doc->cpu_milli);
    uint64_t memory = share(used.memory_bytes, doc->memory_bytes);
    return (struct place_score){
        .n_same = p->n_same_round[node] == p->round ? p->n_same[node] : 0,
        .load = cpu > memory ? cpu : memory,
        .rank = hash_mix(hash_mix(p->job_hash, index), p->node_hash[node]),
    };
}

static bool is_better(struct place_score a, struct place_score b)
{
    if (a.n_same != b.n_same)
        return a.n_same < b.n_same;
    if (a.load != b.load)
        return a.load < b.load;
    return a.rank > b.rank;
}

static void find_eligible(struct place *p)
{
    p->eligible = p->ring;
    p->n_eligible = p->n_ring;
    if (p->n_rules_of_job == 0)
        return;
    p->n_eligible = 0;
    for (size_t i = 0; i < p->n_ring; i++)
        if (fit_fixed(p, p->ring[i].node) == FIT_YES)
            p->eligible_buf[p->n_eligible++] = p->ring[i];
    p->eligible = p->eligible_buf;
}

/* The first candidate at or after this place of the ring. */
static size_t ring_find(const struct ring_node *ring, size_t n, uint64_t at)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ring[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n ? low : 0;
}

/* Look at one candidate; the best so far is ret->node with `best`. */
static void consider(struct place *p, uint32_t index, uint32_t node,
                     struct place_score *best, struct place_choice *ret)
{
    enum fit fit = fit_now(p, node);
    ret->n[fit]++;
    if (fit == FIT_REFUSED && ret->refusal == VIEW_NONE)
        ret->refusal = p->refused_by[node];
    if (fit != FIT_YES)
        return;
    struct place_score score = place_score(p, index, node);
    if (ret->node != VIEW_NONE) {
        ret->is_fewest |= score.n_same != best->n_same;
        ret->is_least_loaded |= score.n_same == best->n_same && score.load != best->load;
    }
    if (ret->node != VIEW_NONE && !is_better(score, *best))
        return;
    ret->node = node;
    *best = score;
}

static bool load_fits(struct load small, struct load big)
{
    return small.cpu_milli <= big.cpu_milli && small.memory_bytes <= big.memory_bytes;
}

/* Nodes only fill up during the walk: what was sought in vain everywhere need not be sought
 * again, nor anything bigger.  What is said of the nodes stays true. */
static bool is_vain(const struct place *p, struct load need, struct place_choice *ret)
{
    for (size_t i = 0; i < p->n_vain; i++)
        if (load_fits(p->vain[i].need, need)) {
            ret->n[FIT_CPU] = p->vain[i].n_cpu;
            ret->n[FIT_MEMORY] = p->vain[i].n_memory;
            return true;
        }
    return false;
}

static void remember_vain(struct place *p, struct load need,
                          const struct place_choice *choice)
{
    size_t n = 0;
    if (choice->n[FIT_CPU] + choice->n[FIT_MEMORY] < p->n_ring)
        return; /* something else kept it off a node that may have room */
    for (size_t i = 0; i < p->n_vain; i++)
        if (!load_fits(need, p->vain[i].need))
            p->vain[n++] = p->vain[i];
    p->n_vain = n;
    if (n < PLACE_VAIN_MAX)
        p->vain[p->n_vain++] =
            (struct place_vain){need, choice->n[FIT_CPU], choice->n[FIT_MEMORY]};
}

/* The sample is a stretch of the ring that depends on job, index and the candidates only.  It is
 * widened when nothing in it fits; a claim that arrives later can empty no stretch that was
 * chosen from and fill none that was not, so the choice stays. */
void place_choose(struct place *p, uint32_t index, struct place_choice *ret_choice)
{
    struct place_score best = {0};
    struct load need = place_need(p->view->jobs[p->job].spec);
    *ret_choice = (struct place_choice){.node = VIEW_NONE, .refusal = VIEW_NONE};
    if (is_vain(p, need, ret_choice))
        return;
    if (!p->eligible)
        find_eligible(p);
    size_t start =
        ring_find(p->eligible, p->n_eligible, hash_mix(p->job_hash, ~(uint64_t)index));
    for (size_t i = 0; i < p->n_eligible; i++) {
        if (i % PLACE_SAMPLE == 0 && ret_choice->node != VIEW_NONE)
            break;
        size_t at = start + i < p->n_eligible ? start + i : start + i - p->n_eligible;
        consider(p, index, p->eligible[at].node, &best, ret_choice);
    }
    ret_choice->n[FIT_CONSTRAINT] = (uint32_t)(p->n_ring - p->n_eligible);
    if (ret_choice->node == VIEW_NONE && p->n_ring > 0)
        remember_vain(p, need, ret_choice);
}

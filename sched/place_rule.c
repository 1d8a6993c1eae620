/* Remembered answers to constraints.  See place_rule.h.
 *
 * A regex costs microseconds and a cluster has thousands of nodes and jobs; a byte per (distinct
 * constraint, node) makes each pair cost one evaluation, and only if somebody asks. */
#include "sched/place_rule.h"

#include <errno.h>
#include <string.h>

#include "core/hash.h"
#include "sched/constraint.h"

static size_t power_above(size_t n)
{
    size_t out = 8;
    while (out < n)
        out *= 2;
    return out;
}

int rules_init(struct rules *r, const struct view *v, struct arena *arena)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_jobs; i++)
        n += v->jobs[i].spec ? v->jobs[i].spec->n_constraints : 0;
    *r = (struct rules){.view = v, .arena = arena, .n_slots = power_above(2 * n)};
    r->slots = arena_array(arena, r->n_slots, sizeof(*r->slots));
    return r->slots ? 0 : -ENOMEM;
}

static uint64_t constraint_hash(const struct constraint *c)
{
    uint64_t hash = hash64(bytes_of_text(c->attr), (uint64_t)c->op);
    return c->op == CONSTRAINT_UNIQUE ? hash : hash64(bytes_of_text(c->value), hash);
}

static bool is_same(const struct constraint *a, const struct constraint *b)
{
    if (a->op != b->op || strcmp(a->attr, b->attr) != 0)
        return false;
    if (a->op == CONSTRAINT_UNIQUE || a->value == b->value)
        return true;
    return a->value && b->value && strcmp(a->value, b->value) == 0;
}

/* Number the attribute's values, equal texts alike, in node order. */
static int number_values(struct rules *r, struct rule *rule)
{
    const struct view *v = r->view;
    size_t n_slots = power_above(2 * v->n_nodes);
    uint32_t *first = arena_array(r->arena, n_slots, sizeof(*first)); /* node + 1 */
    rule->value_of = arena_array(r->arena, v->n_nodes, sizeof(*rule->value_of));
    rule->taken_in = arena_array(r->arena, v->n_nodes + 1, sizeof(*rule->taken_in));
    if (!first || !rule->value_of || !rule->taken_in)
        return -ENOMEM;
    const char *attr = rule->constraint->attr;
    for (uint32_t node = 0; node < v->n_nodes; node++) {
        const char *value = attribute_of(&v->nodes[node].doc, attr);
        if (!value)
            continue;
        size_t at = (size_t)hash64(bytes_of_text(value), 0) & (n_slots - 1);
        while (first[at] &&
               strcmp(attribute_of(&v->nodes[first[at] - 1].doc, attr), value) != 0)
            at = (at + 1) & (n_slots - 1);
        if (!first[at])
            first[at] = node + 1;
        rule->value_of[node] = first[at];
    }
    return 0;
}

struct rule *rules_find(struct rules *r, const struct constraint *c)
{
    size_t at = (size_t)constraint_hash(c) & (r->n_slots - 1);
    while (r->slots[at].constraint && !is_same(r->slots[at].constraint, c))
        at = (at + 1) & (r->n_slots - 1);
    struct rule *rule = &r->slots[at];
    if (rule->constraint)
        return rule;
    struct rule made = {.constraint = c};
    if (c->op == CONSTRAINT_UNIQUE) {
        if (number_values(r, &made) < 0)
            return NULL;
    } else {
        made.answers = arena_array(r->arena, r->view->n_nodes, 1);
        if (!made.answers)
            return NULL;
    }
    *rule = made;
    return rule;
}

bool rule_holds(const struct rules *r, struct rule *rule, uint32_t node)
{
    if (rule->value_of)
        return rule->value_of[node] != 0;
    if (rule->answers[node] == 0)
        rule->answers[node] =
            constraint_holds(rule->constraint, &r->view->nodes[node].doc) ? 1 : 2;
    return rule->answers[node] == 1;
}

bool rule_is_taken(const struct rule *rule, uint32_t node, uint32_t round)
{
    return rule->value_of && rule->value_of[node] &&
           rule->taken_in[rule->value_of[node]] == round;
}

void rule_take(struct rule *rule, uint32_t node, uint32_t round)
{
    if (rule->value_of && rule->value_of[node])
        rule->taken_in[rule->value_of[node]] = round;
}

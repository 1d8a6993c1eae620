/* Giving orders in pairs and holding them to their answers.  See pair.h. */
#include "tests/sim/pair.h"

#include <stdio.h>

#include "core/err.h"
#include "proto/key.h"

static const char *value_of(const struct sim_pair *p, unsigned which)
{
    return which == 0 || p->is_same ? "first" : "second";
}

bool pair_give(struct sim *s, const unsigned nodes[2], bool is_same, int ack)
{
    if (!s->nodes[nodes[0]].node || !s->nodes[nodes[1]].node ||
        s->nodes[nodes[0]].cluster != s->nodes[nodes[1]].cluster ||
        s->n_pairs == SIM_PAIRS_MAX)
        return false;
    size_t index = s->n_pairs++;
    struct sim_pair *p = &s->pairs[index];
    char name[24];
    (void)snprintf(name, sizeof(name), "p%zu", index);
    *p = (struct sim_pair){.cluster = s->nodes[nodes[0]].cluster,
                           .nodes = {nodes[0], nodes[1]},
                           .is_same = is_same,
                           .outcomes = {OUTCOME_OPEN, OUTCOME_OPEN}};
    for (unsigned i = 0; i < 2; i++) {
        struct order command = {.kind = ORDER_VAR_SET,
                                .token = PAIR_TOKEN + 2 * index + i,
                                .ns = "default",
                                .name = name,
                                .value = bytes_of_text(value_of(p, i)),
                                .ack = ack};
        sim_order(s, nodes[i], &command);
    }
    return true;
}

void pair_by_dice(struct sim *s, const uint64_t dice[2])
{
    unsigned n = s->options.nodes;
    unsigned nodes[2] = {(unsigned)(dice[0] % n), (unsigned)(dice[0] / n % n)};
    (void)pair_give(s, nodes, dice[1] & 1, 2);
}

void pair_answered(struct sim *s, const struct node_effect *e)
{
    size_t at = e->token - PAIR_TOKEN;
    s->pairs[at / 2].outcomes[at % 2] = e->result.code == 0              ? OUTCOME_DONE
                                        : sim_is_refusal(e->result.code) ? OUTCOME_REFUSED
                                                                         : OUTCOME_UNSURE;
}

const struct entry *pair_entry(const struct sim *s, unsigned node, size_t index,
                               bool is_lost)
{
    char key[48];
    (void)snprintf(key, sizeof(key), "%svar/default/p%zu", is_lost ? "lost/" : "", index);
    return table_get(gossip_table(node_gossip(s->nodes[node].node)), bytes_of_text(key));
}

static bool may_be(const struct sim_pair *p, struct bytes value)
{
    for (unsigned i = 0; i < 2; i++)
        if (p->outcomes[i] != OUTCOME_REFUSED &&
            bytes_equal(value, bytes_of_text(value_of(p, i))))
            return true;
    return false;
}

bool pairs_are_right(const struct sim *s, unsigned node, char *why, size_t cap)
{
    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct sim_pair *p = &s->pairs[i];
        const char *what = NULL;
        if (p->cluster != s->nodes[node].cluster)
            continue;
        const struct entry *e = pair_entry(s, node, i, false);
        if (!e && (p->outcomes[0] == OUTCOME_DONE || p->outcomes[1] == OUTCOME_DONE))
            what = "was done, and is lost";
        else if (e && !may_be(p, e->value))
            what = "has the value of an order that was refused";
        if (what) {
            (void)snprintf(why, cap, "%s: pair %zu %s", s->nodes[node].name, i, what);
            return false;
        }
    }
    return true;
}

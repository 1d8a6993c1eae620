/* Ordering and judging variables.  See var.h. */
#include "tests/sim/var.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "gossip/table/seen.h"
#include "gossip/table/table.h"

enum { LOOK_MS = 1000, LISTS_MS = 20000, TRUST_LAGS = 16 + 3 };

/* ---- ordering ---- */

static bool has_seen(const struct sim_node *n, const struct sim_var *var)
{
    const struct seen_number *seen;
    size_t n_seen = gossip_seen(node_gossip(n->node), &seen);
    for (size_t i = 0; i < n_seen; i++)
        if (node_id_equal(seen[i].writer, var->writer))
            return seen_line_covers(&seen[i], var->epoch, var->number);
    return false;
}

static bool can_take(const struct sim_node *n, const struct sim_var *var)
{
    return n->node && gossip_is_ready(node_gossip(n->node)) &&
           (var->n_orders == 0 || (n->cluster == var->cluster && has_seen(n, var)));
}

static void order(struct sim *s, unsigned node, size_t index)
{
    struct sim_node *n = &s->nodes[node];
    struct sim_var *var = &s->vars[index], was = *var;
    char name[16], value[24];
    (void)snprintf(name, sizeof(name), "v%zu", index);
    (void)snprintf(value, sizeof(value), "%u", var->n_orders);
    struct order command = {
        .kind = var->is_there ? ORDER_VAR_REMOVE : ORDER_VAR_SET,
        .token = VAR_TOKEN + index,
        .ns = "default",
        .name = name,
        .value = bytes_of_text(value),
        .ack = 2,
    };
    var->is_there = !var->is_there;
    var->is_open = true;
    var->n_orders++;
    var->cluster = n->cluster;
    var->writer = n->id;
    var->epoch = gossip_epoch(node_gossip(n->node));
    s->is_refused = false;
    sim_order(s, node, &command);
    var->number = gossip_number(node_gossip(n->node));
    if (s->is_refused)
        *var = was;
}

void var_order(struct sim *s, const uint64_t dice[2])
{
    size_t index = (size_t)(dice[1] % SIM_VARS_MAX);
    struct sim_var *var = &s->vars[index];
    for (unsigned i = 0; i < s->options.nodes && !var->is_open && !var->is_unsure; i++) {
        unsigned k = (unsigned)((dice[0] + i) % s->options.nodes);
        if (can_take(&s->nodes[k], var)) {
            order(s, k, index);
            return;
        }
    }
}

void var_answered(struct sim *s, const struct node_effect *e)
{
    struct sim_var *var = &s->vars[e->token - VAR_TOKEN];
    var->is_open = false;
    if (sim_is_refusal(e->result.code))
        s->is_refused = true;
    else
        var->is_unsure = e->result.code != 0;
}

/* ---- judging ---- */

bool vars_are_right(const struct sim *s, unsigned node, char *why, size_t cap)
{
    const struct sim_node *n = &s->nodes[node];
    for (size_t i = 0; i < SIM_VARS_MAX; i++) {
        const struct sim_var *var = &s->vars[i];
        char name[24];
        (void)snprintf(name, sizeof(name), "var/default/v%zu", i);
        if (var->n_orders == 0 || var->is_open || var->is_unsure ||
            var->cluster != n->cluster)
            continue;
        bool is_there =
            table_get(gossip_table(node_gossip(n->node)), bytes_of_text(name)) != NULL;
        if (is_there == var->is_there)
            continue;
        (void)snprintf(why, cap,
                       is_there ? "%s has %s, which was removed" : "%s has lost %s",
                       n->name, name);
        return false;
    }
    return true;
}

static bool is_up(const struct sim *s, struct node_id id)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && node_id_equal(s->nodes[i].id, id))
            return true;
    return false;
}

/* Those of a store that was lost stay. */
static size_t n_tombstones(const struct sim *s, const struct sim_node *n)
{
    struct table_walk walk;
    struct entry e;
    size_t count = 0;
    table_from_key(gossip_table(node_gossip(n->node)), (struct bytes){0}, &walk);
    while (table_next(gossip_table(node_gossip(n->node)), &walk, &e))
        count += !e.value.at && is_up(s, e.writer);
    return count;
}

static const struct sim_node *holder(const struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && n_tombstones(s, &s->nodes[i]) > 0)
            return &s->nodes[i];
    return NULL;
}

void var_check_collected(struct sim *s)
{
    /* Who speaks to whom so rarely that it never shows what it has seen is trusted in the end. */
    uint64_t trusted_ms =
        s->profile.collect_hold_ms + (uint64_t)TRUST_LAGS * s->profile.collect_lag_ms;
    uint64_t reaped_ms = s->now_ms + LISTS_MS + trusted_ms;
    if (s->options.has_wipes)
        reaped_ms += s->options.reap_ms + s->options.reap_ms / 16;
    if (s->options.reap_ms == 0)
        return;
    while (holder(s) && s->now_ms < reaped_ms && !s->failure[0])
        sim_run(s, s->now_ms + LOOK_MS);
    if (holder(s))
        sim_fail(s, "%s still holds %zu tombstones", holder(s)->name,
                 n_tombstones(s, holder(s)));
}

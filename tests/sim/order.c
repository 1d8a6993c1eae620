/* Giving orders and holding them to their answers.  See order.h. */
#include "tests/sim/order.h"

#include <stdio.h>

#include "core/err.h"
#include "proto/record.h"

/* ---- things ---- */

static struct key key_of(size_t index, bool is_job)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "o%zu", index);
    return is_job ? key_job("default", name) : key_var("default", name);
}

static const struct table *table_of(const struct sim_node *n)
{
    return gossip_table(node_gossip(n->node));
}

static bool is_there(const struct sim_node *n, size_t index, bool is_job)
{
    struct key key = key_of(index, is_job);
    return table_get(table_of(n), key_bytes(&key)) != NULL;
}

static bool is_stopped(const struct sim_node *n, size_t index)
{
    char name[24];
    struct control_doc doc = {0};
    (void)snprintf(name, sizeof(name), "o%zu", index);
    struct key key = key_control("default", name);
    const struct entry *e = table_get(table_of(n), key_bytes(&key));
    return e && record_decode_control(e->value, &doc) == 0 && doc.is_stopped;
}

/* A variable ends by being removed, a job by being stopped. */
static bool has_ended(const struct sim_node *n, size_t index, bool is_job)
{
    return is_job ? is_stopped(n, index) : !is_there(n, index, false);
}

/* ---- giving ---- */

static void make(struct sim *s, unsigned node, bool is_job, int ack)
{
    static const char *const argv[] = {"/bin/true", NULL};
    size_t index = s->n_orders++;
    char name[24];
    (void)snprintf(name, sizeof(name), "o%zu", index);
    struct job_spec spec = {
        .name = name,
        .ns = "default",
        .priority = 50,
        .task = {.argv = argv,
                 .n_argv = 1,
                 .cpu_milli = 100,
                 .memory_bytes = 64 << 20,
                 .pids = 64,
                 .stop_signal = 15,
                 .stop_timeout_ms = 2000,
                 .log_max_bytes = 10 << 20,
                 .log_max_files = 5,
                 .log_keep_ms = 7 * 24 * 3600 * 1000},
        .restart = {.attempts = 3,
                    .window_ms = 300000,
                    .delay_ms = 1000,
                    .max_delay_ms = 300000,
                    .backoff_permille = 1150},
        .update = {.max_parallel = 1, .min_healthy_time_ms = 2000},
        .service_name = name,
    };
    struct order command = {.kind = is_job ? ORDER_SUBMIT : ORDER_VAR_SET,
                            .token = ORDER_TOKEN + 2 * index,
                            .ns = "default",
                            .name = name,
                            .jobs = &spec,
                            .n_jobs = is_job,
                            .value = bytes_of_text(name),
                            .ack = ack};
    s->orders[index] = (struct sim_order){.is_job = is_job,
                                          .node = node,
                                          .cluster = s->nodes[node].cluster,
                                          .made = OUTCOME_OPEN};
    sim_order(s, node, &command);
}

static bool end_one(struct sim *s, unsigned node, uint64_t dice, int ack)
{
    const struct sim_node *n = &s->nodes[node];
    for (size_t i = 0; i < s->n_orders; i++) {
        size_t index = (dice + i) % s->n_orders;
        struct sim_order *o = &s->orders[index];
        char name[24];
        if (o->made != OUTCOME_DONE || o->ended != OUTCOME_NONE ||
            o->cluster != n->cluster || !is_there(n, index, o->is_job))
            continue;
        (void)snprintf(name, sizeof(name), "o%zu", index);
        struct order command = {.kind = o->is_job ? ORDER_STOP : ORDER_VAR_REMOVE,
                                .token = ORDER_TOKEN + 2 * index + 1,
                                .ns = "default",
                                .name = name,
                                .ack = ack};
        o->ended = OUTCOME_OPEN;
        o->node = node;
        sim_order(s, node, &command);
        return true;
    }
    return false;
}

void order_give(struct sim *s, const uint64_t dice[2])
{
    /* A disk may be lost as well: then one copy is not enough to promise anything. */
    static const int acks[] = {2, 2, ACK_DEFAULT, ACK_MAJORITY, 1, ACK_DEFAULT};
    int ack = acks[dice[1] % (s->options.has_wipes || s->options.has_copies ? 2 : 6)];
    unsigned node = (unsigned)(dice[0] % s->options.nodes);
    if (!s->nodes[node].node)
        return;
    if (dice[1] / 6 % 3 == 0 && end_one(s, node, dice[1] / 18, ack))
        return;
    if (s->n_orders < SIM_ORDERS_MAX)
        make(s, node, dice[1] / 6 % 2, ack);
}

void order_answered(struct sim *s, const struct node_effect *e)
{
    size_t index = (e->token - ORDER_TOKEN) / 2;
    struct sim_order *o = &s->orders[index];
    bool is_end = (e->token - ORDER_TOKEN) % 2;
    enum sim_outcome outcome = e->result.code == 0              ? OUTCOME_DONE
                               : sim_is_refusal(e->result.code) ? OUTCOME_REFUSED
                                                                : OUTCOME_UNSURE;
    *(is_end ? &o->ended : &o->made) = outcome;
    s->n_refused += e->result.code == ERR_STORE;
    s->n_unsure += outcome == OUTCOME_UNSURE;
    order_check_refused(s);
}

/* ---- holding ---- */

static bool is_absent(const struct sim_node *n, size_t index, const struct sim_order *o)
{
    if (o->made == OUTCOME_REFUSED)
        return !is_there(n, index, o->is_job);
    return o->made != OUTCOME_DONE || o->ended != OUTCOME_REFUSED ||
           !is_there(n, index, o->is_job) || !has_ended(n, index, o->is_job);
}

void order_check_refused(struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        const struct sim_node *n = &s->nodes[i];
        for (size_t k = 0; n->node && k < s->n_orders; k++)
            if (s->orders[k].cluster == n->cluster && !is_absent(n, k, &s->orders[k]))
                sim_fail(s, "%s has what was refused: order %zu, on %s", n->name, k,
                         s->nodes[s->orders[k].node].name);
    }
}

bool orders_are_right(const struct sim *s, unsigned node, char *why, size_t cap)
{
    const struct sim_node *n = &s->nodes[node];
    for (size_t k = 0; k < s->n_orders; k++) {
        const struct sim_order *o = &s->orders[k];
        const char *what = NULL;
        if (o->cluster != n->cluster)
            continue;
        bool ends = o->ended != OUTCOME_NONE && o->ended != OUTCOME_REFUSED;
        if (o->made == OUTCOME_REFUSED && is_there(n, k, o->is_job))
            what = "was refused, and is there";
        else if (o->made == OUTCOME_DONE && !ends && !is_there(n, k, o->is_job))
            what = "was done, and is lost";
        else if (o->ended == OUTCOME_DONE && !has_ended(n, k, o->is_job))
            what = "was ended, and is not";
        else if (o->made == OUTCOME_DONE && o->ended == OUTCOME_REFUSED &&
                 has_ended(n, k, o->is_job))
            what = "ended, which was refused";
        if (what) {
            (void)snprintf(why, cap, "%s: order %zu %s", n->name, k, what);
            return false;
        }
    }
    return true;
}

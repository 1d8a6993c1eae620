/* Writing as agent/uv_perform.c does, and losing it again.  See disk.h. */
#include "tests/sim/disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"
#include "gossip/table/stored.h"
#include "gossip/table/table.h"
#include "proto/key.h"

enum { RETRY_MS = 1000 };

/* ---- writing ---- */

/* What the effects ask for and was not written yet, behind what the store refused before. */
int disk_persist(struct sim *s, struct sim_node *n, bool is_urgent, struct err *err)
{
    struct store_change *all = NULL;
    size_t n_all = 0, cap = 0;
    bool is_synced = false;
    for (; n->n_persisted < n->fx.n; n->n_persisted++) {
        const struct node_effect *e = &n->fx.list[n->n_persisted];
        bool is_one = e->kind == NODE_GOSSIP && e->gossip.kind == GOSSIP_PERSIST;
        is_synced = is_synced || (is_one && e->gossip.is_synced);
        for (size_t i = 0; is_one && i < e->gossip.n_changes; i++) {
            assert(arena_grow(node_effects_arena(&n->fx), (void **)&all, n_all, &cap,
                              sizeof(*all)) == 0);
            all[n_all++] = e->gossip.changes[i];
        }
    }
    if (n_all == 0 && (n->backlog.n == 0 || (!is_urgent && s->now_ms < n->retry_ms)))
        return 0;
    n->retry_ms = s->now_ms + RETRY_MS;
    int status = backlog_write(&n->backlog, n->store, all, n_all, is_synced, err);
    n->is_unwritten = status < 0;
    if (status < 0)
        tape_step(&n->tape, n->node, sim_moment(s, n),
                  &(struct node_input){.kind = INPUT_STORE_FAILED, .why = err->text},
                  &n->fx);
    else
        tape_step(&n->tape, n->node, sim_moment(s, n),
                  &(struct node_input){.kind = INPUT_STORE_MENDED}, &n->fx);
    return status;
}

int disk_write_staged(struct sim *s, struct sim_node *n,
                      const struct store_change *changes, size_t n_changes,
                      struct err *err)
{
    if (disk_persist(s, n, true, err) < 0)
        return ERR_STORE;
    return store_write(n->store, changes, n_changes, true, err);
}

void disk_fault(struct sim *s, unsigned node, unsigned countdown, unsigned repeat,
                unsigned of_sync)
{
    store_mem_fault(s->nodes[node].store, countdown, repeat);
    store_mem_fault_sync(s->nodes[node].store, of_sync);
}

void disk_mend(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    disk_fault(s, node, 0, 0, 0);
    if (n->ails)
        return;
    n->is_unwritten = false;
    if (backlog_write(&n->backlog, n->store, NULL, 0, true, NULL) < 0)
        sim_fail(s, "%s: the store in memory refused a write", n->name);
    if (n->node)
        tape_step(&n->tape, n->node, sim_moment(s, n),
                  &(struct node_input){.kind = INPUT_STORE_MENDED}, &n->fx);
}

/* ---- losing ---- */

void disk_cut(struct sim *s, unsigned node, uint64_t dice)
{
    struct store *store = s->nodes[node].store;
    if (!s->nodes[node].node)
        return;
    sim_crash(s, node, true);
    store_mem_cut(store, (size_t)(dice % (store_mem_unsynced(store) + 1)));
}

/* Does another one have this entry, or one that is newer? */
static bool has_other(const struct sim *s, unsigned node, struct bytes key,
                      const struct entry *e)
{
    for (unsigned i = 0; i < sim_n_hosts(s); i++) {
        const struct sim_node *n = &s->nodes[i];
        struct entry other;
        uint8_t *value;
        size_t len;
        if (i == node || n->cluster != s->nodes[node].cluster)
            continue;
        if (n->node && table_find(gossip_table(node_gossip(n->node)), key, &other) &&
            entry_compare(&other, e) >= 0)
            return true;
        if (store_read(n->store, STORE_TABLE, key, &value, &len, NULL) < 0)
            continue;
        bool is_one = stored_entry_decode(key, (struct bytes){value, len}, &other) == 0 &&
                      entry_compare(&other, e) >= 0;
        free(value);
        if (is_one)
            return true;
    }
    return false;
}

/* Is what this disk has under the key nowhere else?  False also when it has nothing. */
static bool is_last(const struct sim *s, unsigned node, struct key key)
{
    struct entry e;
    uint8_t *value;
    size_t len;
    if (store_read(s->nodes[node].store, STORE_TABLE, key_bytes(&key), &value, &len,
                   NULL) < 0)
        return false;
    bool is_so =
        stored_entry_decode(key_bytes(&key), (struct bytes){value, len}, &e) == 0 &&
        !has_other(s, node, key_bytes(&key), &e);
    free(value);
    return is_so;
}

static void excuse_orders(struct sim *s, unsigned node)
{
    for (size_t i = 0; i < s->n_orders; i++) {
        struct sim_order *o = &s->orders[i];
        char name[24];
        (void)snprintf(name, sizeof(name), "o%zu", i);
        struct key thing =
            o->is_job ? key_job("default", name) : key_var("default", name);
        struct key end = o->is_job ? key_control("default", name) : thing;
        if (o->cluster != s->nodes[node].cluster)
            continue;
        if (o->ended == OUTCOME_DONE && is_last(s, node, end))
            o->ended = OUTCOME_UNSURE;
        else if (o->made == OUTCOME_DONE && is_last(s, node, thing))
            o->made = OUTCOME_UNSURE;
    }
}

void disk_excuse(struct sim *s, unsigned node)
{
    unsigned cluster = s->nodes[node].cluster;
    for (size_t i = 0; i < s->n_jobs; i++) {
        struct sim_job *job = &s->jobs[i];
        bool is_job_last = is_last(s, node, key_job("default", job->name));
        if (job->cluster != cluster)
            continue;
        if (is_job_last || is_last(s, node, key_control("default", job->name)))
            job->is_unsure = true;
        job->is_lost = job->is_lost || is_job_last;
    }
    for (size_t i = 0; i < SIM_VARS_MAX; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "v%zu", i);
        if (s->vars[i].cluster == cluster && is_last(s, node, key_var("default", name)))
            s->vars[i].is_unsure = true;
    }
    for (size_t i = 0; i < s->n_pairs; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "p%zu", i);
        struct sim_pair *p = &s->pairs[i];
        if (p->cluster == cluster && is_last(s, node, key_var("default", name)))
            p->outcomes[0] = p->outcomes[1] = OUTCOME_UNSURE;
    }
    excuse_orders(s, node);
}

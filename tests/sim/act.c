/* Drawing acts from a seed and performing them.  See act.h. */
#include "tests/sim/act.h"

#include <stdio.h>
#include <string.h>

#include "proto/record.h"
#include "tests/sim/ail.h"
#include "tests/sim/clone.h"
#include "tests/sim/copy.h"
#include "tests/sim/disk.h"
#include "tests/sim/edit.h"
#include "tests/sim/move.h"
#include "tests/sim/order.h"
#include "tests/sim/pair.h"
#include "tests/sim/secret.h"
#include "tests/sim/task.h"
#include "tests/sim/var.h"

enum {
    STEP_MS = 500,
    FLAP_MS = 6000,
    SKEW_MS = 200,
    JUMP_MAX_MS = 3600000,
    ABSENT_FROM_MS = 10000,
    AIL_MIN_MS = 500,
    AIL_MAX_MS = 20000
};

/* ---- the people ---- */

/* A node that takes orders, looked for from the dice's node on. */
static int node_for(const struct sim *s, uint64_t dice)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        unsigned k = (unsigned)((dice + i) % s->options.nodes);
        if (s->nodes[k].node && gossip_is_ready(node_gossip(s->nodes[k].node)))
            return (int)k;
    }
    return -1;
}

static const struct entry *order_entry(const struct sim *s, unsigned node,
                                       const struct sim_job *job)
{
    struct key key = key_control("default", job->name);
    return s->nodes[node].node ? table_get(gossip_table(node_gossip(s->nodes[node].node)),
                                           key_bytes(&key))
                               : NULL;
}

static const struct entry *job_entry(const struct sim *s, unsigned node,
                                     const struct sim_job *job)
{
    struct key key = key_job("default", job->name);
    return s->nodes[node].node ? table_get(gossip_table(node_gossip(s->nodes[node].node)),
                                           key_bytes(&key))
                               : NULL;
}

/* Remember the newest order of every job that any node holds, for those who hold it may crash. */
static void note_orders(struct sim *s)
{
    for (size_t k = 0; k < s->n_jobs; k++) {
        for (unsigned i = 0; i < s->options.nodes; i++) {
            const struct entry *e = order_entry(s, i, &s->jobs[k]),
                               *record = job_entry(s, i, &s->jobs[k]);
            if (e && e->generation > s->jobs[k].newest_order)
                s->jobs[k].newest_order = e->generation;
            if (record && record->generation > s->jobs[k].newest_edit)
                s->jobs[k].newest_edit = record->generation;
        }
    }
}

/* Who does not know the order before would write a concurrent one, and stamps choose between them. */
static bool knows_orders(const struct sim *s, unsigned node, const struct sim_job *job)
{
    const struct entry *e = order_entry(s, node, job), *record = job_entry(s, node, job);
    return (e ? e->generation : 0) >= job->newest_order &&
           (record ? record->generation : 0) >= job->newest_edit;
}

/* A node whose clock is wrong says so, and the people do as they are told: they ask the next one. */
static bool give(struct sim *s, unsigned node, struct order *command, size_t index)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        unsigned k = (node + i) % s->options.nodes;
        if (node_for(s, k) != (int)k || s->nodes[k].cluster != s->jobs[index].cluster ||
            !knows_orders(s, k, &s->jobs[index]))
            continue;
        if (sim_command(s, k, command, index))
            return true;
    }
    return false;
}

static void submit(struct sim *s, unsigned node, size_t index, uint64_t dice)
{
    struct sim_job *job = &s->jobs[index];
    struct edit_spec e;
    job->has_check = dice & 1;
    edit_spec_first(job, &e);
    struct order command = {
        .kind = ORDER_SUBMIT, .jobs = &e.spec, .n_jobs = 1, .ack = s->ack};
    job->is_asked = give(s, node, &command, index);
}

static void order(struct sim *s, unsigned node, size_t index, uint64_t dice)
{
    struct sim_job *job = &s->jobs[index];
    struct order command = {.ns = "default", .name = job->name, .ack = s->ack};
    uint64_t choice = dice % 4;
    static const enum order_kind kinds[] = {ORDER_REMOVE, ORDER_SCALE, ORDER_RESTART,
                                            ORDER_STOP};
    command.kind = kinds[choice];
    command.count = (uint32_t)(dice / 4 % 6);
    if (!give(s, node, &command, index))
        return;
    if (command.kind == ORDER_REMOVE)
        job->is_removal_asked = true;
    else if (command.kind == ORDER_SCALE)
        job->scale_asked = command.count;
    else if (command.kind == ORDER_STOP)
        job->is_stopped = true;
}

/* A new job, or an order for one that is known to be there. */
static void work(struct sim *s, const struct fate *f)
{
    int node = node_for(s, f->dice[0]);
    note_orders(s);
    if (node < 0)
        return;
    if (s->n_jobs < s->options.jobs) {
        struct sim_job *job = &s->jobs[s->n_jobs];
        *job = (struct sim_job){.cluster = s->nodes[node].cluster,
                                .count = (uint32_t)(1 + f->dice[1] % 5),
                                .scale_asked = UINT32_MAX};
        (void)snprintf(job->name, sizeof(job->name), "job%zu", s->n_jobs);
        submit(s, (unsigned)node, s->n_jobs++, f->dice[1] / 5);
        return;
    }
    size_t index = (size_t)(f->dice[1] % s->n_jobs);
    struct sim_job *job = &s->jobs[index];
    struct key key = key_job("default", job->name);
    bool is_known = table_get(gossip_table(node_gossip(s->nodes[node].node)),
                              key_bytes(&key)) != NULL;
    if (!job->is_removal_asked && !job->is_unsure && !job->n_open && is_known &&
        !s->is_partitioned && knows_orders(s, (unsigned)node, job))
        order(s, (unsigned)node, index, f->dice[1] / s->n_jobs);
}

/* An edit of a job, by a node that knows all that was ordered of it. */
static void edit(struct sim *s, const struct fate *f)
{
    int node = node_for(s, f->dice[0]);
    note_orders(s);
    if (node < 0 || s->n_jobs == 0)
        return;
    size_t index = (size_t)(f->dice[1] % s->n_jobs);
    const struct sim_job *job = &s->jobs[index];
    if (job->is_removal_asked || job->is_unsure || job->is_stopped || job->n_open ||
        s->is_partitioned || job->cluster != s->nodes[node].cluster ||
        !job_entry(s, (unsigned)node, job) || !knows_orders(s, (unsigned)node, job))
        return;
    edit_give(s, (unsigned)node, index, f->dice[1] / s->n_jobs);
}

/* ---- fate ---- */

static void split(struct sim *s, const struct fate *f)
{
    struct rng rng;
    rng_init(&rng, f->dice[0]);
    unsigned sides = 2 + (unsigned)rng_below(&rng, 2);
    for (unsigned i = 0; i < sim_n_hosts(s); i++)
        s->nodes[i].side = (unsigned)rng_below(&rng, sides);
    s->is_partitioned = true;
}

/* In one of four all of them, as when the power fails; in one of two they start again at once. */
static void storm(struct sim *s, const struct fate *f)
{
    bool is_of_all = f->dice[0] % 4 == 0, is_short = f->dice[1] % 2 == 0;
    for (unsigned i = 0; i < s->options.nodes; i++) {
        bool is_hit = is_of_all || (f->dice[i / 64 % 2] >> i % 64 & 1);
        if (is_hit && s->nodes[i].node)
            sim_crash(s, i, false);
        else if (is_short)
            s->nodes[i].is_spared = true;
    }
    for (unsigned i = 0; i < s->options.nodes; i++) {
        if (is_short && !s->nodes[i].is_spared && !s->nodes[i].is_absent)
            sim_boot(s, i);
        s->nodes[i].is_spared = false;
    }
}

static void revive(struct sim *s, const struct fate *f)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        unsigned k = (unsigned)((f->dice[0] + i) % s->options.nodes);
        if (s->nodes[k].node || s->nodes[k].is_absent)
            continue;
        if (f->may_wipe) {
            disk_excuse(s, k);
            sim_wipe(s, k);
        }
        if (f->may_wipe || s->nodes[k].boot == 0)
            secret_install(s, k);
        sim_boot(s, k);
        return;
    }
}

/* One, for nobody clones a host again and again; what is not up has no disk that could be copied. */
static void clone(struct sim *s, unsigned node, uint64_t dice)
{
    const struct sim_node *n = &s->nodes[node];
    if (s->n_clones == 0 && sim_n_hosts(s) < SIM_NODES_MAX && n->node &&
        !n->is_unwritten && gossip_is_ready(node_gossip(n->node)))
        (void)clone_start(s, node, dice % 2);
}

/* In one of six of the whole site, which comes back with its power. */
static void cut(struct sim *s, unsigned node, uint64_t dice)
{
    bool is_of_all = dice % 6 == 0;
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (i == node || is_of_all)
            disk_cut(s, i, dice / 6 / (i + 1));
    for (unsigned i = 0; i < s->options.nodes && is_of_all; i++)
        if (!s->nodes[i].is_absent && s->nodes[i].boot > 0)
            sim_boot(s, i);
}

/* A clock that is wrong is set right, for else soon nobody could tell what is right. */
static void jump(struct sim_node *n, uint64_t dice)
{
    bool is_wrong = n->skew_ms > SKEW_MS || n->skew_ms < -SKEW_MS;
    n->skew_ms = is_wrong ? 0 : (int64_t)(dice % (2 * JUMP_MAX_MS)) - JUMP_MAX_MS;
}

void fate_perform(struct sim *s, const struct fate *f)
{
    unsigned node = (unsigned)(f->dice[0] % s->options.nodes);
    switch (f->kind) {
    case FATE_WORK:
        work(s, f);
        break;
    case FATE_SPLIT:
        split(s, f);
        break;
    case FATE_HEAL:
        s->is_partitioned = false;
        break;
    case FATE_FLAP:
        s->flap[0] = node;
        s->flap[1] = (unsigned)(f->dice[1] % s->options.nodes);
        s->is_flap_one_way = f->dice[1] / s->options.nodes % 2;
        s->flap_until_ms = s->now_ms + FLAP_MS;
        break;
    case FATE_CRASH:
        sim_crash(s, node, f->dice[1] & 1);
        break;
    case FATE_STORM:
        storm(s, f);
        break;
    case FATE_REVIVE:
        revive(s, f);
        break;
    case FATE_ROTATE:
        if (node_for(s, f->dice[0]) >= 0)
            secret_rotate(s, (unsigned)node_for(s, f->dice[0]), s->options.is_forced);
        break;
    case FATE_EXIT:
        sim_task_exit(s, node);
        break;
    case FATE_VAR:
        var_order(s, f->dice);
        break;
    case FATE_ABSENCE:
        s->nodes[s->options.nodes - 1].is_absent = true;
        sim_crash(s, s->options.nodes - 1, true);
        break;
    case FATE_JUMP:
        jump(&s->nodes[node], f->dice[1]);
        break;
    case FATE_DISK: /* in one of four the log is written, and its sync fails */
        disk_fault(s, node, (unsigned)(f->dice[1] % 4),
                   1 + (unsigned)(f->dice[1] / 4 % 8), f->dice[1] / 32 % 4 == 0);
        break;
    case FATE_ORDER:
        order_give(s, f->dice);
        break;
    case FATE_PORTS:
        task_strangers(&s->nodes[node], f->dice[1]);
        break;
    case FATE_EDIT:
        edit(s, f);
        break;
    case FATE_CLONE:
        clone(s, node, f->dice[1]);
        break;
    case FATE_CUT:
        cut(s, node, f->dice[1]);
        break;
    case FATE_PAIR:
        pair_by_dice(s, f->dice);
        break;
    case FATE_MOVE: /* those that --join names stay where they are */
        move_by_dice(s, node, f->dice[1], node == 0 || node == s->options.nodes / 2);
        break;
    case FATE_COPY:
        copy_take(s, (unsigned)(s->options.seed % s->options.nodes));
        break;
    case FATE_BACK: {
        unsigned old = (unsigned)(s->options.seed % s->options.nodes);
        if (!s->nodes[old].is_absent)
            copy_put_back(s, old, f->dice[1] % 3 == 0);
        break;
    }
    case FATE_AIL:
        ail_begin(s, node, f->dice[1] % 3 ? STORE_NO_SPACE : STORE_FAILING,
                  AIL_MIN_MS + f->dice[1] / 3 % AIL_MAX_MS);
        break;
    }
}

void fate_end(struct sim *s)
{
    s->is_partitioned = false;
    s->flap_until_ms = 0;
    move_end(s);
    s->loss_now = s->duplication_now = 0;
    for (unsigned i = 0; i < s->options.nodes; i++) {
        ail_end(s, i);
        disk_mend(s, i);
        s->nodes[i].is_absent = false;
        task_strangers(&s->nodes[i], 0);
        if (s->nodes[i].boot == 0)
            secret_install(s, i);
        sim_boot(s, i);
    }
}

const char *fate_text(const struct fate *f, char *out, size_t cap)
{
    static const char *const names[] = {
        "work", "split", "heal", "flap",    "crash", "storm", "revive", "rotate",
        "exit", "jump",  "var",  "absence", "disk",  "order", "ail",    "ports",
        "move", "copy",  "back", "edit",    "clone", "cut",   "pair"};
    (void)snprintf(out, cap, "%8llu %s %016llx %016llx%s", (unsigned long long)f->at_ms,
                   names[f->kind], (unsigned long long)f->dice[0],
                   (unsigned long long)f->dice[1], f->may_wipe ? " wiped" : "");
    return out;
}

/* ---- drawing ---- */

struct drawing {
    /* these are drawn apart, so that the rest is as without them */
    struct rng rng, edits, ports, moves, copies, clones, cuts, pairs;
    uint64_t at_ms;
    struct fate *out;
    size_t n;
};

static struct fate *draw(struct drawing *d, bool is_wanted, double probability,
                         enum act_kind_sim kind)
{
    struct rng *rng = kind == FATE_EDIT                        ? &d->edits
                      : kind == FATE_PORTS                     ? &d->ports
                      : kind == FATE_MOVE                      ? &d->moves
                      : kind == FATE_COPY || kind == FATE_BACK ? &d->copies
                      : kind == FATE_CLONE                     ? &d->clones
                      : kind == FATE_CUT                       ? &d->cuts
                      : kind == FATE_PAIR                      ? &d->pairs
                                                               : &d->rng;
    if (!is_wanted || d->n == FATES_MAX || !rng_chance(rng, probability))
        return NULL;
    struct fate *f = &d->out[d->n++];
    *f = (struct fate){
        .at_ms = d->at_ms, .kind = kind, .dice = {rng_next(rng), rng_next(rng)}};
    return f;
}

size_t fate_draw(const struct sim_options *o, uint64_t from_ms, struct fate *out)
{
    struct drawing d = {.out = out};
    bool is_split = false, was_wiped = false;
    rng_init(&d.rng, o->seed ^ 0xfa7efa7efa7efa7eu);
    rng_init(&d.moves, o->seed ^ 0xadd7adde55adde55u);
    rng_init(&d.edits, o->seed ^ 0xed17ed17ed17ed17u);
    rng_init(&d.ports, o->seed ^ 0x9027902790279027u);
    rng_init(&d.clones, o->seed ^ 0xc10ec10ec10ec10eu);
    rng_init(&d.cuts, o->seed ^ 0xc075c075c075c075u);
    rng_init(&d.pairs, o->seed ^ 0x2a122a122a122a12u);
    rng_init(&d.copies, o->seed ^ 0xc0b7c0b7c0b7c0b7u);
    for (d.at_ms = from_ms; d.at_ms < from_ms + o->faults_ms; d.at_ms += STEP_MS) {
        (void)draw(&d, true, 1.0, FATE_WORK);
        if (draw(&d, o->has_partitions, 0.1, is_split ? FATE_HEAL : FATE_SPLIT))
            is_split = !is_split;
        (void)draw(&d, o->has_flaps, 0.1, FATE_FLAP);
        (void)draw(&d, o->has_crashes, 0.15, FATE_CRASH);
        (void)draw(&d, o->has_storms, 0.02, FATE_STORM);
        struct fate *revived = draw(&d, o->has_crashes || o->has_storms || o->has_joiners,
                                    o->has_storms ? 0.5 : 0.15, FATE_REVIVE);
        if (revived && o->has_wipes && !was_wiped && rng_chance(&d.rng, 0.3))
            revived->may_wipe = was_wiped = true;
        (void)draw(&d, o->has_task_exits, 0.2, FATE_EXIT);
        (void)draw(&d, o->has_jumps, 0.05, FATE_JUMP);
        (void)draw(&d, o->has_rotations, 0.05, FATE_ROTATE);
        for (unsigned i = 0; i < 3; i++)
            (void)draw(&d, o->reap_ms > 0 || o->has_copies, 0.5, FATE_VAR);
        (void)draw(&d, o->has_bad_disks, 0.3, FATE_DISK);
        for (unsigned i = 0; i < 4; i++)
            (void)draw(&d, o->has_bad_disks || o->has_copies, 0.7, FATE_ORDER);
        (void)draw(&d, o->has_copies, 0.1, FATE_COPY);
        (void)draw(&d, o->has_copies, 0.07, FATE_BACK);
        (void)draw(&d, o->has_ailing_disks, 0.15, FATE_AIL);
        for (unsigned i = 0; i < 3; i++)
            (void)draw(&d, o->has_edits, 0.5, FATE_EDIT);
        for (unsigned i = 0; i < 2; i++)
            (void)draw(&d, o->has_strangers, 0.5, FATE_PORTS);
        (void)draw(&d, o->has_moves, 0.15, FATE_MOVE);
        (void)draw(&d, o->has_clones, 0.1, FATE_CLONE);
        (void)draw(&d, o->has_cuts, 0.1, FATE_CUT);
        (void)draw(&d, o->has_pairs, 0.4, FATE_PAIR);
        (void)draw(&d, o->has_absence && d.at_ms == from_ms + ABSENT_FROM_MS, 1.0,
                   FATE_ABSENCE);
    }
    return d.n;
}

/* Seeds become runs.  See scenario.h. */
#include "tests/sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keys.h"
#include "tests/sim/checker.h"
#include "tests/sim/clone.h"
#include "tests/sim/order.h"
#include "tests/sim/secret.h"
#include "tests/sim/var.h"

/* After the last fault, all members see each other and have one table within WHOLE_MS: a suspicion that
 * had just begun (4.5 s), a round of probes of the dead (one a second), the joiners' slowest question
 * (two periods), and a comparison that others were in the way of, each perhaps twice.  Who meets by
 * beacons alone may have to wait for the next, and a rotation for those who were away.  Work follows
 * when the mass-failure hold is over, and what kept failing somewhere is tried there again.
 *
 * Then, after a refusal's time, nothing but probes is said for as long as we listen. */
enum {
    CHECK_MS = 500,
    WHOLE_MS = 30000,
    BEACON_MS = DISCOVERY_IDLE_MS * 5 / 4,
    ROTATION_MS = KEYS_PATIENCE_MS + 2 * ROTATION_GRACE_MS,
    WORK_MS = 30000 + 60000,
    CALM_MS = 75000,
    SILENCE_MS = 60000,
    REAP_LONG_MS = 600000,
    REAP_SHORT_MS = 45000,
    ABSENCE_MS = 60000,
    CLONES_MS = 60000
};

static uint64_t whole_limit_ms(const struct sim_options *o)
{
    return WHOLE_MS + (o->meeting == MEET_BEACONS ? BEACON_MS : 0u) +
           (o->has_rotations ? ROTATION_MS : 0u);
}

struct sim_options scenario_options(uint64_t seed, unsigned nodes)
{
    struct rng r;
    rng_init(&r, seed * 0x9e3779b97f4a7c15u + 1);
    struct sim_options o = {
        .seed = seed,
        .nodes = nodes,
        .delay_min_ms = 1,
        .delay_max_ms = (uint32_t)(2 + rng_below(&r, 60)),
        .loss = rng_chance(&r, 0.5) ? rng_unit(&r) * 0.15 : 0,
        .duplication = rng_chance(&r, 0.3) ? 0.05 : 0,
        .has_partitions = rng_chance(&r, 0.5),
        .is_asymmetric = rng_chance(&r, 0.25),
        .has_crashes = rng_chance(&r, 0.6),
        .has_skew = rng_chance(&r, 0.5),
        .has_task_exits = rng_chance(&r, 0.4),
        .faults_ms = 30000,
        .jobs = 4 + (unsigned)rng_below(&r, 5),
    };
    o.has_flaps = rng_chance(&r, 0.3);
    o.has_jumps = rng_chance(&r, 0.3);
    o.has_storms = rng_chance(&r, 0.2);
    /* A wipe under a partition can take the only copies of an acknowledged write: disk_excuse. */
    o.has_wipes = o.has_crashes && rng_chance(&r, 0.4);
    o.has_joiners = rng_chance(&r, 0.25);
    o.has_rotations = rng_chance(&r, 0.3);
    o.is_forced = rng_chance(&r, 0.4);
    if (rng_chance(&r, 0.25)) {
        o.meeting = MEET_BEACONS;
        o.clusters = nodes >= 4 && rng_chance(&r, 0.4) ? 2 : 1;
    }
    /* What only a full disk's node and a wiped one had is gone: not combined either. */
    o.has_ailing_disks = rng_chance(&r, 0.35) && !o.has_wipes;
    /* Every other lets tombstones go meanwhile: what everyone has for longer than a datagram takes, past
     * who is down for some seconds.  In a third of those somebody is away until it is reaped. */
    o.has_absence = seed % 6 == 3;
    if (seed % 2 == 1)
        o.reap_ms =
            o.has_absence || o.has_wipes || seed % 4 == 1 ? REAP_SHORT_MS : REAP_LONG_MS;
    o.has_bad_disks = rng_chance(&r, 0.35);
    /* One node's copy is put back.  What only it and a disk that is wiped or full had is gone, and what
     * a disk kept of a refused order comes up again: not combined. */
    o.has_copies =
        rng_chance(&r, 0.4) && !o.has_wipes && !o.has_ailing_disks && !o.has_bad_disks;
    /* What a disk may have kept of an order that was refused would be an edit nobody knows of. */
    o.has_edits = rng_chance(&r, 0.5) && !o.has_bad_disks;
    o.has_strangers = rng_chance(&r, 0.4);
    o.is_taped = seed % 10 == 0 && nodes <= 10;
    o.has_moves = rng_chance(&r, 0.35);
    /* A clone begins with what its disk had of refused orders, or with a secret that is replaced soon. */
    o.has_clones =
        rng_chance(&r, 0.3) && !o.has_copies && !o.has_bad_disks && !o.has_rotations;
    /* A power cut takes what was heard and not synced; where its writer's disk is lost as well, both are.
     * What a bad disk kept of a refused order comes up again after it; and with members who are reaped
     * meanwhile, what a claim of a host that lost its power is worth is not settled. */
    o.has_cuts = rng_chance(&r, 0.35) && !o.has_wipes && !o.has_copies &&
                 !o.has_ailing_disks && !o.has_bad_disks && !o.has_absence;
    o.has_pairs = rng_chance(&r, 0.5);
    if (o.has_absence) { /* a rotation does not wait for who was forgotten */
        o.faults_ms = ABSENCE_MS;
        o.has_rotations = false;
    }
    return o;
}

void scenario_print(const struct sim_options *o)
{
    printf("seed=%llu nodes=%u delay=%u-%ums loss=%.1f%% dup=%.0f%% partitions=%s "
           "crashes=%d wipes=%d disks=%s "
           "storms=%d flaps=%d skew=%d jumps=%d exits=%d joiners=%d rotations=%s "
           "ailing=%d moves=%d found-by=%s "
           "clusters=%u jobs=%u reap=%us%s%s%s%s%s%s%s\n",
           (unsigned long long)o->seed, o->nodes, o->delay_min_ms, o->delay_max_ms,
           o->loss * 100, o->duplication * 100,
           o->has_partitions ? (o->is_asymmetric ? "one-way" : "yes") : "no",
           o->has_crashes, o->has_wipes, o->has_bad_disks ? "bad" : "good", o->has_storms,
           o->has_flaps, o->has_skew, o->has_jumps, o->has_task_exits, o->has_joiners,
           !o->has_rotations ? "no"
           : o->is_forced    ? "forced"
                             : "yes",
           o->has_ailing_disks, o->has_moves,
           o->meeting == MEET_BEACONS ? "beacons" : "seeds",
           o->clusters ? o->clusters : 1, o->jobs, o->reap_ms / 1000,
           o->has_copies ? " copies" : "", o->has_absence ? " absence" : "",
           o->has_edits ? " edits" : "", o->has_strangers ? " strangers" : "",
           o->has_clones ? " clones" : "", o->has_cuts ? " cuts" : "",
           o->has_pairs ? " pairs" : "");
}

/* Who kept others out, though nobody was cut off for longer than a rotation waits? */
static void check_rotations(struct sim *s)
{
    const struct sim_options *o = &s->options;
    bool is_calm = !o->has_partitions && !o->has_crashes && !o->has_storms &&
                   !o->has_joiners && !o->has_flaps && !o->has_moves && !o->has_cuts &&
                   o->clusters < 2;
    if (!o->is_forced && !o->has_wipes && !o->has_joiners && s->n_handed_out)
        sim_fail(s, "%zu nodes were shut out by rotations that wait", s->n_handed_out);
    for (unsigned i = 0; i < o->nodes && is_calm; i++)
        if (s->nodes[i].n_unopened)
            sim_fail(s, "%s could not open what members sealed", s->nodes[i].name);
}

static void check_tapes(struct sim *s)
{
    for (unsigned i = 0; i < sim_n_hosts(s) && !s->failure[0]; i++) {
        const char *wrong = tape_check(&s->nodes[i].tape);
        if (wrong)
            sim_fail(s, "%s: %s", s->nodes[i].name, wrong);
    }
}

/* A whole cluster at rest has nothing to say but its probes and what they answer: two datagrams per
 * member and period, and one more to the dead, who remain where a disk was lost. */
static void check_silence(struct sim *s)
{
    enum { LAST_WORDS_MS = 5000 };
    /* What an old copy numbers again is no unrest, nor what the last collection said. */
    if (s->options.has_copies || s->options.reap_ms)
        sim_run(s, s->now_ms + LAST_WORDS_MS);
    uint64_t from = s->n_datagrams, suspicions = s->n_suspicions;
    s->is_listening = true;
    sim_run(s, s->now_ms + SILENCE_MS);
    s->is_listening = false;
    uint64_t sent = s->n_datagrams - from;
    uint64_t periods = SILENCE_MS / gossip_profile_lan.probe_period_ms + 1;
    if (s->n_suspicions != suspicions)
        sim_fail(s, "a member is suspected where nothing is wrong");
    else if (s->n_rumors || s->n_table_messages)
        sim_fail(s, "at rest there were %llu rumors and %llu messages of the table",
                 (unsigned long long)s->n_rumors,
                 (unsigned long long)s->n_table_messages);
    else if (sent > (s->options.has_wipes ? 3 : 2) * periods * s->options.nodes)
        sim_fail(s,
                 "at rest there were %llu datagrams: too many for %u members and %llu "
                 "periods",
                 (unsigned long long)sent, s->options.nodes, (unsigned long long)periods);
}

/* Twins notice each other at the latest when one that asks itself has done so twice. */
static void settle_clones(struct sim *s)
{
    char why[512] = "";
    uint64_t until_ms = s->now_ms + CLONES_MS;
    while (!s->failure[0] && !clones_are_settled(s, why, sizeof(why))) {
        sim_run(s, s->now_ms + CHECK_MS);
        if (s->now_ms >= until_ms)
            sim_fail(s, "%s", why);
    }
}

/* Faults have ended: how long until all is well, or what is not at the last. */
static void converge(struct sim *s, struct scenario_result *r)
{
    uint64_t healed_ms = s->now_ms, whole_ms = healed_ms + whole_limit_ms(&s->options);
    bool is_whole = false, is_done = false;
    r->why[0] = '\0';
    while (!is_done && !s->failure[0] &&
           s->now_ms < whole_ms + (is_whole ? WORK_MS : 0)) {
        sim_run(s, s->now_ms + CHECK_MS);
        if (s->options.has_rotations)
            secret_hand_out(s);
        if (!is_whole && checker_is_whole(s, r->why, sizeof(r->why))) {
            is_whole = true;
            r->whole_ms = s->now_ms - healed_ms;
        }
        is_done = checker_is_converged(s, r->why, sizeof(r->why));
    }
    r->converged_ms = s->now_ms - healed_ms;
    if (!is_done)
        sim_fail(s, "%s", r->why);
}

struct scenario_result scenario_run(const struct sim_options *o, const bool *is_left_out,
                                    bool is_verbose)
{
    static struct sim s; /* too large for the stack; one run at a time */
    static struct fate fates[FATES_MAX];
    struct scenario_result r = {0};
    size_t n = fate_draw(o, SCENARIO_BOOT_MS, fates);
    sim_init(&s, o);
    s.is_verbose = is_verbose;
    for (unsigned i = 0; i < o->nodes; i++)
        if (!o->has_joiners || i % 3 != 2)
            sim_boot(&s, i);
    for (size_t i = 0; i < n && !s.failure[0]; i++) {
        sim_run(&s, fates[i].at_ms);
        order_check_refused(&s);
        if (!is_left_out || !is_left_out[i])
            fate_perform(&s, &fates[i]);
    }
    sim_run(&s, SCENARIO_BOOT_MS + o->faults_ms);
    fate_end(&s);
    settle_clones(&s);
    converge(&s, &r);
    if (!s.failure[0])
        sim_run(&s, s.now_ms + CALM_MS);
    if (!s.failure[0])
        check_rotations(&s);
    if (!s.failure[0])
        var_check_collected(&s);
    if (!s.failure[0])
        check_silence(&s);
    if (!s.failure[0] && !checker_is_converged(&s, r.why, sizeof(r.why)))
        sim_fail(&s, "it did not last: %s", r.why);
    if (!s.failure[0])
        check_tapes(&s);
    r.is_passed = !s.failure[0];
    (void)snprintf(r.why, sizeof(r.why), "%s", s.failure);
    r.trace_hash = s.trace_hash;
    r.n_steps = s.n_steps;
    r.n_datagrams = s.n_datagrams;
    sim_fini(&s);
    return r;
}

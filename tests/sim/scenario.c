/* Seeds become runs.  See scenario.h. */
#include "tests/sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/checker.h"

enum { CHECK_MS = 500 };

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
        .converge_ms =
            180000, /* a mass-failure hold, a refusal and a rejoin, one after another */
        .jobs = 4 + (unsigned)rng_below(&r, 5),
    };
    /* A wipe under a partition can take the only two copies of an acknowledged write: that is the
     * stated limit of --ack 2, so the two are not combined. */
    o.has_flaps = rng_chance(&r, 0.3);
    o.has_jumps = rng_chance(&r, 0.3);
    o.has_storms = rng_chance(&r, 0.2);
    o.has_wipes =
        o.has_crashes && !o.has_partitions && !o.has_storms && rng_chance(&r, 0.4);
    return o;
}

void scenario_print(const struct sim_options *o)
{
    printf("seed=%llu nodes=%u delay=%u-%ums loss=%.1f%% dup=%.0f%% partitions=%s "
           "crashes=%d wipes=%d "
           "storms=%d flaps=%d skew=%d jumps=%d exits=%d jobs=%u\n",
           (unsigned long long)o->seed, o->nodes, o->delay_min_ms, o->delay_max_ms,
           o->loss * 100, o->duplication * 100,
           o->has_partitions ? (o->is_asymmetric ? "one-way" : "yes") : "no",
           o->has_crashes, o->has_wipes, o->has_storms, o->has_flaps, o->has_skew,
           o->has_jumps, o->has_task_exits, o->jobs);
}

static struct scenario_result verdict(const struct sim *s, bool is_passed,
                                      const char *why, uint64_t healed_ms)
{
    struct scenario_result result = {.is_passed = is_passed,
                                     .trace_hash = s->trace_hash,
                                     .n_steps = s->n_steps,
                                     .n_datagrams = s->n_datagrams,
                                     .converged_ms = s->now_ms - healed_ms};
    (void)snprintf(result.why, sizeof(result.why), "%s", why);
    return result;
}

struct scenario_result scenario_run(const struct sim_options *o, const bool *is_left_out,
                                    bool is_verbose)
{
    static struct sim s; /* too large for the stack; one run at a time */
    static struct fate fates[FATES_MAX];
    char why[512] = "";
    size_t n = fate_draw(o, SCENARIO_BOOT_MS, fates);
    sim_init(&s, o);
    s.is_verbose = is_verbose;
    for (unsigned i = 0; i < o->nodes; i++)
        sim_boot(&s, i);
    for (size_t i = 0; i < n && !s.failure[0]; i++) {
        sim_run(&s, fates[i].at_ms);
        if (!is_left_out || !is_left_out[i])
            fate_perform(&s, &fates[i]);
    }
    sim_run(&s, SCENARIO_BOOT_MS + o->faults_ms);
    uint64_t healed_ms = s.now_ms;
    fate_end(&s);
    bool is_passed = false;
    while (!is_passed && !s.failure[0] && s.now_ms < healed_ms + o->converge_ms) {
        sim_run(&s, s.now_ms + CHECK_MS);
        is_passed = checker_is_converged(&s, why, sizeof(why));
    }
    is_passed &= !s.failure[0];
    struct scenario_result result =
        verdict(&s, is_passed, s.failure[0] ? s.failure : why, healed_ms);
    sim_fini(&s);
    return result;
}

/* A scenario: options drawn from a seed, a workload and faults on it, then the checks. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "tests/sim/act.h"

enum { SCENARIO_BOOT_MS = 3000 }; /* before anything happens */

struct sim_options scenario_options(uint64_t seed, unsigned nodes);
void scenario_print(const struct sim_options *o);

struct scenario_result {
    bool is_passed;
    char why[512];
    uint64_t trace_hash, n_steps, n_datagrams;
    uint64_t whole_ms,
        converged_ms; /* after the faults ended: members and tables; work too */
};

/* `is_left_out` (may be NULL): of the seed's acts, which are not performed. */
struct scenario_result scenario_run(const struct sim_options *o, const bool *is_left_out,
                                    bool is_verbose);

#endif

/* How often the loop may repeat what takes long in a large cluster: so that the rest of it, the
 * answers to other nodes' probes first of all, has nine tenths of the time. */
#ifndef AGENT_PACE_H
#define AGENT_PACE_H

#include <stdint.h>

/* The pause before `n` such things that took `cost_ms` each, at least `least_ms`; at most a minute,
 * for a machine that was asleep while it measured. */
uint64_t pace_ms(uint64_t least_ms, uint64_t cost_ms, uint64_t n);

#endif

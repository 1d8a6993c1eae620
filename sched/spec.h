/* A spec's canonical body: compact JSON with sorted keys, defaults left out.  It is what the
 * table carries, what its hash is taken of, and what jobfile_read reads back to an equal spec. */
#ifndef SCHED_SPEC_H
#define SCHED_SPEC_H

#include "core/arena.h"
#include "core/job.h"

/* .at is NULL when out of memory; ERR_BOUND is the caller's check against SPEC_LEN_MAX. */
struct bytes spec_canonical(const struct job_spec *spec, struct arena *arena);

#endif

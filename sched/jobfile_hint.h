/* What is said of a key that a map does not have: whose word it is, where it belongs, or which it
 * may have meant to be. */
#ifndef SCHED_JOBFILE_HINT_H
#define SCHED_JOBFILE_HINT_H

#include "sched/jobfile_schema.h"

/* What a struct job_reader has as `unknown`. */
void jobfile_hint_unknown(struct job_reader *r, const struct doc *value,
                          const struct key *keys, const char *where);

#endif

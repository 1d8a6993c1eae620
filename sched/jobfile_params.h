/* What is done to a document before it is read as jobs: ${{name}} is expanded from its params, and its
 * defaults are laid under each job. */
#ifndef SCHED_JOBFILE_PARAMS_H
#define SCHED_JOBFILE_PARAMS_H

#include "sched/jobfile.h"
#include "sched/jobfile_schema.h"

/* Unlink a key from a map; NULL: it is not there. */
const struct doc *jobfile_take(struct doc *map, const char *key);
/* Lay what `from` has under `key` below what `map` has there: maps by key, what is there stays. */
void jobfile_lay_key(struct job_reader *r, struct doc *map, const struct doc *from,
                     const char *key);
/* The same without a key: `from` itself under `map`. */
void jobfile_lay(struct job_reader *r, struct doc *map, const struct doc *from);

/* Takes `params` and `defaults` out of the document. */
void jobfile_params_apply(struct job_reader *r, struct doc *doc,
                          const struct jobfile_params *given);

#endif

/* What is done to a document before it is read as jobs: ${{name}} is expanded from its params, and its
 * defaults are laid under each job. */
#ifndef SCHED_JOBFILE_PARAMS_H
#define SCHED_JOBFILE_PARAMS_H

#include "sched/jobfile.h"
#include "sched/jobfile_schema.h"

/* Takes `params` and `defaults` out of the document. */
void jobfile_params_apply(struct job_reader *r, struct doc *doc,
                          const struct jobfile_params *given);

#endif

/* Does every ${NAME} of a task name what the task will see?  Its rules are those of
 * isolate/task_env.c, which expands them when the task starts. */
#ifndef SCHED_JOBFILE_ENV_H
#define SCHED_JOBFILE_ENV_H

#include "sched/jobfile_schema.h"

/* `task` is the task's map; the spec's ports and env have been read. */
void jobfile_env_check(struct job_reader *r, const struct doc *task,
                       const struct job_spec *spec);

#endif

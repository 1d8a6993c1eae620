/* The parts of a job that are maps of their own: its task, and what surrounds it. */
#ifndef SCHED_JOBFILE_TASK_H
#define SCHED_JOBFILE_TASK_H

#include "sched/jobfile_schema.h"

void jobfile_task_default(struct task_spec *task);
void jobfile_task_read(struct job_reader *r, const struct doc *map,
                       struct task_spec *task);

/* The keys that the task's map may have. */
const struct key *jobfile_task_keys(void);
/* All maps of these files, for who looks for a key. */
extern const struct key_map jobfile_task_maps[], jobfile_limits_maps[],
    jobfile_net_maps[];
/* The maps `limits` and `rlimits` of a task. */
SCHEMA_READER(jobfile_limits_read);
SCHEMA_READER(jobfile_rlimits_read);

void jobfile_ports_read(struct job_reader *r, const struct doc *map,
                        struct job_spec *spec);
/* These two look up ports, which must have been read. */
void jobfile_health_read(struct job_reader *r, const struct doc *list,
                         struct job_spec *spec);
void jobfile_service_read(struct job_reader *r, const struct doc *value,
                          struct job_spec *spec);

/* "none", "read", "write". */
const char *jobfile_api_name(enum api_scope scope);
/* Names of stop signals, without SIG; NULL for one a job file cannot name. */
const char *jobfile_signal_name(int number);

#endif

/* The job file: YAML or JSON in, checked specs out, or all that is wrong with it at once.
 *
 * Every key of the format is known.  A key this version cannot honour yet is refused by name,
 * never ignored; another system's name for one of ours is recognised ("stratos calls this
 * count (Marathon calls it instances)"). */
#ifndef SCHED_JOBFILE_H
#define SCHED_JOBFILE_H

#include "core/doc.h"
#include "core/job.h"

struct jobfile {
    struct job_spec *jobs;
    size_t n_jobs;
};

/* 0, or ERR_MALFORMED / ERR_INVALID / ERR_BOUND with complaints.  Specs live in `arena`. */
int jobfile_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                 struct jobfile *ret_file);

#endif

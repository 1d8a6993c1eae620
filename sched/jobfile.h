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

/* Values for the file's params, from whoever submits it. */
struct jobfile_params {
    struct jobfile_param {
        const char *name, *value;
        bool is_used; /* set when a file has such a param */
    } * list;
    size_t n;
};

/* 0, or ERR_MALFORMED / ERR_INVALID / ERR_BOUND with complaints.  Specs live in `arena`. */
int jobfile_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                 struct jobfile *ret_file);
/* The same with values for params (which may be NULL). */
int jobfile_read_with(struct bytes text, const struct jobfile_params *params,
                      struct arena *arena, struct complaints *complaints,
                      struct jobfile *ret_file);

/* The same of a body that the table carries.  It was checked when it was taken, perhaps by an earlier
 * version: what only newer ones refuse is read. */
int jobfile_read_stored(struct bytes text, struct arena *arena,
                        struct complaints *complaints, struct jobfile *ret_file);

/* The keys that a job's own map may have: for who wants to know that none was forgotten. */
struct key;
const struct key *jobfile_job_keys(void);

#endif

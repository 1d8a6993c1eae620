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
    bool uses_files; /* what it says is not in its text alone */
    const struct doc
        *submitted; /* the value of x-submitted at the top, which see; NULL: none */
};

/* Beside jobs that a client has made of files, params and all, it tells those files: a list of maps with
 * `text`, `jobs` (names as "ns/job"; none: all) and `params` (lines of name=value, before them "-n NAMESPACE").  Like every x-* it is
 * no part of any job. */
#define JOBFILE_SUBMITTED "x-submitted"

/* Where the files are that a file uses (jobfile_use.h). */
struct jobfile_loader {
    /* The text of `name`, seen from the file `from` ("" = the one that is read); *ret_path is what it is
     * called from now on, one name for one file.  *ret_why: a sentence, where it cannot be read. */
    int (*load)(void *ctx, const char *from, const char *name, struct arena *arena,
                const char **ret_path, struct bytes *ret_text, const char **ret_why);
    void *ctx;
};

/* Values for the file's params, from whoever submits it. */
struct jobfile_params {
    const char
        *ns; /* of the jobs, which may say the same but no other; NULL: as each says */
    struct jobfile_param {
        const char *name, *value;
        bool is_used; /* set when a file has such a param */
    } * list;
    size_t n;
};

/* 0, or ERR_MALFORMED / ERR_INVALID / ERR_BOUND with complaints.  Specs live in `arena`. */
int jobfile_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                 struct jobfile *ret_file);
/* The same with values for params, and with the files that it may use; either may be NULL. */
int jobfile_read_with(struct bytes text, const struct jobfile_params *params,
                      const struct jobfile_loader *loader, struct arena *arena,
                      struct complaints *complaints, struct jobfile *ret_file);

/* The same of a body that the table carries.  It was checked when it was taken, perhaps by an earlier
 * version: what only newer ones refuse is read. */
int jobfile_read_stored(struct bytes text, struct arena *arena,
                        struct complaints *complaints, struct jobfile *ret_file);

/* The keys that a job's own map may have: for who wants to know that none was forgotten. */
struct key;
const struct key *jobfile_job_keys(void);

#endif

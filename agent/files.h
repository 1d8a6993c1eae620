/* What can be done with files without an agent: validate, import, init. */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include "core/arena.h"
#include "sched/import_report.h"
#include "sched/jobfile.h"

struct files_jobs {
    const char *const *names;   /* "<ns>/<name>" */
    const struct bytes *bodies; /* what the cluster carries of each */
    size_t n;
    bool use_files; /* their text alone does not say all of it */
};

/* The jobs of a job file; `params` and `loader` may be NULL.  On error everything that is wrong is in `complaints`,
 * otherwise what is fine and yet not as one may expect. */
int files_validate(struct bytes text, const struct jobfile_params *params,
                   const struct jobfile_loader *loader, struct arena *arena,
                   struct complaints *complaints, struct files_jobs *ret);
/* One file of several that are submitted together. */
struct files_source {
    struct files_jobs jobs;
    struct bytes text;
    const char *params; /* given for it: lines of name=value */
};
/* The jobs of several files as the text of one, which also tells those files (JOBFILE_SUBMITTED) where
 * there is room for that.  At NULL when out of memory. */
struct bytes files_join(const struct files_source *sources, size_t n,
                        struct arena *arena);
/* A file of Marathon's: see import_marathon.h. */
int files_import(struct bytes text, bool without_image, struct import_report *report,
                 char **ret_yaml);

#endif

/* `use: [base.yaml, ...]` at the head of a file: defaults, params and x-* of other files, as if they stood
 * in this one; what stands in it wins.  Jobs of a used file are not taken.
 *
 * This reads texts, not the disk: whoever has files hands them in. */
#ifndef SCHED_JOBFILE_USE_H
#define SCHED_JOBFILE_USE_H

#include "sched/jobfile.h"
#include "sched/jobfile_schema.h"

enum {
    USE_DEPTH_MAX = 4,  /* of files that use files */
    USE_FILES_MAX = 32, /* that one file uses, with all that these use */
};

/* The anchors that aliases of `text` may stand for: those of the files that it uses, which are read
 * here, once.  Complains; 0, or an error that ends the reading. */
struct jobfile_used;
int jobfile_use_read(struct job_reader *r, struct bytes text,
                     const struct jobfile_loader *loader, struct jobfile_used **ret_used,
                     struct doc_options *ret_options);
/* Take `use` out of a document and lay what it brings under the rest.  `used` NULL: there are no files
 * here, and `use` is refused. */
void jobfile_use_apply(struct job_reader *r, struct doc *doc, struct jobfile_used *used);

#endif

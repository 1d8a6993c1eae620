/* The text that a version was submitted as: kept beside its body, so that `inspect --file` gives back what a
 * person wrote, with comments, params and order.
 *
 * It is kept for each job of the file, squeezed, as long as the body is.  A text that would take too much
 * is not kept; the jobs are taken all the same. */
#ifndef AGENT_SUBMITTED_H
#define AGENT_SUBMITTED_H

#include <jansson.h>

#include "core/err.h"
#include "sched/jobfile.h"

enum {
    SUBMITTED_ONE_MAX =
        56 * 1024, /* squeezed: it has to fit an entry, with what is told of it */
    SUBMITTED_ALL_MAX =
        256 * 1024, /* of all jobs of one submission: as much as one body may take */
};

/* For each job of a file that was read from `body` the document to keep: none (len 0) where its text would
 * take too much, or the client gave none.  All in `arena`; NULL when out of memory. */
struct bytes *submitted_pack(struct bytes body, const struct jobfile *file,
                             struct arena *arena);

/* What a kept document says: the text, and what was given beside it.  `shows` says whether the reader may
 * see a namespace: a text that has jobs of others, too, is not for everybody.  ERR_NOT_FOUND: none is kept;
 * ERR_DENIED; ERR_UNSUPPORTED: a later version wrote it; ERR_DAMAGED; -ENOMEM. */
struct submitted {
    struct bytes text;
    const char *params; /* lines of name=value, the first may be "-n NAMESPACE" */
    uint32_t n_jobs;    /* that the text makes */
};
int submitted_read(struct bytes document, bool (*shows)(const void *who, const char *ns),
                   const void *who, struct arena *arena, struct submitted *ret);

#endif

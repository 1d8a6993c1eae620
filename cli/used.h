/* The files that a job file uses: they lie beside it, or below. */
#ifndef CLI_USED_H
#define CLI_USED_H

#include "sched/jobfile.h"

struct used_root {
    const char *path; /* of the job file, as it was named; "<stdin>" lies where we are */
};

/* For struct jobfile_loader, with a struct used_root: only plain files, and none outside the folder of
 * the job file, also not by a link. */
int used_load(void *ctx, const char *from, const char *name, struct arena *arena,
              const char **ret_path, struct bytes *ret_text, const char **ret_why);

#endif

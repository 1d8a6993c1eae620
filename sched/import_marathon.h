/* A Marathon app (JSON; one app, a list, or a group tree) becomes a job file, with every line
 * that was not carried over said. */
#ifndef SCHED_IMPORT_MARATHON_H
#define SCHED_IMPORT_MARATHON_H

#include "core/doc.h"

/* *ret_yaml: a job file in `arena` that jobfile_read accepts.  `notes` collects one complaint per
 * thing that could not be carried over, with its line (not errors).  ERR_MALFORMED with a note
 * when the file is no Marathon app at all. */
int import_marathon(struct bytes text, struct arena *arena, struct complaints *notes,
                    char **ret_yaml);

#endif

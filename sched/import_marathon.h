/* A Marathon app (JSON; one app, a list, a group tree, or what its API answers) becomes a job file,
 * with everything told that is not in it as it was. */
#ifndef SCHED_IMPORT_MARATHON_H
#define SCHED_IMPORT_MARATHON_H

#include "sched/import_report.h"

/* *ret_yaml: a job file in the report's arena that jobfile_read accepts, with a job for each app of
 * which one could be made; NULL when there is none.  One bad app never stops the others.
 * 0; ERR_MALFORMED, with an error in the report, when the file is none of Marathon's; -ENOMEM. */
int import_marathon(struct bytes text, bool without_image, struct import_report *report,
                    char **ret_yaml);

#endif

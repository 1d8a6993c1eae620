/* What other schedulers call the things of a job file. */
#ifndef SCHED_FOREIGN_H
#define SCHED_FOREIGN_H

#include <stdbool.h>

struct foreign_name {
    const char *word, *system; /* "instances", "Marathon" */
    const char *
        ours; /* the path of our key: "task.resources.memory"; without a system a sentence */
};

/* Whose word is `key`, in any case, met in the map at path `where` ("" = the job itself)?  NULL if
 * nobody's. */
const struct foreign_name *foreign_find(const char *where, const char *key);

/* `ours` as seen from `where`: "task.stop.timeout" in "task" is "stop.timeout". */
const char *foreign_relative(const char *ours, const char *where);

#endif
